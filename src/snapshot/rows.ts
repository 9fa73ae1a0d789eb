import type { Row, TableSum } from './line.ts'
import type {
  ChunkColumns,
  Permission,
  SnapshotAccount,
  SnapshotChunk,
  SnapshotColumn,
  SnapshotDatabase,
  SnapshotJob,
  SnapshotKeyHead,
  SnapshotSchedule,
  SnapshotTable,
  SnapshotUser,
  StoredQuery,
} from './types.ts'

/** Rows as PostgreSQL's `to_jsonb` writes them, turned into the nouns of `types.ts`. */

const id = (value: unknown): bigint => BigInt(value as number | string)
const text = (value: unknown): string => String(value)
const textOrNull = (value: unknown): string | null =>
  value === null || value === undefined ? null : String(value)
const numberOrNull = (value: unknown): number | null =>
  value === null || value === undefined ? null : Number(value)

export function accountOf(row: Row): SnapshotAccount {
  return { id: id(row.id), name: text(row.name), createdAt: text(row.created_at) }
}

export function keyOf(row: Row): SnapshotKeyHead {
  return {
    id: id(row.id),
    accountId: id(row.account_id),
    userId: id(row.user_id),
    kind: row.kind as SnapshotKeyHead['kind'],
    sha256: text(row.sha256),
    revoked: row.revoked_at != null,
    name: text(row.name),
    prefix: text(row.prefix),
    createdAt: text(row.created_at),
  }
}

export function userOf(row: Row): SnapshotUser {
  return {
    id: id(row.id),
    accountId: id(row.account_id),
    name: text(row.name),
    email: text(row.email),
    role: row.role as SnapshotUser['role'],
    passwordHash: textOrNull(row.password_hash),
    removed: row.removed_at != null,
    createdAt: text(row.created_at),
    updatedAt: text(row.updated_at),
  }
}

export function databaseOf(row: Row): SnapshotDatabase {
  return {
    id: id(row.id),
    accountId: id(row.account_id),
    name: text(row.name),
    ownerId: row.owner_id == null ? null : id(row.owner_id),
    deleteProtected: row.delete_protected === true,
    createdAt: text(row.created_at),
    updatedAt: text(row.updated_at),
  }
}

export function columnOf(row: Row): SnapshotColumn {
  return {
    name: text(row.name),
    key: text(row.key),
    type: text(row.type),
    ordinal: Number(row.ordinal),
    description: textOrNull(row.description),
    declared: row.declared === true,
  }
}

export function tableOf(row: Row, columns: SnapshotColumn[], sum: TableSum | undefined): SnapshotTable {
  return {
    id: id(row.id),
    databaseId: id(row.database_id),
    name: text(row.name),
    type: text(row.type),
    expireDays: numberOrNull(row.expire_days),
    includeV: row.include_v !== false,
    detectSchema: row.detect_schema !== false,
    description: textOrNull(row.description),
    createdAt: text(row.created_at),
    updatedAt: text(row.updated_at),
    columns,
    rows: BigInt(sum?.rows ?? 0),
    bytes: BigInt(sum?.bytes ?? 0),
    lastTime: sum?.lastTime == null ? null : BigInt(sum.lastTime),
    lastImportAt: sum?.lastImportAt ?? null,
  }
}

export function viewOf(row: Row): StoredQuery {
  return {
    name: text(row.name),
    text: text(row.text),
    defaultDatabase: text(row.default_database),
    columns: row.columns as StoredQuery['columns'],
    security: row.security as StoredQuery['security'],
    ownerId: id(row.owner_id),
    comment: textOrNull(row.comment),
  }
}

export function permissionOf(row: Row): Permission {
  return row.permission as Permission
}

export function scheduleOf(row: Row): SnapshotSchedule {
  return {
    id: id(row.id),
    accountId: id(row.account_id),
    userId: id(row.user_id),
    name: text(row.name),
    cron: textOrNull(row.cron),
    timezone: text(row.timezone),
    delaySeconds: Number(row.delay_seconds),
    type: text(row.type),
    database: text(row.database),
    query: text(row.query),
    priority: Number(row.priority),
    retryLimit: Number(row.retry_limit),
    resultUrl: text(row.result_url),
    poolName: textOrNull(row.pool_name),
    engineVersion: textOrNull(row.engine_version),
    nextTime: textOrNull(row.next_time),
    createdAt: text(row.created_at),
    updatedAt: text(row.updated_at),
  }
}

export function jobOf(row: Row): SnapshotJob {
  return {
    id: id(row.id),
    accountId: id(row.account_id),
    status: text(row.status),
    domainKey: textOrNull(row.domain_key),
    row,
  }
}

/** `time_range` is PostgreSQL's `[min,max + 1)`. */
export function chunkOf(row: Row): SnapshotChunk {
  const [from, to] = text(row.time_range).slice(1, -1).split(',')
  return {
    id: id(row.id),
    tableId: id(row.table_id),
    timeMin: BigInt(from),
    timeMax: BigInt(to) - 1n,
    rows: Number(row.rows),
    bytes: Number(row.bytes),
    path: text(row.path),
    columns: row.columns as ChunkColumns,
  }
}

/** The other way round: what a manifest stores of a chunk. */
export function rowOfChunk(chunk: SnapshotChunk): Row {
  return {
    id: Number(chunk.id),
    table_id: Number(chunk.tableId),
    time_range: `[${chunk.timeMin},${chunk.timeMax + 1n})`,
    rows: chunk.rows,
    bytes: chunk.bytes,
    path: chunk.path,
    columns: chunk.columns,
  }
}

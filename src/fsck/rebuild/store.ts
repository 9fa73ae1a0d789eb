import { identifier, type SnapshotStatements } from '../../database/index.ts'
import type { Sql } from '../../kernel/index.ts'
import type {
  ChunkColumns,
  SnapshotKeyHead,
  SnapshotPermission,
  SnapshotSchedule,
  SnapshotTable,
  SnapshotUser,
  StoredQuery,
} from '../../snapshot/index.ts'
import { SET_ASIDE } from '../store.ts'
import type { PlannedColumn, PlannedDatabase, PlannedTable } from './plan.ts'

/** What is filled here and tells the snapshot of its changes: the new one is written from the tables as a whole. */
const TABLES = [
  'accounts',
  'users',
  'api_keys',
  'databases',
  'database_permissions',
  'tables',
  'table_columns',
  'chunks',
  'views',
  'schedules',
]

/** A statement with a name in it, which cannot be a bind parameter. */
type Query = SnapshotStatements['query']

export async function switchTriggers(query: Query, on: boolean): Promise<void> {
  for (const table of TABLES)
    await query(`ALTER TABLE ${identifier(table)} ${on ? 'ENABLE' : 'DISABLE'} TRIGGER USER`)
}

/** Another start that makes the first account waits, and then finds ours. */
export async function hasAccounts(sql: Sql): Promise<boolean> {
  await sql`SELECT pg_advisory_xact_lock(7214310010)`
  const [row] = await sql<{ any: boolean }>`SELECT EXISTS (SELECT FROM accounts) AS any`
  return row!.any
}

export async function insertAccount(sql: Sql, id: bigint, name: string): Promise<void> {
  await sql`INSERT INTO accounts (id, name) VALUES (${id}, ${name})`
}

export async function insertOwner(
  sql: Sql,
  owner: { accountId: bigint; name: string; email: string; passwordHash: string },
): Promise<bigint> {
  const [row] = await sql<{ id: bigint }>`
    INSERT INTO users (account_id, name, email, role, password_hash)
    VALUES (${owner.accountId}, ${owner.name}, ${owner.email}, 'owner', ${owner.passwordHash}) RETURNING id`
  return row!.id
}

/** Those that were given numbers are in; the next gets one of its own. */
export async function moveUserSequence(sql: Sql): Promise<void> {
  await sql`SELECT setval(pg_get_serial_sequence('users', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM users), false)`
  await sql`SELECT setval(pg_get_serial_sequence('api_keys', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM api_keys), false)`
}

export async function insertUsers(sql: Sql, users: readonly SnapshotUser[]): Promise<void> {
  for (const user of users)
    await sql`
      INSERT INTO users (id, account_id, name, email, role, password_hash, created_at, updated_at, removed_at)
      VALUES (${user.id}, ${user.accountId}, ${user.name}, ${user.email}, ${user.role}, ${user.passwordHash},
              ${user.createdAt}, ${user.updatedAt}, CASE WHEN ${user.removed} THEN now() END)`
}

export async function insertKeys(sql: Sql, keys: readonly SnapshotKeyHead[]): Promise<void> {
  for (const key of keys)
    await sql`
      INSERT INTO api_keys (id, account_id, user_id, name, kind, prefix, sha256, created_at, revoked_at)
      VALUES (${key.id}, ${key.accountId}, ${key.userId}, ${key.name}, ${key.kind}, ${key.prefix}, ${key.sha256},
              ${key.createdAt}, CASE WHEN ${key.revoked} THEN now() END)`
}

export async function insertNewKey(
  sql: Sql,
  key: { accountId: bigint; userId: bigint; prefix: string; sha256: string },
): Promise<void> {
  await sql`
    INSERT INTO api_keys (account_id, user_id, name, kind, prefix, sha256)
    VALUES (${key.accountId}, ${key.userId}, 'made by fsck --rebuild-catalog', 'master', ${key.prefix}, ${key.sha256})`
  await sql`
    INSERT INTO audit_log (account_id, user_id, action, target, address)
    VALUES (${key.accountId}, ${key.userId}, 'fsck.rebuild_catalog', ${`account ${key.accountId}`}, 'local')`
}

export async function insertDatabases(
  sql: Sql,
  databases: readonly (PlannedDatabase & { ownerId: bigint; deleteProtected: boolean })[],
): Promise<void> {
  for (const one of databases)
    await sql`
      INSERT INTO databases (id, account_id, name, owner_id, delete_protected, removed_at)
      VALUES (${one.id}, ${one.accountId}, ${one.name}, ${one.ownerId}, ${one.deleteProtected},
              CASE WHEN ${one.removed} THEN clock_timestamp() END)`
}

export async function insertPermissions(sql: Sql, permissions: readonly SnapshotPermission[]): Promise<void> {
  for (const { databaseId, userId, permission } of permissions)
    await sql`
      INSERT INTO database_permissions (database_id, user_id, permission) VALUES (${databaseId}, ${userId}, ${permission})`
}

export async function insertViews(
  sql: Sql,
  databaseId: bigint,
  views: readonly StoredQuery[],
): Promise<void> {
  for (const one of views)
    await sql`
      INSERT INTO views (database_id, name, text, default_database, columns, security, owner_id, comment)
      VALUES (${databaseId}, ${one.name}, ${one.text}, ${one.defaultDatabase}, ${JSON.stringify(one.columns)}::jsonb,
              ${one.security}, ${one.ownerId}, ${one.comment})`
}

export async function insertSchedules(sql: Sql, schedules: readonly SnapshotSchedule[]): Promise<void> {
  for (const one of schedules)
    await sql`
      INSERT INTO schedules (id, account_id, user_id, name, cron, timezone, delay_seconds, type, database, query, priority,
                             retry_limit, result_url, pool_name, engine_version, next_time, start_time, created_at, updated_at)
      VALUES (${one.id}, ${one.accountId}, ${one.userId}, ${one.name}, ${one.cron}, ${one.timezone}, ${one.delaySeconds},
              ${one.type}, ${one.database}, ${one.query}, ${one.priority}, ${one.retryLimit}, ${one.resultUrl},
              ${one.poolName}, ${one.engineVersion}, ${one.nextTime},
              ${one.nextTime}::timestamptz + make_interval(secs => ${one.delaySeconds}), ${one.createdAt}, ${one.updatedAt})`
}

export async function insertTable(
  sql: Sql,
  { id, databaseId, name, removed }: PlannedTable,
  known: SnapshotTable | undefined,
): Promise<void> {
  await sql`
    INSERT INTO tables (id, database_id, name, type, expire_days, include_v, detect_schema, description, removed_at)
    VALUES (${id}, ${databaseId}, ${name}, ${known?.type ?? 'log'}, ${known?.expireDays ?? null},
            ${known?.includeV ?? true}, ${known?.detectSchema ?? true}, ${known?.description ?? null},
            CASE WHEN ${removed} THEN clock_timestamp() END)`
}

export async function insertColumns(
  sql: Sql,
  tableId: bigint,
  columns: readonly PlannedColumn[],
): Promise<void> {
  await sql`
    INSERT INTO table_columns (table_id, name, key, type, ordinal, description, declared, removed_at)
    SELECT ${tableId}, n.name, n.key, n.type, n.ordinal, n.description, n.declared, CASE WHEN n.removed THEN clock_timestamp() END
      FROM jsonb_to_recordset(${JSON.stringify(columns)}::jsonb)
           AS n (name text, key text, type text, ordinal integer, description text, declared boolean, removed boolean)`
}

export type NewRow = {
  tableId: bigint
  path: string
  owner: string
  bytes: number
  rows: number
  timeMin: bigint
  timeMax: bigint
  columns: ChunkColumns
  /** retired: goes like any retired chunk. set-aside: is kept for somebody to look at. */
  state: 'live' | 'retired' | 'set-aside'
  modifiedAtMs: number
}

export async function insertChunks(sql: Sql, rows: readonly NewRow[]): Promise<void> {
  const text = JSON.stringify(rows, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  )
  await sql`
    INSERT INTO chunks (table_id, time_range, rows, bytes, path, owner, columns, created_at, retired_at)
    SELECT n."tableId", int8range(n."timeMin", n."timeMax" + 1), n.rows, n.bytes, n.path, n.owner, n.columns,
           to_timestamp(n."modifiedAtMs" / 1000),
           CASE n.state WHEN 'retired' THEN clock_timestamp() WHEN 'set-aside' THEN ${SET_ASIDE}::timestamptz END
      FROM jsonb_to_recordset(${text}::jsonb)
           AS n ("tableId" bigint, path text, owner text, bytes bigint, rows bigint, "timeMin" bigint, "timeMax" bigint,
                 columns jsonb, state text, "modifiedAtMs" double precision)`
}

/** The spool goes on where it was loaded to, under an owner that nobody had before. */
export async function insertSpool(
  sql: Sql,
  { spool, position, epoch }: { spool: string; position: string; epoch: bigint },
): Promise<void> {
  await sql`INSERT INTO spool_positions (spool, position, owner_epoch) VALUES (${spool}, ${position}, ${epoch})`
}

/** Behind everything that is there and the numbers given, and `gap` more: ids are never used for a second thing. */
export async function moveSequences(
  query: Query,
  numbers: { merge: bigint; job: bigint; session: bigint },
  gap: number,
): Promise<void> {
  const tables = ['accounts', 'users', 'api_keys', 'databases', 'tables', 'chunks', 'schedules']
  for (const table of tables)
    await query(
      `SELECT setval(pg_get_serial_sequence('${table}', 'id'), (SELECT coalesce(max(id), 0) FROM ${identifier(table)}) + $1::bigint)`,
      [table === 'accounts' ? 1 : gap],
    )
  await query(`SELECT setval('merge_attempts', $1::bigint + $2)`, [numbers.merge, gap])
  await query(`SELECT setval('job_ids', greatest((SELECT last_value FROM job_ids), $1::bigint) + $2)`, [
    numbers.job,
    gap,
  ])
  await query(`SELECT setval(pg_get_serial_sequence('bulk_imports', 'id'), $1::bigint + $2)`, [
    numbers.session,
    gap,
  ])
}

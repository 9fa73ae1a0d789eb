import type { Sql } from '../kernel/index.ts'

export type DeletedTable = {
  id: bigint
  name: string
  databaseId: bigint
  database: string
  databaseRemoved: boolean
  deletedAt: Date
  createdAt: Date
}

/** Tables of an account that can still be restored, the latest deletion first. */
export async function listDeletedTables(
  sql: Sql,
  {
    accountId,
    undeleteHours,
    databaseId,
    before,
    most,
  }: {
    accountId: bigint
    undeleteHours: number
    databaseId: bigint | null
    /** Only tables with a lower id: the cursor of the page before. */
    before: bigint | null
    most: number
  },
): Promise<DeletedTable[]> {
  return sql<DeletedTable>`
    SELECT t.id, t.name, d.id AS "databaseId", d.name AS database, d.removed_at IS NOT NULL AS "databaseRemoved",
           t.removed_at AS "deletedAt", t.created_at AS "createdAt"
      FROM tables t JOIN databases d ON d.id = t.database_id
     WHERE d.account_id = ${accountId} AND t.removed_at > clock_timestamp() - make_interval(hours => ${undeleteHours})
       AND t.rows_ended_at IS NULL AND (${databaseId}::bigint IS NULL OR d.id = ${databaseId}) AND (${before}::bigint IS NULL OR t.id < ${before})
     ORDER BY t.id DESC LIMIT ${most}`
}

/** The table deleted last under that name, locked, while it can be restored. */
export async function lockDeletedTable(
  sql: Sql,
  databaseId: bigint,
  name: string,
  undeleteHours: number,
): Promise<bigint | undefined> {
  const [row] = await sql<{ id: bigint }>`
    SELECT id FROM tables
     WHERE database_id = ${databaseId} AND name = ${name}
       AND removed_at > clock_timestamp() - make_interval(hours => ${undeleteHours}) AND rows_ended_at IS NULL
     ORDER BY removed_at DESC, id DESC LIMIT 1 FOR UPDATE`
  return row?.id
}

/** A deleted table by its number, in whichever database of the account it was. */
export async function lockDeletedTableById(
  sql: Sql,
  accountId: bigint,
  id: bigint,
  undeleteHours: number,
): Promise<{ name: string; database: string } | undefined> {
  const [row] = await sql<{ name: string; database: string }>`
    SELECT t.name, d.name AS database FROM tables t JOIN databases d ON d.id = t.database_id
     WHERE t.id = ${id} AND d.account_id = ${accountId}
       AND t.removed_at > clock_timestamp() - make_interval(hours => ${undeleteHours}) AND t.rows_ended_at IS NULL
       FOR UPDATE OF t`
  return row
}

/**
 * Brings tables back, under the names and in the databases they have. Columns and chunks are touched, so that the snapshot,
 * which has forgotten them, is told of them again, all at one moment.
 */
export async function reviveTables(sql: Sql, ids: readonly bigint[]): Promise<void> {
  const tables = ids.map(String)
  await sql`UPDATE tables SET removed_at = NULL, updated_at = now() WHERE id = ANY(${tables}::bigint[])`
  await sql`
    UPDATE table_columns SET ordinal = ordinal WHERE table_id = ANY(${tables}::bigint[]) AND removed_at IS NULL`
  await sql`UPDATE chunks SET merge_level = merge_level WHERE table_id = ANY(${tables}::bigint[]) AND retired_at IS NULL`
}

export type DeletedDatabase = { id: bigint; ownerId: bigint | null; tables: bigint[] }

/** The database deleted last under that name, locked with the tables that went with it, while all of them can be restored. */
export async function lockDeletedDatabase(
  sql: Sql,
  accountId: bigint,
  name: string,
  undeleteHours: number,
): Promise<DeletedDatabase | undefined> {
  const [row] = await sql<{ id: bigint; ownerId: bigint | null; removedAt: string }>`
    SELECT id, owner_id AS "ownerId", removed_at::text AS "removedAt" FROM databases
     WHERE account_id = ${accountId} AND name = ${name}
       AND removed_at > clock_timestamp() - make_interval(hours => ${undeleteHours})
     ORDER BY removed_at DESC, id DESC LIMIT 1 FOR UPDATE`
  if (row === undefined) return undefined
  const tables = await sql<{ id: bigint; isEnded: boolean }>`
    SELECT id, rows_ended_at IS NOT NULL AS "isEnded" FROM tables WHERE database_id = ${row.id} AND removed_at = ${row.removedAt}::timestamptz
     ORDER BY id FOR UPDATE`
  if (tables.some(({ isEnded }) => isEnded)) return undefined
  return { id: row.id, ownerId: row.ownerId, tables: tables.map(({ id }) => id) }
}

export async function reviveDatabase(sql: Sql, id: bigint): Promise<void> {
  await sql`UPDATE databases SET removed_at = NULL, updated_at = now() WHERE id = ${id}`
}

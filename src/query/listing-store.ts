import type { Sql } from '../kernel/index.ts'
import type { TableColumn } from './analyze/lookup.ts'

export type Sight = { everything: boolean; databases: string[] }
export type ListedTable = { id: bigint; database: string; name: string; description: string | null }
/** A chunk without what it holds. */
export type ChunkHead = {
  id: bigint
  tableId: bigint
  /** Inclusive bounds of `time`, unix seconds. */
  timeMin: bigint
  timeMax: bigint
  rows: number
  bytes: number
  path: string
}

/** What the user may query; nothing when the account has no such user. */
export async function findSight(sql: Sql, accountId: bigint, userId: bigint): Promise<Sight> {
  const [row] = await sql<Sight>`
    SELECT u.role <> 'member' AS everything,
           ARRAY(SELECT d.name FROM databases d
                  WHERE d.account_id = u.account_id AND d.removed_at IS NULL
                    AND (u.role <> 'member' OR d.owner_id = u.id OR EXISTS (
                          SELECT FROM database_permissions p
                           WHERE p.database_id = d.id AND p.user_id = u.id AND p.permission <> 'import_only'))
                  ORDER BY d.name) AS databases
      FROM users u WHERE u.id = ${userId} AND u.account_id = ${accountId} AND u.removed_at IS NULL`
  return row ?? { everything: false, databases: [] }
}

/** Tables of the named databases, of all names or the given ones. */
export async function listTablesOf(
  sql: Sql,
  { accountId, databases, names }: { accountId: bigint; databases: string[]; names: string[] | null },
): Promise<ListedTable[]> {
  return sql<ListedTable>`
    SELECT t.id, d.name AS database, t.name, t.description
      FROM databases d JOIN tables t ON t.database_id = d.id AND t.removed_at IS NULL
     WHERE d.account_id = ${accountId} AND d.removed_at IS NULL AND d.name = ANY(${databases})
       AND (${names}::text[] IS NULL OR t.name = ANY(${names}))
     ORDER BY d.name, t.name`
}

/** Declared columns in their order, by table. */
export async function listColumnsOf(sql: Sql, tableIds: bigint[]): Promise<Map<bigint, TableColumn[]>> {
  const rows = await sql<TableColumn & { tableId: bigint }>`
    SELECT table_id AS "tableId", name, key, type, description FROM table_columns
     WHERE table_id = ANY(${tableIds.map(String)}::bigint[]) AND removed_at IS NULL ORDER BY table_id, ordinal`
  return Map.groupBy(rows, ({ tableId }) => tableId)
}

/** Live chunks of the tables, in one statement: each table as of one moment. */
export async function listChunksOf(sql: Sql, tableIds: bigint[]): Promise<ChunkHead[]> {
  const rows = await sql<Omit<ChunkHead, 'rows' | 'bytes'> & { rows: bigint; bytes: bigint }>`
    SELECT id, table_id AS "tableId", lower(time_range) AS "timeMin", upper(time_range) - 1 AS "timeMax", rows, bytes, path
      FROM chunks WHERE table_id = ANY(${tableIds.map(String)}::bigint[]) AND retired_at IS NULL ORDER BY id`
  return rows.map((row) => ({ ...row, rows: Number(row.rows), bytes: Number(row.bytes) }))
}

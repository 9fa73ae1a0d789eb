import type { Sql } from '../kernel/index.ts'
import type { ChunkColumns, SnapshotChunk, TimeRange } from '../snapshot/index.ts'
import type { TableColumn } from './analyze/lookup.ts'

export type FoundTable = { id: bigint; columns: TableColumn[]; description?: string }

type ColumnRow = { [K in keyof Required<TableColumn>]: string | null } & { about: string | null }

/** The table with its columns as they are now; undefined when there is none of that name. */
export async function findTable(
  sql: Sql,
  databaseId: bigint,
  table: string,
): Promise<FoundTable | undefined> {
  const rows = await sql<ColumnRow & { id: bigint }>`
    SELECT t.id, t.description AS about, c.name, c.key, c.type, c.description
      FROM tables t LEFT JOIN table_columns c ON c.table_id = t.id AND c.removed_at IS NULL
     WHERE t.database_id = ${databaseId} AND t.name = ${table} AND t.removed_at IS NULL
     ORDER BY c.ordinal`
  if (rows.length === 0) return undefined
  return foundTable(rows[0].id, rows)
}

/**
 * The same by the database's name, with whether the user may read it: everything about a query's first table in one round trip.
 * undefined when the account has no database of that name.
 */
export async function findTableByName(
  sql: Sql,
  {
    accountId,
    userId,
    database,
    table,
  }: { accountId: bigint; userId: bigint; database: string; table: string },
): Promise<{ databaseId: bigint; mayQuery: boolean; table: FoundTable | undefined } | undefined> {
  const rows = await sql<ColumnRow & { database_id: bigint; may_query: boolean | null; id: bigint | null }>`
    SELECT d.id AS database_id, t.id, t.description AS about, c.name, c.key, c.type, c.description,
           u.role <> 'member' OR d.owner_id = u.id OR EXISTS (
             SELECT FROM database_permissions p
              WHERE p.database_id = d.id AND p.user_id = u.id AND p.permission <> 'import_only') AS may_query
      FROM databases d
      LEFT JOIN users u ON u.id = ${userId} AND u.account_id = d.account_id AND u.removed_at IS NULL
      LEFT JOIN tables t ON t.database_id = d.id AND t.name = ${table} AND t.removed_at IS NULL
      LEFT JOIN table_columns c ON c.table_id = t.id AND c.removed_at IS NULL
     WHERE d.account_id = ${accountId} AND d.name = ${database} AND d.removed_at IS NULL
     ORDER BY c.ordinal`
  const [first] = rows
  if (first === undefined) return undefined
  return {
    databaseId: first.database_id,
    mayQuery: first.may_query === true,
    table: first.id === null ? undefined : foundTable(first.id, rows),
  }
}

/** Rows of one table, one for each column, or one without a column. Only what has a description says so. */
function foundTable(id: bigint, rows: ColumnRow[]): FoundTable {
  const columns = rows.flatMap(({ name, key, type, description }) =>
    name === null || key === null || type === null ? [] : [{ name, key, type, ...described(description) }],
  )
  return { id, columns, ...described(rows[0]!.about) }
}

const described = (text: string | null) => (text === null ? {} : { description: text })

/** undefined when the account has no database of that name. */
export async function findDatabaseId(
  sql: Sql,
  accountId: bigint,
  database: string,
): Promise<bigint | undefined> {
  const [row] = await sql<{ id: bigint }>`
    SELECT id FROM databases WHERE account_id = ${accountId} AND name = ${database} AND removed_at IS NULL`
  return row?.id
}

/** Names a user may see: all of the account for owners and administrators, granted ones for members. */
export async function listDatabases(sql: Sql, accountId: bigint, userId: bigint): Promise<string[]> {
  const rows = await sql<{ name: string }>`
    SELECT d.name FROM databases d JOIN users u ON u.id = ${userId}
     WHERE d.account_id = ${accountId} AND d.removed_at IS NULL
       AND (u.role <> 'member' OR d.owner_id = u.id OR EXISTS (
             SELECT FROM database_permissions p
              WHERE p.database_id = d.id AND p.user_id = u.id AND p.permission <> 'import_only'))
     ORDER BY d.name`
  return rows.map(({ name }) => name)
}

/** Whether the user may read the tables of the database. */
export async function mayQuery(sql: Sql, databaseId: bigint, userId: bigint): Promise<boolean> {
  const rows = await sql`
    SELECT FROM users u JOIN databases d ON d.id = ${databaseId} AND d.account_id = u.account_id
     WHERE u.id = ${userId} AND u.removed_at IS NULL
       AND (u.role <> 'member' OR d.owner_id = u.id OR EXISTS (
             SELECT FROM database_permissions p
              WHERE p.database_id = d.id AND p.user_id = u.id AND p.permission <> 'import_only'))`
  return rows.length > 0
}

/** Whether the user owns the database, as it were, or was granted one of these permissions there. */
export async function mayWrite(
  sql: Sql,
  { databaseId, userId, allowed }: { databaseId: bigint; userId: bigint; allowed: readonly string[] },
): Promise<boolean> {
  const rows = await sql`
    SELECT FROM users u JOIN databases d ON d.id = ${databaseId} AND d.account_id = u.account_id
     WHERE u.id = ${userId} AND u.removed_at IS NULL
       AND (u.role <> 'member' OR d.owner_id = u.id OR EXISTS (
             SELECT FROM database_permissions p
              WHERE p.database_id = d.id AND p.user_id = u.id AND p.permission = ANY(${[...allowed]})))`
  return rows.length > 0
}

/**
 * Whether each of these users may do in that database what one of the permissions allows, in the order asked for. Users and permissions
 * stay as they are until the transaction ends: who takes one away waits for it.
 */
export async function holdRights(
  sql: Sql,
  accountId: bigint,
  asked: readonly { userId: bigint; database: string; permitting: readonly string[] }[],
): Promise<('held' | 'denied' | 'gone')[]> {
  const users = asked.map(({ userId }) => String(userId))
  const databases = asked.map(({ database }) => database)
  await sql`SELECT FROM users WHERE id = ANY(${users}::bigint[]) ORDER BY id FOR SHARE`
  await sql`
    SELECT FROM database_permissions p JOIN databases d ON d.id = p.database_id
     WHERE p.user_id = ANY(${users}::bigint[]) AND d.account_id = ${accountId} AND d.name = ANY(${databases}::text[])
     ORDER BY p.database_id, p.user_id FOR SHARE OF p`
  const rows = await sql<{ is_there: boolean; is_held: boolean }>`
    SELECT d.id IS NOT NULL AS is_there,
           u.id IS NOT NULL AND (u.role <> 'member' OR d.owner_id IS NOT DISTINCT FROM u.id OR EXISTS (
             SELECT FROM database_permissions p
              WHERE p.database_id = d.id AND p.user_id = u.id
                AND p.permission = ANY(string_to_array(n.permitting, ',')))) AS is_held
      FROM unnest(${users}::bigint[], ${databases}::text[],
                  ${asked.map(({ permitting }) => permitting.join())}::text[])
           WITH ORDINALITY AS n (user_id, database, permitting, place)
      LEFT JOIN databases d ON d.account_id = ${accountId} AND d.name = n.database AND d.removed_at IS NULL
      LEFT JOIN users u ON u.id = n.user_id AND u.account_id = ${accountId} AND u.removed_at IS NULL
     ORDER BY n.place`
  return rows.map(({ is_there, is_held }) => (!is_there ? 'gone' : is_held ? 'held' : 'denied'))
}

/** Names of tables and views. */
export async function listTables(sql: Sql, databaseId: bigint): Promise<string[]> {
  const rows = await sql<{ name: string }>`
    SELECT name FROM tables WHERE database_id = ${databaseId} AND removed_at IS NULL
     UNION SELECT name FROM views WHERE database_id = ${databaseId} ORDER BY name`
  return rows.map(({ name }) => name)
}

type ChunkRow = {
  id: bigint
  table_id: bigint
  time_min: bigint
  time_max: bigint
  rows: bigint
  bytes: bigint
  path: string
  /** Null: the same as of the row before. Chunks that follow one another mostly agree. */
  columns: ChunkColumns | null
}

/**
 * Live chunks of several tables that overlap the given ranges (none = all), in one statement: a query sees one version
 * of everything it reads. Ranges are half-open; each look-up is one descent of the index (table_id, time_range).
 */
export async function findChunks(
  sql: Sql,
  tables: { tableId: bigint; ranges: TimeRange[] }[],
): Promise<SnapshotChunk[]> {
  const wanted = tables.flatMap(({ tableId, ranges }) =>
    (ranges.length === 0 ? [{ from: null, to: null }] : ranges).map(({ from, to }) => ({
      tableId,
      from,
      to,
    })),
  )
  const rows = await sql<ChunkRow>`
    SELECT id, table_id, lower(time_range) AS time_min, upper(time_range) - 1 AS time_max, rows, bytes, path,
           CASE WHEN columns = lag(columns) OVER (ORDER BY id) THEN NULL ELSE columns END AS columns
      FROM (SELECT DISTINCT ON (c.id) c.*
              FROM unnest(${wanted.map(({ tableId }) => tableId)}::bigint[], ${wanted.map(({ from }) => from)}::bigint[],
                          ${wanted.map(({ to }) => to)}::bigint[]) AS w (table_id, lo, hi)
             CROSS JOIN LATERAL (
                   SELECT * FROM chunks
                    WHERE chunks.table_id = w.table_id AND retired_at IS NULL AND time_range && int8range(w.lo, w.hi)) c
             ORDER BY c.id) found
     ORDER BY id`
  let columns: ChunkColumns = {}
  return rows.map((row) => {
    columns = row.columns ?? columns
    return {
      id: row.id,
      tableId: row.table_id,
      timeMin: row.time_min,
      timeMax: row.time_max,
      rows: Number(row.rows),
      bytes: Number(row.bytes),
      path: row.path,
      columns,
    }
  })
}

import type { Sql } from '../kernel/index.ts'
import type { StoredView } from './analyze/lookup.ts'

type Row = {
  name: string
  text: string
  default_database: string
  columns: StoredView['columns']
  security: StoredView['security']
  owner_id: bigint
  comment: string | null
}

const viewOf = (row: Row): StoredView => ({
  text: row.text,
  defaultDatabase: row.default_database,
  columns: row.columns,
  security: row.security,
  owner: String(row.owner_id),
  comment: row.comment,
})

export async function findView(
  sql: Sql,
  { databaseId, name }: { databaseId: bigint; name: string },
): Promise<StoredView | undefined> {
  const [row] = await sql<Row>`
    SELECT name, text, default_database, columns, security, owner_id, comment
      FROM views WHERE database_id = ${databaseId} AND name = ${name}`
  return row === undefined ? undefined : viewOf(row)
}

/** The views of several databases, by name. */
export async function listViewsOf(
  sql: Sql,
  { accountId, databases }: { accountId: bigint; databases: readonly string[] },
): Promise<{ database: string; name: string; view: StoredView }[]> {
  const rows = await sql<Row & { database: string }>`
    SELECT d.name AS database, v.name, v.text, v.default_database, v.columns, v.security, v.owner_id, v.comment
      FROM views v JOIN databases d ON d.id = v.database_id
     WHERE d.account_id = ${accountId} AND d.removed_at IS NULL AND d.name = ANY(${[...databases]})
     ORDER BY d.name, v.name`
  return rows.map((row) => ({ database: row.database, name: row.name, view: viewOf(row) }))
}

/** False when one of that name is there and must not be replaced. */
export async function putView(
  sql: Sql,
  { databaseId, name, orReplace }: { databaseId: bigint; name: string; orReplace: boolean },
  view: StoredView,
): Promise<boolean> {
  const rows = await sql`
    INSERT INTO views (database_id, name, text, default_database, columns, security, owner_id, comment)
    VALUES (${databaseId}, ${name}, ${view.text}, ${view.defaultDatabase}, ${JSON.stringify(view.columns)}::jsonb,
            ${view.security}, ${BigInt(view.owner)}, ${view.comment})
    ON CONFLICT (database_id, name) DO UPDATE
       SET text = EXCLUDED.text, default_database = EXCLUDED.default_database, columns = EXCLUDED.columns,
           security = EXCLUDED.security, owner_id = EXCLUDED.owner_id, comment = EXCLUDED.comment, updated_at = clock_timestamp()
     WHERE ${orReplace}
    RETURNING id`
  return rows.length > 0
}

/** False when there is none of that name. */
export async function dropView(
  sql: Sql,
  { databaseId, name }: { databaseId: bigint; name: string },
): Promise<boolean> {
  const rows = await sql`DELETE FROM views WHERE database_id = ${databaseId} AND name = ${name} RETURNING id`
  return rows.length > 0
}

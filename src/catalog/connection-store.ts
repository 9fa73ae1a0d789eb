import type { Sql } from '../kernel/index.ts'

/** A result target; the URL carries no password, `secret` does (encrypted). */
export type Connection = { id: bigint; name: string; url: string }

export async function listConnections(sql: Sql, accountId: bigint): Promise<Connection[]> {
  return sql<Connection>`
    SELECT id, name, url FROM connections WHERE account_id = ${accountId} ORDER BY name`
}

/** False when there is one of that name. */
export async function insertConnection(
  sql: Sql,
  { accountId, name, url, secret }: { accountId: bigint; name: string; url: string; secret: Buffer | null },
): Promise<boolean> {
  const rows = await sql`
    INSERT INTO connections (account_id, name, url, secret) VALUES (${accountId}, ${name}, ${url}, ${secret})
    ON CONFLICT (account_id, name) DO NOTHING RETURNING id`
  return rows.length === 1
}

/** False when there was none. */
export async function removeConnection(sql: Sql, accountId: bigint, name: string): Promise<boolean> {
  const rows = await sql`
    DELETE FROM connections WHERE account_id = ${accountId} AND name = ${name} RETURNING id`
  return rows.length === 1
}

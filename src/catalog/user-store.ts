import type { Sql } from '../kernel/index.ts'
import type { MintedKey } from './keys.ts'

export async function countAccounts(sql: Sql): Promise<number> {
  const [row] = await sql<{ n: number }>`SELECT count(*)::int AS n FROM accounts`
  return row!.n
}

/** Two processes that start for the first time at once: one makes the account, the other finds it. */
export async function lockFirstStart(sql: Sql): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(7214310010)`
}

export async function insertAccount(sql: Sql, name: string): Promise<bigint> {
  const [row] = await sql<{ id: bigint }>`INSERT INTO accounts (name) VALUES (${name}) RETURNING id`
  return row!.id
}

export type NewUser = {
  accountId: bigint
  name: string
  email: string
  role: 'owner' | 'administrator' | 'member'
  passwordHash: string | null
}

/** Undefined when a user of the account has that address. */
export async function insertUser(sql: Sql, user: NewUser): Promise<bigint | undefined> {
  const [row] = await sql<{ id: bigint }>`
    INSERT INTO users (account_id, name, email, role, password_hash)
    VALUES (${user.accountId}, ${user.name}, ${user.email}, ${user.role}, ${user.passwordHash})
    ON CONFLICT (account_id, lower(email)) WHERE removed_at IS NULL DO NOTHING RETURNING id`
  return row?.id
}

/** With the keys and permissions. */
export async function removeUser(sql: Sql, id: bigint): Promise<void> {
  await sql`UPDATE api_keys SET revoked_at = now() WHERE user_id = ${id} AND revoked_at IS NULL`
  await sql`DELETE FROM database_permissions WHERE user_id = ${id}`
  await sql`UPDATE users SET removed_at = now(), updated_at = now() WHERE id = ${id}`
}

export async function setPassword(sql: Sql, id: bigint, passwordHash: string): Promise<void> {
  await sql`UPDATE users SET password_hash = ${passwordHash}, updated_at = now() WHERE id = ${id}`
}

/** False when another user has that address. */
export async function setEmail(sql: Sql, id: bigint, email: string): Promise<boolean> {
  const taken = await sql`
    SELECT 1 FROM users u JOIN users me ON me.id = ${id} AND u.account_id = me.account_id
     WHERE lower(u.email) = lower(${email}) AND u.removed_at IS NULL AND u.id <> me.id`
  if (taken.length > 0) return false
  await sql`UPDATE users SET email = ${email}, updated_at = now() WHERE id = ${id}`
  return true
}

export async function setRole(sql: Sql, id: bigint, role: NewUser['role']): Promise<void> {
  await sql`UPDATE users SET role = ${role}, updated_at = now() WHERE id = ${id}`
}

export type NewKey = {
  accountId: bigint
  userId: bigint
  name: string
  kind: 'master' | 'write' | 'write-only'
  key: MintedKey
}

export async function insertKey(sql: Sql, { accountId, userId, name, kind, key }: NewKey): Promise<bigint> {
  const [row] = await sql<{ id: bigint }>`
    INSERT INTO api_keys (account_id, user_id, name, kind, prefix, sha256)
    VALUES (${accountId}, ${userId}, ${name}, ${kind}, ${key.prefix}, ${key.sha256}) RETURNING id`
  return row!.id
}

export async function revokeKey(sql: Sql, id: bigint): Promise<void> {
  await sql`UPDATE api_keys SET revoked_at = now() WHERE id = ${id} AND revoked_at IS NULL`
}

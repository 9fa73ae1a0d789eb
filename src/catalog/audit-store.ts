import type { Principal } from '../kernel/http/index.ts'
import type { Sql } from '../kernel/index.ts'

/** Who changes something, and from where. */
export type Actor = { principal: Principal; address?: string }
/** A job acts for its user, without a key. */
type Author = {
  principal: Pick<Principal, 'accountId' | 'userId'> & Partial<Pick<Principal, 'keyId'>>
  address?: string
}
/** `before` and `after`: what was changed, as far as it can be told in a few values. Never a secret in any of them. */
export type AuditLine = {
  action: string
  target: string
  details?: Record<string, unknown>
  before?: Record<string, unknown>
  after?: Record<string, unknown>
  /** done, unless it was something that the actor is not allowed to do. */
  result?: 'done' | 'refused'
}

/** One row per change, in the transaction of the change. */
export async function audit(
  sql: Sql,
  { principal: { accountId, userId, keyId = 0n }, address }: Author,
  { action, target, details, before, after, result = 'done' }: AuditLine,
): Promise<void> {
  const json = (value: Record<string, unknown> | undefined) =>
    value === undefined ? null : JSON.stringify(value)
  await sql`
    INSERT INTO audit_log (account_id, user_id, user_email, key_prefix, action, target, details, before, after, result, address)
    VALUES (${accountId}, ${userId}, (SELECT email FROM users WHERE id = ${userId}),
            (SELECT prefix FROM api_keys WHERE id = ${keyId}), ${action}, ${target}, ${json(details)}::jsonb,
            ${json(before)}::jsonb, ${json(after)}::jsonb, ${result}, ${address ?? null})`
}

/** A line as it is listed; `time` is `at` in whole unix seconds. */
export type AuditEntry = {
  id: bigint
  time: bigint
  at: Date
  userId: bigint | null
  userEmail: string | null
  keyPrefix: string | null
  address: string | null
  action: string
  target: string
  result: 'done' | 'refused'
  details: Record<string, unknown> | null
  before: Record<string, unknown> | null
  after: Record<string, unknown> | null
}

export type WantedAudit = {
  accountId: bigint
  /** Only lines with a lower id: where the page before ended. */
  below: bigint
  limit: number
  /** null = any. */
  actions: readonly string[] | null
  users: readonly string[] | null
  targets: readonly string[] | null
  /** Unix seconds, half-open; null = open. */
  times: { from: bigint | null; to: bigint | null }
}

/** The latest first. */
export function findAuditEntries(
  sql: Sql,
  { accountId, below, limit, actions, users, targets, times }: WantedAudit,
): Promise<AuditEntry[]> {
  const list = (values: readonly string[] | null) => (values === null ? null : [...values])
  return sql<AuditEntry>`
    SELECT id, floor(extract(epoch FROM at))::bigint AS time, at, user_id AS "userId", user_email AS "userEmail",
           key_prefix AS "keyPrefix", address, action, target, result, details, before, after
      FROM audit_log
     WHERE account_id = ${accountId} AND id < ${below}
       AND (${list(actions)}::text[] IS NULL OR action = ANY(${list(actions)}::text[]))
       AND (${list(users)}::text[] IS NULL OR user_email = ANY(${list(users)}::text[]))
       AND (${list(targets)}::text[] IS NULL OR target = ANY(${list(targets)}::text[]))
       AND (${times.from}::bigint IS NULL OR at >= to_timestamp(${times.from}::bigint))
       AND (${times.to}::bigint IS NULL OR at < to_timestamp(${times.to}::bigint))
     ORDER BY id DESC LIMIT ${limit}`
}

/** Removes up to `limit` lines older than that; nothing that is younger than 30 days. Returns how many. */
export async function sweepAuditLog(
  sql: Sql,
  { olderThanDays, limit }: { olderThanDays: number; limit: number },
): Promise<number> {
  const [row] = await sql<{ removed: bigint }>`
    SELECT sweep_audit_log(clock_timestamp() - make_interval(days => ${olderThanDays}), ${limit}::int) AS removed`
  return Number(row!.removed)
}

import type { Sql } from '../kernel/index.ts'
import type { AlertChannel, AlertEvent, AlertRule, AlertTarget } from './types.ts'

export type StoredTarget = AlertTarget & { address: string; secret: Buffer | null }
type TargetRow = { id: bigint; channel: AlertChannel; address: string; label: string; secret: Buffer | null }
type RuleRow = {
  account_id: bigint
  schedule_id: bigint | null
  schedule_name: string | null
  events: AlertEvent[]
  late_after_seconds: number
  targets: { id: number; channel: AlertChannel; label: string }[]
}

const ruleOf = (row: RuleRow): AlertRule => ({
  accountId: row.account_id,
  scheduleId: row.schedule_id,
  scheduleName: row.schedule_name,
  events: row.events,
  lateAfterSeconds: row.late_after_seconds,
  targets: row.targets.map(({ id, channel, label }) => ({ id: BigInt(id), channel, label })),
})

/** Those of an account: its own, and those of its schedules that are not removed; one of them when that is asked for. */
export async function listRules(
  sql: Sql,
  accountId: bigint,
  { of }: { of?: { scheduleId: bigint | null } } = {},
): Promise<AlertRule[]> {
  const rows = await sql<RuleRow>`
    SELECT r.account_id, r.schedule_id, s.name AS schedule_name, r.events, r.late_after_seconds,
           coalesce((SELECT jsonb_agg(jsonb_build_object('id', t.id, 'channel', t.channel, 'label', t.label)
                                      ORDER BY t.channel, t.label)
                       FROM alert_targets t WHERE t.id = ANY (r.target_ids)), '[]') AS targets
      FROM alert_rules r LEFT JOIN schedules s ON s.id = r.schedule_id
     WHERE r.account_id = ${accountId} AND s.removed_at IS NULL
       AND (${of === undefined} OR coalesce(r.schedule_id, 0) = ${of?.scheduleId ?? 0n})
     ORDER BY r.schedule_id NULLS FIRST`
  return rows.map(ruleOf)
}

/** Rules of an account are changed one after the other. */
export async function lockRules(sql: Sql, accountId: bigint): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(hashtextextended('alerts of account ' || ${String(accountId)}::text, 0))`
}

export async function findTarget(
  sql: Sql,
  accountId: bigint,
  channel: AlertChannel,
  address: string,
): Promise<StoredTarget | undefined> {
  const [row] = await sql<TargetRow>`
    SELECT id, channel, address, label, secret FROM alert_targets
     WHERE account_id = ${accountId} AND channel = ${channel} AND address = ${address}`
  return row
}

/** Makes it, or gives the one of that address this label and secret. */
export async function putTarget(
  sql: Sql,
  accountId: bigint,
  target: Omit<StoredTarget, 'id'>,
): Promise<bigint> {
  const [row] = await sql<{ id: bigint }>`
    INSERT INTO alert_targets (account_id, channel, address, label, secret)
    VALUES (${accountId}, ${target.channel}, ${target.address}, ${target.label}, ${target.secret})
    ON CONFLICT (account_id, channel, address) DO UPDATE SET label = excluded.label, secret = excluded.secret
    RETURNING id`
  return row!.id
}

export async function putRule(
  sql: Sql,
  { accountId, scheduleId, events, lateAfterSeconds }: Omit<AlertRule, 'targets' | 'scheduleName'>,
  targetIds: readonly bigint[],
): Promise<void> {
  await sql`
    INSERT INTO alert_rules (account_id, schedule_id, events, late_after_seconds, target_ids)
    VALUES (${accountId}, ${scheduleId}, ${events}::text[], ${lateAfterSeconds}, ${targetIds}::bigint[])
    ON CONFLICT (account_id, coalesce(schedule_id, 0)) DO UPDATE
       SET events = excluded.events, late_after_seconds = excluded.late_after_seconds,
           target_ids = excluded.target_ids, updated_at = clock_timestamp()`
}

/** False when there was none. */
export async function removeRule(sql: Sql, accountId: bigint, scheduleId: bigint | null): Promise<boolean> {
  const rows = await sql`
    DELETE FROM alert_rules WHERE account_id = ${accountId} AND coalesce(schedule_id, 0) = ${scheduleId ?? 0n}
    RETURNING id`
  return rows.length > 0
}

/** What waits for targets that no rule names any more is not sent; the targets and their secrets go. */
export async function dropUnusedTargets(sql: Sql, accountId: bigint): Promise<void> {
  const unused = await sql<{ id: bigint }>`
    DELETE FROM alert_targets t WHERE t.account_id = ${accountId}
       AND NOT EXISTS (SELECT FROM alert_rules r WHERE r.account_id = t.account_id AND t.id = ANY (r.target_ids))
    RETURNING id`
  const ids = unused.map(({ id }) => id)
  if (ids.length === 0) return
  await sql`
    UPDATE alert_messages SET given_up_at = clock_timestamp(), last_error = 'its rule was removed'
     WHERE target_id = ANY (${ids}::bigint[]) AND sent_at IS NULL AND given_up_at IS NULL`
  await sql`DELETE FROM alert_outbox WHERE target_id = ANY (${ids}::bigint[]) AND message_id IS NULL`
}

/** Rules of schedules that were removed a day ago: their last runs have ended. Returns the accounts they were of. */
export async function dropRulesOfRemoved(sql: Sql): Promise<bigint[]> {
  const rows = await sql<{ account_id: bigint }>`
    DELETE FROM alert_rules r USING schedules s
     WHERE s.id = r.schedule_id AND s.removed_at < clock_timestamp() - interval '1 day' RETURNING r.account_id`
  return [...new Set(rows.map((row) => row.account_id))]
}

/** Owes a test to every target of a rule; how many those are. */
export async function oweTest(sql: Sql, rule: AlertRule): Promise<number> {
  const rows = await sql`
    INSERT INTO alert_outbox (account_id, target_id, schedule_id, event)
    SELECT ${rule.accountId}::bigint, target, ${rule.scheduleId}::bigint, 'test'
      FROM unnest(${rule.targets.map(({ id }) => id)}::bigint[]) AS target
    RETURNING id`
  // Somebody waits for it: the pause after the last message does not count.
  await sql`
    UPDATE alert_targets SET quiet_until = NULL WHERE id = ANY (${rule.targets.map(({ id }) => id)}::bigint[])`
  return rows.length
}

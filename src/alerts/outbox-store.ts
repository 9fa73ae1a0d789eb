import type { Sql } from '../kernel/index.ts'
import type { AlertChannel, AlertMessage, OwedAlert } from './types.ts'

/** Alerts that a message names one by one; the others it counts. */
const MOST_NAMED = 100

/** Whether anything has to be done now: looks into partial indexes. */
export async function isAnythingOpen(sql: Sql): Promise<boolean> {
  const [row] = await sql<{ open: boolean }>`
    SELECT EXISTS (SELECT FROM alert_outbox o JOIN alert_targets t ON t.id = o.target_id
                    WHERE o.message_id IS NULL AND (t.quiet_until IS NULL OR t.quiet_until <= clock_timestamp())
                      AND NOT EXISTS (SELECT FROM alert_messages m
                                       WHERE m.target_id = t.id AND m.sent_at IS NULL AND m.given_up_at IS NULL))
        OR EXISTS (SELECT FROM alert_messages
                    WHERE sent_at IS NULL AND given_up_at IS NULL AND next_attempt_at <= clock_timestamp()) AS open`
  return row!.open
}

export async function isAnyRule(sql: Sql): Promise<boolean> {
  const [row] = await sql<{ any: boolean }>`SELECT EXISTS (SELECT FROM alert_rules) AS any`
  return row!.any
}

/** Runs that wait for a worker for too long: they are late before they have begun. */
export async function oweWaitingRuns(sql: Sql): Promise<number> {
  const rows = await sql`
    INSERT INTO alert_outbox (account_id, target_id, schedule_id, job_id, event, scheduled_at, late_seconds)
    SELECT s.account_id, target, s.id, j.id, 'late', run.scheduled_at, late.seconds
      FROM jobs j
      JOIN schedule_runs run
        ON run.schedule_id = j.schedule_id AND run.scheduled_at = j.scheduled_at AND run.job_id = j.id
      JOIN schedules s ON s.id = run.schedule_id
     CROSS JOIN LATERAL (
        SELECT extract(epoch FROM clock_timestamp() - run.scheduled_at)::bigint - s.delay_seconds AS seconds) late
     CROSS JOIN LATERAL alert_rule_of(s.account_id, s.id) rule
     CROSS JOIN LATERAL unnest(rule.target_ids) AS target
     WHERE j.status = 'queued' AND j.attempt = 0 AND j.schedule_id IS NOT NULL
       AND late.seconds > rule.late_after_seconds AND 'late' = ANY (rule.events)
    ON CONFLICT DO NOTHING RETURNING id`
  return rows.length
}

/**
 * Puts what is owed to each target into one message: when the first of it has waited `gatherSeconds`, the target has had no message
 * for `quietSeconds`, and none is on its way there. Must run inside one transaction. Returns how many messages it made.
 */
export async function gatherMessages(
  sql: Sql,
  { gatherSeconds, quietSeconds }: { gatherSeconds: number; quietSeconds: number },
): Promise<number> {
  // Locked first: what the next statements see is then what nobody else is gathering.
  const targets = await sql<{ id: bigint }>`
    SELECT id FROM alert_targets t
     WHERE (quiet_until IS NULL OR quiet_until <= clock_timestamp())
       AND id IN (SELECT target_id FROM alert_outbox WHERE message_id IS NULL)
     ORDER BY id LIMIT 1000 FOR UPDATE SKIP LOCKED`
  if (targets.length === 0) return 0
  const messages = await sql<{ id: bigint; target_id: bigint }>`
    INSERT INTO alert_messages (account_id, target_id, alerts)
    SELECT t.account_id, t.id, open.alerts
      FROM alert_targets t
     CROSS JOIN LATERAL (SELECT count(*)::int AS alerts, min(owed_at) AS first FROM alert_outbox
                          WHERE target_id = t.id AND message_id IS NULL) open
     WHERE t.id = ANY (${targets.map(({ id }) => id)}::bigint[])
       AND open.first <= clock_timestamp() - make_interval(secs => ${gatherSeconds})
       AND NOT EXISTS (SELECT FROM alert_messages m
                        WHERE m.target_id = t.id AND m.sent_at IS NULL AND m.given_up_at IS NULL)
    RETURNING id, target_id`
  const ids = messages.map(({ id }) => id)
  await sql`
    UPDATE alert_outbox o SET message_id = m.id FROM alert_messages m
     WHERE m.id = ANY (${ids}::bigint[]) AND o.target_id = m.target_id AND o.message_id IS NULL`
  // What was owed between the two statements goes along.
  await sql`
    UPDATE alert_messages m SET alerts = (SELECT count(*) FROM alert_outbox o WHERE o.message_id = m.id)
     WHERE m.id = ANY (${ids}::bigint[])`
  await sql`
    UPDATE alert_targets SET quiet_until = clock_timestamp() + make_interval(secs => ${quietSeconds})
     WHERE id = ANY (${messages.map((message) => message.target_id)}::bigint[])`
  return messages.length
}

type MessageRow = {
  id: bigint
  key: string
  account_id: bigint
  created_at: Date
  attempts: number
  channel: AlertChannel
  address: string
  label: string
  secret: Buffer | null
  alerts: number
}

/**
 * Takes up to `limit` messages to send them now. Each is due again after a wait that doubles, should nothing be heard of this attempt:
 * `retrySeconds` at first, an hour at most, times `jitter`. The wait must be longer than sending takes.
 */
export async function claimMessages(
  sql: Sql,
  { limit, retrySeconds, jitter }: { limit: number; retrySeconds: number; jitter: number },
): Promise<AlertMessage[]> {
  const rows = await sql<MessageRow>`
    UPDATE alert_messages m
       SET attempts = attempts + 1,
           next_attempt_at = clock_timestamp()
             + make_interval(secs => ${jitter} * least(3600, ${retrySeconds} * 2 ^ least(attempts, 20)))
      FROM alert_targets t
     WHERE t.id = m.target_id AND m.id IN (
             SELECT id FROM alert_messages
              WHERE sent_at IS NULL AND given_up_at IS NULL AND next_attempt_at <= clock_timestamp()
              ORDER BY next_attempt_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
    RETURNING m.id, m.key, m.account_id, m.created_at, m.attempts, m.alerts, t.channel, t.address, t.label, t.secret`
  return Promise.all(rows.map(async (row) => ({ ...headOf(row), ...(await contentOf(sql, row.id)) })))
}

const headOf = ({ alerts, account_id, created_at, ...row }: MessageRow) => ({
  ...row,
  accountId: account_id,
  createdAt: created_at,
  total: alerts,
})

type AlertRow = {
  id: bigint
  event: OwedAlert['event']
  schedule_id: bigint | null
  schedule_name: string | null
  job_id: bigint | null
  scheduled_at: Date | null
  late_seconds: bigint | null
  error_name: string | null
  error_message: string | null
}

async function contentOf(sql: Sql, messageId: bigint): Promise<Pick<AlertMessage, 'alerts' | 'counts'>> {
  const counts = await sql<{ event: OwedAlert['event']; count: number }>`
    SELECT event, count(*)::int AS count FROM alert_outbox WHERE message_id = ${messageId} GROUP BY event ORDER BY event`
  const rows = await sql<AlertRow>`
    SELECT o.id, o.event, o.schedule_id, s.name AS schedule_name, o.job_id, o.scheduled_at, o.late_seconds,
           CASE WHEN o.event = 'failed' THEN j.error_name END AS error_name,
           CASE WHEN o.event = 'failed' THEN j.error_message END AS error_message
      FROM alert_outbox o
      LEFT JOIN schedules s ON s.id = o.schedule_id LEFT JOIN jobs j ON j.id = o.job_id
     WHERE o.message_id = ${messageId} ORDER BY o.id LIMIT ${MOST_NAMED}`
  return {
    counts: Object.fromEntries(counts.map(({ event, count }) => [event, count])),
    alerts: rows.map((row) => ({
      id: row.id,
      event: row.event,
      scheduleId: row.schedule_id,
      scheduleName: row.schedule_name,
      jobId: row.job_id,
      scheduledAt: row.scheduled_at,
      lateSeconds: row.late_seconds === null ? null : Number(row.late_seconds),
      errorName: row.error_name,
      errorMessage: row.error_message,
    })),
  }
}

export async function markSent(sql: Sql, ids: readonly bigint[]): Promise<void> {
  await sql`
    UPDATE alert_messages SET sent_at = clock_timestamp(), last_error = NULL
     WHERE id = ANY (${ids}::bigint[]) AND sent_at IS NULL`
}

/** Notes why it was not taken; true when it is not sent again. */
export async function markFailed(
  sql: Sql,
  { id, error, giveUpHours }: { id: bigint; error: string; giveUpHours: number },
): Promise<boolean> {
  const [row] = await sql<{ given_up: boolean }>`
    UPDATE alert_messages
       SET last_error = ${error},
           given_up_at = CASE WHEN created_at < clock_timestamp() - make_interval(hours => ${giveUpHours})
                              THEN clock_timestamp() ELSE given_up_at END
     WHERE id = ${id} AND sent_at IS NULL RETURNING given_up_at IS NOT NULL AS given_up`
  return row?.given_up ?? false
}

export type SentMessage = {
  key: string
  channel: AlertChannel | null
  label: string | null
  alerts: number
  attempts: number
  created_at: Date
  sent_at: Date | null
  given_up_at: Date | null
  next_attempt_at: Date
  last_error: string | null
}

/** Newest first. */
export async function listMessages(
  sql: Sql,
  { accountId, offset, limit }: { accountId: bigint; offset: number; limit: number },
): Promise<SentMessage[]> {
  return sql<SentMessage>`
    SELECT m.key, t.channel, t.label, m.alerts, m.attempts, m.created_at, m.sent_at, m.given_up_at, m.next_attempt_at,
           m.last_error
      FROM alert_messages m LEFT JOIN alert_targets t ON t.id = m.target_id
     WHERE m.account_id = ${accountId} ORDER BY m.id DESC LIMIT ${limit} OFFSET ${offset}`
}

/** Removes up to `limit` messages that ended before that, with what they told. */
export async function expireMessages(
  sql: Sql,
  { olderThanDays, limit }: { olderThanDays: number; limit: number },
): Promise<number> {
  const rows = await sql<{ id: bigint }>`
    DELETE FROM alert_messages WHERE id IN (
      SELECT id FROM alert_messages
       WHERE created_at < clock_timestamp() - make_interval(days => ${olderThanDays})
         AND (sent_at IS NOT NULL OR given_up_at IS NOT NULL) LIMIT ${limit})
    RETURNING id`
  await sql`DELETE FROM alert_outbox WHERE message_id = ANY (${rows.map(({ id }) => id)}::bigint[])`
  return rows.length
}

/** What was owed to a target in the moment its last rule was removed is owed to nobody. */
export async function dropOrphans(sql: Sql): Promise<void> {
  await sql`
    DELETE FROM alert_outbox o WHERE o.message_id IS NULL AND o.owed_at < clock_timestamp() - interval '1 minute'
       AND NOT EXISTS (SELECT FROM alert_targets t WHERE t.id = o.target_id)`
}

import type { Sql } from '../kernel/index.ts'

/** A slot whose time has come, delay included, with what decides whether its run may start. */
export type DueSlot = {
  scheduleId: bigint
  name: string
  cron: string
  timezone: string
  slot: Date
  /** The slot and the delay of the schedule. */
  startTime: Date
  lateSeconds: number
  ownerName: string
  ownerRemoved: boolean
  database: string
  /** undefined when the account has no such database. */
  databaseId: bigint | undefined
  mayQuery: boolean
}

/** Where a pass through the due slots has got to. */
export type Place = Pick<DueSlot, 'startTime' | 'scheduleId'>

type DueRow = {
  id: bigint
  name: string
  cron: string
  timezone: string
  next_time: Date
  start_time: Date
  late: number
  owner_name: string
  owner_removed: boolean
  database: string
  database_id: bigint | null
  may_query: boolean | null
}

/**
 * Locks up to `limit` schedules whose next slot is due, the longest waiting first, behind a place in that order. What
 * another scheduler or an edit holds is left to it. Must run inside one transaction.
 */
export async function lockDueSlots(
  sql: Sql,
  { behind, limit }: { behind: Place | undefined; limit: number },
): Promise<DueSlot[]> {
  const rows = await sql<DueRow>`
    SELECT s.id, s.name, s.cron, s.timezone, s.next_time, s.start_time, s.database, d.id AS database_id, u.name AS owner_name,
           extract(epoch FROM clock_timestamp() - s.start_time)::float8 AS late, u.removed_at IS NOT NULL AS owner_removed,
           (u.role <> 'member' OR d.owner_id = u.id OR EXISTS (
              SELECT FROM database_permissions p
               WHERE p.database_id = d.id AND p.user_id = u.id AND p.permission <> 'import_only')) AS may_query
      FROM schedules s JOIN users u ON u.id = s.user_id
      LEFT JOIN databases d ON d.account_id = s.account_id AND d.name = s.database AND d.removed_at IS NULL
     WHERE s.removed_at IS NULL AND s.cron IS NOT NULL AND s.start_time <= clock_timestamp()
       AND (${behind?.startTime ?? null}::timestamptz IS NULL
            OR (s.start_time, s.id) > (${behind?.startTime ?? null}::timestamptz, ${behind?.scheduleId ?? null}::bigint))
     ORDER BY s.start_time, s.id LIMIT ${limit} FOR UPDATE OF s SKIP LOCKED`
  return rows.map((row) => ({
    scheduleId: row.id,
    name: row.name,
    cron: row.cron,
    timezone: row.timezone,
    slot: row.next_time,
    startTime: row.start_time,
    lateSeconds: row.late,
    ownerName: row.owner_name,
    ownerRemoved: row.owner_removed,
    database: row.database,
    databaseId: row.database_id ?? undefined,
    mayQuery: row.may_query === true,
  }))
}

/** How many are due for longer than that. */
export async function countLateSlots(sql: Sql, lateSeconds: number): Promise<number> {
  const [row] = await sql<{ late: number }>`
    SELECT count(*)::int AS late FROM schedules
     WHERE removed_at IS NULL AND start_time <= clock_timestamp() - make_interval(secs => ${lateSeconds})`
  return row!.late
}

/** `startAt` null: not before so many milliseconds from now. A run with an obstacle never starts. */
export type Run = {
  scheduleId: bigint
  slot: Date
  startAt: Date | null
  startInMs: number
  databaseId: bigint | undefined
  obstacle: { name: string; message: string } | undefined
}

/** `dueAt`: not before that its job starts. */
export type StartedRun = { scheduleId: bigint; jobId: bigint; dueAt: Date }

/**
 * Makes the jobs of slots, of one schedule in the order of their slots: what the schedule says at this moment, TD_SCHEDULED_TIME() the slot.
 * A slot that has had its run is left out: the unique key of the records is the promise. A job may start no sooner than that of
 * the slot before it. A run with an obstacle is a job that ended as an error. The locks of the schedules must be held.
 */
export async function insertRuns(sql: Sql, runs: readonly Run[]): Promise<StartedRun[]> {
  if (runs.length === 0) return []
  const taken = await sql<{ schedule_id: bigint; scheduled_at: Date; job_id: bigint }>`
    INSERT INTO schedule_runs (schedule_id, scheduled_at, job_id)
    SELECT schedule_id, slot, nextval('job_ids')
      FROM unnest(${runs.map((run) => run.scheduleId)}::bigint[], ${runs.map((run) => run.slot)}::timestamptz[])
           AS wanted (schedule_id, slot)
    ON CONFLICT (schedule_id, scheduled_at) DO NOTHING RETURNING schedule_id, scheduled_at, job_id`
  const numbers = new Map(taken.map((row) => [keyOf(row.schedule_id, row.scheduled_at), row.job_id]))
  const fresh = runs.filter((run) => numbers.has(keyOf(run.scheduleId, run.slot)))
  if (fresh.length === 0) return []
  const jobs = await sql<{ id: bigint; schedule_id: bigint; due_at: Date }>`
    INSERT INTO jobs (id, account_id, user_id, user_name, type, database, database_id, query, priority, retry_limit,
                      pool_name, engine_version, schedule_id, scheduled_at, due_at, status, end_at, error_name,
                      error_message, log)
    SELECT run.job_id, s.account_id, s.user_id, u.name, s.type, s.database, run.database_id, s.query, s.priority,
           s.retry_limit, s.pool_name, s.engine_version, s.id, run.slot,
           greatest(coalesce(run.start_at, clock_timestamp() + make_interval(secs => run.start_in_ms / 1000)),
                    -- A bound, for when the clock was set back; least() would take it for the lesser of it and NULL.
                    CASE WHEN s.last_due_at IS NOT NULL
                         THEN least(s.last_due_at, clock_timestamp() + interval '1 hour') END),
           CASE WHEN run.obstacle IS NULL THEN 'queued' ELSE 'error' END,
           CASE WHEN run.obstacle IS NOT NULL THEN clock_timestamp() END,
           run.obstacle, run.message, coalesce(run.message || E'\n', '')
      FROM unnest(${fresh.map((run) => run.scheduleId)}::bigint[], ${fresh.map((run) => run.slot)}::timestamptz[],
                  ${fresh.map((run) => numbers.get(keyOf(run.scheduleId, run.slot)))}::bigint[],
                  ${fresh.map((run) => run.startAt)}::timestamptz[], ${fresh.map((run) => run.startInMs)}::float8[],
                  ${fresh.map((run) => run.databaseId ?? null)}::bigint[],
                  ${fresh.map((run) => run.obstacle?.name ?? null)}::text[],
                  ${fresh.map((run) => run.obstacle?.message ?? null)}::text[])
           AS run (schedule_id, slot, job_id, start_at, start_in_ms, database_id, obstacle, message)
      JOIN schedules s ON s.id = run.schedule_id JOIN users u ON u.id = s.user_id
    RETURNING id, schedule_id, due_at`
  return jobs.map((row) => ({ scheduleId: row.schedule_id, jobId: row.id, dueAt: row.due_at }))
}

const keyOf = (scheduleId: bigint, slot: Date) => `${scheduleId} ${slot.getTime()}`

/** Where a schedule goes after its runs: `nextTime` null = nowhere any more, `lastDueAt` null = as it was. */
export type Move = { scheduleId: bigint; nextTime: Date | null; lastDueAt: Date | null }

export async function moveOn(sql: Sql, moves: readonly Move[]): Promise<void> {
  await sql`
    UPDATE schedules s SET next_time = move.next_time, last_due_at = greatest(s.last_due_at, move.last_due_at)
      FROM unnest(${moves.map((one) => one.scheduleId)}::bigint[], ${moves.map((one) => one.nextTime)}::timestamptz[],
                  ${moves.map((one) => one.lastDueAt)}::timestamptz[]) AS move (id, next_time, last_due_at)
     WHERE s.id = move.id`
}

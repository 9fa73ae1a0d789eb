import type { Database } from '../database/index.ts'
import { announceJob, insertJob, type NewJob } from '../jobs/index.ts'
import { type Channel, type Clock, isRetryable, type Log, type Service, type Sql } from '../kernel/index.ts'
import { parseCron } from './cron.ts'
import { nextSlot } from './next-slot.ts'
import { type DueSlot, hasRun, listDueSlots, lockSlot, recordRun, setNextTime } from './store.ts'
import type { Schedule } from './types.ts'
import { openZone } from './zone.ts'

export type SchedulerOptions = {
  database: Database
  channel: Channel
  clock: Clock
  log: Log
  /** 0 … 1, for the jitter of catching up. */
  random: () => number
  /** Runs that an absence delayed start spread over at most so long. */
  catchUpSeconds: number
}

const POLL_MS = 1_000
const BATCH = 100
const DEADLINE_MS = 5_000
const ADMISSION = { class: 'background', deadlineMs: DEADLINE_MS } as const
/** A slot found later than this was missed: by an absence, not by the poll. */
const LATE_SECONDS = 30
const CATCH_UP_STEP_MS = 2_000

/**
 * Starts the jobs of schedules. Any number of them may run: a slot is taken under the schedule's lock and recorded under a
 * unique key in the transaction that makes its job. After an absence every missed slot runs, in order, spread with jitter.
 */
export function createScheduler(options: SchedulerOptions): Service {
  const { database, channel, clock, log } = options
  const catchUp = createCatchUp(options)

  const startSlot = async (due: DueSlot) => {
    const dueAt = due.lateSeconds > LATE_SECONDS ? catchUp.nextStart() : null
    const job = await database.write(ADMISSION, (sql) => startRun(sql, due, dueAt))
    if (job === undefined) return
    if (dueAt === null) announceJob(channel)
    const fields = { schedule: String(due.scheduleId), job: String(job), slot: due.slot.toISOString() }
    log.info({ ...fields, lateSeconds: Math.round(due.lateSeconds) }, 'scheduled job issued')
  }

  const startAll = async () => {
    for (;;) {
      const due = await database.read(ADMISSION, (sql) => listDueSlots(sql, BATCH))
      let failed = 0
      for (const slot of due) {
        try {
          await startSlot(slot)
        } catch (error) {
          if (isRetryable(error)) throw error
          // One schedule that cannot be run must not hold up the others.
          log.error({ schedule: String(slot.scheduleId), err: error }, 'a schedule cannot be run')
          failed += 1
        }
      }
      if (due.length === failed) return
    }
  }

  return {
    name: 'scheduler',
    async run(signal) {
      while (!signal.aborted) {
        try {
          await startAll()
        } catch (error) {
          if (!isRetryable(error)) throw error
          log.debug({ err: error }, 'the scheduler waits for the main database')
        }
        await clock.sleep(POLL_MS, signal)
      }
    },
  }
}

/**
 * One slot: its job, the record of its run and the next slot, together. Returns the job, or undefined when another
 * scheduler has taken it. The next slot follows from this one, never from the clock: an outage skips and doubles nothing.
 */
export async function startRun(sql: Sql, due: DueSlot, dueAt: Date | null): Promise<bigint | undefined> {
  const schedule = await lockSlot(sql, due)
  if (schedule === undefined) return undefined
  let job: bigint | undefined
  if (!(await hasRun(sql, schedule.id, due.slot))) {
    job = await insertJob(sql, jobOf(schedule, { slot: due.slot, dueAt, domainKey: null }))
    await recordRun(sql, schedule.id, due.slot, job)
  }
  await setNextTime(sql, schedule.id, slotAfter(schedule, due.slot))
  return job
}

/** The slot after an instant, or null for a schedule that never runs by itself. @throws schedule_invalid (422) */
export function slotAfter({ cron, timezone }: Pick<Schedule, 'cron' | 'timezone'>, after: Date): Date | null {
  if (cron === null) return null
  return nextSlot(parseCron(cron), openZone(timezone), after) ?? null
}

/** What a run of a schedule asks for; TD_SCHEDULED_TIME() is the slot, however late it starts. */
export function jobOf(
  schedule: Schedule,
  { slot, dueAt, domainKey }: { slot: Date; dueAt: Date | null; domainKey: string | null },
): NewJob {
  const {
    accountId,
    userId,
    userName,
    type,
    database,
    query,
    priority,
    retryLimit,
    poolName,
    engineVersion,
  } = schedule
  return {
    accountId,
    userId,
    userName,
    type,
    database,
    databaseId: null,
    query,
    priority,
    retryLimit,
    poolName,
    engineVersion,
    domainKey,
    scheduleId: schedule.id,
    scheduledAt: slot,
    dueAt,
  }
}

/**
 * Gives missed slots their starts, in the order asked for: about two seconds apart, with jitter, the last ones no later than
 * the time given for catching up.
 */
function createCatchUp({ clock, random, catchUpSeconds }: SchedulerOptions) {
  let lastMs = Number.NEGATIVE_INFINITY
  let endMs = Number.NEGATIVE_INFINITY
  return {
    nextStart(): Date {
      const nowMs = clock.now().getTime()
      if (nowMs > lastMs) endMs = nowMs + catchUpSeconds * 1000
      const startMs = Math.max(nowMs, lastMs) + random() * 2 * CATCH_UP_STEP_MS
      lastMs = Math.min(startMs, endMs)
      return new Date(Math.max(lastMs, nowMs))
    },
  }
}

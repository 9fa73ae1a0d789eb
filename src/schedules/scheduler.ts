import type { Database } from '../database/index.ts'
import { announceJob } from '../jobs/index.ts'
import { type Channel, type Clock, isRetryable, type Log, type Service, type Sql } from '../kernel/index.ts'
import { createCatchUp } from './catch-up.ts'
import { slotAfter } from './next-slot.ts'
import { obstacleOf } from './obstacle.ts'
import { countLateSlots, type DueSlot, insertRuns, lockDueSlots, moveOn, type Place } from './run-store.ts'

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
const BATCH = 500
const DEADLINE_MS = 30_000
const ADMISSION = { class: 'background', deadlineMs: DEADLINE_MS } as const
/** A slot found later than this was missed: by an absence, not by the poll. */
const LATE_SECONDS = 30
const COMPLAIN_EVERY_MS = 600_000

/**
 * Starts the jobs of schedules. Any number of them may run: slots are taken under the locks of their schedules and recorded under a
 * unique key in the transaction that makes their jobs. After an absence every missed slot runs, in order, spread with jitter.
 */
export function createScheduler(options: SchedulerOptions): Service {
  const { database, channel, clock, log } = options
  const catchUp = createCatchUp(options)
  const startInMs = ({ lateSeconds }: DueSlot) => (lateSeconds > LATE_SECONDS ? catchUp.nextStartInMs() : 0)

  /** Monotonic times of the last lines about schedules that cannot be run: one each is enough for a while. */
  const complaints = new Map<bigint, number>()
  const complain = (scheduleId: bigint, error: unknown) => {
    const nowMs = clock.monotonicMs()
    if (nowMs < (complaints.get(scheduleId) ?? Number.NEGATIVE_INFINITY) + COMPLAIN_EVERY_MS) return
    complaints.set(scheduleId, nowMs)
    log.error({ schedule: String(scheduleId), err: error }, 'a schedule cannot be run')
  }

  const takeBatch = async (behind: Place | undefined, limit: number): Promise<Batch> => {
    const batch = await database.write(ADMISSION, (sql) => startDue(sql, { behind, limit, startInMs }))
    for (const { scheduleId, error } of batch.broken) complain(scheduleId, error)
    if (batch.jobs > 0) announceJob(channel)
    if (batch.moved > 0) {
      const { jobs, moved, lateSeconds } = batch
      log.info({ jobs, schedules: moved, lateSeconds: Math.round(lateSeconds) }, 'scheduled jobs issued')
    }
    return batch
  }
  const takeOne = async (behind: Place | undefined): Promise<Batch> => {
    try {
      return await takeBatch(behind, 1)
    } catch (error) {
      if (isRetryable(error)) throw error
      const [refused] = await database.write(ADMISSION, (sql) => lockDueSlots(sql, { behind, limit: 1 }))
      if (refused !== undefined) complain(refused.scheduleId, error)
      return { ...NOTHING, last: refused }
    }
  }
  /** One that the database refuses must not hold up the others: those of its batch are taken one by one. */
  let oneByOne = 0
  const takeNext = async (behind: Place | undefined): Promise<Batch> => {
    if (oneByOne === 0) {
      try {
        return await takeBatch(behind, BATCH)
      } catch (error) {
        if (isRetryable(error)) throw error
        oneByOne = BATCH
      }
    }
    oneByOne -= 1
    return takeOne(behind)
  }
  /** Goes once through all that is due. A schedule that was moved on may be due again: true when there may be more. */
  const pass = async (signal: AbortSignal): Promise<boolean> => {
    catchUp.expect(await database.read(ADMISSION, (sql) => countLateSlots(sql, LATE_SECONDS)))
    let moved = 0
    for (let behind: Place | undefined; !signal.aborted; ) {
      const batch = await takeNext(behind)
      if (batch.last === undefined) return moved > 0
      behind = batch.last
      moved += batch.moved
    }
    return false
  }

  return {
    name: 'scheduler',
    async run(signal) {
      while (!signal.aborted) {
        try {
          while (await pass(signal));
        } catch (error) {
          if (!isRetryable(error)) throw error
          log.debug({ err: error }, 'the scheduler waits for the main database')
        }
        await clock.sleep(POLL_MS, signal)
      }
    },
  }
}

/** `last`: the place behind which the next batch begins; undefined when nothing was due. */
export type Batch = {
  jobs: number
  moved: number
  lateSeconds: number
  broken: { scheduleId: bigint; error: unknown }[]
  last: Place | undefined
}
const NOTHING: Batch = { jobs: 0, moved: 0, lateSeconds: 0, broken: [], last: undefined }

/**
 * Takes the next slot of each schedule that is due: its job, the record of its run and the slot after it, together. The next
 * slot follows from this one, never from the clock: an outage skips and doubles nothing. Must run inside one transaction.
 */
export async function startDue(
  sql: Sql,
  { behind, limit, startInMs }: { behind?: Place; limit: number; startInMs: (due: DueSlot) => number },
): Promise<Batch> {
  const due = await lockDueSlots(sql, { behind, limit })
  if (due.length === 0) return NOTHING
  const broken: Batch['broken'] = []
  const sound: { slot: DueSlot; nextTime: Date | null }[] = []
  for (const slot of due) {
    try {
      sound.push({ slot, nextTime: slotAfter(slot, slot.slot) })
    } catch (error) {
      broken.push({ scheduleId: slot.scheduleId, error })
    }
  }
  const started = await insertRuns(
    sql,
    sound.map(({ slot }) => ({
      scheduleId: slot.scheduleId,
      slot: slot.slot,
      startAt: null,
      startInMs: startInMs(slot),
      databaseId: slot.databaseId,
      obstacle: obstacleOf(slot),
    })),
  )
  const dueAt = new Map(started.map((run) => [run.scheduleId, run.dueAt]))
  const moves = sound.map(({ slot: { scheduleId }, nextTime }) => ({
    scheduleId,
    nextTime,
    lastDueAt: dueAt.get(scheduleId) ?? null,
  }))
  if (moves.length > 0) await moveOn(sql, moves)
  const lateSeconds = Math.max(...due.map((slot) => slot.lateSeconds))
  return { jobs: started.length, moved: moves.length, lateSeconds, broken, last: due.at(-1) }
}

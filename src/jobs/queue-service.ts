import type { Database } from '../database/index.ts'
import type { Gate } from '../gate/index.ts'
import { type Channel, type Clock, isRetryable, type Log, type Service } from '../kernel/index.ts'
import { requestKill } from './end-store.ts'
import type { EndsReader } from './ends.ts'
import { announceJob } from './issue.ts'
import { isFinished } from './life.ts'
import { settleJob } from './lookup.ts'
import { isOpen } from './patience.ts'
import type { LocalQueue } from './queue.ts'
import { storeWaiting } from './queue-store.ts'
import { lastJobId, reserveJobIds } from './store.ts'
import type { Job } from './types.ts'
import { endOfWaiting } from './with-end.ts'

export type QueueService = Service & {
  /** Resolves when the job is not on its way into the database at this moment. */
  entering(id: bigint): Promise<void>
}

const POLL_MS = 500
const REFILL_CHECK_MS = 30_000
const DEADLINE_MS = 5_000
const PUT_OFF_MS = 30_000

export type QueueServiceDeps = {
  database: Database
  gate: Pick<Gate, 'current'>
  queue: LocalQueue
  ends: EndsReader
  channel: Channel
  clock: Clock
  log: Log
  reservedIds: number
}

/**
 * Carries what the local queue accepted into the main database when that is back, each job exactly once, and keeps a
 * block of ids in reserve while it serves.
 */
export function createQueueService(deps: QueueServiceDeps): QueueService {
  const { database, gate, queue, channel, clock, log } = deps
  const underWay = new Map<bigint, Promise<void>>()
  /** Jobs that could not be stored, and when to try them again. */
  const putOff = new Map<bigint, number>()
  let nextRefillMs = Number.NEGATIVE_INFINITY

  const enterJob = async ({ id }: Job) => {
    await queue.enter(id, (waiting) =>
      database.write({ class: 'submit', deadlineMs: DEADLINE_MS }, async (sql) =>
        storeWaiting(sql, waiting, endOfWaiting(waiting, await deps.ends.all())),
      ),
    )
  }

  const enterAll = async () => {
    for (const waiting of queue.waitingJobs()) {
      if ((putOff.get(waiting.job.id) ?? Number.NEGATIVE_INFINITY) > clock.monotonicMs()) continue
      const entry = enterJob(waiting.job)
      underWay.set(
        waiting.job.id,
        entry.catch(() => undefined),
      )
      try {
        await entry
        announceJob(channel)
        log.info({ job: String(waiting.job.id) }, 'job entered the main database')
      } catch (error) {
        if (isRetryable(error)) return
        // One that cannot be stored must not hold up the others; it stays in the queue and in the log.
        log.error({ job: String(waiting.job.id), err: error }, 'an accepted job cannot be stored')
        putOff.set(waiting.job.id, clock.monotonicMs() + PUT_OFF_MS)
      } finally {
        underWay.delete(waiting.job.id)
      }
    }
    await applyKills()
    await queue.tidy()
  }

  const applyKills = async () => {
    for (const { id, accountId } of queue.waitingKills()) {
      if (queue.waitingJobs().some((waiting) => waiting.job.id === id)) continue
      // A job that ended by itself before the kill reached it keeps its true end; an attempt that failed is no end of the job.
      await settleJob(deps, accountId, id)
      const former = await database.write({ class: 'submit', deadlineMs: DEADLINE_MS }, (sql) =>
        requestKill(sql, accountId, id),
      )
      if (former !== undefined && !isFinished(former)) channel.notify('kill', { id: String(id) }, 'worker')
      await queue.killed(id)
    }
  }

  /** A block far behind the sequence would give jobs of an absence lower numbers than the jobs before it. */
  const refill = async () => {
    const last = await database.read({ class: 'background', deadlineMs: DEADLINE_MS }, lastJobId)
    const size = BigInt(deps.reservedIds)
    const { left, highest } = queue.reserved
    // A sequence behind the block was restored from a backup: it would give the numbers of the block again.
    const isFresh = last >= highest && last - highest < size
    if (left * 2 > deps.reservedIds && isFresh) return
    const ids = await database.write({ class: 'submit', deadlineMs: DEADLINE_MS }, (sql) =>
      reserveJobIds(sql, deps.reservedIds),
    )
    await queue.reserved.replace(ids)
  }

  const tick = async () => {
    if (!isOpen(gate)) return
    try {
      if (queue.waitingJobs().length > 0 || queue.waitingKills().length > 0) await enterAll()
      if (clock.monotonicMs() < nextRefillMs) return
      await refill()
      nextRefillMs = clock.monotonicMs() + REFILL_CHECK_MS
    } catch (error) {
      if (!isRetryable(error)) throw error
      log.debug({ err: error }, 'the local job queue waits for the main database')
    }
  }

  return {
    name: 'job queue',
    entering: async (id) => underWay.get(id),
    async run(signal) {
      while (!signal.aborted) {
        await tick()
        await clock.sleep(POLL_MS, signal)
      }
    },
  }
}

import { retireDroppedTables } from '../../catalog/index.ts'
import {
  createJobPartitions,
  type Database,
  sweepChanges,
  sweepErrorRecords,
  sweepImportIds,
  sweepOperations,
} from '../../database/index.ts'
import { type LocalQueue, removeOldJobs, removeOrphanResults } from '../../jobs/index.ts'
import { type Clock, isRetryable, type Log, type Service } from '../../kernel/index.ts'
import { removeOldRuns } from '../../schedules/index.ts'
import type { ObjectStore } from '../../storage/index.ts'

const EVERY_MS = 10 * 60_000
const DAY_MS = 24 * 60 * 60_000

/** What keeps history from costing anything: partitions ahead, old ids and changes away. Waits while the gate is shut. */
export function createHousekeeping({
  database,
  objects,
  queue,
  clock,
  log,
  jobRetentionDays,
  resultRetentionDays,
}: {
  database: Database
  objects: ObjectStore
  queue: LocalQueue
  clock: Clock
  log: Log
  jobRetentionDays: number
  resultRetentionDays: number
}): Service {
  let nextSweepMs = Number.NEGATIVE_INFINITY
  /** Looks at every stored result: the day counts from the last time it went through, or from the start. */
  const sweepResults = async () => {
    if (clock.monotonicMs() < nextSweepMs) return
    const isWaiting = (id: bigint) => queue.waitingJob(id) !== undefined
    await removeOrphanResults({ database, store: objects, log }, { now: clock.now(), isWaiting })
    nextSweepMs = clock.monotonicMs() + DAY_MS
  }
  const tasks: Record<string, () => Promise<unknown>> = {
    'job partitions': () => createJobPartitions(database),
    operations: () => sweepOperations(database),
    changes: () => sweepChanges(database),
    'dropped tables': () => retireDroppedTables(database),
    'import ids': () => sweepImportIds(database),
    'error records': () => sweepErrorRecords(database),
    jobs: () => removeOldJobs({ database, store: objects, log }, { jobRetentionDays, resultRetentionDays }),
    'orphan results': sweepResults,
    'schedule runs': () => removeOldRuns(database, { olderThanDays: jobRetentionDays }),
  }
  return {
    name: 'housekeeping',
    async run(signal) {
      while (!signal.aborted) {
        for (const [name, task] of Object.entries(tasks)) {
          try {
            await task()
          } catch (error) {
            if (!isRetryable(error))
              log.error({ task: name, err: error }, 'housekeeping failed, it is tried again later')
          }
          if (signal.aborted) return
        }
        await clock.sleep(EVERY_MS, signal)
      }
    },
  }
}

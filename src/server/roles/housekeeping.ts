import { retireDroppedTables } from '../../catalog/index.ts'
import {
  createJobPartitions,
  type Database,
  sweepChanges,
  sweepImportIds,
  sweepOperations,
} from '../../database/index.ts'
import { removeOldJobs } from '../../jobs/index.ts'
import { type Clock, isRetryable, type Log, type Service } from '../../kernel/index.ts'
import { removeOldRuns } from '../../schedules/index.ts'
import type { ObjectStore } from '../../storage/index.ts'

const EVERY_MS = 10 * 60_000

/** What keeps history from costing anything: partitions ahead, old ids and changes away. Waits while the gate is shut. */
export function createHousekeeping({
  database,
  objects,
  clock,
  log,
  jobRetentionDays,
  resultRetentionDays,
}: {
  database: Database
  objects: ObjectStore
  clock: Clock
  log: Log
  jobRetentionDays: number
  resultRetentionDays: number
}): Service {
  const tasks: Record<string, () => Promise<unknown>> = {
    'job partitions': () => createJobPartitions(database),
    operations: () => sweepOperations(database),
    changes: () => sweepChanges(database),
    'dropped tables': () => retireDroppedTables(database),
    'import ids': () => sweepImportIds(database),
    jobs: () => removeOldJobs({ database, store: objects, log }, { jobRetentionDays, resultRetentionDays }),
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

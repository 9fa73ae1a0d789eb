import { removeOldAlerts } from '../../alerts/index.ts'
import { createBulkImportSweep } from '../../bulk-import/index.ts'
import { removeOldAudit } from '../../catalog/index.ts'
import {
  createJobPartitions,
  type Database,
  sweepChanges,
  sweepErrorRecords,
  sweepOperations,
} from '../../database/index.ts'
import { type LocalQueue, removeOldJobs, removeOrphanResults } from '../../jobs/index.ts'
import { type Clock, createClockTrust, isRetryable, type Log, type Service } from '../../kernel/index.ts'
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
  bulkImportDays,
  auditDays,
}: {
  database: Database
  objects: ObjectStore
  queue: LocalQueue
  clock: Clock
  log: Log
  jobRetentionDays: number
  resultRetentionDays: number
  bulkImportDays: number
  auditDays: number
}): Service {
  let nextSweepMs = Number.NEGATIVE_INFINITY
  /** Looks at every stored result: the day counts from the last time it went through, or from the start. */
  const sweepResults = async () => {
    if (clock.monotonicMs() < nextSweepMs) return
    const isWaiting = (id: bigint) => queue.waitingJob(id) !== undefined
    await removeOrphanResults({ database, store: objects, log }, { now: clock.now(), isWaiting })
    nextSweepMs = clock.monotonicMs() + DAY_MS
  }
  const bulkImports = createBulkImportSweep({ database, objects, clock, log, retentionDays: bulkImportDays })
  const trust = createClockTrust(clock)
  /** Each removes what is old by the clock, and cannot bring it back. */
  const removals: Record<string, () => Promise<unknown>> = {
    operations: () => sweepOperations(database),
    changes: () => sweepChanges(database),
    'error records': () => sweepErrorRecords(database),
    jobs: () => removeOldJobs({ database, store: objects, log }, { jobRetentionDays, resultRetentionDays }),
    'orphan results': sweepResults,
    'bulk imports': () => bulkImports.run(),
    alerts: () => removeOldAlerts(database),
    'audit log': () => removeOldAudit(database, { auditDays }),
    'schedule runs': () => removeOldRuns(database, { olderThanDays: jobRetentionDays }),
  }
  return {
    name: 'housekeeping',
    async run(signal) {
      while (!signal.aborted) {
        const isTrusted = trust.isTrusted()
        if (!isTrusted) log.warn({}, 'the clock jumped: nothing is removed by age for some hours')
        const tasks = {
          'job partitions': () => createJobPartitions(database),
          ...(isTrusted ? removals : {}),
        }
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

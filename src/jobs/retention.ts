import type { Database } from '../database/index.ts'
import type { Log } from '../kernel/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import {
  deleteOldJobs,
  dropJobPartition,
  expireDomainKeys,
  expireResults,
  listOldJobPartitions,
} from './retention-store.ts'

export type RetentionDeps = { database: Database; store: ObjectStore; log: Log }
export type JobRetention = { jobRetentionDays: number; resultRetentionDays: number }
export type Removed = { results: number; domainKeys: number; partitions: number; jobs: number }

const ADMISSION = { class: 'background', deadlineMs: 60_000 } as const
const BATCH = 1000

/**
 * Removes results, domain keys and jobs that are past their time, in small transactions. It drops partitions, which is DDL:
 * it must not run while a maintenance copies the database. A file is removed after the commit that forgets it.
 */
export async function removeOldJobs(
  { database, store, log }: RetentionDeps,
  { jobRetentionDays, resultRetentionDays }: JobRetention,
): Promise<Removed> {
  const removed: Removed = { results: 0, domainKeys: 0, partitions: 0, jobs: 0 }
  const jobs = { olderThanDays: jobRetentionDays, limit: BATCH }

  removed.results = await inBatches(async () => {
    const paths = await database.write(ADMISSION, (sql) =>
      expireResults(sql, { olderThanDays: resultRetentionDays, limit: BATCH }),
    )
    for (const path of paths) await store.remove(path)
    return paths.length
  })
  removed.domainKeys = await inBatches(() => database.write(ADMISSION, (sql) => expireDomainKeys(sql, jobs)))
  for (const number of await database.read(ADMISSION, listOldJobPartitions)) {
    const isDropped = await database.write(ADMISSION, (sql) =>
      dropJobPartition(sql, number, jobRetentionDays),
    )
    if (!isDropped) break
    removed.partitions += 1
  }
  removed.jobs = await inBatches(() => database.write(ADMISSION, (sql) => deleteOldJobs(sql, jobs)))
  log.info({ ...removed }, 'old jobs removed')
  return removed
}

async function inBatches(removeBatch: () => Promise<number>): Promise<number> {
  for (let total = 0; ; ) {
    const count = await removeBatch()
    total += count
    if (count < BATCH) return total
  }
}

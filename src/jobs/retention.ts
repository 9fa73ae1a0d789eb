import type { Database } from '../database/index.ts'
import type { Log, Sql } from '../kernel/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import {
  deleteOldJobs,
  dropJobPartition,
  expireDomainKeys,
  expireResults,
  findOrphans,
  listOldJobPartitions,
} from './retention-store.ts'

export type RetentionDeps = { database: Database; store: ObjectStore; log: Log }
export type JobRetention = { jobRetentionDays: number; resultRetentionDays: number }
export type Removed = { results: number; domainKeys: number; partitions: number; jobs: number }

const ADMISSION = { class: 'background', deadlineMs: 60_000 } as const
const BATCH = 1000
const RESULTS = 'results/'

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

/**
 * Removes stored results that no job has: attempts that were killed, fenced off or lost after they had stored theirs.
 * Looks at every result, so once a day is enough. A file is left alone for a day, and while its job may yet report it.
 */
export async function removeOrphanResults(
  { database, store, log }: RetentionDeps,
  {
    now,
    isWaiting,
    olderThanHours = 24,
  }: { now: Date; isWaiting: (job: bigint) => boolean; olderThanHours?: number },
): Promise<number> {
  const youngestMs = now.getTime() - olderThanHours * 3_600_000
  let removed = 0
  const removeFrom = async (files: { path: string; jobId: bigint }[]) => {
    const orphans = await database.read(ADMISSION, (sql) => findOrphans(sql, files))
    for (const path of orphans) await store.remove(path)
    removed += orphans.length
  }
  let batch: { path: string; jobId: bigint }[] = []
  for await (const { path, modifiedAtMs } of store.list(RESULTS)) {
    const jobId = jobOfResult(path)
    if (jobId === undefined || modifiedAtMs > youngestMs) continue
    // Run on the snapshot, and not yet in the main database: it only looks like nobody's.
    if (isWaiting(jobId)) continue
    batch.push({ path, jobId })
    if (batch.length < BATCH) continue
    await removeFrom(batch)
    batch = []
  }
  await removeFrom(batch)
  if (removed > 0) log.info({ removed }, 'results that belonged to no job removed')
  return removed
}

/** Whose result a file is; undefined for one that is not ours to judge. */
export function jobOfResult(path: string): bigint | undefined {
  const [, jobId] = /^results\/(\d{1,18})\//.exec(path) ?? []
  return jobId === undefined ? undefined : BigInt(jobId)
}

/** Which of these results no job has or may yet report, at this moment; `isWaiting` as above. */
export async function orphanResultsAmong(
  sql: Sql,
  paths: readonly string[],
  isWaiting: (job: bigint) => boolean,
): Promise<string[]> {
  const files = paths.flatMap((path) => {
    const jobId = jobOfResult(path)
    return jobId === undefined || isWaiting(jobId) ? [] : [{ path, jobId }]
  })
  return files.length === 0 ? [] : findOrphans(sql, files)
}

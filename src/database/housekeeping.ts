import type { Database } from './types.ts'

/** Ids from this size on belong to one partition of `jobs`. */
export const JOBS_PER_PARTITION = 1_000_000n
const BATCH = 5_000
const ADMISSION = { class: 'background', deadlineMs: 60_000 } as const

/**
 * Creates partitions of `jobs` so that at least `ahead` whole ones follow the last id given out. Returns the names of
 * those created. During a maintenance that copies the database it must not run: DDL is not replicated.
 */
export async function createJobPartitions(database: Database, { ahead = 2 } = {}): Promise<string[]> {
  return database.write(ADMISSION, async (sql) => {
    // Two processes may find the same partition missing.
    await sql`SELECT pg_advisory_xact_lock(7214310002)`
    const [last] = await sql<{ id: bigint }>`SELECT last_value AS id FROM job_ids`
    const rows = await sql<{ name: string }>`
      SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
       WHERE i.inhparent = 'jobs'::regclass`
    const there = new Set(rows.map(({ name }) => name))
    const first = last!.id / JOBS_PER_PARTITION
    const wanted = Array.from({ length: ahead + 1 }, (_, i) => first + BigInt(i))
    const missing = wanted.filter((number) => !there.has(`jobs_${number}`))
    for (const number of missing)
      await sql`SELECT create_job_partition(${number}, ${number * JOBS_PER_PARTITION}, ${(number + 1n) * JOBS_PER_PARTITION})`
    return missing.map((number) => `jobs_${number}`)
  })
}

/** Operation ids outlive every caller that could still ask for them by far. Returns the number removed. */
export function sweepOperations(database: Database, { olderThanHours = 24 } = {}): Promise<number> {
  return inBatches(() =>
    database.write(
      ADMISSION,
      (sql) => sql`
      DELETE FROM operations WHERE id IN (
        SELECT id FROM operations WHERE created_at < now() - make_interval(hours => ${olderThanHours})
         ORDER BY created_at LIMIT ${BATCH})
      RETURNING 1`,
    ),
  )
}

/** What every snapshot writer has long read. A reader that is further behind starts again from the tables. */
export function sweepChanges(database: Database, { olderThanHours = 24 } = {}): Promise<number> {
  return inBatches(() =>
    database.write(
      ADMISSION,
      (sql) => sql`
      DELETE FROM changes WHERE id IN (
        SELECT id FROM changes ORDER BY xid, id LIMIT ${BATCH})
        AND at < now() - make_interval(hours => ${olderThanHours})
      RETURNING 1`,
    ),
  )
}

/** What could not be stored can be looked up for 30 days. */
export function sweepErrorRecords(database: Database, { olderThanDays = 30 } = {}): Promise<number> {
  return inBatches(() =>
    database.write(
      ADMISSION,
      (sql) => sql`
      DELETE FROM error_records WHERE id IN (
        SELECT id FROM error_records WHERE created_at < now() - make_interval(days => ${olderThanDays})
         ORDER BY created_at LIMIT ${BATCH})
      RETURNING 1`,
    ),
  )
}

/** Small transactions, so that a sweep never holds up a drain. */
async function inBatches(removeBatch: () => Promise<unknown[]>): Promise<number> {
  for (let removed = 0; ; ) {
    const { length } = await removeBatch()
    removed += length
    if (length < BATCH) return removed
  }
}

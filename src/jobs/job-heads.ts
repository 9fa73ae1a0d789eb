import type { Database } from '../database/index.ts'
import type { Admission } from '../gate/index.ts'
import { findJobHeads, type WantedHeads } from './store.ts'
import type { Job } from './types.ts'

/** A query may have a million characters. */
const PAGE_WITH_QUERIES = 100
const PAGE = 2000
const LARGEST_ID = 2n ** 63n - 1n

/** A job without its log; `time` is `createdAt` in whole unix seconds. */
export type JobHead = Job & { time: bigint }

/**
 * All jobs that are wanted, newest first, in pages: for the system table. @throws database_away (503, retry)
 */
export async function* jobHeads(
  database: Database,
  admission: Admission,
  wanted: WantedHeads,
  limit = wanted.withQuery ? PAGE_WITH_QUERIES : PAGE,
): AsyncIterable<JobHead[]> {
  for (let below: bigint | undefined = LARGEST_ID; below !== undefined; ) {
    const last: bigint = below
    const page: JobHead[] = await database.read(admission, (sql) =>
      findJobHeads(sql, { ...wanted, below: last, limit }),
    )
    yield page
    below = page.length < limit ? undefined : page.at(-1)!.id
  }
}

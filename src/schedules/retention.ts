import type { Database } from '../database/index.ts'
import { expireRuns } from './store.ts'

const ADMISSION = { class: 'background', deadlineMs: 60_000 } as const
const BATCH = 1000

/**
 * Removes records of runs older than that. A slot is only ever looked for shortly after it, so the promise of one run each
 * does not depend on them any more. Returns how many.
 */
export async function removeOldRuns(
  database: Database,
  { olderThanDays }: { olderThanDays: number },
): Promise<number> {
  for (let removed = 0; ; ) {
    const count = await database.write(ADMISSION, (sql) => expireRuns(sql, { olderThanDays, limit: BATCH }))
    removed += count
    if (count < BATCH) return removed
  }
}

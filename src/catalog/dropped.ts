import type { Database } from '../database/index.ts'
import { retireChunksOfDroppedTables } from './database-store.ts'

const BATCH = 1000

/**
 * Housekeeping: retires the chunks of dropped tables, in small transactions, so that the sweep of retired chunks
 * removes their files. Returns how many. @throws database_away (503, retry)
 */
export async function retireDroppedTables(database: Database): Promise<number> {
  for (let retired = 0; ; ) {
    const admission = { class: 'background', deadlineMs: 60_000 } as const
    const batch = await database.write(admission, (sql) => retireChunksOfDroppedTables(sql, BATCH))
    retired += batch
    if (batch < BATCH) return retired
  }
}

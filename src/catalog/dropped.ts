import type { Database } from '../database/index.ts'
import { retireChunksOfDroppedTables } from './database-store.ts'

const BATCH = 1000

/**
 * Retires the chunks of tables whose undo window is over, in small transactions, so that their files are removed like those of
 * any other retired chunk. Returns how many. @throws database_away (503, retry)
 */
export async function retireDroppedTables(
  database: Database,
  { undeleteHours }: { undeleteHours: number },
): Promise<number> {
  for (let retired = 0; ; ) {
    const admission = { class: 'background', deadlineMs: 60_000 } as const
    const batch = await database.write(admission, (sql) =>
      retireChunksOfDroppedTables(sql, { undeleteHours, most: BATCH }),
    )
    retired += batch
    if (batch < BATCH) return retired
  }
}

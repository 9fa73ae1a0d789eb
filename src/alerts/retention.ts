import type { Database } from '../database/index.ts'
import { dropOrphans, expireMessages } from './outbox-store.ts'

const ADMISSION = { class: 'background', deadlineMs: 60_000 } as const
const KEPT_DAYS = 30
const BATCH = 1000

/** Removes messages that ended more than 30 days ago; open ones stay. */
export async function removeOldAlerts(database: Database): Promise<void> {
  await database.write(ADMISSION, dropOrphans)
  for (let count = BATCH; count === BATCH; )
    count = await database.write(ADMISSION, (sql) =>
      expireMessages(sql, { olderThanDays: KEPT_DAYS, limit: BATCH }),
    )
}

import type { Database } from '../database/index.ts'
import { dropOrphans, expireMessages } from './outbox-store.ts'
import { dropRulesOfRemoved, dropUnusedTargets, lockRules } from './rule-store.ts'

const ADMISSION = { class: 'background', deadlineMs: 60_000 } as const
const KEPT_DAYS = 30
const BATCH = 1000

/** Removes messages that ended more than 30 days ago, and the rules of removed schedules with what only they named. */
export async function removeOldAlerts(database: Database): Promise<void> {
  await database.write(ADMISSION, async (sql) => {
    for (const accountId of await dropRulesOfRemoved(sql)) {
      await lockRules(sql, accountId)
      await dropUnusedTargets(sql, accountId)
    }
    await dropOrphans(sql)
  })
  for (let count = BATCH; count === BATCH; )
    count = await database.write(ADMISSION, (sql) =>
      expireMessages(sql, { olderThanDays: KEPT_DAYS, limit: BATCH }),
    )
}

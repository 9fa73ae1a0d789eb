import type { Database } from '../database/index.ts'
import type { Clock } from '../kernel/index.ts'
import type { ScriptRun } from '../query/index.ts'
import { writeErrors } from './errors.ts'
import { endLocks, takeLocks } from './lock-store.ts'
import { NO_IDS } from './overlay.ts'
import { type Plan, planScript } from './plan.ts'

const TAKEN_WAIT_MS = 1_000
const WRITE = { class: 'write', deadlineMs: 10_000 } as const

/**
 * The script's plan, with everything it needs to itself taken. What was planned before the locks were there is planned again: others may
 * have changed it. A job that waits keeps nothing, so nobody waits in a circle.
 * @throws attempt_over (503, retry) · what planning throws
 */
export async function planUnderLocks(
  deps: { database: Database; clock: Clock },
  run: ScriptRun,
): Promise<Plan> {
  let plan = await planScript(run, NO_IDS)
  while (plan.catalog.ageMs === undefined && !needsNothing(plan)) {
    const { locks } = plan
    const ids = await take(deps, run, plan)
    plan = await planScript(run, ids)
    const held = new Map(locks.map(({ target, tableId }) => [target, tableId]))
    const isCovered = plan.locks.every(
      ({ target, tableId }) => held.has(target) && (tableId === null || held.get(target) === tableId),
    )
    const { tables, databases } = plan.overlay.created()
    if (isCovered && tables <= ids.tables.length && databases <= ids.databases.length)
      return { ...plan, locks }
  }
  return plan
}

/** What is created is locked by its name. */
const needsNothing = ({ locks }: Plan) => locks.length === 0

/** Returns the numbers for what it creates. */
async function take({ database, clock }: { database: Database; clock: Clock }, run: ScriptRun, plan: Plan) {
  const { job, report, signal } = run
  let told: bigint | undefined
  for (;;) {
    signal.throwIfAborted()
    const taken = await database.write(WRITE, (sql) =>
      takeLocks(sql, job, plan.locks, plan.overlay.created()),
    )
    if (taken.kind === 'held') return taken.ids
    if (taken.kind === 'fenced') throw writeErrors.attempt_over(String(job.id))
    if (told !== taken.by) report.log(`waiting for job ${taken.by}, which changes the same table`)
    told = taken.by
    await clock.sleep(TAKEN_WAIT_MS, signal)
  }
}

/** After a failure: others need not wait for this attempt's end. */
export async function letGo({ database }: { database: Database }, { job }: ScriptRun): Promise<void> {
  await database.write(WRITE, (sql) => endLocks(sql, job))
}

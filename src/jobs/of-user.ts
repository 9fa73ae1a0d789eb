import { type KillDeps, killJob } from './kill.ts'
import { findUnfinishedJobs } from './of-user-store.ts'

/**
 * Kills what a user who is not there any more has running or waiting. What it does not reach (this process ends before, jobs in an
 * absence of the database) ends by itself: such a job is refused when it is planned, and once more when it would store something.
 */
export async function killJobsOf(deps: KillDeps, accountId: bigint, userId: bigint): Promise<number> {
  const ids = await deps.database.read({ class: 'read', deadlineMs: 5_000 }, (sql) =>
    findUnfinishedJobs(sql, accountId, userId),
  )
  for (const id of ids) await killJob(deps, accountId, id)
  return ids.length
}

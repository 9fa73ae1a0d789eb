import { httpErrors, type Principal } from '../kernel/http/index.ts'
import type { Job, JobAccess } from './types.ts'

/** Owners and administrators see every job of their account; members their own, and those of databases they may query. */
export async function requireSight(access: JobAccess, principal: Principal, job: Job): Promise<void> {
  if (isOwn(principal, job)) return
  const queryable = await access.queryable(principal)
  if (queryable === 'all' || queryable.has(job.database)) return
  throw httpErrors.not_authorized(`to see job ${job.id}`)
}

/** Killing takes one's own job, or an owner or administrator. */
export function requireKill(principal: Principal, job: Job): void {
  if (!isOwn(principal, job)) throw httpErrors.not_authorized(`to kill job ${job.id}`)
}

/** As a filter of lists: null = all. */
export async function visibleDatabases(access: JobAccess, principal: Principal): Promise<string[] | null> {
  if (principal.role !== 'member') return null
  const queryable = await access.queryable(principal)
  return queryable === 'all' ? null : [...queryable]
}

function isOwn({ role, userId }: Principal, job: Job): boolean {
  return role !== 'member' || job.userId === userId
}

import type { JobAccess } from '../jobs/index.ts'
import { httpErrors, type Principal } from '../kernel/http/index.ts'
import type { Schedule } from './types.ts'

/** To read it and its history: its owner, and whoever may query its database. @throws not_authorized (403, final) */
export async function requireSight(
  access: JobAccess,
  principal: Principal,
  schedule: Schedule,
): Promise<void> {
  if (isOwn(principal, schedule)) return
  const queryable = await access.queryable(principal)
  if (queryable === 'all' || queryable.has(schedule.database)) return
  throw httpErrors.not_authorized(`to see schedule '${schedule.name}'`)
}

/** Its owner, and those who administer the account. @throws not_authorized (403, final) */
export function requireChange(principal: Principal, schedule: Schedule): void {
  if (!isOwn(principal, schedule)) throw httpErrors.not_authorized(`to change schedule '${schedule.name}'`)
}

function isOwn({ role, userId }: Principal, schedule: Schedule): boolean {
  return role !== 'member' || schedule.userId === userId
}

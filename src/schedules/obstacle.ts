import type { DueSlot } from './run-store.ts'

export type Obstacle = { name: string; message: string }

/**
 * Why a run of a schedule cannot start: what `job/issue` would refuse its owner at this moment. The slot is not skipped in
 * silence and does not wait: its job ends as an error with this name, so that the history and alerts tell of it.
 */
export function obstacleOf({
  name,
  ownerName,
  ownerRemoved,
  database,
  databaseId,
  mayQuery,
}: DueSlot): Obstacle | undefined {
  if (ownerRemoved)
    return {
      name: 'OWNER_REMOVED',
      message: `schedule '${name}' belongs to ${ownerName}, who was removed: an administrator gives it to somebody with executing_user_id, or deletes it`,
    }
  if (databaseId === undefined)
    return {
      name: 'DATABASE_NOT_FOUND',
      message: `schedule '${name}' queries database '${database}', which does not exist any more`,
    }
  if (!mayQuery)
    return {
      name: 'PERMISSION_DENIED',
      message: `schedule '${name}' belongs to ${ownerName}, who may not query database '${database}' any more`,
    }
  return undefined
}

import type { Sql } from '../kernel/index.ts'
import { scheduleErrors } from './errors.ts'
import { slotAfter } from './next-slot.ts'
import { insertRuns } from './run-store.ts'
import type { Schedule } from './types.ts'

const MOST_OWED = 1_000

/**
 * The slots of a schedule whose time had come when its cron or zone changed: after an absence, or while they wait out the delay. They
 * are owed whatever comes after them. Taking the cron away, or the schedule, gives them up instead.
 * @throws schedule_backlog (409, final)
 */
export function owedSlots(before: Schedule, now: Date): Date[] {
  const owed: Date[] = []
  for (let slot = before.nextTime; slot !== null && slot <= now; slot = slotAfter(before, slot)) {
    if (owed.length === MOST_OWED) throw scheduleErrors.schedule_backlog(before.name)
    owed.push(slot)
  }
  return owed
}

/** Makes their jobs, which start when they would have. The schedule's lock must be held; what it says now is what runs. */
export async function startOwed(
  sql: Sql,
  { id, delaySeconds }: Pick<Schedule, 'id' | 'delaySeconds'>,
  slots: readonly Date[],
  databaseId: bigint | null,
): Promise<void> {
  const runs = slots.map((slot) => ({
    scheduleId: id,
    slot,
    startAt: new Date(slot.getTime() + delaySeconds * 1000),
    startInMs: 0,
    databaseId: databaseId ?? undefined,
    obstacle: undefined,
  }))
  await insertRuns(sql, runs)
}

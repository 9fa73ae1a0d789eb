import type { Database } from '../database/index.ts'
import { type GateView, patientUpTo } from '../jobs/index.ts'
import { isRetryable, type Sql } from '../kernel/index.ts'
import type { SnapshotSchedule } from '../snapshot/index.ts'
import { scheduleErrors } from './errors.ts'
import { findSchedule, findScheduleById, listSchedules } from './store.ts'
import type { Schedule, ScheduleHeads } from './types.ts'

export type ScheduleSources = {
  database: Database
  gate: GateView
  heads: ScheduleHeads
  readDeadlineMs: number
}
/** `asOfMs`: from the snapshot, so many milliseconds old. */
type Answer<T> = { value: T; asOfMs?: number }

/** @throws schedule_unknown (404, final) only when the main database said so · schedule_away (503, retry) */
export function lookUpSchedule(
  sources: ScheduleSources,
  accountId: bigint,
  name: string,
): Promise<Answer<Schedule>> {
  return lookUp(sources, name, {
    stored: (sql) => findSchedule(sql, accountId, name),
    remembered: ({ findSchedule: find }) => {
      const head = find(accountId, name)
      return head.kind === 'found' ? head.value : undefined
    },
  })
}

/** Likewise, by its number. */
export function lookUpScheduleById(
  sources: ScheduleSources,
  accountId: bigint,
  id: bigint,
): Promise<Answer<Schedule>> {
  return lookUp(sources, String(id), {
    stored: (sql) => findScheduleById(sql, accountId, id),
    remembered: ({ listSchedules: list }) => list(accountId).find((schedule) => schedule.id === id),
  })
}

async function lookUp(
  { database, gate, heads, readDeadlineMs }: ScheduleSources,
  what: string,
  find: {
    stored(sql: Sql): Promise<Schedule | undefined>
    remembered(heads: ScheduleHeads): SnapshotSchedule | undefined
  },
): Promise<Answer<Schedule>> {
  let found: Schedule | undefined
  try {
    const admission = patientUpTo(gate, 'read', readDeadlineMs)
    found = await database.read(admission, find.stored)
  } catch (error) {
    if (!isRetryable(error)) throw error
    const head = find.remembered(heads)
    if (head === undefined) throw scheduleErrors.schedule_away(what, error)
    return { value: fromSnapshot(heads, head), asOfMs: heads.ageMs }
  }
  if (found === undefined) throw scheduleErrors.schedule_unknown(what)
  return { value: found }
}

export async function lookUpSchedules(
  { database, gate, heads, readDeadlineMs }: ScheduleSources,
  accountId: bigint,
): Promise<Answer<Schedule[]>> {
  try {
    const admission = patientUpTo(gate, 'read', readDeadlineMs)
    return { value: await database.read(admission, (sql) => listSchedules(sql, accountId)) }
  } catch (error) {
    if (!isRetryable(error) || !heads.usable) throw error
    const value = heads.listSchedules(accountId).map((schedule) => fromSnapshot(heads, schedule))
    return { value, asOfMs: heads.ageMs }
  }
}

function fromSnapshot(heads: ScheduleHeads, schedule: SnapshotSchedule): Schedule {
  const user = heads.findUser(schedule.userId)
  const userName = user.kind === 'found' ? user.value.name : ''
  const nextTime = schedule.nextTime === null ? null : new Date(schedule.nextTime)
  return { ...schedule, userName, nextTime, createdAt: new Date(schedule.createdAt) }
}

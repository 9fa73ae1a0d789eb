import type { SnapshotSchedule, SnapshotView } from '../snapshot/index.ts'

/** A saved query with its user's name; with a cron it also runs by itself: `nextTime` is then the next slot, computed from the last one. */
export type Schedule = Omit<SnapshotSchedule, 'nextTime' | 'createdAt' | 'updatedAt'> & {
  userName: string
  nextTime: Date | null
  createdAt: Date
}

/** Everything of a schedule its users decide. */
export type ScheduleText = Pick<
  Schedule,
  | 'name'
  | 'cron'
  | 'timezone'
  | 'delaySeconds'
  | 'type'
  | 'database'
  | 'query'
  | 'priority'
  | 'retryLimit'
  | 'poolName'
  | 'engineVersion'
>

/** What the snapshot knows of schedules, for while the main database is away. */
export type ScheduleHeads = Pick<
  SnapshotView,
  'findSchedule' | 'listSchedules' | 'findUser' | 'usable' | 'ageMs'
>

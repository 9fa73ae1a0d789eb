import type { SnapshotView } from '../snapshot/index.ts'

/** A saved query; with a cron it also runs by itself. */
export type Schedule = {
  id: bigint
  accountId: bigint
  userId: bigint
  userName: string
  name: string
  /** null = never runs by itself. */
  cron: string | null
  timezone: string
  delaySeconds: number
  type: string
  database: string
  query: string
  priority: number
  retryLimit: number
  resultUrl: string
  poolName: string | null
  engineVersion: string | null
  /** The next slot to run, computed from the last one. */
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

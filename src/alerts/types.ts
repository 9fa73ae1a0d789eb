/** What may be told of the runs of a schedule. */
export const ALERT_EVENTS = ['failed', 'killed', 'late'] as const
export type AlertEvent = (typeof ALERT_EVENTS)[number]

export type AlertChannel = 'email' | 'webhook'

/** Whom to tell what. `scheduleId` null: of every schedule of the account that has no rule of its own. */
export type AlertRule = {
  accountId: bigint
  scheduleId: bigint | null
  scheduleName: string | null
  events: AlertEvent[]
  /** A run is late when it has not started so long after its slot and delay. */
  lateAfterSeconds: number
  targets: AlertTarget[]
}

export type AlertTarget = {
  id: bigint
  channel: AlertChannel
  /** For people: the address, or the host of a webhook without the rest of its URL, which may be a secret. */
  label: string
}

/** One thing to tell; a message carries one or many. `jobId` is null in a test. */
export type OwedAlert = {
  id: bigint
  event: AlertEvent | 'test'
  scheduleId: bigint | null
  scheduleName: string | null
  jobId: bigint | null
  scheduledAt: Date | null
  lateSeconds: number | null
  errorName: string | null
  errorMessage: string | null
}

/** A message on its way. `key` stays the same however often it is sent. */
export type AlertMessage = {
  id: bigint
  key: string
  accountId: bigint
  createdAt: Date
  attempts: number
  channel: AlertChannel
  /** An e-mail address; of a webhook only a fingerprint. */
  address: string
  label: string
  secret: Buffer | null
  /** All it tells of; `alerts` are the first of them. */
  total: number
  counts: Partial<Record<OwedAlert['event'], number>>
  alerts: OwedAlert[]
}

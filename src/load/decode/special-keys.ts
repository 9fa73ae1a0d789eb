/** What a key may mean to a channel of events besides naming a column; bits, so that a channel can name several. */
export const SPECIAL = {
  /** Identifies the event; consumed. */
  UUID: 1,
  /** Keys of the Keen clients: `keen`, and all that start with `#`; consumed. */
  KEEN: 2,
  HASH: 4,
  /** A value equal to the key itself stands for what the collector knows of the request. */
  PLACEHOLDER: 8,
  /** The time of a postback; a column like others besides. */
  RECORD_TIME: 16,
} as const

const BY_KEY: Record<string, number> = {
  uuid: SPECIAL.UUID,
  keen: SPECIAL.KEEN,
  td_record_time: SPECIAL.RECORD_TIME,
  td_ip: SPECIAL.PLACEHOLDER,
  td_browser: SPECIAL.PLACEHOLDER,
  td_browser_version: SPECIAL.PLACEHOLDER,
  td_os: SPECIAL.PLACEHOLDER,
  td_os_version: SPECIAL.PLACEHOLDER,
  td_global_id: SPECIAL.PLACEHOLDER,
}

export function specialOf(key: string): number {
  if (key.startsWith('#')) return SPECIAL.HASH
  return Object.hasOwn(BY_KEY, key) ? BY_KEY[key]! : 0
}

import { findZone } from '../../kernel/index.ts'

/**
 * What people call the clocks of a zone, in standard and in summer time. Data, not guesses: the runtime's own names depend on its
 * language (Tokyo is `GMT+9` in English, Los Angeles `GMT-7` in Japanese).
 */
const LABELS: Record<string, readonly [standard: string, summer: string]> = {
  UTC: ['UTC', 'UTC'],
  'America/Anchorage': ['AKST', 'AKDT'],
  'America/Chicago': ['CST', 'CDT'],
  'America/Denver': ['MST', 'MDT'],
  'America/Halifax': ['AST', 'ADT'],
  'America/Los_Angeles': ['PST', 'PDT'],
  'America/New_York': ['EST', 'EDT'],
  'America/Phoenix': ['MST', 'MST'],
  'America/Toronto': ['EST', 'EDT'],
  'America/Vancouver': ['PST', 'PDT'],
  'Asia/Hong_Kong': ['HKT', 'HKT'],
  'Asia/Kolkata': ['IST', 'IST'],
  'Asia/Seoul': ['KST', 'KST'],
  'Asia/Singapore': ['SGT', 'SGT'],
  'Asia/Tokyo': ['JST', 'JST'],
  'Australia/Brisbane': ['AEST', 'AEST'],
  'Australia/Melbourne': ['AEST', 'AEDT'],
  'Australia/Sydney': ['AEST', 'AEDT'],
  'Europe/Amsterdam': ['CET', 'CEST'],
  'Europe/Athens': ['EET', 'EEST'],
  'Europe/Berlin': ['CET', 'CEST'],
  'Europe/Helsinki': ['EET', 'EEST'],
  'Europe/Lisbon': ['WET', 'WEST'],
  'Europe/London': ['GMT', 'BST'],
  'Europe/Madrid': ['CET', 'CEST'],
  'Europe/Paris': ['CET', 'CEST'],
  'Europe/Rome': ['CET', 'CEST'],
  'Europe/Stockholm': ['CET', 'CEST'],
  'Europe/Vienna': ['CET', 'CEST'],
  'Europe/Warsaw': ['CET', 'CEST'],
  'Europe/Zurich': ['CET', 'CEST'],
  'Pacific/Auckland': ['NZST', 'NZDT'],
  'Pacific/Honolulu': ['HST', 'HST'],
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** One instant as the clocks of one zone show it. */
export type ClockTime = {
  /** `Wed 23 Oct 2019` */
  date: string
  /** `18:15` */
  time: string
  /** `PDT`; undefined where people have no short name for it. */
  label: string | undefined
  /** `UTC−7`, `UTC+5:30`, `UTC` */
  offset: string
}

/** @throws RangeError for a zone nobody knows: plans are checked before. */
export function clockTime(instantMs: number, zoneName: string): ClockTime {
  const zone = findZone(zoneName)
  if (zone === undefined) throw new RangeError(`the zone ${zoneName} is not known`)
  const local = new Date(zone.localMs(instantMs))
  const two = (n: number) => String(n).padStart(2, '0')
  const offsetMs = local.getTime() - instantMs
  return {
    date: `${DAYS[local.getUTCDay()]} ${local.getUTCDate()} ${MONTHS[local.getUTCMonth()]} ${local.getUTCFullYear()}`,
    time: `${two(local.getUTCHours())}:${two(local.getUTCMinutes())}`,
    label: LABELS[zoneName]?.[isSummer(instantMs, zoneName, offsetMs) ? 1 : 0],
    offset: offsetText(offsetMs),
  }
}

/** `Los Angeles`, of `America/Los_Angeles`. */
export function placeOf(zoneName: string): string {
  return zoneName.slice(zoneName.lastIndexOf('/') + 1).replaceAll('_', ' ')
}

/** By label, the offsets it can stand for, in minutes: `CST` is one in Chicago only because Shanghai's is not in the table. */
export function offsetsOfLabel(label: string): number[] {
  const found = new Set<number>()
  for (const [zoneName, labels] of Object.entries(LABELS)) {
    for (const [i, one] of labels.entries()) {
      if (one !== label) continue
      const [winter, summer] = yearlyOffsets(Date.UTC(2024, 0, 1), zoneName)
      found.add((i === 0 ? Math.min(winter, summer) : Math.max(winter, summer)) / 60_000)
    }
  }
  return [...found]
}

function isSummer(instantMs: number, zoneName: string, offsetMs: number): boolean {
  const [january, july] = yearlyOffsets(instantMs, zoneName)
  return january !== july && offsetMs === Math.max(january, july)
}

function yearlyOffsets(instantMs: number, zoneName: string): [january: number, july: number] {
  const zone = findZone(zoneName)!
  const year = new Date(instantMs).getUTCFullYear()
  const at = (month: number) => {
    const ms = Date.UTC(year, month, 1)
    return zone.localMs(ms) - ms
  }
  return [at(0), at(6)]
}

function offsetText(offsetMs: number): string {
  const minutes = Math.abs(offsetMs) / 60_000
  if (minutes === 0) return 'UTC'
  const rest = minutes % 60 === 0 ? '' : `:${String(minutes % 60).padStart(2, '0')}`
  return `UTC${offsetMs < 0 ? '−' : '+'}${Math.floor(minutes / 60)}${rest}`
}

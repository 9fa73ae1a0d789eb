/**
 * Time zones by the names people write: IANA, offsets, Java's short ids and the daylight abbreviations, in any letter case.
 * Rules come from the ICU data of the runtime; look-ups are cached so that per-row use costs a map access.
 *
 * Short ids as in java.time.ZoneId.SHORT_IDS; PDT, MDT, CDT, EDT fixed as in wvlet/airframe
 * airframe-metrics/src/main/scala/wvlet/airframe/metrics/TimeWindow.scala.
 */
export type Zone =
  | { kind: 'region'; name: string }
  /** `name` is `+09:00`, `-03:30`; `Z`-like names are the region UTC. */
  | { kind: 'offset'; name: string; offsetSeconds: number }

const FIXED_HOURS: Record<string, number> = { EST: -5, MST: -7, HST: -10, PDT: -7, MDT: -6, CDT: -5, EDT: -4 }
const SHORT_IDS: Record<string, string> = {
  ACT: 'Australia/Darwin',
  AET: 'Australia/Sydney',
  AGT: 'America/Argentina/Buenos_Aires',
  ART: 'Africa/Cairo',
  AST: 'America/Anchorage',
  BET: 'America/Sao_Paulo',
  BST: 'Asia/Dhaka',
  CAT: 'Africa/Harare',
  CNT: 'America/St_Johns',
  CST: 'America/Chicago',
  CTT: 'Asia/Shanghai',
  EAT: 'Africa/Addis_Ababa',
  ECT: 'Europe/Paris',
  IET: 'America/Indiana/Indianapolis',
  IST: 'Asia/Kolkata',
  JST: 'Asia/Tokyo',
  MIT: 'Pacific/Apia',
  NET: 'Asia/Yerevan',
  NST: 'Pacific/Auckland',
  PLT: 'Asia/Karachi',
  PNT: 'America/Phoenix',
  PRT: 'America/Puerto_Rico',
  PST: 'America/Los_Angeles',
  SST: 'Pacific/Guadalcanal',
  VST: 'Asia/Ho_Chi_Minh',
}

const UTC: Zone = { kind: 'region', name: 'UTC' }
const found = new Map<string, Zone | undefined>()
const MAX_REMEMBERED = 2_000

/** The zone of that name, undefined when there is none. */
export function findZone(name: string): Zone | undefined {
  if (found.has(name)) return found.get(name)
  const zone = readZone(name.trim())
  // Names come from users' data; the cache must not grow with them.
  if (found.size >= MAX_REMEMBERED) found.clear()
  found.set(name, zone)
  return zone
}

function readZone(name: string): Zone | undefined {
  const upper = name.toUpperCase()
  if (['UTC', 'GMT', 'Z', 'UT', 'UCT', 'ZULU', 'ETC/UTC', 'GMT0'].includes(upper)) return UTC
  const hours = FIXED_HOURS[upper]
  if (hours !== undefined) return offsetZone(hours * 3600)
  const region = SHORT_IDS[upper]
  if (region !== undefined) return { kind: 'region', name: region }
  const offset = /^(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?$/.exec(upper)
  if (offset !== null) return readOffset(offset)
  return readRegion(name)
}

function readOffset([, sign, hours, minutes = '0', seconds = '0']: RegExpExecArray): Zone | undefined {
  if (Number(hours) > 18 || Number(minutes) > 59 || Number(seconds) > 59) return undefined
  const total = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)
  return offsetZone(sign === '-' ? -total : total)
}

/** A zone that is always the same distance from UTC. */
export function offsetZone(offsetSeconds: number): Zone {
  return offsetSeconds === 0 ? UTC : { kind: 'offset', name: offsetText(offsetSeconds), offsetSeconds }
}

/** `+09:00`, `-03:30`; seconds only when there are any. */
export function offsetText(seconds: number, separator = ':'): string {
  const all = Math.abs(seconds)
  const two = (n: number) => String(n).padStart(2, '0')
  const tail = all % 60 === 0 ? '' : separator + two(all % 60)
  return (
    (seconds < 0 ? '-' : '+') +
    two(Math.floor(all / 3600)) +
    separator +
    two(Math.floor(all / 60) % 60) +
    tail
  )
}

/** IANA names match in any letter case and keep the case of the registry; abbreviations of the runtime's own are not zones. */
function readRegion(name: string): Zone | undefined {
  if (!/^[A-Za-z][\w+-]*(\/[\w+-]+)+$/.test(name) && !SINGLE_WORD_REGIONS.has(name.toUpperCase()))
    return undefined
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name })
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
  return { kind: 'region', name: properCase(name) }
}

const SINGLE_WORD_REGIONS = new Set(
  'CET CST6CDT CUBA EET EGYPT EIRE EST5EDT GB HONGKONG ICELAND IRAN ISRAEL JAMAICA JAPAN LIBYA MET MST7MDT NAVAJO NZ POLAND PORTUGAL PRC PST8PDT ROC ROK SINGAPORE TURKEY WET'.split(
    ' ',
  ),
)

/** `asia/ho_chi_minh` → `Asia/Ho_Chi_Minh`. */
function properCase(name: string): string {
  if (/[a-z]/.test(name) && /[A-Z]/.test(name)) return name
  const words = name
    .toLowerCase()
    .replace(/(^|[/_-])([a-z])/g, (_, before, letter) => before + letter.toUpperCase())
  const small = words.replace(/([_-])(Of|Es|Au|In)([_-])/g, (_, a, word, b) => a + word.toLowerCase() + b)
  return SINGLE_WORD_REGIONS.has(name.toUpperCase()) ? name.toUpperCase() : small
}

const formatters = new Map<string, Intl.DateTimeFormat>()
/** Offset per zone and quarter of an hour: no zone has ever changed within one, so one formatting serves all its seconds. */
const offsets = new Map<string, Map<number, number>>()
const QUARTER = 900

/** Seconds east of UTC at the instant (unix seconds). */
export function offsetAt(zone: Zone, epochSeconds: number): number {
  if (zone.kind === 'offset') return zone.offsetSeconds
  if (zone.name === 'UTC') return 0
  const quarter = Math.floor(epochSeconds / QUARTER)
  let known = offsets.get(zone.name)
  if (known === undefined || known.size > 100_000) {
    known = new Map()
    offsets.set(zone.name, known)
  }
  let offset = known.get(quarter)
  if (offset === undefined) {
    offset = computedOffset(zone.name, quarter * QUARTER)
    known.set(quarter, offset)
  }
  return offset
}

function computedOffset(name: string, epochSeconds: number): number {
  let formatter = formatters.get(name)
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    formatters.set(name, formatter)
  }
  const parts: Record<string, string> = {}
  for (const { type, value } of formatter.formatToParts(epochSeconds * 1000)) parts[type] = value
  const year = parts.era === 'BC' ? 1 - Number(parts.year) : Number(parts.year)
  const local = Date.UTC(
    2000,
    Number(parts.month) - 1,
    Number(parts.day),
    Number(parts.hour),
    Number(parts.minute),
    Number(parts.second),
  )
  const shifted = new Date(local)
  shifted.setUTCFullYear(year, Number(parts.month) - 1, Number(parts.day))
  return Math.round(shifted.getTime() / 1000 - epochSeconds)
}

/**
 * The instant at which clocks of the zone show the local time (seconds since 1970 read as if UTC). A time skipped by a change
 * of clocks moves on by the gap; one that comes twice is the first, as java.time has it.
 */
export function instantOf(zone: Zone, localSeconds: number): number {
  if (zone.kind === 'offset') return localSeconds - zone.offsetSeconds
  const before = offsetAt(zone, localSeconds - 86_400)
  const after = offsetAt(zone, localSeconds + 86_400)
  if (offsetAt(zone, localSeconds - before) === before) return localSeconds - before
  if (offsetAt(zone, localSeconds - after) === after) return localSeconds - after
  return localSeconds - before
}

/** The local time of the zone at the instant, as seconds since 1970 read as if UTC. */
export const localSecondsOf = (zone: Zone, epochSeconds: number): number =>
  epochSeconds + offsetAt(zone, epochSeconds)

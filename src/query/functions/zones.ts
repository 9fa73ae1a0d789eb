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
  if (/^(ETC\/)?(UTC|UCT|UT|Z|ZULU|UNIVERSAL|GREENWICH|GMT([+-]?0)?)$/.test(upper) && upper !== 'ETC/Z')
    return UTC
  // The signs of these names are the other way round.
  const etc = /^ETC\/GMT([+-])(\d{1,2})$/.exec(upper)
  if (etc !== null) return offsetZone((etc[1] === '+' ? -1 : 1) * Number(etc[2]) * 3600)
  const hours = FIXED_HOURS[upper]
  if (hours !== undefined) return offsetZone(hours * 3600)
  const region = SHORT_IDS[upper]
  if (region !== undefined) return { kind: 'region', name: region }
  const offset = /^(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?$/.exec(upper)
  if (offset !== null) return readOffset(offset)
  return readRegion(name)
}

const FARTHEST_OFFSET_SECONDS = 14 * 3600

function readOffset([, sign, hours, minutes = '0', seconds = '0']: RegExpExecArray): Zone | undefined {
  if (Number(minutes) > 59 || Number(seconds) > 59) return undefined
  const total = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)
  if (total > FARTHEST_OFFSET_SECONDS) return undefined
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

/** The part of a year during which a zone keeps one offset: until `until` (unix seconds, exclusive). */
type Stretch = { until: number; offset: number }

const formatters = new Map<string, Intl.DateTimeFormat>()
/** By zone, then by year as counted in YEAR_SECONDS from 1970. */
const stretches = new Map<string, Map<number, Stretch[]>>()
const YEAR_SECONDS = 31_556_952
/** Shorter than any time between two changes of clocks that rules have known (Morocco's Ramadan is the shortest). */
const SAMPLE_SECONDS = 14 * 86_400
/** Beyond these instants a Date cannot go, and no rule has changed for long. */
const MAX_EPOCH_SECONDS = 8_000_000_000_000

/** Seconds east of UTC at the instant (unix seconds). */
export function offsetAt(zone: Zone, epochSeconds: number): number {
  if (zone.kind === 'offset') return zone.offsetSeconds
  if (zone.name === 'UTC') return 0
  const known = yearOf(zone.name, Math.floor(epochSeconds / YEAR_SECONDS))
  let i = 0
  while (epochSeconds >= known[i]!.until && i < known.length - 1) i++
  return known[i]!.offset
}

/** The stretches of a year, computed once. */
function yearOf(name: string, year: number): Stretch[] {
  let years = stretches.get(name)
  if (years === undefined) {
    years = new Map()
    stretches.set(name, years)
  }
  let known = years.get(year)
  if (known === undefined) {
    known = stretchesOf(name, year)
    if (years.size > 1000) years.clear()
    years.set(year, known)
  }
  return known
}

/** Finds the changes within a year by looking every two weeks, and closer where two looks differ. */
function stretchesOf(name: string, year: number): Stretch[] {
  const found: Stretch[] = []
  const end = (year + 1) * YEAR_SECONDS
  let at = year * YEAR_SECONDS
  let offset = computedOffset(name, at)
  while (at < end) {
    const next = Math.min(at + SAMPLE_SECONDS, end)
    const then = computedOffset(name, next)
    if (then !== offset) found.push({ until: changeBetween(name, at, next, offset), offset })
    at = next
    offset = then
  }
  return [...found, { until: Number.POSITIVE_INFINITY, offset }]
}

/** First second at which the zone no longer has the offset. */
function changeBetween(name: string, from: number, to: number, offset: number): number {
  let low = from
  let high = to
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (computedOffset(name, middle) === offset) low = middle
    else high = middle
  }
  return high
}

function computedOffset(name: string, given: number): number {
  const epochSeconds = Math.max(-MAX_EPOCH_SECONDS, Math.min(MAX_EPOCH_SECONDS, given))
  let formatter = formatters.get(name)
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' })
    formatters.set(name, formatter)
  }
  const text = formatter
    .formatToParts(epochSeconds * 1000)
    .find((part) => part.type === 'timeZoneName')?.value
  const found = /^GMT([+-])(\d\d):(\d\d)(?::(\d\d))?$/.exec(text ?? '')
  if (found === null) return 0
  const size = Number(found[2]) * 3600 + Number(found[3]) * 60 + Number(found[4] ?? 0)
  return found[1] === '-' ? -size : size
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

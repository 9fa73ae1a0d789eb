import { compilePattern, type Dialect } from './date-patterns.ts'
import { fault } from './errors-in-engine.ts'
import { daysFromCivil, daysInMonth, firstWeek } from './local-time.ts'
import { parsePattern } from './parse-pattern.ts'
import { formatInstant, knownZone } from './td-moments.ts'
import { findZone, instantOf, localSecondsOf, offsetAt, offsetText, offsetZone } from './zones.ts'

/** Presto's functions of time in plain JavaScript. Instants are microseconds since 1970 unless named otherwise. */

const MICROS = 1_000_000n

const invalid = (message: string): Error => fault('INVALID_FUNCTION_ARGUMENT', message)

function secondsAndMicros(at: bigint): { seconds: number; micros: number } {
  const micros = ((at % MICROS) + MICROS) % MICROS
  return { seconds: Number((at - micros) / MICROS), micros: Number(micros) }
}

export function format(at: bigint, pattern: string, dialect: Dialect, zone: string): string {
  const { seconds, micros } = secondsAndMicros(at)
  return formatInstant(seconds, micros, pattern, dialect, knownZone(zone))
}

/** @throws Error INVALID_FUNCTION_ARGUMENT with the place where the text stops following the pattern. */
export function parse(text: string, pattern: string, dialect: Dialect, zone: string): bigint {
  const parsed = parsePattern(compilePattern(pattern, dialect), text)
  if ('malformedAt' in parsed) {
    const rest = text.slice(parsed.malformedAt)
    const tooShort =
      text === ''
        ? ''
        : rest === ''
          ? ' is too short'
          : parsed.malformedAt === 0
            ? ''
            : ` is malformed at "${rest}"`
    throw invalid(`Invalid format: "${text}"${tooShort}`)
  }
  return (
    BigInt(instantOf(parsed.zone ?? knownZone(zone), parsed.localSeconds)) * MICROS +
    millisecondsOnly(parsed.micros)
  )
}

/** Presto's parsers answer timestamp(3). */
const millisecondsOnly = (micros: number): bigint => BigInt(micros - (micros % 1000))

const ISO_DATE = /^([+-]?\d{4,})(?:-?W(\d{2})(?:-?([1-7]))?|-(\d{3})|-(\d{1,2})(?:-(\d{1,2}))?)?$/
const ISO_TIME = /^(\d{1,2})(?::(\d{1,2})(?::(\d{1,2}))?)?(?:[.,](\d{1,9}))?(Z|[+-]\d{2}(?::?\d{2})?)?$/

/** Days since 1970 of a calendar, week or ordinal date. */
function isoDays(text: string, whole = text): number | undefined {
  const found = ISO_DATE.exec(text)
  if (found === null) return undefined
  const [, year, week, weekday, ordinal, month, day] = found
  const y = Number(year)
  if (week !== undefined) {
    return Number(week) >= 1 && Number(week) <= 53
      ? firstWeek(y) + (Number(week) - 1) * 7 + Number(weekday ?? 1) - 1
      : undefined
  }
  if (ordinal !== undefined) {
    const days = daysFromCivil({ year: y, month: 1, day: 1 }) + Number(ordinal) - 1
    return Number(ordinal) >= 1 && days < daysFromCivil({ year: y + 1, month: 1, day: 1 }) ? days : undefined
  }
  const [m, d] = [Number(month ?? 1), Number(day ?? 1)]
  inRange(whole, 'monthOfYear', m, 1, 12)
  inRange(whole, 'dayOfMonth', d, 1, daysInMonth(y, m))
  return daysFromCivil({ year: y, month: m, day: d })
}

/** A fraction is of the last unit given: hours, minutes or seconds. Presto keeps milliseconds here. */
export function fromIso(text: string, zone: string): bigint {
  const [date = '', time] = text.trim().split('T')
  const days = date === '' && time !== undefined && time !== '' ? 0 : isoDays(date, text)
  const found = time === undefined || time === '' ? undefined : ISO_TIME.exec(time)
  if (days === undefined || found === null) throw malformed(text)
  const [, hour = '0', minute, second, fraction = '', own] = found ?? []
  inRange(text, 'hourOfDay', Number(hour), 0, 23)
  inRange(text, 'minuteOfHour', Number(minute ?? 0), 0, 59)
  inRange(text, 'secondOfMinute', Number(second ?? 0), 0, 59)
  const local = days * 86_400 + Number(hour) * 3600 + Number(minute ?? 0) * 60 + Number(second ?? 0)
  const unitMillis = second !== undefined ? 1000 : minute !== undefined ? 60_000 : 3_600_000
  const millis = Math.floor(Number(`0.${fraction || '0'}`) * unitMillis + 1e-6)
  const instant = instantOf(own === undefined ? knownZone(zone) : findZone(own)!, local)
  if (Math.abs(instant) > MAX_SECONDS) throw malformed(text)
  return BigInt(instant) * MICROS + BigInt(millis) * 1000n
}

/** What 64 bits of microseconds reach. */
const MAX_SECONDS = 9_223_372_036_853

const malformed = (text: string): Error => invalid(`Invalid format: "${text}"`)

function inRange(text: string, field: string, value: number, least: number, most: number): void {
  if (value >= least && value <= most) return
  throw invalid(`Cannot parse "${text}": Value ${value} for ${field} must be in the range [${least},${most}]`)
}

const ISO_MOMENT =
  /^([+-]?\d{4,9})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:\d{2}(?::\d{2})?)?(?:\[([^\]]+)\])?$/i

/** Nanoseconds since 1970 and the zone of a date and time as java.time writes them. */
export function isoNanos(text: string, sessionZone: string): { nanos: bigint; zone: string } {
  const found = ISO_MOMENT.exec(text)
  if (found === null) throw invalid(`Text '${text}' could not be parsed`)
  const [, year, month, day, hour, minute, second = '0', fraction = '', offset, region] = found
  const date = { year: Number(year), month: Number(month), day: Number(day) }
  const zone = findZone(region ?? offset ?? sessionZone)
  const exists =
    date.month >= 1 && date.month <= 12 && date.day >= 1 && date.day <= daysInMonth(date.year, date.month)
  if (!exists || zone === undefined || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59)
    throw invalid(`Text '${text}' could not be parsed`)
  const local = daysFromCivil(date) * 86_400 + Number(hour) * 3600 + Number(minute) * 60 + Number(second)
  const nanos = BigInt(instantOf(zone, local)) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'))
  if (nanos !== BigInt.asIntN(64, nanos)) throw invalid(`Text '${text}' could not be parsed`)
  return { nanos, zone: zone.name }
}

/** Name of the zone so many hours and minutes from UTC. */
export function offsetZoneName(hours: bigint, minutes: bigint): string {
  const total = hours * 60n + minutes
  if (total < -840n || total > 840n) throw invalid(`Invalid offset minutes ${total}`)
  return offsetZone(Number(total) * 60).name
}

/** Name of the zone that the text ends with, or of the given one. */
export function zoneInIso(text: string, zone: string): string {
  const [, time = ''] = text.trim().split('T')
  const own = ISO_TIME.exec(time)?.[5]
  return (own === undefined ? knownZone(zone) : findZone(own)!).name
}

/** Name of the zone that a text says by a Joda pattern, or of the given one. */
export function parsedZone(text: string, pattern: string, zone: string): string {
  const parsed = parsePattern(compilePattern(pattern, 'joda'), text)
  return ('zone' in parsed ? (parsed.zone ?? knownZone(zone)) : knownZone(zone)).name
}

export function fromIsoDate(text: string): bigint {
  const days = isoDays(text)
  if (days === undefined) throw invalid(`Invalid format: "${text}"`)
  return BigInt(days)
}

/** Seconds east of UTC that the zone has at the instant. */
export const offset = (at: bigint, zone: string): number =>
  offsetAt(knownZone(zone), secondsAndMicros(at).seconds)

/** `Z`, `+09:00`. */
export function isoOffset(at: bigint, zone: string): string {
  const seconds = offset(at, zone)
  return seconds === 0 ? 'Z' : offsetText(seconds)
}

/** `2024-01-31 10:00:00.000` on the clocks of the zone. */
export function localText(atMs: number, zone: string): string {
  const seconds = localSecondsOf(knownZone(zone), Math.floor(atMs / 1000))
  const millis = String(((atMs % 1000) + 1000) % 1000).padStart(3, '0')
  return `${new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')}.${millis}`
}

/** Unix seconds of such a text; undefined when it is none. */
export function unixSeconds(text: string, zone: string): number | undefined {
  const found = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(\.\d{1,6})?$/.exec(text)
  if (found === null) return undefined
  const local = Date.parse(`${found[1]}T${found[2]}Z`) / 1000
  return instantOf(knownZone(zone), local) + Number(found[3] ?? 0)
}

const UNIT_SECONDS: [string, number][] = [
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
]

/** `1 week, 3 days, 7 hours, 36 minutes, 15 seconds` */
export function humanReadableSeconds(value: number): string {
  if (!Number.isFinite(value)) throw invalid(`Invalid argument found: ${value}`)
  let left = Math.round(Math.abs(value))
  const parts: string[] = []
  const say = (count: number, unit: string) => parts.push(`${count} ${unit}${count === 1 ? '' : 's'}`)
  for (const [unit, size] of UNIT_SECONDS) {
    const count = Math.floor(left / size)
    if (count > 0) say(count, unit)
    left -= count * size
  }
  if (left > 0 || parts.length === 0) say(left, 'second')
  return parts.join(', ')
}

const DURATION_MILLIS: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Milliseconds of `3.81d`, `5m`. */
export function parseDuration(text: string): bigint {
  if (text === '') throw invalid('duration is empty')
  const found = /^\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)\s*$/.exec(text)
  if (found === null) throw invalid(`duration is not a valid data duration string: ${text}`)
  const [, count, unit] = found
  if (!Object.hasOwn(DURATION_MILLIS, unit!)) throw invalid(`Unknown time unit: ${unit}`)
  return BigInt(Math.round(Number(count) * DURATION_MILLIS[unit!]!))
}

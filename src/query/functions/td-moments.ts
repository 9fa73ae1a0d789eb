import { compilePattern, type Dialect, printPattern } from './date-patterns.ts'
import { fault } from './errors-in-engine.ts'
import { daysFromCivil, daysInMonth, type LocalTime, localTimeOf, secondsOf } from './local-time.ts'
import { zoneName } from './zone-names.ts'
import { findZone, instantOf, localSecondsOf, offsetAt, type Zone } from './zones.ts'

/** The TD functions of time in plain JavaScript. Instants are unix seconds. */

export type Unit = 'second' | 'minute' | 'hour' | 'day' | 'week' | 'month' | 'quarter' | 'year'

const invalid = (message: string): Error => fault('INVALID_FUNCTION_ARGUMENT', message)

/** @throws Error INVALID_FUNCTION_ARGUMENT on a zone that does not exist. */
export function knownZone(name: string): Zone {
  const zone = findZone(name)
  if (zone === undefined) throw invalid(`'${name}' is not a valid time zone`)
  return zone
}

const MOMENT =
  /^\s*(\d{4})([-/])(\d{1,2})\2(\d{1,2})(?:[ T](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,]\d+)?)?)?\s*(Z|[+-]\d{2}:?\d{2}|[A-Za-z][\w+/:-]*)?\s*$/i

/**
 * `yyyy-MM-dd[( |T)HH:mm[:ss[.fff]]][zone]`, with slashes too. The zone given applies to texts without one of their own.
 * undefined when the text is none of these or no such time exists.
 */
export function readInstant(text: string, zone: Zone): number | undefined {
  const found = MOMENT.exec(text)
  if (found === null) return undefined
  const [, year, , month, day, hour = '0', minute = '0', second = '0', own] = found
  const at: LocalTime = {
    year: Number(year),
    month: Number(month),
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
  }
  if (at.month < 1 || at.month > 12 || at.day < 1 || at.day > daysInMonth(at.year, at.month)) return undefined
  if (at.hour > 23 || at.minute > 59 || at.second > 59) return undefined
  const effective = own === undefined ? zone : findZone(own)
  return effective && instantOf(effective, secondsOf(at))
}

/** A bound of TD_TIME_RANGE. @throws Error INVALID_FUNCTION_ARGUMENT on a text that is no time. */
export function boundOf(text: string, zone: Zone): bigint {
  const instant = readInstant(text, zone)
  if (instant === undefined) throw invalid(`Invalid date time string: ${text}`)
  return BigInt(instant)
}

const SECONDS = { w: 604_800, d: 86_400, h: 3600, m: 60, s: 1 } as const

/** Seconds of `1d`, `-2h`, `1h30m`; a sign holds until the next one. @throws Error INVALID_FUNCTION_ARGUMENT */
export function durationSeconds(text: string): number {
  if (!/^\s*(?:[+-]?\d+[wdhms])+\s*$/.test(text)) throw invalid(`Invalid duration: '${text}'`)
  let sign = 1
  let total = 0
  for (const [, mark, count, unit] of text.matchAll(/([+-]?)(\d+)([wdhms])/g)) {
    if (mark !== '') sign = mark === '-' ? -1 : 1
    total += sign * Number(count) * SECONDS[unit as keyof typeof SECONDS]
  }
  return total
}

export const UNITS: readonly Unit[] = ['second', 'minute', 'hour', 'day', 'week', 'month', 'quarter', 'year']

/** @throws Error INVALID_FUNCTION_ARGUMENT */
export function unitOf(text: string): Unit {
  const unit = UNITS.find((known) => known === text.trim().toLowerCase())
  if (unit === undefined) throw invalid(`Invalid date time unit: ${text}`)
  return unit
}

/** The instant at which the unit that holds `instant` began on the clocks of the zone. Weeks begin on Monday. */
export function truncateInstant(unit: Unit, instant: number, zone: Zone): number {
  const local = localSecondsOf(zone, instant)
  if (unit === 'second') return instant
  // Within an hour the offset may not be taken twice: a repeated hour would jump back.
  if (unit === 'minute') return instant - (((local % 60) + 60) % 60)
  if (unit === 'hour') return instant - (((local % 3600) + 3600) % 3600)
  return instantOf(zone, truncateLocal(unit, local))
}

function truncateLocal(unit: Unit, local: number): number {
  const { year, month } = localTimeOf(local)
  const days = Math.floor(local / 86_400)
  const midnight = (day: { year: number; month: number; day: number }) => daysFromCivil(day) * 86_400
  switch (unit) {
    case 'week':
      return (days - ((((days + 3) % 7) + 7) % 7)) * 86_400
    case 'month':
      return midnight({ year, month, day: 1 })
    case 'quarter':
      return midnight({ year, month: month - ((month - 1) % 3), day: 1 })
    case 'year':
      return midnight({ year, month: 1, day: 1 })
    default:
      return days * 86_400
  }
}

/** The instant `count` units later on the clocks of the zone; hours and less are fixed seconds. */
export function addUnits(count: number, unit: Unit, instant: number, zone: Zone): number {
  if (unit === 'second' || unit === 'minute' || unit === 'hour') {
    return instant + count * { second: 1, minute: 60, hour: 3600 }[unit]
  }
  const local = localSecondsOf(zone, instant)
  if (unit === 'day' || unit === 'week')
    return instantOf(zone, local + count * (unit === 'day' ? 86_400 : 604_800))
  const at = localTimeOf(local)
  const months = at.year * 12 + at.month - 1 + count * { month: 1, quarter: 3, year: 12 }[unit]
  const year = Math.floor(months / 12)
  const month = months - year * 12 + 1
  return instantOf(zone, secondsOf({ ...at, year, month, day: Math.min(at.day, daysInMonth(year, month)) }))
}

/** The instant by a pattern, on the clocks of the zone. */
export function formatInstant(
  instant: number,
  micros: number,
  pattern: string,
  dialect: Dialect,
  zone: Zone,
): string {
  const offsetSeconds = offsetAt(zone, instant)
  return printPattern(compilePattern(pattern, dialect), {
    ...localTimeOf(instant + offsetSeconds),
    micros,
    offsetSeconds,
    zoneId: zone.name,
    zoneName: (long) => zoneName(zone, instant, offsetSeconds, long),
  })
}

const CODES: Record<string, { unit: Unit; pattern: string }> = {
  s: { unit: 'second', pattern: 'yyyy-MM-dd HH:mm:ss' },
  m: { unit: 'minute', pattern: 'yyyy-MM-dd HH:mm' },
  h: { unit: 'hour', pattern: 'yyyy-MM-dd HH' },
  d: { unit: 'day', pattern: 'yyyy-MM-dd' },
  w: { unit: 'week', pattern: 'yyyy-MM-dd' },
  M: { unit: 'month', pattern: 'yyyy-MM' },
  q: { unit: 'quarter', pattern: 'yyyy-MM' },
  y: { unit: 'year', pattern: 'yyyy' },
}

/**
 * TD_TIME_STRING: `d!` prints the unit short, `d` prints its beginning in full with the offset. Anything else is taken as a
 * pattern of TD_TIME_FORMAT, as people write it.
 */
export function timeString(instant: number, code: string, zone: Zone): string {
  const known = CODES[code.replace(/!$/, '')]
  if (known === undefined) return formatInstant(instant, 0, code, 'java', zone)
  const start = truncateInstant(known.unit, instant, zone)
  return formatInstant(start, 0, code.endsWith('!') ? known.pattern : 'yyyy-MM-dd HH:mm:ssZ', 'java', zone)
}

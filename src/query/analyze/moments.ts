import { QueryError } from '../errors.ts'
import { daysFromCivil, daysInMonth, findZone } from '../functions/index.ts'

/** Dates, times and zones as texts of literals and casts. */

export type MomentText = {
  /** `2024-01-31` */
  date: string
  /** `10:00:00` with as many digits of a second as were written; undefined when there was a date only. */
  time: string | undefined
  precision: number
  zone: string | undefined
}

const MOMENT =
  /^\s*([+-]?\d{4,7})-(\d{1,2})-(\d{1,2})(?: (\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d+))?)?)?\s*(\S.*?)?\s*$/
const TIME = /^(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d+))?)?\s*(?:([+-])(\d\d):(\d\d))?$/
const MAX_PRECISION = 12
const MAX_OFFSET_MINUTES = 14 * 60

/** Reads `2024-1-31[ 10:00[:00[.000]]][ zone]`; undefined when it is no such text or no such day exists. */
export function readMoment(text: string): MomentText | undefined {
  const found = MOMENT.exec(text)
  if (found === null) return undefined
  const [, year, month, day, hour, minute, second, fraction, zoneText] = found
  if (!dayExists(Number(year), Number(month), Number(day))) return undefined
  const zone = zoneText === undefined ? undefined : findZone(zoneText)?.name
  if (zoneText !== undefined && zone === undefined) return undefined
  checkPrecision('TIMESTAMP', fraction)
  const date = `${year}-${pad(month!)}-${pad(day!)}`
  if (hour === undefined) return { date, time: undefined, precision: 0, zone }
  const time = clock(hour, minute!, second ?? '0', fraction)
  return time === undefined ? undefined : { date, time, precision: fraction?.length ?? 0, zone }
}

export type TimeText = {
  time: string
  precision: number
  /** East of UTC, where the text says so. */
  offsetSeconds: number | undefined
}

/** Reads `10:00[:00[.000]][+01:00]`; undefined when it is no such text. */
export function readTime(text: string): TimeText | undefined {
  const found = TIME.exec(text)
  if (found === null) return undefined
  const [, hour, minute, second, fraction, sign, offsetHour, offsetMinute] = found
  checkPrecision('TIME', fraction)
  const time = clock(hour!, minute!, second ?? '0', fraction)
  if (time === undefined) return undefined
  const precision = fraction?.length ?? 0
  if (sign === undefined) return { time, precision, offsetSeconds: undefined }
  const minutes = Number(offsetHour) * 60 + Number(offsetMinute)
  if (Number(offsetMinute) > 59 || minutes > MAX_OFFSET_MINUTES) return undefined
  return { time, precision, offsetSeconds: minutes * (sign === '-' ? -60 : 60) }
}

function checkPrecision(type: string, fraction: string | undefined): void {
  const digits = fraction?.length ?? 0
  if (digits > MAX_PRECISION) {
    const message = `${type} precision must be in range [0, ${MAX_PRECISION}]: ${digits}`
    throw new QueryError('NUMERIC_VALUE_OUT_OF_RANGE', message)
  }
}

/** Days since 1970 of `2024-01-31`, whatever its year. */
export function dayNumber(date: string): number {
  const [, year, month, day] = /^([+-]?\d+)-(\d+)-(\d+)$/.exec(date)!.map(Number) as [
    unknown,
    number,
    number,
    number,
  ]
  return daysFromCivil({ year, month, day })
}

const pad = (digits: string): string => digits.padStart(2, '0')

function clock(
  hour: string,
  minute: string,
  second: string,
  fraction: string | undefined,
): string | undefined {
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined
  return `${pad(hour)}:${pad(minute)}:${pad(second)}${fraction === undefined ? '' : `.${fraction}`}`
}

function dayExists(year: number, month: number, day: number): boolean {
  return month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month)
}

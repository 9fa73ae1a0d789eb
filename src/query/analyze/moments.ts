import { findZone } from '../functions/index.ts'

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
  /^\s*([+-]?\d{4,6})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,12}))?)?)?\s*(\S.*?)?\s*$/
const TIME = /^\s*(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,12}))?)?\s*$/

/** Reads `2024-1-31[ 10:00[:00[.000]]][ zone]`; undefined when it is no such text or no such day exists. */
export function readMoment(text: string): MomentText | undefined {
  const found = MOMENT.exec(text)
  if (found === null) return undefined
  const [, year, month, day, hour, minute, second, fraction, zoneText] = found
  if (!dayExists(Number(year), Number(month), Number(day))) return undefined
  const zone = zoneText === undefined ? undefined : findZone(zoneText)?.name
  if (zoneText !== undefined && zone === undefined) return undefined
  const date = `${year}-${pad(month!)}-${pad(day!)}`
  if (hour === undefined) return { date, time: undefined, precision: 0, zone }
  const time = clock(hour, minute!, second ?? '0', fraction)
  return time === undefined ? undefined : { date, time, precision: fraction?.length ?? 0, zone }
}

export function readTime(text: string): { time: string; precision: number } | undefined {
  const found = TIME.exec(text)
  if (found === null) return undefined
  const time = clock(found[1]!, found[2]!, found[3] ?? '0', found[4])
  return time === undefined ? undefined : { time, precision: found[4]?.length ?? 0 }
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
  const date = new Date(Date.UTC(2000, month - 1, day))
  date.setUTCFullYear(year, month - 1, day)
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day
}

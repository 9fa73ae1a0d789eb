import { type Element, MONTH_NAMES, type NumberField, WEEKDAY_NAMES } from './date-patterns.ts'
import { civilFromDays, daysInMonth, firstWeek, type LocalTime, secondsOf } from './local-time.ts'
import { findZone, type Zone } from './zones.ts'

/** What a text says by a pattern: clock seconds since 1970 of the time it names, and the zone if it names one. */
export type Parsed = { localSeconds: number; micros: number; zone: Zone | undefined }

type Fields = Partial<Record<NumberField, number>> & {
  micros: number
  pm?: boolean
  zone?: Zone
  bc?: boolean
}

/** Two-digit years fall within 1970–2069, as in Presto (pivot 2020). */
const CENTURY_START = 1970

/** Reads the text; undefined, with the place where it stopped fitting, when it does not follow the pattern or no such time exists. */
export function parsePattern(elements: readonly Element[], text: string): Parsed | { malformedAt: number } {
  const fields: Fields = { micros: 0 }
  let at = 0
  for (const [i, element] of elements.entries()) {
    const end = readElement(element, text, at, fields, isDigits(elements[i + 1]))
    if (end === undefined) return { malformedAt: at }
    at = end
  }
  if (at < text.length) return { malformedAt: at }
  const local = localFrom(fields)
  if (local === undefined) return { malformedAt: 0 }
  return { localSeconds: secondsOf(local), micros: fields.micros, zone: fields.zone }
}

const isDigits = (element: Element | undefined): boolean =>
  element !== undefined && ['number', 'shortYear', 'fraction'].includes(element.kind)

/** Position behind the element, undefined when it does not fit. */
function readElement(
  element: Element,
  text: string,
  at: number,
  fields: Fields,
  digitsFollow: boolean,
): number | undefined {
  switch (element.kind) {
    case 'text':
      return text.slice(at, at + element.text.length).toLowerCase() === element.text.toLowerCase()
        ? at + element.text.length
        : undefined
    case 'number':
      return readNumber(
        element.field,
        text,
        at,
        digitsFollow ? element.digits : Math.max(element.digits, element.maxDigits),
        fields,
      )
    case 'shortYear':
      return readShortYear(element, text, at, fields, digitsFollow)
    case 'fraction':
      return readFraction(element, text, at, fields)
    case 'month':
      return readName(MONTH_NAMES, text, at, (index) => {
        fields.month = index + 1
      })
    case 'weekday':
      return readName(WEEKDAY_NAMES, text, at, (index) => {
        fields.weekday = index + 1
      })
    case 'half': {
      const half = /^[ap]m/i.exec(text.slice(at, at + 2))?.[0].toLowerCase()
      if (half !== undefined) fields.pm = half === 'pm'
      return half === undefined ? undefined : at + 2
    }
    case 'era': {
      const era = /^(ad|bc)/i.exec(text.slice(at, at + 2))?.[0].toLowerCase()
      if (era !== undefined) fields.bc = era === 'bc'
      return era === undefined ? undefined : at + 2
    }
    case 'zone':
      return readZone(text, at, fields)
  }
}

function readNumber(
  field: NumberField,
  text: string,
  at: number,
  width: number,
  fields: Fields,
): number | undefined {
  const signed = (field === 'year' || field === 'weekYear') && /[+-]/.test(text[at] ?? '')
  const start = signed ? at + 1 : at
  let end = start
  while (end < start + width && /\d/.test(text[end] ?? '')) end++
  if (end === start) return undefined
  fields[field] = Number(text.slice(at, end))
  return end
}

function readShortYear(
  { field, exact = false }: { field: 'year' | 'weekYear'; exact?: boolean },
  text: string,
  at: number,
  fields: Fields,
  digitsFollow: boolean,
): number | undefined {
  const digits = /^\d+/.exec(text.slice(at, digitsFollow || exact ? at + 2 : at + 9))?.[0]
  if (digits === undefined || (exact && digits.length < 2)) return undefined
  const value = Number(digits)
  // Exactly two digits are a year within the century around the pivot; more are the year itself.
  fields[field] = digits.length === 2 ? CENTURY_START + ((value - (CENTURY_START % 100) + 100) % 100) : value
  return at + digits.length
}

function readFraction(
  { digits, asMillis, readDigits = digits }: { digits: number; asMillis: boolean; readDigits?: number },
  text: string,
  at: number,
  fields: Fields,
): number | undefined {
  const found = /^\d+/.exec(text.slice(at, at + Math.max(readDigits, asMillis ? 3 : 0)))?.[0]
  if (found === undefined) return undefined
  fields.micros = asMillis ? Number(found) * 1000 : Number(found.slice(0, 6).padEnd(6, '0'))
  return at + found.length
}

/** The full name or its first three letters. */
function readName(
  names: readonly string[],
  text: string,
  at: number,
  found: (index: number) => void,
): number | undefined {
  const rest = text.slice(at, at + 9).toLowerCase()
  const index = names.findIndex((name) => rest.startsWith(name.slice(0, 3)))
  if (index < 0) return undefined
  found(index)
  return at + (rest.startsWith(names[index]!) ? names[index]!.length : 3)
}

function readZone(text: string, at: number, fields: Fields): number | undefined {
  const found = /^(?:[+-]\d{2}(?::?\d{2})?|[A-Za-z][\w+/-]*(?::\d{2})?)/.exec(text.slice(at))?.[0]
  const zone = found === undefined ? undefined : findZone(found)
  if (found === undefined || zone === undefined) return undefined
  fields.zone = zone
  return at + found.length
}

/** The fields together as a time; undefined when there is no such day or hour. Missing fields are the first there are. */
function localFrom(fields: Fields): LocalTime | undefined {
  const day = dayFrom(fields)
  const hour = hourFrom(fields)
  const { minute = 0, second = 0 } = fields
  if (day === undefined || hour === undefined || minute > 59 || second > 59) return undefined
  return { ...day, hour, minute, second }
}

function hourFrom({ hour, hour24, hour12, hour11, pm }: Fields): number | undefined {
  const half = pm === true ? 12 : 0
  if (hour !== undefined) return hour <= 23 ? hour : undefined
  if (hour24 !== undefined) return hour24 >= 1 && hour24 <= 24 ? hour24 % 24 : undefined
  if (hour12 !== undefined) return hour12 >= 1 && hour12 <= 12 ? (hour12 % 12) + half : undefined
  if (hour11 !== undefined) return hour11 <= 11 ? hour11 + half : undefined
  return half
}

function dayFrom(fields: Fields): Day | undefined {
  const { weekYear, week, weekday, dayOfYear } = fields
  const named = fields.year ?? fields.yearOfEra
  const year = named === undefined ? undefined : fields.bc === true ? 1 - named : named
  // A day of no year is one of 2000, so that there is a February 29; an hour of no day is one of 1970-01-01.
  const anyDay = [fields.month, fields.day, dayOfYear, weekday].some((field) => field !== undefined)
  const base = year ?? (anyDay ? 2000 : 1970)
  if (year === undefined && (weekYear !== undefined || week !== undefined)) {
    if ((week ?? 1) < 1 || (week ?? 1) > 53 || (weekday ?? 1) > 7) return undefined
    return civilFromDays(firstWeek(weekYear ?? 1970) + ((week ?? 1) - 1) * 7 + (weekday ?? 1) - 1)
  }
  if (dayOfYear !== undefined && fields.day === undefined) {
    const day = civilFromDays(
      secondsOf({ year: base, month: 1, day: 1, hour: 0, minute: 0, second: 0 }) / 86_400 + dayOfYear - 1,
    )
    return dayOfYear >= 1 && day.year === base ? day : undefined
  }
  const { month = 1, day = 1 } = fields
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(base, month)) return undefined
  return weekday === undefined ? { year: base, month, day } : onWeekday({ ...fields, year: base }, weekday)
}

type Day = Pick<LocalTime, 'year' | 'month' | 'day'>

/**
 * The day of the week that the other fields name. Joda-Time sets the fields one after the other, the day of the week last, and then all
 * of them once more on what it has got.
 */
function onWeekday({ year = 2000, month, day }: Fields, weekday: number): Day {
  const first = inWeekOf({ year, month: month ?? 1, day: day ?? 1 }, weekday)
  const inMonth = month ?? first.month
  return inWeekOf(
    { year, month: inMonth, day: day ?? Math.min(first.day, daysInMonth(year, inMonth)) },
    weekday,
  )
}

/** The day, 1 for Monday, of the week from Monday on that another day is in. */
function inWeekOf(day: Day, weekday: number): Day {
  const days = secondsOf({ ...day, hour: 0, minute: 0, second: 0 }) / 86_400
  return civilFromDays(days - ((((days + 3) % 7) + 7) % 7) + weekday - 1)
}

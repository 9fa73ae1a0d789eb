/** What may be read as an instant: numbers are seconds. */
export type TimeReader = (value: number | bigint | string) => number | undefined

/** Times later than this are no seconds: 9999-12-31T23:59:59Z (the server's own limit). */
export const LATEST_TIME = 253_402_300_799

export type TimeZone = { name: string; offsetSeconds(utcSeconds: number): number }

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

/** An IANA name, `UTC` or `+09:00`. @returns undefined when there is no such zone */
export function timeZone(name: string): TimeZone | undefined {
  const fixed = zoneOffset(name)
  if (fixed !== undefined) return { name, offsetSeconds: () => fixed }
  let format: Intl.DateTimeFormat
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
  // Offsets change on whole quarters of an hour.
  const cache = new Map<number, number>()
  return {
    name,
    offsetSeconds(utcSeconds) {
      const quarter = Math.floor(utcSeconds / 900)
      const known = cache.get(quarter)
      if (known !== undefined) return known
      const parts = Object.fromEntries(
        format.formatToParts(new Date(quarter * 900_000)).map(({ type, value }) => [type, Number(value)]),
      )
      const local =
        Date.UTC(parts.year!, parts.month! - 1, parts.day, parts.hour, parts.minute, parts.second) / 1000
      if (cache.size > 100_000) cache.clear()
      cache.set(quarter, local - quarter * 900)
      return local - quarter * 900
    },
  }
}

type Parts = {
  year?: number
  month?: number
  day?: number
  hour?: number
  minute?: number
  second?: number
  /** Of the zone written in the text. */
  offset?: number
  isAfternoon?: boolean
  yearDay?: number
  /** Unix seconds. */
  instant?: number
}

/** Seconds of a date that exists; undefined for the 30th of February and the like. */
function secondsOf(parts: Parts, zone: TimeZone, nowSeconds: number): number | undefined {
  if (parts.instant !== undefined) return parts.instant
  const { month = 1, day = 1, minute = 0, second = 0, yearDay } = parts
  let { hour = 0 } = parts
  if (parts.isAfternoon !== undefined) {
    if (hour < 1 || hour > 12) return undefined
    hour = (hour % 12) + (parts.isAfternoon ? 12 : 0)
  }
  const isLeap = second === 60
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 60) return undefined
  const inYear = (year: number): number | undefined => {
    if (yearDay !== undefined) return Date.UTC(year, 0, yearDay, hour, minute, second) / 1000
    const date = new Date(Date.UTC(year, month - 1, day, hour, minute, isLeap ? 59 : second))
    if (date.getUTCDate() !== day) return undefined
    return date.getTime() / 1000 + (isLeap ? 1 : 0)
  }
  const local = parts.year !== undefined ? inYear(parts.year) : nearest(inYear, nowSeconds)
  if (local === undefined) return undefined
  if (parts.offset !== undefined) return local - parts.offset
  // Twice: the offset is that of the instant, which is known only with the offset.
  const guess = local - zone.offsetSeconds(local)
  return local - zone.offsetSeconds(guess)
}

/** A date without a year (syslog) is the last one that is not more than a day ahead. */
function nearest(inYear: (year: number) => number | undefined, nowSeconds: number): number | undefined {
  const year = new Date(nowSeconds * 1000).getUTCFullYear()
  for (const candidate of [year + 1, year, year - 1, year - 2, year - 3, year - 4]) {
    const seconds = inYear(candidate)
    if (seconds !== undefined && seconds <= nowSeconds + 86_400) return seconds
  }
  return undefined
}

const ISO =
  /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?)?\s*(Z|UTC|GMT|[A-Z]{2,5}|[+-]\d{1,2}(?::?\d{2})?)?$/i
/** RFC 2822, and what log files and `date` write. */
const WORDED =
  /^(?:[A-Za-z]{3,9},?\s+)?(\d{1,2})[-/ ]([A-Za-z]{3,9})[-/ ](\d{4})[: ](\d{1,2}):(\d{2})(?::(\d{2}))?\s*(Z|[A-Z]{2,5}|[+-]\d{1,2}:?\d{2})?$/i

/** Reads times in their usual forms. A text without a zone is in `zone`; one without a year is before `nowSeconds`. */
export function usualTimes(zone: TimeZone, nowSeconds: number): TimeReader {
  return (value) => {
    if (typeof value !== 'string') return fromNumber(value)
    const text = value.trim()
    if (/^\d{1,20}(?:\.\d*)?$/.test(text)) return fromNumber(Number(text))
    const iso = ISO.exec(text)
    if (iso !== null) {
      const [, year, month, day, hour, minute, second, offset] = iso
      const parts = partsOf(year!, Number(month), day!, hour, minute, second)
      return withZone(parts, offset, zone, nowSeconds)
    }
    const worded = WORDED.exec(text)
    if (worded === null) return undefined
    const [, day, name, year, hour, minute, second, offset] = worded
    const month = MONTHS.indexOf(name!.slice(0, 3).toLowerCase()) + 1
    return withZone(partsOf(year!, month, day!, hour, minute, second), offset, zone, nowSeconds)
  }
}

function fromNumber(value: number | bigint): number | undefined {
  const seconds = Math.trunc(Number(value))
  return seconds >= 0 && seconds <= LATEST_TIME ? seconds : undefined
}

/** Of the groups of a match; what is not there stays undefined. */
function partsOf(
  year: string,
  month: number,
  day: string,
  hour?: string,
  minute?: string,
  second?: string,
): Parts {
  const number = (text: string | undefined) => (text === undefined ? undefined : Number(text))
  return {
    year: Number(year),
    month,
    day: Number(day),
    hour: number(hour),
    minute: number(minute),
    second: number(second),
  }
}

function withZone(
  parts: Parts,
  offset: string | undefined,
  zone: TimeZone,
  nowSeconds: number,
): number | undefined {
  const seconds = offset === undefined ? undefined : zoneOffset(offset)
  if (offset !== undefined && seconds === undefined) return undefined
  parts.offset = seconds
  const result = secondsOf(parts, zone, nowSeconds)
  return result === undefined ? undefined : fromNumber(result)
}

/** Names that mean the same everywhere; IST and the like do not. */
const ZONES: Record<string, number> = {
  Z: 0,
  UTC: 0,
  GMT: 0,
  UT: 0,
  JST: 9,
  EST: -5,
  EDT: -4,
  CST: -6,
  CDT: -5,
  MST: -7,
  MDT: -6,
  PST: -8,
  PDT: -7,
  CET: 1,
  CEST: 2,
}

function zoneOffset(text: string): number | undefined {
  const hours = ZONES[text.toUpperCase()]
  if (hours !== undefined) return hours * 3600
  const [, sign, h, m = '0'] = /^([+-])(\d{1,2}):?(\d{2})?$/.exec(text) ?? []
  if (sign === undefined || Number(h) > 14 || Number(m) > 59) return undefined
  return (sign === '-' ? -1 : 1) * (Number(h) * 3600 + Number(m) * 60)
}

const takeMonth = (index: number, parts: Parts) => {
  parts.month = index + 1
}
type Directive = { pattern: string; take?(text: string, parts: Parts): void }
const number = (digits: string, field: keyof Parts): Directive => ({
  pattern: `\\s*(${digits})`,
  take: (text, parts) => void Object.assign(parts, { [field]: Number(text) }),
})
const name = (names: string[], take: (index: number, parts: Parts) => void): Directive => ({
  pattern: `(${names.map((one) => `${one}[a-z]*`).join('|')})`,
  take: (text, parts) => take(names.indexOf(text.slice(0, 3).toLowerCase()), parts),
})

/** strftime(3), as Ruby reads it. */
const DIRECTIVES: Record<string, Directive> = {
  Y: number('\\d{4}', 'year'),
  y: {
    pattern: '(\\d{2})',
    take: (text, parts) => {
      parts.year = Number(text) + (Number(text) < 69 ? 2000 : 1900)
    },
  },
  m: number('\\d{1,2}', 'month'),
  d: number('\\d{1,2}', 'day'),
  e: number('\\d{1,2}', 'day'),
  j: number('\\d{1,3}', 'yearDay'),
  H: number('\\d{1,2}', 'hour'),
  k: number('\\d{1,2}', 'hour'),
  I: number('\\d{1,2}', 'hour'),
  l: number('\\d{1,2}', 'hour'),
  M: number('\\d{1,2}', 'minute'),
  S: number('\\d{1,2}', 'second'),
  p: {
    pattern: '([ap]\\.?m\\.?)',
    take: (text, parts) => {
      parts.isAfternoon = /^p/i.test(text)
    },
  },
  P: {
    pattern: '([ap]\\.?m\\.?)',
    take: (text, parts) => {
      parts.isAfternoon = /^p/i.test(text)
    },
  },
  b: name(MONTHS, takeMonth),
  B: name(MONTHS, takeMonth),
  h: name(MONTHS, takeMonth),
  a: name(DAYS, () => undefined),
  A: name(DAYS, () => undefined),
  L: { pattern: '(\\d{1,9})' },
  N: { pattern: '(\\d{1,9})' },
  z: {
    pattern: '(Z|[+-]\\d{1,2}:?\\d{2}|[A-Za-z]{1,5})',
    take: (text, parts) => {
      parts.offset = zoneOffset(text) ?? Number.NaN
    },
  },
  Z: {
    pattern: '(Z|[+-]\\d{1,2}:?\\d{2}|[A-Za-z]{1,5})',
    take: (text, parts) => {
      parts.offset = zoneOffset(text) ?? Number.NaN
    },
  },
  s: {
    pattern: '(\\d{1,12})',
    take: (text, parts) => {
      parts.instant = Number(text)
    },
  },
  Q: {
    pattern: '(\\d{1,15})',
    take: (text, parts) => {
      parts.instant = Math.floor(Number(text) / 1000)
    },
  },
  '%': { pattern: '%' },
  n: { pattern: '\\s+' },
  t: { pattern: '\\s+' },
}
const SHORTHANDS: Record<string, string> = {
  T: '%H:%M:%S',
  X: '%H:%M:%S',
  R: '%H:%M',
  F: '%Y-%m-%d',
  D: '%m/%d/%y',
  x: '%m/%d/%y',
  c: '%a %b %e %H:%M:%S %Y',
}

/**
 * Reads times in one form, given as strftime(3) does: `%Y-%m-%d %H:%M:%S %z`, `%d/%b/%Y:%H:%M:%S %z`, `%s`, `%Q` (milliseconds).
 * @returns the name of a directive that is not known, with its percent sign
 */
export function timesInFormat(
  format: string,
  zone: TimeZone,
  nowSeconds: number,
): TimeReader | { unknown: string } {
  const takes: NonNullable<Directive['take']>[] = []
  let unknown: string | undefined
  const expanded = format.replace(/%([TXRFDxc])/g, (_, letter: string) => SHORTHANDS[letter]!)
  const pattern = expanded.replace(
    /%[-_0^#:]*(?:\d+)?(.)|\s+|[\\^$.*+?()[\]{}|/-]/g,
    (match, letter?: string) => {
      if (/^\s/.test(match)) return '\\s+'
      if (letter === undefined) return `\\${match}`
      const directive = DIRECTIVES[letter]
      if (directive === undefined) {
        unknown ??= `%${letter}`
        return ''
      }
      if (/\(/.test(directive.pattern)) takes.push(directive.take ?? (() => undefined))
      return directive.pattern
    },
  )
  if (unknown !== undefined) return { unknown }
  const matcher = new RegExp(`^\\s*${pattern}\\s*$`, 'i')
  return (value) => {
    const match = matcher.exec(String(value))
    if (match === null) return undefined
    const parts: Parts = {}
    takes.forEach((take, i) => void take(match[i + 1]!, parts))
    if (Number.isNaN(parts.offset)) return undefined
    const seconds = secondsOf(parts, zone, nowSeconds)
    return seconds === undefined ? undefined : fromNumber(seconds)
  }
}

import { fault } from './errors-in-engine.ts'
import { dayOfWeek, dayOfYear, type LocalTime, weekOf } from './local-time.ts'
import { offsetText } from './zones.ts'

/**
 * Date patterns of three dialects, compiled to the same elements: `java` (SimpleDateFormat: TD_TIME_FORMAT, Hive), `joda`
 * (format_datetime, parse_datetime) and `mysql` percent codes (date_format, date_parse).
 */
export type Dialect = 'java' | 'joda' | 'mysql'

type NumberField =
  | 'year'
  | 'yearOfEra'
  | 'weekYear'
  | 'month'
  | 'week'
  | 'weekOfMonth'
  | 'weekdayInMonth'
  | 'dayOfYear'
  | 'day'
  | 'weekday'
  | 'hour'
  | 'hour24'
  | 'hour12'
  | 'hour11'
  | 'minute'
  | 'second'
  | 'century'
export type Element =
  | { kind: 'text'; text: string }
  | { kind: 'number'; field: NumberField; digits: number; maxDigits: number; american?: boolean }
  | { kind: 'shortYear'; field: 'year' | 'weekYear'; american?: boolean; exact?: boolean }
  | { kind: 'month' | 'weekday' | 'half' | 'era'; long: boolean }
  /** `digits` of the fraction: cut (joda, mysql) or, as Java counts, milliseconds padded. */
  | { kind: 'fraction'; digits: number; asMillis: boolean; readDigits?: number }
  | {
      kind: 'zone'
      style: 'name' | 'longName' | 'rfc822' | 'colon' | 'iso' | 'isoHour' | 'isoColon' | 'id'
      bare?: boolean
    }

/** What a pattern prints: the local time, and the zone it is in. */
export type Printable = LocalTime & {
  micros: number
  offsetSeconds: number
  zoneId: string
  zoneName(long: boolean): string
}

const MONTHS = 'January February March April May June July August September October November December'.split(
  ' ',
)
const WEEKDAYS = 'Monday Tuesday Wednesday Thursday Friday Saturday Sunday'.split(' ')

const compiled = new Map<string, Element[]>()

/** @throws Error INVALID_FUNCTION_ARGUMENT (as the engine carries it) on a pattern that is none. */
export function compilePattern(pattern: string, dialect: Dialect): Element[] {
  const key = `${dialect}:${pattern}`
  let elements = compiled.get(key)
  if (elements === undefined) {
    elements = dialect === 'mysql' ? compileMysql(pattern) : compileLetters(pattern, dialect)
    if (compiled.size > 500) compiled.clear()
    compiled.set(key, elements)
  }
  return elements
}

function compileLetters(pattern: string, dialect: 'java' | 'joda'): Element[] {
  const elements: Element[] = []
  if (dialect === 'joda' && pattern === '')
    throw fault('INVALID_FUNCTION_ARGUMENT', 'Invalid pattern specification')
  for (const [token] of pattern.matchAll(/'(?:[^']|'')*'?|([A-Za-z])\1*|[^A-Za-z']+/g)) {
    if (token.startsWith("'")) elements.push({ kind: 'text', text: quotedText(token, pattern, dialect) })
    else if (/^[A-Za-z]/.test(token)) elements.push(letterElement(token[0]!, token.length, dialect, pattern))
    else elements.push({ kind: 'text', text: token })
  }
  return elements
}

/** Joda closes a quote that is left open. */
function quotedText(token: string, pattern: string, dialect: 'java' | 'joda'): string {
  if (token === "''") return "'"
  if (dialect === 'joda' && !/^'(?:[^']|'')*'$/.test(token)) return token.slice(1).replaceAll("''", "'")
  if (token.length < 2 || !token.endsWith("'")) throw invalidPattern(pattern, 'unterminated quote')
  return token.slice(1, -1).replaceAll("''", "'")
}

const invalidPattern = (pattern: string, why: string): Error =>
  fault('INVALID_FUNCTION_ARGUMENT', `Invalid date pattern '${pattern}': ${why}`)

const number = (field: NumberField, digits: number, maxDigits = 2): Element => ({
  kind: 'number',
  field,
  digits,
  maxDigits,
})

/** Letters that mean the same to Java and to Joda. */
function letterElement(letter: string, count: number, dialect: 'java' | 'joda', pattern: string): Element {
  switch (letter) {
    case 'G':
      return { kind: 'era', long: false }
    case 'y':
      return yearElement(count)
    case 'M':
    case 'L':
      return count >= 3 ? { kind: 'month', long: count >= 4 } : number('month', count)
    case 'd':
      return number('day', count)
    case 'D':
      return number('dayOfYear', count, 3)
    case 'E':
      return { kind: 'weekday', long: count >= 4 }
    case 'a':
      return { kind: 'half', long: false }
    case 'H':
      return number('hour', count)
    case 'k':
      return number('hour24', count)
    case 'K':
      return number('hour11', count)
    case 'h':
      return number('hour12', count)
    case 'm':
      return number('minute', count)
    case 's':
      return number('second', count)
    case 'S':
      return { kind: 'fraction', digits: count, asMillis: dialect === 'java' }
    case 'z':
      return { kind: 'zone', style: count >= 4 ? 'longName' : 'name', bare: dialect === 'joda' }
    default:
      return dialect === 'java' ? javaElement(letter, count, pattern) : jodaElement(letter, count, pattern)
  }
}

const yearElement = (count: number): Element =>
  count === 2 ? { kind: 'shortYear', field: 'year' } : number('year', count, 9)

/** SimpleDateFormat counts weeks the American way: from Sunday, the first one holds January 1. */
function javaElement(letter: string, count: number, pattern: string): Element {
  switch (letter) {
    case 'Y':
      return count === 2
        ? { kind: 'shortYear', field: 'weekYear', american: true }
        : { kind: 'number', field: 'weekYear', digits: count, maxDigits: 9, american: true }
    case 'w':
      return { kind: 'number', field: 'week', digits: count, maxDigits: 2, american: true }
    case 'W':
      return number('weekOfMonth', count, 1)
    case 'F':
      return number('weekdayInMonth', count, 1)
    case 'u':
      // One letter is SimpleDateFormat's number of the weekday; `uuuu` is what users of java.time mean by a year.
      return count === 1 ? number('weekday', count, 1) : yearElement(count)
    case 'Z':
      return { kind: 'zone', style: 'rfc822' }
    case 'X':
      return { kind: 'zone', style: count === 1 ? 'isoHour' : count === 2 ? 'iso' : 'isoColon' }
    default:
      throw invalidPattern(pattern, `Illegal pattern character '${letter}'`)
  }
}

function jodaElement(letter: string, count: number, pattern: string): Element {
  switch (letter) {
    case 'Y':
      return count === 2 ? { kind: 'shortYear', field: 'year' } : number('yearOfEra', count, 9)
    case 'x':
      return count === 2 ? { kind: 'shortYear', field: 'weekYear' } : number('weekYear', count, 9)
    case 'w':
      return number('week', count)
    case 'e':
      return number('weekday', count, 1)
    case 'C':
      return number('century', count, 9)
    case 'Z':
      return { kind: 'zone', style: count === 1 ? 'rfc822' : count === 2 ? 'colon' : 'id' }
    default:
      throw invalidPattern(pattern, `Illegal pattern component: ${letter.repeat(count)}`)
  }
}

/** Percent codes as Presto has them; those it refuses are refused. */
const MYSQL: Record<string, () => Element[]> = {
  a: () => [{ kind: 'weekday', long: false }],
  b: () => [{ kind: 'month', long: false }],
  c: () => [number('month', 1)],
  d: () => [number('day', 2)],
  e: () => [number('day', 1)],
  f: () => [{ kind: 'fraction', digits: 6, asMillis: false, readDigits: 9 }],
  H: () => [number('hour', 2)],
  h: () => [number('hour12', 2)],
  I: () => [number('hour12', 2)],
  i: () => [number('minute', 2)],
  j: () => [number('dayOfYear', 3, 3)],
  k: () => [number('hour', 1)],
  l: () => [number('hour12', 1)],
  M: () => [{ kind: 'month', long: true }],
  m: () => [number('month', 2)],
  p: () => [{ kind: 'half', long: false }],
  r: () => compileMysql('%h:%i:%S %p'),
  S: () => [number('second', 2)],
  s: () => [number('second', 2)],
  T: () => compileMysql('%H:%i:%S'),
  v: () => [number('week', 2)],
  W: () => [{ kind: 'weekday', long: true }],
  x: () => [number('weekYear', 4, 4)],
  Y: () => [number('year', 4, 4)],
  y: () => [{ kind: 'shortYear', field: 'year', exact: true }],
}

function compileMysql(pattern: string): Element[] {
  const elements: Element[] = []
  for (const [token, code] of pattern.matchAll(/%(.)|[^%]+|%$/gsu)) {
    if (code === undefined) {
      // A last % alone says nothing.
      if (token !== '%') elements.push({ kind: 'text', text: token })
    } else if (/[DUuVwX]/.test(code)) {
      throw fault('INVALID_FUNCTION_ARGUMENT', `%${code} not supported in date format string`)
    } else {
      elements.push(...(MYSQL[code]?.() ?? [{ kind: 'text' as const, text: code }]))
    }
  }
  if (elements.length === 0)
    throw fault('INVALID_FUNCTION_ARGUMENT', 'Both printing and parsing not supported')
  return elements
}

/** Whether the pattern prints or reads a zone. */
export const hasZone = (elements: readonly Element[]): boolean =>
  elements.some((element) => element.kind === 'zone')

/** The moment as the pattern shows it. */
export function printPattern(elements: readonly Element[], at: Printable): string {
  let text = ''
  for (const element of elements) text += printElement(element, at)
  return text
}

function printElement(element: Element, at: Printable): string {
  switch (element.kind) {
    case 'text':
      return element.text
    case 'number':
      return padded(numberOf(element.field, at, element.american), element.digits)
    case 'shortYear':
      return padded(Math.abs(numberOf(element.field, at, element.american)) % 100, 2)
    case 'month':
      return element.long ? MONTHS[at.month - 1]! : MONTHS[at.month - 1]!.slice(0, 3)
    case 'weekday': {
      const name = WEEKDAYS[dayOfWeek(at) - 1]!
      return element.long ? name : name.slice(0, 3)
    }
    case 'half':
      return at.hour < 12 ? 'AM' : 'PM'
    case 'era':
      return at.year > 0 ? 'AD' : 'BC'
    case 'fraction':
      return element.asMillis
        ? padded(Math.floor(at.micros / 1000), element.digits)
        : padded(at.micros, 6).padEnd(element.digits, '0').slice(0, element.digits)
    case 'zone':
      // To Joda, an offset is its own name; to SimpleDateFormat it is GMT+09:00.
      return element.bare && /^[+-]/.test(at.zoneId) ? at.zoneId : printZone(element.style, at)
  }
}

const padded = (value: number, digits: number): string =>
  value < 0 ? `-${String(-value).padStart(digits, '0')}` : String(value).padStart(digits, '0')

function numberOf(field: NumberField, at: Printable, american = false): number {
  switch (field) {
    case 'year':
    case 'month':
    case 'day':
    case 'hour':
    case 'minute':
    case 'second':
      return at[field]
    case 'yearOfEra':
      return at.year > 0 ? at.year : 1 - at.year
    case 'century':
      return Math.floor(at.year / 100)
    case 'weekYear':
      return weekOf(at, american).year
    case 'week':
      return weekOf(at, american).week
    case 'weekOfMonth':
      return Math.ceil((at.day + (dayOfWeek({ ...at, day: 1 }) % 7)) / 7)
    case 'weekdayInMonth':
      return Math.ceil(at.day / 7)
    case 'dayOfYear':
      return dayOfYear(at)
    case 'weekday':
      return dayOfWeek(at)
    case 'hour24':
      return at.hour === 0 ? 24 : at.hour
    case 'hour11':
      return at.hour % 12
    case 'hour12':
      return at.hour % 12 === 0 ? 12 : at.hour % 12
  }
}

function printZone(style: Extract<Element, { kind: 'zone' }>['style'], at: Printable): string {
  switch (style) {
    case 'name':
      return at.zoneName(false)
    case 'longName':
      return at.zoneName(true)
    case 'id':
      return at.zoneId
    case 'rfc822':
      return offsetText(at.offsetSeconds, '')
    case 'colon':
      return offsetText(at.offsetSeconds)
    case 'iso':
      return at.offsetSeconds === 0 ? 'Z' : offsetText(at.offsetSeconds, '')
    case 'isoHour':
      return at.offsetSeconds === 0 ? 'Z' : offsetText(at.offsetSeconds).slice(0, 3)
    case 'isoColon':
      return at.offsetSeconds === 0 ? 'Z' : offsetText(at.offsetSeconds)
  }
}

/** Names that patterns read, in lower case, for parse-pattern.ts. */
export const MONTH_NAMES: readonly string[] = MONTHS.map((name) => name.toLowerCase())
export const WEEKDAY_NAMES: readonly string[] = WEEKDAYS.map((name) => name.toLowerCase())
export type { NumberField }

import { type Position, QueryError } from '../errors.ts'
import { instantOf, localSecondsOf, offsetName, zoneOf } from '../functions/index.ts'
import { parse as parseJson } from '../functions/json-run.ts'
import { readAddress } from '../ip-address.ts'
import type { ExpressionOf, IntervalField, TypeName } from '../parse/ast.ts'
import { INTERVAL_FIELDS } from '../parse/ast.ts'
import type { PrestoType } from '../presto-type.ts'
import { dayNumber, readMoment, readTime } from './moments.ts'
import type { Typed, Value } from './plan.ts'
import { intervalType, resolveType } from './types.ts'

export function constant(type: PrestoType, value: Value, at: Position): Typed {
  return { kind: 'constant', type, value, at }
}

export function textConstant(text: string, at: Position): Typed {
  return constant({ kind: 'varchar', length: [...text].length }, text, at)
}

const INTEGER_RANGES = [
  ['tinyint', 7n],
  ['smallint', 15n],
  ['integer', 31n],
  ['bigint', 63n],
] as const

/** True when the integer type can hold the value. */
export function fits(kind: string, value: bigint): boolean {
  const range = INTEGER_RANGES.find(([name]) => name === kind)
  return range !== undefined && value >= -(1n << range[1]) && value < 1n << range[1]
}

export function numberLiteral(node: ExpressionOf<'number'>): Typed {
  if (node.form === 'double') return constant({ kind: 'double' }, Number(node.text), node.at)
  if (node.form === 'decimal') return decimalConstant(node.text, node.at)
  const value = BigInt(node.text)
  if (fits('integer', value)) return constant({ kind: 'integer' }, value, node.at)
  if (fits('bigint', value)) return constant({ kind: 'bigint' }, value, node.at)
  throw new QueryError('SYNTAX_ERROR', `Invalid numeric literal: ${node.text}`, node.at)
}

/** Precision and scale as Presto reads them off the digits: `1.50` is decimal(3,2), `0.05` decimal(2,2). */
function decimalConstant(text: string, at: Position): Typed {
  const found = /^([+-]?)0*(\d*)(?:\.(\d*))?$/.exec(text.replace(/(?<=\d)_(?=\d)/g, ''))
  if (found === null || !/\d/.test(text)) {
    throw new QueryError('INVALID_LITERAL', `Invalid decimal literal '${text}'`, at)
  }
  const [, sign, whole = '', fraction = ''] = found
  const precision = Math.max(1, whole.length + fraction.length)
  if (precision > 38)
    throw new QueryError('INVALID_LITERAL', `Invalid decimal literal '${text}': more than 38 digits`, at)
  const digits = `${sign}${whole === '' ? '0' : whole}${fraction === '' ? '' : `.${fraction}`}`
  return constant({ kind: 'decimal', precision, scale: fraction.length }, digits, at)
}

/** `DATE '…'`, `BIGINT '3'`, `JSON '…'`: a cast at analysis for the types that have literals, undefined for the others. */
export function typedLiteral(node: ExpressionOf<'typed-literal'>): Typed | undefined {
  const { value, at } = node
  const name = typeNameOf(node.type)
  if (name === 'decimal') return decimalConstant(value, at)
  if (name === 'timestamp') return timestampLiteral(value, at)
  if (name === 'time') return timeLiteral(value, at)
  const type = resolveType(node.type)
  switch (type.kind) {
    case 'date':
      return dateLiteral(value, at)
    case 'tinyint':
    case 'smallint':
    case 'integer':
    case 'bigint':
      return integerLiteral(type, value, at)
    case 'real':
    case 'double':
      return floatLiteral(type, value, at)
    case 'json':
      return jsonLiteral(value, at)
    case 'varchar':
      return constant({ kind: 'varchar' }, value, at)
    case 'char':
      return charLiteral(value, at)
    case 'varbinary':
      return constant(type, Buffer.from(value).toString('hex'), at)
    case 'boolean':
      return booleanLiteral(value, at)
    case 'uuid':
      if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)) throw invalid('uuid', value, at)
      return constant(type, value.toLowerCase(), at)
    case 'ipaddress': {
      const bytes = readAddress(value)
      if (bytes === undefined) throw invalid('ipaddress', value, at)
      return constant(type, bytes.toString('hex'), at)
    }
    default:
      return undefined
  }
}

function typeNameOf(type: TypeName): string {
  return type.kind === 'generic' && type.parameters.length === 0 ? type.name : ''
}

/** Faults of what is read have the place of the literal. */
function placed<T>(at: Position, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof QueryError && error.position === undefined)
      throw new QueryError(error.errorName, error.message, at, error)
    throw error
  }
}

function invalid(what: string, value: string, at: Position): QueryError {
  return new QueryError('INVALID_LITERAL', `'${value}' is not a valid ${what.toUpperCase()} literal`, at)
}

function dateLiteral(value: string, at: Position): Typed {
  const moment = readMoment(value)
  if (moment === undefined || moment.time !== undefined || moment.zone !== undefined)
    throw invalid('date', value, at)
  if (Math.abs(dayNumber(moment.date)) > MAX_DAYS) throw invalid('date', value, at)
  return constant({ kind: 'date' }, moment.date, at)
}

/** What 32 bits of days and 64 of microseconds hold; the engine keeps the last of each for infinity. */
const MAX_DAYS = 2_147_483_646
const MIN_SECONDS = -9_223_372_022_400
const MAX_SECONDS = 9_223_372_036_853

/** Whether clocks of the zone ever show the time, and the engine can hold it. */
function exists(date: string, time: string, zone: string | undefined): boolean {
  const [hour, minute, second] = time.split(':').map((part) => Number.parseInt(part, 10)) as [
    number,
    number,
    number,
  ]
  const local = dayNumber(date) * 86_400 + hour * 3600 + minute * 60 + second
  if (local < MIN_SECONDS || local > MAX_SECONDS) return false
  if (zone === undefined || !zone.includes('/')) return true
  const known = zoneOf(zone)
  return localSecondsOf(known, instantOf(known, local)) === local
}

function timestampLiteral(value: string, at: Position): Typed {
  const moment = placed(at, () => readMoment(value))
  if (moment === undefined) throw invalid('timestamp', value, at)
  const { zone } = moment
  // As many digits as are written; a date alone is shown with milliseconds, as the hosted service does.
  const precision = moment.time === undefined ? 3 : moment.precision
  const time = moment.time ?? '00:00:00'
  if (!exists(moment.date, time, zone)) throw invalid('timestamp', value, at)
  const text = `${moment.date} ${time}`
  const type: PrestoType =
    zone === undefined
      ? { kind: 'timestamp', precision }
      : { kind: 'timestamp with time zone', precision, zone }
  return constant(type, text, at)
}

function timeLiteral(value: string, at: Position): Typed {
  const time = placed(at, () => readTime(value))
  if (time === undefined) throw invalid('time', value, at)
  const { precision, offsetSeconds } = time
  if (offsetSeconds === undefined) return constant({ kind: 'time', precision }, time.time, at)
  return constant({ kind: 'time with time zone', precision, zone: offsetName(offsetSeconds) }, time.time, at)
}

/** Blanks at the end are none of its characters. */
function charLiteral(value: string, at: Position): Typed {
  const text = value.replace(/ +$/, '')
  return constant({ kind: 'char', length: [...text].length }, text, at)
}

function booleanLiteral(value: string, at: Position): Typed {
  if (/^(true|t|1)$/i.test(value)) return constant({ kind: 'boolean' }, true, at)
  if (/^(false|f|0)$/i.test(value)) return constant({ kind: 'boolean' }, false, at)
  throw invalid('boolean', value, at)
}

function integerLiteral(type: PrestoType, value: string, at: Position): Typed {
  if (!/^[+-]?\d+$/.test(value) || !fits(type.kind, BigInt(value.trim().replace(/^\+/, '')))) {
    throw invalid(type.kind, value, at)
  }
  return constant(type, BigInt(value.trim().replace(/^\+/, '')), at)
}

function floatLiteral(type: PrestoType, value: string, at: Position): Typed {
  const number = readDouble(value)
  if (number === undefined) throw invalid(type.kind, value, at)
  return constant(type, type.kind === 'real' ? Math.fround(number) : number, at)
}

/** Java's Double.parseDouble. */
export function readDouble(text: string): number | undefined {
  const trimmed = text.trim()
  if (/^[+-]?(NaN|Infinity)$/.test(trimmed)) return Number(trimmed.replace('+', '').replace('-NaN', 'NaN'))
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[dDfF]?$/.test(trimmed)) return undefined
  return Number(trimmed.replace(/[dDfF]$/, ''))
}

/** In the form json_parse gives, by which values are compared. */
function jsonLiteral(value: string, at: Position): Typed {
  try {
    return constant({ kind: 'json' }, parseJson(value), at)
  } catch (error) {
    throw new QueryError('INVALID_LITERAL', `'${value}' is not a valid JSON literal`, at, error)
  }
}

const MILLISECONDS = { day: 86_400_000n, hour: 3_600_000n, minute: 60_000n, second: 1000n }

/** What the engine's intervals hold. */
const MAX_MONTHS = 2n ** 31n - 1n
const MAX_MILLISECONDS = (2n ** 63n - 1n) / 1000n

/** Months of a year-month interval, milliseconds of a day-second one. */
export function intervalLiteral(node: ExpressionOf<'interval'>): Typed {
  const type = intervalType(node.from)
  const amount = type.kind === 'interval year to month' ? months(node) : milliseconds(node)
  const largest = type.kind === 'interval year to month' ? MAX_MONTHS : MAX_MILLISECONDS
  if (amount === undefined || amount > largest || amount < -largest)
    throw new QueryError('INVALID_LITERAL', `'${node.value}' is not a valid INTERVAL literal`, node.at)
  return constant(type, node.negative ? -amount : amount, node.at)
}

function months({ value, from, to }: ExpressionOf<'interval'>): bigint | undefined {
  const both = /^\s*([+-]?)(\d+)-(\d+)\s*$/.exec(value)
  if (from === 'year' && to === 'month' && both !== null) {
    const total = BigInt(both[2]!) * 12n + BigInt(both[3]!)
    return both[1] === '-' ? -total : total
  }
  const one = /^\s*([+-]?\d+)\s*$/.exec(value)
  if (one === null) return undefined
  return BigInt(one[1]!.replace('+', '')) * (from === 'year' ? 12n : 1n)
}

function milliseconds({ value, from, to }: ExpressionOf<'interval'>): bigint | undefined {
  const fields = fieldsBetween(from, to)
  if (fields.length === 0) return undefined
  const separators: Record<string, string> = { day: ' +', hour: ':', minute: ':' }
  // Fields at the end may be left out.
  const pattern = fields
    .map((field): string => (field === 'second' ? '(\\d+(?:\\.\\d{1,9})?)' : '(\\d+)'))
    .reduceRight(
      (rest, part, i) => (i === 0 ? part + rest : `(?:${separators[fields[i - 1]!]}${part}${rest})?`),
      '',
    )
  const found = new RegExp(`^\\s*([+-]?)${pattern}\\s*$`).exec(value)
  if (found === null) return undefined
  let total = 0n
  for (const [i, field] of fields.entries()) {
    const text = found[i + 2] ?? '0'
    const unit = MILLISECONDS[field as keyof typeof MILLISECONDS]
    total += field === 'second' ? wholeMilliseconds(text) : BigInt(text) * unit
  }
  return found[1] === '-' ? -total : total
}

/** Digits beyond the third are cut. */
function wholeMilliseconds(seconds: string): bigint {
  const [whole = '0', fraction = ''] = seconds.split('.')
  return BigInt(whole) * 1000n + BigInt(fraction.slice(0, 3).padEnd(3, '0'))
}

function fieldsBetween(from: IntervalField, to: IntervalField): IntervalField[] {
  return INTERVAL_FIELDS.slice(INTERVAL_FIELDS.indexOf(from), INTERVAL_FIELDS.indexOf(to) + 1)
}

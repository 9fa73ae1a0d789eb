import { dayNumber } from '../analyze/moments.ts'
import type { TypedOf } from '../analyze/plan.ts'
import { duckType, offsetAt, offsetName, textLiteral, zoneOf } from '../functions/index.ts'
import { clockPicos, localPicos, readZonedTime, zonedPicos } from './read-moments.ts'

/** A constant as DuckDB text of exactly its type. */
export function constantSql({ type, value }: TypedOf<'constant'>, sessionZone: string): string {
  if (value === null) return type.kind === 'unknown' ? 'NULL' : `CAST(NULL AS ${duckType(type)})`
  const text = String(value)
  switch (type.kind) {
    case 'boolean':
    case 'unknown':
      return text
    case 'integer':
      return text.startsWith('-') ? `CAST(${text} AS INTEGER)` : text
    case 'tinyint':
    case 'smallint':
    case 'bigint':
      return `CAST(${text} AS ${duckType(type)})`
    case 'varchar':
    case 'json':
      return textLiteral(text)
    case 'char':
      return textLiteral(text.padEnd(type.length))
    case 'varbinary':
    case 'hyperloglog':
    case 'p4hyperloglog':
    case 'setdigest':
    case 'tdigest':
    case 'qdigest':
      return `unhex(${textLiteral(text)})`
    case 'ipaddress':
      return `unhex(${textLiteral(text)})`
    case 'real':
    case 'double':
      return `CAST('${Object.is(value, -0) ? '-0.0' : text}' AS ${duckType(type)})`
    case 'date':
      return /^\d{4}-/.test(text) ? `CAST(${textLiteral(text)} AS DATE)` : `make_date(${dayNumber(text)})`
    case 'time':
      return type.precision > 6 ? `CAST(${clockPicos(text)} AS BIGINT)` : `CAST(${textLiteral(text)} AS TIME)`
    case 'time with time zone':
      return `CAST(${readZonedTime(`${text}${offsetName(offsetAt(zoneOf(type.zone ?? sessionZone), 0))}`, 'UTC', 12)} AS BIGINT)`
    case 'timestamp':
      return timestampConstant(text, type.precision)
    case 'timestamp with time zone': {
      const picos = zonedPicos(localPicos(momentParts(text)), type.zone ?? sessionZone)
      return type.precision > 6 ? `CAST(${picos} AS HUGEINT)` : `make_timestamptz(${picos / 1_000_000n})`
    }
    case 'interval year to month':
      return `to_months(${text})`
    case 'interval day to second':
      return `to_milliseconds(CAST(${text} AS BIGINT))`
    default:
      return `CAST(${textLiteral(text)} AS ${duckType(type)})`
  }
}

function momentParts(text: string): { date: string; time: string } {
  const [date = '', time = ''] = text.split(' ')
  return { date, time }
}

/** Years of other than four digits are written as numbers: the engine writes them its own way. */
function timestampConstant(text: string, precision: number): string {
  if (precision > 6) return `CAST(${localPicos(momentParts(text))} AS HUGEINT)`
  if (/^\d{4}-/.test(text)) return `CAST(${textLiteral(text)} AS TIMESTAMP)`
  return `make_timestamp(${localPicos(momentParts(text)) / 1_000_000n})`
}

import type { TypedOf } from '../analyze/plan.ts'
import { duckType, instantTimestamp, textLiteral } from '../functions/index.ts'

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
    case 'timestamp with time zone':
      return instantTimestamp(`CAST(${textLiteral(text)} AS TIMESTAMP)`, type.zone ?? sessionZone)
    case 'interval year to month':
      return `to_months(${text})`
    case 'interval day to second':
      return `to_milliseconds(CAST(${text} AS BIGINT))`
    default:
      return `CAST(${textLiteral(text)} AS ${duckType(type)})`
  }
}

import type { QueryErrorName } from '../errors.ts'
import type { PrestoType } from '../presto-type.ts'

/**
 * How a Presto value is held in the engine, as DuckDB type text.
 *
 * - `json` is VARCHAR holding JSON text (JSON null is the text `null`; SQL NULL is NULL), keys sorted when it came from
 *   json_parse, so that equality of text is equality of JSON.
 * - a row is STRUCT(f1 …, f2 …): by position, whatever its Presto field names, so that rows of equal shape are one type.
 * - `timestamp with time zone` is TIMESTAMPTZ: the instant; the zone stays in the Presto type where it is the same for all values,
 *   else the value is STRUCT(t, z).
 * - time and timestamp with more than six digits of a second are numbers of picoseconds, and so is every time with time zone (in UTC):
 *   `held-moments.ts`.
 * - both interval types are INTERVAL; ipaddress is BLOB, the 16 bytes of its IPv6 form; sketches are BLOB; `unknown` is the type of NULL.
 */
export function duckType(type: PrestoType): string {
  switch (type.kind) {
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`
    case 'varchar':
    case 'char':
    case 'json':
    case 'color':
      return 'VARCHAR'
    case 'time':
      return type.precision > 6 ? 'BIGINT' : 'TIME'
    case 'time with time zone':
      return zoned('BIGINT', type.zone)
    case 'timestamp':
      return type.precision > 6 ? 'HUGEINT' : 'TIMESTAMP'
    case 'timestamp with time zone':
      return zoned(type.precision > 6 ? 'HUGEINT' : 'TIMESTAMPTZ', type.zone)
    case 'array':
      return `${duckType(type.element)}[]`
    case 'map':
      return `MAP(${duckType(type.key)}, ${duckType(type.value)})`
    case 'row':
      return `STRUCT(${type.fields.map((field, i) => `${rowField(i)} ${duckType(field.type)}`).join(', ')})`
    case 'real':
      return 'FLOAT'
    case 'uuid':
      return 'UUID'
    case 'varbinary':
    case 'ipaddress':
    case 'hyperloglog':
    case 'p4hyperloglog':
    case 'setdigest':
    case 'tdigest':
    case 'qdigest':
      return 'BLOB'
    case 'interval year to month':
    case 'interval day to second':
      return 'INTERVAL'
    case 'unknown':
      return 'INTEGER'
    default:
      return type.kind.toUpperCase()
  }
}

/** The type of values of which each carries its own zone is a pair. */
const zoned = (duck: string, zone: string | null | undefined): string =>
  zone === null ? `STRUCT(t ${duck}, z VARCHAR)` : duck

/** Name of the field at `index` (from 0) of a row inside the engine. */
export const rowField = (index: number): string => `f${index + 1}`

/** A DuckDB string literal. NUL cannot stand in DuckDB text, so it is joined in with chr(0). */
export function textLiteral(text: string): string {
  if (!text.includes('\0')) return `'${text.replaceAll("'", "''")}'`
  return `(${text.split('\0').map(textLiteral).join(' || chr(0) || ')})`
}

/**
 * An expression that fails the query when (and only when) it is evaluated: lazy inside CASE, NULL under TRY.
 * `message` is SQL giving the text.
 */
export function raiseSql(error: QueryErrorName, messageSql: string, result: PrestoType): string {
  return `CAST(p_error(${textLiteral(`${error}: `)} || ${messageSql}) AS ${duckType(result)})`
}

/** The same with a fixed message. */
export const raise = (error: QueryErrorName, message: string, result: PrestoType): string =>
  `CAST(p_error(${textLiteral(`${error}: ${message}`)}) AS ${duckType(result)})`

/** CASE: the value of the first condition that holds, else `otherwise`, else NULL. */
export function choose(branches: [when: string, then: string][], otherwise?: string): string {
  const whens = branches.map(([when, then]) => `WHEN ${when} THEN ${then}`)
  return `CASE ${whens.join(' ')}${otherwise === undefined ? '' : ` ELSE ${otherwise}`} END`
}

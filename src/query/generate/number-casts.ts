import { castText, duckType, isInteger, isNumeric, isText, raise, raiseSql } from '../functions/index.ts'
import type { CallContext } from '../functions/types.ts'
import { type PrestoType, typeText } from '../presto-type.ts'

/** Casts to numbers and booleans. Presto's names of errors, and its roundings, are not the engine's. */

type DecimalType = Extract<PrestoType, { kind: 'decimal' }>

export function cannotCast(sql: string, to: PrestoType): string {
  const name = to.kind === 'integer' ? 'INT' : typeText(to).toUpperCase()
  return raiseSql('INVALID_CAST_ARGUMENT', `'Cannot cast ''' || ${sql} || ''' to ${name}'`, to)
}

/** Text must match a pattern before DuckDB, which takes more than Presto does, may read it. */
function fromText(sql: string, pattern: string, to: PrestoType, read = `trim(${sql})`): string {
  const error = cannotCast(sql, to)
  const value = `coalesce(TRY_CAST(${read} AS ${duckType(to)}), ${error})`
  return `CASE WHEN NOT regexp_full_match(${sql}, '${pattern}') THEN ${error} WHEN ${sql} IS NOT NULL THEN ${value} END`
}

export function toBoolean(sql: string, from: PrestoType): string | undefined {
  if (isNumeric(from)) return `(${sql} <> 0)`
  if (from.kind !== 'varchar') return undefined
  const error = cannotCast(sql, { kind: 'boolean' })
  return `CASE lower(${sql}) WHEN 't' THEN true WHEN 'true' THEN true WHEN '1' THEN true WHEN 'f' THEN false WHEN 'false' THEN false WHEN '0' THEN false ELSE CASE WHEN ${sql} IS NOT NULL THEN ${error} END END`
}

export function toInteger(
  sql: string,
  from: PrestoType,
  to: PrestoType,
  context: CallContext,
): string | undefined {
  const duck = duckType(to)
  if (from.kind === 'varchar') return fromText(sql, '\\s*[+-]?[0-9]+\\s*', to)
  if (from.kind === 'boolean' || isInteger(from) || from.kind === 'decimal') return `CAST(${sql} AS ${duck})`
  if (from.kind !== 'double' && from.kind !== 'real') return undefined
  const invalid = raiseSql(
    'INVALID_CAST_ARGUMENT',
    `'Cannot cast ' || ${castText(sql, from, context)} || ' to ${to.kind}'`,
    to,
  )
  if (to.kind === 'bigint') return toBigint(sql, from, invalid)
  const beyond = raiseSql(
    'NUMERIC_VALUE_OUT_OF_RANGE',
    `'Out of range for ${to.kind}: ' || ${castText(sql, from, context)}`,
    to,
  )
  const value = `coalesce(TRY_CAST(round(${sql}) AS ${duck}), ${beyond})`
  return `CASE WHEN isnan(${sql}) THEN ${invalid} WHEN ${sql} IS NOT NULL THEN ${value} END`
}

/** A double beyond 64 bits is refused; a real is the nearest there is. */
function toBigint(sql: string, from: PrestoType, invalid: string): string {
  const beyond =
    from.kind === 'double'
      ? invalid
      : `CASE WHEN ${sql} > 0 THEN 9223372036854775807 ELSE CAST('-9223372036854775808' AS BIGINT) END`
  const value = `coalesce(TRY_CAST(round(${sql}) AS BIGINT), ${beyond})`
  return `CASE WHEN isnan(${sql}) THEN ${invalid} WHEN ${sql} IS NOT NULL THEN ${value} END`
}

const FLOAT = '\\s*[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?[dDfF]?\\s*|\\s*[+-]?(NaN|Infinity)\\s*'

export function toFloat(sql: string, from: PrestoType, to: PrestoType): string | undefined {
  const duck = duckType(to)
  if (from.kind === 'varchar') return fromText(sql, FLOAT, to, `rtrim(trim(${sql}), 'dDfF')`)
  if (from.kind === 'double' && to.kind === 'real')
    return `coalesce(TRY_CAST(${sql} AS FLOAT), CAST(sign(${sql}) * CAST('Infinity' AS DOUBLE) AS FLOAT))`
  return from.kind === 'boolean' || isNumeric(from) ? `CAST(${sql} AS ${duck})` : undefined
}

export function toDecimal(
  sql: string,
  from: PrestoType,
  to: DecimalType,
  context: CallContext,
): string | undefined {
  const duck = duckType(to)
  if (isText(from)) {
    if (from.kind === 'char') return undefined
    return fromText(sql, '[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?', to, withoutExponent(sql, to))
  }
  if (from.kind !== 'boolean' && !isNumeric(from)) return undefined
  if (alwaysFits(from, to)) return `CAST(${sql} AS ${duck})`
  const error = raiseSql(
    'INVALID_CAST_ARGUMENT',
    `'Cannot cast ${typeText(from).toUpperCase()} ''' || ${castText(sql, from, context)} || ''' to ${typeText(to).toUpperCase()}'`,
    to,
  )
  const value = `coalesce(TRY_CAST(${exactText(sql, from, to)} AS ${duck}), ${error})`
  const careful = `CASE WHEN ${sql} IS NOT NULL THEN ${value} END`
  if (from.kind !== 'double' || to.precision > EXACT_DIGITS) return careful
  const tried = `TRY_CAST(${sql} AS ${duck})`
  const rounded = `coalesce(CASE WHEN ${isPlain(sql, to)} THEN ${tried} END, ${careful})`
  return `CASE WHEN CAST(${tried} AS DOUBLE) = ${sql} THEN ${tried} ELSE ${rounded} END`
}

/**
 * Up to so many digits no two decimals are the same double: one that reads back as the double is the shortest text of it. And a double is
 * less than a quarter of the last digit off.
 */
const EXACT_DIGITS = 15

/**
 * Doubles that the engine itself rounds as their shortest text would be, many times faster: those that do not lie near a half of the last
 * digit. What does not fit is NULL there, so it comes to the careful way as well.
 */
function isPlain(sql: string, { scale }: DecimalType): string {
  const scaled = `${sql} * CAST('1e${scale}' AS DOUBLE)`
  return `abs(${scaled} - round(${scaled})) < CAST(0.25 AS DOUBLE)`
}

/** Floats are taken by their shortest text: 1.005 is 1.01 in two places although the double is a little less. */
function exactText(sql: string, from: PrestoType, to: DecimalType): string {
  if (from.kind === 'double' || from.kind === 'real') return withoutExponent(`CAST(${sql} AS VARCHAR)`, to)
  return from.kind === 'boolean' ? `CAST(${sql} AS INTEGER)` : sql
}

/** The engine rounds a text with a negative exponent wrongly. */
function withoutExponent(text: string, { precision, scale }: DecimalType): string {
  return `CASE WHEN regexp_matches(${text}, '[eE]') THEN p_read_decimal(${text}, ${precision}, ${scale}) ELSE ${text} END`
}

const WHOLE_DIGITS: Partial<Record<PrestoType['kind'], number>> = {
  boolean: 1,
  tinyint: 3,
  smallint: 5,
  integer: 10,
  bigint: 19,
}

/** Whether every value has room before the point; rounding may carry into one digit more. */
function alwaysFits(from: PrestoType, to: DecimalType): boolean {
  const room = to.precision - to.scale
  if (from.kind !== 'decimal') return (WHOLE_DIGITS[from.kind] ?? Number.POSITIVE_INFINITY) <= room
  const whole = from.precision - from.scale
  return from.scale <= to.scale ? whole <= room : whole < room
}

/** NUMERIC_VALUE_OUT_OF_RANGE as Presto words it. */
export const decimalOverflow = (to: PrestoType): string =>
  raise('NUMERIC_VALUE_OUT_OF_RANGE', 'Decimal overflow', to)

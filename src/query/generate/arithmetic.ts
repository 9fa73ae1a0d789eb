import type { Typed, TypedOf } from '../analyze/plan.ts'
import { QueryError } from '../errors.ts'
import {
  duckType,
  hasOwnZones,
  instantIn,
  isInteger,
  isLong,
  isMoment,
  isNumeric,
  isPlain,
  localIn,
  longOfMicros,
  type MomentType,
  plainMoment,
  raise,
  withoutZone,
  withZone,
  zoneNameSql,
  zoneOfValue,
} from '../functions/index.ts'
import type { PrestoType } from '../presto-type.ts'
import type { Generator } from './generator.ts'
import { once } from './once.ts'

type Arithmetic = TypedOf<'arithmetic'>

export function arithmeticSql(g: Generator, typed: Arithmetic): string {
  const left = g.expression(g, typed.left)
  const right = g.expression(g, typed.right)
  const { type, operator } = typed
  if (type.kind === 'decimal') return decimalSql(typed, left, right)
  if (isNumeric(type)) return numberSql(typed, left, right)
  const momentLeft = isMoment(typed.left.type)
  const momentRight = isMoment(typed.right.type)
  if (momentLeft && momentRight) return differenceSql(typed.left, left, right)
  if (momentLeft) return shiftSql(g, typed.left, left, operator, right, typed.right)
  if (momentRight) return shiftSql(g, typed.right, right, operator, left, typed.left)
  if (operator === '*' || operator === '/') return scaledSql(typed, left, right)
  return `(${left} ${operator} ${right})`
}

function numberSql({ type, operator, right: divisor }: Arithmetic, left: string, right: string): string {
  const duck = duckType(type)
  if (operator !== '/' && operator !== '%') return `(${left} ${operator} ${right})`
  if (!isInteger(type)) return `CAST(${left} ${operator} ${right} AS ${duck})`
  const divide = (l: string, r: string): string =>
    `CAST(${l} ${operator === '/' ? '//' : '%'} ${r} AS ${duck})`
  if (divisor.kind === 'constant' && divisor.value !== null && !isOddDivisor(divisor.value))
    return divide(left, right)
  const error = raise('DIVISION_BY_ZERO', 'Division by zero', type)
  // DuckDB takes the remainder of the smallest number by -1 for an overflow; it is 0, and NULL that of NULL.
  const byMinusOne = (l: string, r: string): string =>
    operator === '%' ? ` WHEN ${r} = -1 THEN CAST(${l} - ${l} AS ${duck})` : ''
  return once(
    [left, right] as const,
    (l, r) =>
      `CASE WHEN ${r} = 0 AND ${l} IS NOT NULL THEN ${error}${byMinusOne(l, r)} ELSE ${divide(l, r)} END`,
  )
}

/** Zero, and the one by which DuckDB overflows. */
const isOddDivisor = (value: unknown): boolean => value === 0n || value === -1n

/** Division and remainder are exact and round half up: by BigInt in JavaScript, never by DOUBLE. */
function decimalSql(typed: Arithmetic, left: string, right: string): string {
  const { type, operator } = typed
  if (type.kind !== 'decimal') throw new TypeError('not a decimal operation')
  const { precision, scale } = type
  if (operator === '/' || operator === '%') {
    const name = operator === '/' ? 'p_decimal_divide' : 'p_decimal_modulo'
    return `CAST(${name}(CAST(${left} AS VARCHAR), CAST(${right} AS VARCHAR), ${precision}, ${scale}) AS ${duckType(type)})`
  }
  if (operator === '*') return productSql(typed, left, right)
  const wide = `DECIMAL(38,${scale})`
  const operand = (sql: string): string => (precision === 38 ? `CAST(${sql} AS ${wide})` : sql)
  return `CAST(${operand(left)} ${operator} ${operand(right)} AS ${duckType(type)})`
}

/** DuckDB multiplies decimals only where the digits of both fit its 38. */
function productSql({ type, left: a, right: b }: Arithmetic, left: string, right: string): string {
  if (a.type.kind !== 'decimal' || b.type.kind !== 'decimal' || type.kind !== 'decimal')
    throw new TypeError('not decimals')
  if (a.type.precision + b.type.precision <= 38) return `CAST(${left} * ${right} AS ${duckType(type)})`
  return `CAST(p_decimal_multiply(CAST(${left} AS VARCHAR), CAST(${right} AS VARCHAR), ${type.precision}, ${type.scale}) AS ${duckType(type)})`
}

/** moment − moment is an interval of milliseconds. */
function differenceSql(moment: Typed, left: string, right: string): string {
  if (moment.type.kind === 'date') return `to_days(CAST(${left} - ${right} AS INTEGER))`
  if (!isLong(moment.type)) {
    const micros = (sql: string): string => `epoch_us(${sql})`
    return `to_milliseconds(${wholeMillis(micros(left), 1000)} - ${wholeMillis(micros(right), 1000)})`
  }
  const unit = 1_000_000_000
  return `to_milliseconds(CAST(${wholeMillis(left, unit)} - ${wholeMillis(right, unit)} AS BIGINT))`
}

/** Intervals count milliseconds: what is finer is cut from each side before they are subtracted. */
function wholeMillis(sql: string, unit: number): string {
  return `((${sql} - ((${sql} % ${unit}) + ${unit}) % ${unit}) // ${unit})`
}

/** A date stays a date; months move in the zone of the value. */
function shiftSql(
  g: Generator,
  moment: Typed,
  sql: string,
  operator: string,
  by: string,
  interval: Typed,
): string {
  const { type } = moment
  if (type.kind === 'date') {
    if (
      interval.kind === 'constant' &&
      interval.type.kind === 'interval day to second' &&
      !wholeDays(interval.value)
    ) {
      throw new QueryError(
        'INVALID_FUNCTION_ARGUMENT',
        'Cannot add hour, minutes or seconds to a date',
        interval.at,
      )
    }
    return `CAST(${sql} ${operator} ${by} AS DATE)`
  }
  if (!isMoment(type)) throw new TypeError('not a moment')
  const session = g.context.zone
  if (isPlain(type)) return shiftedPlain(sql, type, operator, by, interval, session)
  if (type.kind === 'time' || type.kind === 'time with time zone') {
    const value = withoutZone(sql, type)
    const moved = `CAST(((${value} ${operator} ${intervalPicos(by)}) % ${DAY_PICOS} + ${DAY_PICOS}) % ${DAY_PICOS} AS BIGINT)`
    return hasOwnZones(type) ? withZone(moved, zoneNameSql(sql, type, session)) : moved
  }
  const value = withoutZone(sql, type)
  if (interval.type.kind === 'interval day to second' && isLong(type)) {
    const moved = `(${value} ${operator} ${intervalPicos(by)})`
    return hasOwnZones(type) ? withZone(moved, zoneNameSql(sql, type, session)) : moved
  }
  const plain = plainMoment(sql, type, session)
  const moved = shiftedPlain(plain, type, operator, by, interval, session, sql)
  const fine = isLong(type) ? `(${longOfMicros(moved)} + p_long_picos(${value}))` : moved
  return hasOwnZones(type) ? withZone(fine, zoneNameSql(sql, type, session)) : fine
}

const DAY_PICOS = '86400000000000000'
const intervalPicos = (sql: string): string => `(CAST(epoch_us(${sql}) AS HUGEINT) * 1000000)`

/** `held` is the value as it is held, where that is more than the engine's own type. */
function shiftedPlain(
  sql: string,
  type: MomentType,
  operator: string,
  by: string,
  interval: Typed,
  session: string,
  held = sql,
): string {
  if (type.kind === 'timestamp with time zone' && interval.type.kind === 'interval year to month') {
    const zone = zoneOfValue(held, type, session)
    return instantIn(`(${localIn(sql, zone)} ${operator} ${by})`, zone)
  }
  return `(${sql} ${operator} ${by})`
}

function wholeDays(value: unknown): boolean {
  return value === null || (typeof value === 'bigint' && value % 86_400_000n === 0n)
}

/** What is left of a month, or of a millisecond, is cut. */
function scaledSql({ type, operator, left: a }: Arithmetic, left: string, right: string): string {
  const [interval, number] = isNumeric(a.type) ? [right, left] : [left, right]
  const factor = `CAST(${number} AS DOUBLE)`
  if (operator === '*') return scaledBy(type, interval, `* ${factor}`)
  const error = raise('INVALID_FUNCTION_ARGUMENT', 'Cannot divide by double 0.0', type)
  return `CASE WHEN ${factor} = 0 THEN ${error} ELSE ${scaledBy(type, interval, `/ ${factor}`)} END`
}

function scaledBy(type: PrestoType, interval: string, by: string): string {
  if (type.kind === 'interval year to month') {
    const months = `(datepart('year', ${interval}) * 12 + datepart('month', ${interval}))`
    return `to_months(CAST(trunc(${months} ${by}) AS INTEGER))`
  }
  return `to_milliseconds(CAST(trunc(epoch_us(${interval}) // 1000 ${by}) AS BIGINT))`
}

import { by, cast, plain } from './aggregate-forms.ts'
import {
  aggregate,
  aggregateSql,
  type Call,
  type FunctionDefinition,
  fail,
  type TypedCall,
} from './define.ts'
import { duckType } from './duck-type.ts'
import { pureFunction } from './javascript-helpers.ts'
import type { JavaScriptFunction } from './types.ts'

/** Sums and averages: of decimals exact, of whole numbers checked, of reals and doubles as they come. */

const overTypes = (template: string, types: string[]): string[] =>
  types.map((type) => template.replaceAll('?', type))

const decimalNumbers = ({ bindings }: TypedCall) => ({
  p: bindings.numbers.get('p') ?? 1,
  s: bindings.numbers.get('s') ?? 0,
})

/** A precision up to which sums of any number of rows fit in DECIMAL(38). */
const SUMMABLE_PRECISION = 28

function sumOfDecimals(call: Call): string {
  const sum = by('sum')(call)
  const { p, s } = decimalNumbers(call)
  if (p <= SUMMABLE_PRECISION) return sum
  const most = `CAST('${'9'.repeat(38 - s)}.${'9'.repeat(s)}' AS DECIMAL(38,${s}))`
  return `CASE WHEN ${sum} NOT BETWEEN -${most} AND ${most} THEN ${fail(call, 'NUMERIC_VALUE_OUT_OF_RANGE', 'Decimal overflow')} ELSE ${sum} END`
}

/** Exact: the sum and the count as whole numbers, divided half-up. */
function averageOfDecimals(call: Call): string {
  const { p, s } = decimalNumbers(call)
  if (p > SUMMABLE_PRECISION) return averageOfLongDecimals(call, s)
  // The sum of a decimal is DECIMAL(38,s), held as a whole number of units of 10^-s; text without its point is that number.
  const sum = `CAST(replace(CAST(${aggregateSql(call, 'sum', call.args)} AS VARCHAR), '.', '') AS HUGEINT)`
  const average = `p_divide_half_up(${sum}, ${aggregateSql(call, 'count', call.args)})`
  return cast(call, `CAST(${average} AS DECIMAL(38,0)) * CAST('1e-${s}' AS DECIMAL(${s + 1},${s}))`)
}

/** The sum may have more than 38 digits: its upper and its lower half are summed by themselves. */
function averageOfLongDecimals(call: Call, scale: number): string {
  const units = `CAST(replace(CAST(${call.args[0]} AS VARCHAR), '.', '') AS HUGEINT)`
  const half = '10000000000000000000'
  const sums = [`${units} // ${half}`, `${units} % ${half}`].map((part) => aggregateSql(call, 'sum', [part]))
  const average = `p_long_average(${sums.join(', ')}, ${aggregateSql(call, 'count', call.args)}, ${scale})`
  return `CAST(${average} AS ${duckType(call.result)})`
}

/** Summed as doubles; beyond the largest real it is infinite. */
const realOf =
  (name: string) =>
  (call: Call): string =>
    `p_to_real(${aggregateSql(call, name, [`CAST(${call.args[0]} AS DOUBLE)`])})`

function sumOfIntervals(call: Call): string {
  const [x] = call.args
  if (call.result.kind === 'interval year to month') {
    return `to_months(CAST(${aggregateSql(call, 'sum', [`datepart('year', ${x}) * 12 + datepart('month', ${x})`])} AS INTEGER))`
  }
  return `to_microseconds(CAST(${aggregateSql(call, 'sum', [`epoch_us(${x})`])} AS BIGINT))`
}

function averageOfIntervals(call: Call): string {
  const [x] = call.args
  if (call.result.kind === 'interval year to month') {
    const months = aggregateSql(call, 'avg', [`datepart('year', ${x}) * 12 + datepart('month', ${x})`])
    return `to_months(CAST(floor(${months} + 0.5) AS INTEGER))`
  }
  return `to_milliseconds(CAST(floor(${aggregateSql(call, 'avg', [`epoch_us(${x})`])} / 1000 + 0.5) AS BIGINT))`
}

const INTERVALS = ['interval day to second', 'interval year to month']

export const definitions: FunctionDefinition[] = [
  ...aggregate('sum(bigint) -> bigint', by('sum')),
  ...aggregate('sum(real) -> real', realOf('sum')),
  ...aggregate('sum(double) -> double', plain('sum')),
  ...aggregate('sum(decimal(p,s)) -> decimal(38,s)', sumOfDecimals),
  ...aggregate(overTypes('sum(?) -> ?', INTERVALS), sumOfIntervals),
  ...aggregate(overTypes('avg(?) -> ?', INTERVALS), averageOfIntervals),
  ...aggregate('avg(bigint) -> double', plain('avg')),
  ...aggregate('avg(double) -> double', plain('avg')),
  ...aggregate('avg(real) -> real', realOf('avg')),
  ...aggregate('avg(decimal(p,s)) -> decimal(p,s)', averageOfDecimals),
]

export const prelude: string[] = [
  `CREATE OR REPLACE MACRO p_divide_half_up(n, d) AS CASE WHEN (n < 0) <> (d < 0) THEN -((2 * abs(n) + abs(d)) // (2 * abs(d))) ELSE (2 * abs(n) + abs(d)) // (2 * abs(d)) END`,
  `CREATE OR REPLACE MACRO p_to_real(x) AS CASE WHEN isnan(x) THEN CAST('NaN' AS FLOAT) WHEN x > 3.4028235677973366e38 THEN CAST('Infinity' AS FLOAT) WHEN x < -3.4028235677973366e38 THEN CAST('-Infinity' AS FLOAT) ELSE CAST(x AS FLOAT) END`,
]

const half = 10_000_000_000_000_000_000n

/** The average of whole numbers of units of 10^-scale, half-up, as digits with their point. */
function longAverage(upper: bigint, lower: bigint, count: bigint, scale: number): string | null {
  if (count === 0n) return null
  const sum = upper * half + lower
  const size = sum < 0n ? -sum : sum
  const digits = String((2n * size + count) / (2n * count)).padStart(scale + 1, '0')
  const point = digits.length - scale
  return `${sum < 0n ? '-' : ''}${digits.slice(0, point)}${scale === 0 ? '' : `.${digits.slice(point)}`}`
}

export const javascript: JavaScriptFunction[] = [
  pureFunction('p_long_average(HUGEINT, HUGEINT, BIGINT, INTEGER) -> VARCHAR', longAverage),
]

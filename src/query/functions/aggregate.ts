import { QueryError } from '../errors.ts'
import { typeText } from '../presto-type.ts'
import {
  aggregate,
  aggregateSql,
  alias,
  type Call,
  type FunctionDefinition,
  fail,
  freshNames,
  type TypedCall,
} from './define.ts'
import { duckType, raise, raiseSql } from './duck-type.ts'
import { pureFunction } from './javascript-helpers.ts'
import { applyLambda } from './lambda-sql.ts'
import * as quantile from './quantile.ts'
import type { JavaScriptFunction } from './types.ts'
import { xxhash64 } from './xxhash64.ts'

/** Aggregates. Each may stand with DISTINCT, ORDER BY, FILTER and OVER; those are put around every part of a compound one. */

/** One DuckDB aggregate over the call's arguments, cast to the Presto type. */
const by =
  (name: string) =>
  (call: Call): string =>
    cast(call, aggregateSql(call, name, call.args))

const cast = (call: Call, sql: string): string => `CAST(${sql} AS ${duckType(call.result)})`

/** One DuckDB aggregate as it is: its type is Presto's already. */
const plain =
  (name: string) =>
  (call: Call): string =>
    aggregateSql(call, name, call.args)

const overTypes = (template: string, types: string[]): string[] =>
  types.map((type) => template.replaceAll('?', type))
const doubles = (
  names: string[],
  parameters: string,
  name: (presto: string) => string = (presto) => presto,
) => names.flatMap((presto) => aggregate(`${presto}(${parameters}) -> double`, plain(name(presto))))

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

/** Presto answers NULL where the result is not a finite number (one row, no variance). */
const finiteOnly =
  (name: string) =>
  (call: Call): string => {
    const sql = aggregateSql(call, name, call.args)
    return `CASE WHEN isfinite(${sql}) THEN ${sql} END`
  }

/** Presto's skewness is that of the population; DuckDB's is corrected for a sample. */
function populationSkewness(call: Call): string {
  const n = aggregateSql(call, 'count', call.args)
  return `CASE WHEN ${n} >= 3 THEN ${aggregateSql(call, 'skewness', call.args)} * (${n} - 2) / sqrt(${n} * (${n} - 1.0)) END`
}

/** The logarithm of 0 and less is no error here. */
const geometricMean = (call: Call): string => {
  const [x] = call.args
  const logarithm = `CASE WHEN ${x} > 0 THEN ln(${x}) WHEN ${x} = 0 THEN CAST('-Infinity' AS DOUBLE) WHEN ${x} < 0 THEN CAST('NaN' AS DOUBLE) END`
  return `exp(${aggregateSql(call, 'avg', [logarithm])})`
}

/** The arguments are counts, not values. */
function entropyOfCounts(call: Call): string {
  const [c] = call.args
  const total = aggregateSql(call, 'sum', [c!])
  const weighted = aggregateSql(call, 'sum', [`CASE WHEN ${c} > 0 THEN ${c} * log2(${c}) ELSE 0 END`])
  return `CASE WHEN ${total} > 0 THEN greatest(log2(${total}) - ${weighted} / ${total}, 0) ELSE 0e0 END`
}

const entry = (call: Call): string => `{'key': ${call.args[0]}, 'value': ${call.args[1]}}`

/** The first value of a key wins; entries whose key is NULL are left out; NULL of no entries. */
const mapAgg = (call: Call): string =>
  cast(call, `p_map_of_first(${aggregateSql(call, 'list', [entry(call)], `${call.args[0]} IS NOT NULL`)})`)

const multimapAgg = (call: Call): string =>
  cast(call, `p_multimap_of(${aggregateSql(call, 'list', [entry(call)], `${call.args[0]} IS NOT NULL`)})`)

const mapUnion = (call: Call): string =>
  cast(
    call,
    `p_map_of_first(flatten(${aggregateSql(call, 'list', [`map_entries(${call.args[0]})`], `${call.args[0]} IS NOT NULL`)}))`,
  )

/** NaN counts only where there is nothing else. */
const withoutNaN = (call: Call, key: number, name: string): string => {
  const all = aggregateSql(call, name, call.args)
  if (!['double', 'real'].includes(call.types[key]!.kind)) return all
  return `coalesce(${aggregateSql(call, name, call.args, `NOT isnan(${call.args[key]})`)}, ${all})`
}

const MOST_EXTREMES = 10_000n

/** The last argument says how many, the same in all rows. A constant is checked here, what is not, where it runs. */
function several(call: Call, what: string, aggregateOf: (checked: Call) => string): string {
  const at = call.args.length - 1
  const count = call.args[at]!
  const constant = call.constants[at]
  if (typeof constant === 'bigint' && constant > 0n && constant <= MOST_EXTREMES) return aggregateOf(call)
  const invalid = (message: string): string => raise('INVALID_FUNCTION_ARGUMENT', message, call.types[at]!)
  const tooMany = raiseSql(
    'INVALID_FUNCTION_ARGUMENT',
    `'${what} must be less than or equal to ${MOST_EXTREMES}; found ' || ${count}`,
    call.types[at]!,
  )
  const positive = what.startsWith('third') ? 'a positive integer' : 'positive'
  const checked = `CASE WHEN ${count} IS NULL THEN 1 WHEN ${count} <= 0 THEN ${invalid(`${what} must be ${positive}`)} WHEN ${count} > ${MOST_EXTREMES} THEN ${tooMany} ELSE ${count} END`
  const args = call.args.map((arg, i) => (i === at ? checked : arg))
  return `CASE WHEN ${aggregateSql(call, 'count', [count])} > 0 THEN ${aggregateOf({ ...call, args })} END`
}

const extremes = (name: 'max' | 'min') => [
  ...aggregate(`${name}(E) -> E`, (call) => withoutNaN(call, 0, name), { orderable: ['E'] }),
  ...aggregate(
    `${name}(E, bigint) -> array(E)`,
    (call) => several(call, `second argument of ${name}_n`, (checked) => withoutNaN(checked, 0, name)),
    { orderable: ['E'] },
  ),
  ...aggregate(
    `${name}_by(V, K) -> V`,
    (call) => withoutNaN(call, 1, name === 'max' ? 'arg_max_null' : 'arg_min_null'),
    { orderable: ['K'] },
  ),
  ...aggregate(
    `${name}_by(V, K, bigint) -> array(V)`,
    (call) => several(call, `third argument of ${name}_by`, (checked) => severalBy(checked, name)),
    { orderable: ['K'] },
  ),
]

/** Wrapped, so that values that are NULL are not passed over. */
function severalBy(call: Call, name: 'max' | 'min'): string {
  const [value, ...rest] = call.args
  const found = withoutNaN({ ...call, args: [`{'v': ${value}}`, ...rest] }, 1, `arg_${name}`)
  return `list_transform(${found}, lambda "$v": "$v".v)`
}

/** Values sorted, the one at the wanted fraction taken: exact, so within any error bound. */
function percentile(call: Call): string {
  const [x, p] = [call.args[0]!, call.args.at(-1)!]
  const sorted = `list_sort(${aggregateSql(call, 'list', [x], `${x} IS NOT NULL`)}, 'ASC', 'NULLS LAST')`
  const fraction = aggregateSql(call, 'any_value', [p])
  return call.result.kind === 'array'
    ? `p_percentiles(${sorted}, ${fraction})`
    : `p_percentile(${sorted}, ${fraction})`
}

function weightedPercentile(call: Call): string {
  const [x, w, p] = call.args
  const entries = `list_sort(${aggregateSql(call, 'list', [`{'x': ${x}, 'w': CAST(${w} AS DOUBLE)}`], `${x} IS NOT NULL`)}, 'ASC', 'NULLS LAST')`
  const fraction = aggregateSql(call, 'any_value', [p!])
  return call.result.kind === 'array'
    ? `p_weighted_percentiles(${entries}, ${fraction})`
    : `p_weighted_percentile(${entries}, ${fraction})`
}

const PERCENTILE_TYPES = ['bigint', 'real', 'double']
const approxPercentile = PERCENTILE_TYPES.flatMap((type) => [
  ...aggregate([`approx_percentile(${type}, double) -> ${type}`], percentile),
  ...aggregate([`approx_percentile(${type}, array(double)) -> array(${type})`], percentile),
  ...aggregate(
    [
      `approx_percentile(${type}, double, double) -> ${type}`,
      // The last is how exact it has to be: more exact than exact is not needed.
      `approx_percentile(${type}, double, double, double) -> ${type}`,
    ],
    weightedPercentile,
  ),
  ...aggregate([`approx_percentile(${type}, double, array(double)) -> array(${type})`], weightedPercentile),
])

function numericHistogram(call: Call): string {
  const [buckets, x, weight = '1e0'] = call.args
  const values = aggregateSql(
    call,
    'list',
    [`{'x': CAST(${x} AS DOUBLE), 'w': ${weight}}`],
    `${x} IS NOT NULL`,
  )
  return cast(call, `p_numeric_histogram(${aggregateSql(call, 'any_value', [buckets!])}, ${values})`)
}

/** Counted exactly: the error bound of the second argument always holds. */
const approxDistinct = aggregate(
  ['approx_distinct(ANY) -> bigint', 'approx_distinct(ANY, double) -> bigint'],
  (call) => {
    const counted = aggregateSql(
      { ...call, clauses: { ...call.clauses, distinct: true, orderBy: '' } },
      'count',
      [call.args[0]!],
    )
    if (call.args[1] === undefined) return counted
    const error = aggregateSql(call, 'any_value', [call.args[1]])
    const wrong = raiseSql(
      'INVALID_FUNCTION_ARGUMENT',
      `'Max standard error must be in [${LEAST_ERROR}, ${MOST_ERROR}]: ' || ${error}`,
      call.result,
    )
    return `CASE WHEN ${error} NOT BETWEEN ${LEAST_ERROR}e0 AND ${MOST_ERROR}e0 THEN ${wrong} ELSE ${counted} END`
  },
)
const LEAST_ERROR = 0.0040625
const MOST_ERROR = 0.26

const mostFrequent = aggregate(
  [
    'approx_most_frequent(bigint, varchar, bigint) -> map(varchar, bigint)',
    'approx_most_frequent(bigint, bigint, bigint) -> map(bigint, bigint)',
  ],
  (call) =>
    cast(
      call,
      `p_most_frequent(${aggregateSql(call, 'histogram', [call.args[1]!])}, ${aggregateSql(call, 'any_value', [call.args[0]!])})`,
    ),
)

const MOST_LISTED = 1_048_576

/** `filler` and whether the number of what was left out is shown come from ON OVERFLOW TRUNCATE. */
function listagg(call: Call): string {
  const [x, separator = "''", filler, counted] = call.args
  if (filler !== undefined) {
    const list = aggregateSql(call, 'list', [x!], `${x} IS NOT NULL`)
    return `p_listagg(${list}, ${separator}, ${filler}, ${counted})`
  }
  const text = aggregateSql(call, 'string_agg', [x!, separator])
  const message = `Concatenated string has the length in bytes larger than the maximum output length ${MOST_LISTED}`
  return `CASE WHEN strlen(${text}) > ${MOST_LISTED} THEN ${fail(call, 'EXCEEDED_FUNCTION_MEMORY_LIMIT', message)} ELSE ${text} END`
}

/** A fold over the group's values that are not NULL. The rows' states are never combined here, as they are where Presto shares out work. */
function reduceAgg(call: Call): string {
  const { result } = call
  if (!FOLDED.includes(result.kind)) {
    throw new QueryError('NOT_SUPPORTED', `State type not supported for reduce_agg: ${typeText(result)}`)
  }
  const [x, initial] = call.args
  const [acc, element] = freshNames(2, call.args) as [string, string]
  const [state, item] = [duckType(result), duckType(call.types[0]!)]
  const list = aggregateSql(call, 'list', [`{'s': CAST(NULL AS ${state}), 'x': ${x}}`], `${x} IS NOT NULL`)
  const step = applyLambda(call.lambda(2), [`${acc}.s`, `${element}.x`])
  const first = `{'s': CAST(${aggregateSql(call, 'any_value', [initial!])} AS ${state}), 'x': CAST(NULL AS ${item})}`
  return `list_reduce(${list}, lambda ${acc}, ${element}: {'s': CAST(${step} AS ${state}), 'x': CAST(NULL AS ${item})}, ${first}).s`
}
const FOLDED = ['boolean', 'tinyint', 'smallint', 'integer', 'bigint', 'real', 'double', 'date']

/** The sum, as 64 bits, of the hashes of all values; NULL has one of its own. */
function checksum(call: Call): string {
  const [x] = call.args
  const hash = hashedForChecksum(call)
  const value = `CASE WHEN ${x} IS NULL THEN ${CHECKSUM_OF_NULL} ELSE ${hash} END`
  return `p_checksum(${aggregateSql(call, 'sum', [`CAST(${value} AS HUGEINT)`])})`
}
const CHECKSUM_OF_NULL = '-7046029288634856825'

function hashedForChecksum(call: Call): string {
  const [x] = call.args
  const [type] = call.types
  switch (type!.kind) {
    case 'unknown':
      return '0'
    case 'varchar':
      return `p_checksum_bytes(encode(${x}))`
    case 'varbinary':
      return `p_checksum_bytes(${x})`
    case 'double':
      return `p_checksum_double(${x})`
    case 'real':
      return `p_checksum_real(${x})`
    case 'boolean':
    case 'tinyint':
    case 'smallint':
    case 'integer':
    case 'bigint':
      return `p_checksum_bigint(CAST(${x} AS BIGINT))`
    case 'date':
      return `p_checksum_bigint(datediff('day', DATE '1970-01-01', ${x}))`
    case 'timestamp':
      return `p_checksum_bigint(epoch_us(${x}))`
    case 'decimal':
      if (type!.kind === 'decimal' && type!.precision <= 18)
        return `p_checksum_bigint(CAST(replace(CAST(${x} AS VARCHAR), '.', '') AS BIGINT))`
  }
  throw new QueryError('NOT_SUPPORTED', `checksum is not supported for ${typeText(type!)}`)
}

const INTERVALS = ['interval day to second', 'interval year to month']
const boolAnd = aggregate('bool_and(boolean) -> boolean', plain('bool_and'))
const arbitrary = aggregate('arbitrary(T) -> T', plain('any_value'))
const sampleVariance = aggregate('var_samp(double) -> double', plain('var_samp'))
const sampleDeviation = aggregate('stddev_samp(double) -> double', plain('stddev_samp'))

export const definitions: FunctionDefinition[] = [
  ...aggregate('count() -> bigint', (call) => aggregateSql(call, 'count', ['*'])),
  ...aggregate('count(ANY) -> bigint', plain('count')),
  ...aggregate('count_if(boolean) -> bigint', (call) =>
    aggregateSql(call, 'count', [`CASE WHEN ${call.args[0]} THEN true END`]),
  ),
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
  ...extremes('max'),
  ...extremes('min'),
  ...boolAnd,
  ...alias('every', boolAnd),
  ...aggregate('bool_or(boolean) -> boolean', plain('bool_or')),
  ...arbitrary,
  ...alias('any_value', arbitrary),
  ...aggregate('array_agg(T) -> array(T)', plain('list')),
  ...aggregate('map_agg(K, V) -> map(K, V)', mapAgg),
  ...aggregate('multimap_agg(K, V) -> map(K, array(V))', multimapAgg),
  ...aggregate('map_union(map(K, V)) -> map(K, V)', mapUnion),
  ...aggregate('histogram(K) -> map(K, bigint)', by('histogram')),
  ...['double', 'real'].flatMap((type) =>
    aggregate(
      [
        `numeric_histogram(bigint, ${type}) -> map(${type}, ${type})`,
        `numeric_histogram(bigint, ${type}, double) -> map(${type}, ${type})`,
      ],
      numericHistogram,
    ),
  ),
  ...aggregate('geometric_mean(double) -> double', geometricMean),
  ...aggregate('geometric_mean(bigint) -> double', geometricMean),
  ...aggregate('geometric_mean(real) -> real', (call) => `p_to_real(${geometricMean(call)})`),
  ...sampleVariance,
  ...alias('variance', sampleVariance),
  ...sampleDeviation,
  ...alias('stddev', sampleDeviation),
  ...doubles(['var_pop', 'stddev_pop'], 'double'),
  ...['corr', 'covar_pop', 'covar_samp', 'regr_slope', 'regr_intercept'].flatMap((name) => [
    ...aggregate(`${name}(double, double) -> double`, finiteOnly(name)),
    ...aggregate(`${name}(real, real) -> real`, (call) => `CAST(${finiteOnly(name)(call)} AS FLOAT)`),
  ]),
  ...aggregate('skewness(double) -> double', populationSkewness),
  ...aggregate('kurtosis(double) -> double', (call) => {
    const sql = aggregateSql(call, 'kurtosis', call.args)
    return `CASE WHEN ${aggregateSql(call, 'count', call.args)} >= 4 THEN coalesce(${sql}, CAST('NaN' AS DOUBLE)) END`
  }),
  ...aggregate('entropy(double) -> double', entropyOfCounts),
  ...aggregate('bitwise_and_agg(bigint) -> bigint', plain('bit_and')),
  ...aggregate('bitwise_or_agg(bigint) -> bigint', plain('bit_or')),
  ...aggregate('checksum(ANY) -> varbinary', checksum),
  ...aggregate('reduce_agg(T, S, function(S, T, S), function(S, S, S)) -> S', reduceAgg),
  ...approxDistinct,
  ...approxPercentile,
  ...mostFrequent,
  ...alias('td_approx_most_frequent', mostFrequent),
  ...aggregate(
    [
      'listagg(varchar) -> varchar',
      'listagg(varchar, varchar) -> varchar',
      'listagg(varchar, varchar, varchar, boolean) -> varchar',
    ],
    listagg,
  ),
]

const FRACTION_FAULT =
  "CAST(p_error('INVALID_FUNCTION_ARGUMENT: Percentile must be between 0 and 1') AS BIGINT)"
const BUCKETS_FAULT =
  "CAST(p_error('INVALID_FUNCTION_ARGUMENT: approx_most_frequent bucket count must be greater than one') AS BIGINT)"
const WEIGHTS = 'list_transform(es, lambda "$w": "$w".w)'

export const prelude: string[] = [
  `CREATE OR REPLACE MACRO p_divide_half_up(n, d) AS CASE WHEN (n < 0) <> (d < 0) THEN -((2 * abs(n) + abs(d)) // (2 * abs(d))) ELSE (2 * abs(n) + abs(d)) // (2 * abs(d)) END`,
  `CREATE OR REPLACE MACRO p_rank(n, p) AS CASE WHEN p < 0 OR p > 1 THEN ${FRACTION_FAULT} ELSE least(CAST(floor(p * n) AS BIGINT) + 1, n) END`,
  `CREATE OR REPLACE MACRO p_percentile(l, p) AS l[p_rank(len(l), p)]`,
  `CREATE OR REPLACE MACRO p_percentiles(l, ps) AS CASE WHEN l IS NOT NULL THEN list_transform(ps, lambda "$p": l[p_rank(len(l), "$p")]) END`,
  `CREATE OR REPLACE MACRO p_weighted_percentile(es, p) AS es[p_weighted_rank(${WEIGHTS}, p)].x`,
  `CREATE OR REPLACE MACRO p_weighted_percentiles(es, ps) AS list_transform(ps, lambda "$q": es[p_weighted_rank(${WEIGHTS}, "$q")].x)`,
  `CREATE OR REPLACE MACRO p_to_real(x) AS CASE WHEN isnan(x) THEN CAST('NaN' AS FLOAT) WHEN x > 3.4028235677973366e38 THEN CAST('Infinity' AS FLOAT) WHEN x < -3.4028235677973366e38 THEN CAST('-Infinity' AS FLOAT) ELSE CAST(x AS FLOAT) END`,
  `CREATE OR REPLACE MACRO p_most_frequent(h, n) AS CASE WHEN n < 2 THEN map_from_entries([{'key': NULL, 'value': ${BUCKETS_FAULT}}]) ELSE map_from_entries(list_transform(list_sort(list_transform(map_entries(h), lambda "$h": {'n': -CAST("$h".value AS BIGINT), 'k': "$h".key}))[1:n], lambda "$h": {'key': "$h".k, 'value': -"$h".n})) END`,
]

type List<T> = { items: T[] }
type Weighted = { entries: { x: number; w: number } }

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

/** As many as fit, then the filler and how many there were more. */
function truncatedList(items: string[], separator: string, filler: string, counted: boolean): string {
  let bytes = 0
  for (const [i, item] of items.entries()) {
    bytes += Buffer.byteLength(item) + (i === 0 ? 0 : Buffer.byteLength(separator))
    if (bytes <= MOST_LISTED) continue
    const kept = items.slice(0, i)
    return [...kept, `${filler}${counted ? `(${items.length - i})` : ''}`].join(separator)
  }
  return items.join(separator)
}

const eight = new DataView(new ArrayBuffer(8))
const hashOfEight = (): bigint => BigInt.asIntN(64, xxhash64(new Uint8Array(eight.buffer)) * CHECKSUM_PRIME)
const CHECKSUM_PRIME = 0x9e3779b185ebca87n

function hashOfLong(value: bigint): bigint {
  eight.setBigInt64(0, value, true)
  return hashOfEight()
}

function hashOfDouble(value: number): bigint {
  eight.setFloat64(0, value, true)
  return hashOfEight()
}

function hashOfReal(value: number): bigint {
  eight.setFloat32(0, value, true)
  return hashOfLong(BigInt(eight.getInt32(0, true)))
}

function checksumBytes(sum: bigint): { bytes: Uint8Array } {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(BigInt.asIntN(64, sum))
  return { bytes }
}

export const javascript: JavaScriptFunction[] = [
  pureFunction('p_weighted_rank(DOUBLE[], DOUBLE) -> BIGINT', (weights: List<number | null>, p: number) =>
    quantile.weightedRank(weights.items, p),
  ),
  pureFunction(
    'p_numeric_histogram(BIGINT, STRUCT(x DOUBLE, w DOUBLE)[]) -> MAP(DOUBLE, DOUBLE)',
    (buckets: bigint, { items }: List<Weighted>) => ({
      entries: quantile.numericHistogram(
        Number(buckets),
        items.map(({ entries }) => ({ key: entries.x, value: entries.w })),
      ),
    }),
  ),
  pureFunction('p_long_average(HUGEINT, HUGEINT, BIGINT, INTEGER) -> VARCHAR', longAverage),
  pureFunction(
    'p_listagg(VARCHAR[], VARCHAR, VARCHAR, BOOLEAN) -> VARCHAR',
    ({ items }: List<string>, separator: string, filler: string, counted: boolean) =>
      truncatedList(items, separator, filler, counted),
  ),
  pureFunction('p_checksum_bytes(BLOB) -> BIGINT', ({ bytes }: { bytes: Uint8Array }) =>
    BigInt.asIntN(64, xxhash64(bytes) * CHECKSUM_PRIME),
  ),
  pureFunction('p_checksum_bigint(BIGINT) -> BIGINT', hashOfLong),
  pureFunction('p_checksum_double(DOUBLE) -> BIGINT', hashOfDouble),
  pureFunction('p_checksum_real(FLOAT) -> BIGINT', hashOfReal),
  pureFunction('p_checksum(HUGEINT) -> BLOB', checksumBytes),
]

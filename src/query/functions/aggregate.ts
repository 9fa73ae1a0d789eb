import { QueryError } from '../errors.ts'
import {
  aggregate,
  aggregateSql,
  alias,
  type Call,
  type FunctionDefinition,
  type TypedCall,
} from './define.ts'
import { duckType } from './duck-type.ts'
import { pureFunction } from './javascript-helpers.ts'
import * as quantile from './quantile.ts'
import type { JavaScriptFunction } from './types.ts'

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

/** Exact: the sum and the count as whole numbers, divided half-up. */
function averageOfDecimals(call: Call): string {
  const { s } = decimalNumbers(call)
  // The sum of a decimal is DECIMAL(38,s), held as a whole number of units of 10^-s; text without its point is that number.
  const sum = `CAST(replace(CAST(${aggregateSql(call, 'sum', call.args)} AS VARCHAR), '.', '') AS HUGEINT)`
  const average = `p_divide_half_up(${sum}, ${aggregateSql(call, 'count', call.args)})`
  return cast(call, `CAST(${average} AS DECIMAL(38,0)) * CAST('1e-${s}' AS DECIMAL(${s + 1},${s}))`)
}

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
    return `to_months(CAST(round(${months}) AS INTEGER))`
  }
  return `to_milliseconds(CAST(round(${aggregateSql(call, 'avg', [`epoch_us(${x})`])} / 1000) AS BIGINT))`
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

/** `n` counts from the group; Presto reads it from any of its rows. */
const extremes = (name: 'max' | 'min') => [
  ...aggregate(`${name}(E) -> E`, plain(name), { orderable: ['E'] }),
  ...aggregate(`${name}(E, bigint) -> array(E)`, plain(name), { orderable: ['E'] }),
  ...aggregate(`${name}_by(V, K) -> V`, plain(name === 'max' ? 'arg_max_null' : 'arg_min_null'), {
    orderable: ['K'],
  }),
  ...aggregate(`${name}_by(V, K, bigint) -> array(V)`, plain(name === 'max' ? 'arg_max' : 'arg_min'), {
    orderable: ['K'],
  }),
]

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
  ...aggregate([`approx_percentile(${type}, double, double) -> ${type}`], weightedPercentile),
  ...aggregate([`approx_percentile(${type}, double, array(double)) -> array(${type})`], weightedPercentile),
])

/** Counted exactly: the error bound of the second argument always holds. */
const approxDistinct = aggregate(
  ['approx_distinct(ANY) -> bigint', 'approx_distinct(ANY, double) -> bigint'],
  (call) =>
    aggregateSql({ ...call, clauses: { ...call.clauses, distinct: true, orderBy: '' } }, 'count', [
      call.args[0]!,
    ]),
)

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

function listagg(call: Call): string {
  if (call.args.length === 2 && typeof call.constants[1] !== 'string') {
    throw new QueryError('TYPE_MISMATCH', 'The separator of listagg must be a constant')
  }
  return aggregateSql(call, 'string_agg', [call.args[0]!, call.args[1] ?? "''"])
}

const INTERVALS = ['interval day to second', 'interval year to month']
const boolAnd = aggregate('bool_and(boolean) -> boolean', plain('bool_and'))
const arbitrary = aggregate('arbitrary(T) -> T', plain('any_value'))
const sampleVariance = aggregate('var_samp(double) -> double', plain('var_samp'))
const sampleDeviation = aggregate('stddev_samp(double) -> double', plain('stddev_samp'))

export const definitions: FunctionDefinition[] = [
  ...aggregate('count() -> bigint', (call) => aggregateSql(call, 'count', ['*'])),
  ...aggregate('count(ANY) -> bigint', plain('count')),
  ...aggregate('count_if(boolean) -> bigint', by('count_if')),
  ...aggregate('sum(bigint) -> bigint', by('sum')),
  ...aggregate('sum(real) -> real', by('sum')),
  ...aggregate('sum(double) -> double', plain('sum')),
  ...aggregate('sum(decimal(p,s)) -> decimal(38,s)', by('sum')),
  ...aggregate(overTypes('sum(?) -> ?', INTERVALS), sumOfIntervals),
  ...aggregate(overTypes('avg(?) -> ?', INTERVALS), averageOfIntervals),
  ...aggregate('avg(bigint) -> double', plain('avg')),
  ...aggregate('avg(double) -> double', plain('avg')),
  ...aggregate('avg(real) -> real', by('avg')),
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
  ...aggregate(
    'numeric_histogram(bigint, double) -> map(double, double)',
    (call) =>
      `p_numeric_histogram(${aggregateSql(call, 'any_value', [call.args[0]!])}, ${aggregateSql(call, 'list', [call.args[1]!], `${call.args[1]} IS NOT NULL`)})`,
  ),
  ...aggregate(
    'geometric_mean(double) -> double',
    (call) => `exp(${aggregateSql(call, 'avg', [`ln(${call.args[0]})`])})`,
  ),
  ...sampleVariance,
  ...alias('variance', sampleVariance),
  ...sampleDeviation,
  ...alias('stddev', sampleDeviation),
  ...doubles(['var_pop', 'stddev_pop'], 'double'),
  ...['corr', 'covar_pop', 'covar_samp', 'regr_slope', 'regr_intercept'].flatMap((name) =>
    aggregate(`${name}(double, double) -> double`, finiteOnly(name)),
  ),
  ...aggregate('skewness(double) -> double', populationSkewness),
  ...aggregate('kurtosis(double) -> double', (call) => {
    const sql = aggregateSql(call, 'kurtosis', call.args)
    return `CASE WHEN ${aggregateSql(call, 'count', call.args)} >= 4 THEN ${sql} END`
  }),
  ...aggregate('entropy(double) -> double', entropyOfCounts),
  ...aggregate('bitwise_and_agg(bigint) -> bigint', plain('bit_and')),
  ...aggregate('bitwise_or_agg(bigint) -> bigint', plain('bit_or')),
  ...approxDistinct,
  ...approxPercentile,
  ...mostFrequent,
  ...alias('td_approx_most_frequent', mostFrequent),
  ...aggregate(['listagg(varchar) -> varchar', 'listagg(varchar, varchar) -> varchar'], listagg),
]

const FRACTION_FAULT =
  "CAST(p_error('INVALID_FUNCTION_ARGUMENT: Percentile must be between 0 and 1') AS BIGINT)"
const WEIGHTS = 'list_transform(es, lambda "$w": "$w".w)'

export const prelude: string[] = [
  `CREATE OR REPLACE MACRO p_divide_half_up(n, d) AS CASE WHEN (n < 0) <> (d < 0) THEN -((2 * abs(n) + abs(d)) // (2 * abs(d))) ELSE (2 * abs(n) + abs(d)) // (2 * abs(d)) END`,
  `CREATE OR REPLACE MACRO p_rank(n, p) AS CASE WHEN p < 0 OR p > 1 THEN ${FRACTION_FAULT} ELSE greatest(CAST(ceil(p * n) AS BIGINT), 1) END`,
  `CREATE OR REPLACE MACRO p_percentile(l, p) AS l[p_rank(len(l), p)]`,
  `CREATE OR REPLACE MACRO p_percentiles(l, ps) AS CASE WHEN l IS NOT NULL THEN list_transform(ps, lambda "$p": l[p_rank(len(l), "$p")]) END`,
  `CREATE OR REPLACE MACRO p_weighted_percentile(es, p) AS es[p_weighted_rank(${WEIGHTS}, p)].x`,
  `CREATE OR REPLACE MACRO p_weighted_percentiles(es, ps) AS list_transform(ps, lambda "$q": es[p_weighted_rank(${WEIGHTS}, "$q")].x)`,
  `CREATE OR REPLACE MACRO p_most_frequent(h, n) AS map_from_entries(list_transform(list_sort(list_transform(map_entries(h), lambda "$h": {'n': -CAST("$h".value AS BIGINT), 'k': "$h".key}))[1:n], lambda "$h": {'key': "$h".k, 'value': -"$h".n}))`,
]

type List<T> = { items: T[] }

export const javascript: JavaScriptFunction[] = [
  pureFunction('p_weighted_rank(DOUBLE[], DOUBLE) -> BIGINT', (weights: List<number | null>, p: number) =>
    quantile.weightedRank(weights.items, p),
  ),
  pureFunction(
    'p_numeric_histogram(BIGINT, DOUBLE[]) -> MAP(DOUBLE, DOUBLE)',
    (buckets: bigint, values: List<number>) => ({
      entries: quantile.numericHistogram(Number(buckets), values.items),
    }),
  ),
]

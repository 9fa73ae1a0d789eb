import { cast } from './aggregate-forms.ts'
import { aggregate, aggregateSql, alias, type Call, type FunctionDefinition } from './define.ts'
import { raiseSql } from './duck-type.ts'
import { pureFunction } from './javascript-helpers.ts'
import * as quantile from './quantile.ts'
import type { JavaScriptFunction } from './types.ts'

/** What Presto approximates is exact here where that costs no more than gathering a group's values. */

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

export const definitions: FunctionDefinition[] = [
  ...approxDistinct,
  ...approxPercentile,
  ...mostFrequent,
  ...alias('td_approx_most_frequent', mostFrequent),
  ...['double', 'real'].flatMap((type) =>
    aggregate(
      [
        `numeric_histogram(bigint, ${type}) -> map(${type}, ${type})`,
        `numeric_histogram(bigint, ${type}, double) -> map(${type}, ${type})`,
      ],
      numericHistogram,
    ),
  ),
]

const FRACTION_FAULT =
  "CAST(p_error('INVALID_FUNCTION_ARGUMENT: Percentile must be between 0 and 1') AS BIGINT)"
const BUCKETS_FAULT =
  "CAST(p_error('INVALID_FUNCTION_ARGUMENT: approx_most_frequent bucket count must be greater than one') AS BIGINT)"
const WEIGHTS = 'list_transform(es, lambda "$w": "$w".w)'

export const prelude: string[] = [
  `CREATE OR REPLACE MACRO p_rank(n, p) AS CASE WHEN p < 0 OR p > 1 THEN ${FRACTION_FAULT} ELSE least(CAST(floor(p * n) AS BIGINT) + 1, n) END`,
  `CREATE OR REPLACE MACRO p_percentile(l, p) AS l[p_rank(len(l), p)]`,
  `CREATE OR REPLACE MACRO p_percentiles(l, ps) AS CASE WHEN l IS NOT NULL THEN list_transform(ps, lambda "$p": l[p_rank(len(l), "$p")]) END`,
  `CREATE OR REPLACE MACRO p_weighted_percentile(es, p) AS es[p_weighted_rank(${WEIGHTS}, p)].x`,
  `CREATE OR REPLACE MACRO p_weighted_percentiles(es, ps) AS list_transform(ps, lambda "$q": es[p_weighted_rank(${WEIGHTS}, "$q")].x)`,
  `CREATE OR REPLACE MACRO p_most_frequent(h, n) AS CASE WHEN n < 2 THEN map_from_entries([{'key': NULL, 'value': ${BUCKETS_FAULT}}]) ELSE map_from_entries(list_transform(list_sort(list_transform(map_entries(h), lambda "$h": {'n': -CAST("$h".value AS BIGINT), 'k': "$h".key}))[1:n], lambda "$h": {'key': "$h".k, 'value': -"$h".n})) END`,
]

type List<T> = { items: T[] }
type Weighted = { entries: { x: number; w: number } }

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
]

import { by, cast, plain } from './aggregate-forms.ts'
import * as approximate from './approximate.ts'
import * as checksum from './checksum.ts'
import { aggregate, aggregateSql, alias, type Call, type FunctionDefinition } from './define.ts'
import { duckType } from './duck-type.ts'
import * as extremes from './extremes.ts'
import * as gathered from './gathered.ts'
import * as spread from './spread.ts'
import * as sums from './sums.ts'
import type { JavaScriptFunction } from './types.ts'

/** Aggregates. Each may stand with DISTINCT, ORDER BY, FILTER and OVER; those are put around every part of a compound one. */

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

/** The engine's own takes all numbers for one where a NaN is among them. */
function histogram(call: Call): string {
  const [x] = call.args
  if (!['double', 'real'].includes(call.types[0]!.kind)) return by('histogram')(call)
  const none = `CAST(map([], []) AS ${duckType(call.result)})`
  const numbers = cast(call, aggregateSql(call, 'histogram', [x!], `NOT isnan(${x})`))
  const [nans, values] = [`isnan(${x})`, 'true'].map((filter) => aggregateSql(call, 'count', [x!], filter))
  return `CASE WHEN ${values} > 0 THEN map_concat(coalesce(${numbers}, ${none}), CASE WHEN ${nans} > 0 THEN CAST(map(['NaN'], [${nans}]) AS ${duckType(call.result)}) ELSE ${none} END) END`
}

const boolAnd = aggregate('bool_and(boolean) -> boolean', plain('bool_and'))
const arbitrary = aggregate('arbitrary(T) -> T', plain('any_value'))

export const definitions: FunctionDefinition[] = [
  ...aggregate('count() -> bigint', (call) => aggregateSql(call, 'count', ['*'])),
  ...aggregate('count(ANY) -> bigint', plain('count')),
  ...aggregate('count_if(boolean) -> bigint', (call) =>
    aggregateSql(call, 'count', [`CASE WHEN ${call.args[0]} THEN true END`]),
  ),
  ...sums.definitions,
  ...extremes.definitions,
  ...boolAnd,
  ...alias('every', boolAnd),
  ...aggregate('bool_or(boolean) -> boolean', plain('bool_or')),
  ...arbitrary,
  ...alias('any_value', arbitrary),
  ...aggregate('array_agg(T) -> array(T)', plain('list')),
  ...aggregate('map_agg(K, V) -> map(K, V)', mapAgg),
  ...aggregate('multimap_agg(K, V) -> map(K, array(V))', multimapAgg),
  ...aggregate('map_union(map(K, V)) -> map(K, V)', mapUnion),
  ...aggregate('histogram(K) -> map(K, bigint)', histogram),
  ...spread.definitions,
  ...aggregate('bitwise_and_agg(bigint) -> bigint', plain('bit_and')),
  ...aggregate('bitwise_or_agg(bigint) -> bigint', plain('bit_or')),
  ...checksum.definitions,
  ...gathered.definitions,
  ...approximate.definitions,
]

export const prelude: string[] = [...sums.prelude, ...approximate.prelude]

export const javascript: JavaScriptFunction[] = [
  ...sums.javascript,
  ...checksum.javascript,
  ...gathered.javascript,
  ...approximate.javascript,
]

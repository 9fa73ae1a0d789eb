import { QueryError } from '../errors.ts'
import { typeText } from '../presto-type.ts'
import { aggregate, aggregateSql, type Call, type FunctionDefinition, fail, freshNames } from './define.ts'
import { duckType } from './duck-type.ts'
import { pureFunction } from './javascript-helpers.ts'
import { applyLambda } from './lambda-sql.ts'
import type { JavaScriptFunction } from './types.ts'

/** Aggregates that go through a group's values one after the other. */

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

export const definitions: FunctionDefinition[] = [
  ...aggregate('reduce_agg(T, S, function(S, T, S), function(S, S, S)) -> S', reduceAgg),
  ...aggregate(
    [
      'listagg(varchar) -> varchar',
      'listagg(varchar, varchar) -> varchar',
      'listagg(varchar, varchar, varchar, boolean) -> varchar',
    ],
    listagg,
  ),
]

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

export const javascript: JavaScriptFunction[] = [
  pureFunction(
    'p_listagg(VARCHAR[], VARCHAR, VARCHAR, BOOLEAN) -> VARCHAR',
    ({ items }: { items: string[] }, separator: string, filler: string, counted: boolean) =>
      truncatedList(items, separator, filler, counted),
  ),
]

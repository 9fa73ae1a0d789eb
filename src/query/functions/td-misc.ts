import { QueryError } from '../errors.ts'
import { typeText } from '../presto-type.ts'
import { decodeFormIn, encodeFormIn, prefixInBytes } from './charsets.ts'
import {
  aggregate,
  aggregateSql,
  alias,
  type Call,
  type FunctionDefinition,
  scalar,
  type TypedCall,
  windowed,
} from './define.ts'
import { pureFunction } from './javascript-helpers.ts'
import { isOrderable } from './resolve.ts'
import type { JavaScriptFunction } from './types.ts'
import { decodeForm, encodeForm } from './uri.ts'

/** TD functions that are not about time, and the sessions. */

/**
 * The session of a row: a text that is the same for all rows of a partition between two gaps longer than the timeout. It is
 * derived from the partition's keys and the session's first time, so that evaluating it again gives the same.
 */
export function sessionText(keys: readonly string[], t: string, start: string): string {
  const text = [
    ...keys.map((key) => `coalesce('=' || CAST(${key} AS VARCHAR), 'NULL')`),
    `CAST(${start} AS VARCHAR)`,
  ]
  return `CASE WHEN ${t} IS NOT NULL THEN CAST(CAST(md5(concat_ws('|', ${text.join(', ')})) AS UUID) AS VARCHAR) END`
}

/**
 * Where rows are grouped: each folds the times of its partition up to itself, which is quadratic in long partitions. Elsewhere
 * `generate/sessions.ts` does better.
 */
function sessionize(call: Call): string {
  const [t, timeout] = call.args
  const start = `p_session_start(${aggregateSql(call, 'list', [t!])}, ${timeout})`
  return sessionText(partitionKeys(call.clauses.over), t!, start)
}

/** The expressions behind PARTITION BY of a generated OVER clause, whose texts and names are all quoted. */
export function partitionKeys(over: string): string[] {
  const keys: string[] = []
  const start = /^OVER \(\s*PARTITION BY /.exec(over)
  if (start === null) return keys
  let depth = 0
  let key = ''
  for (const [token] of over.slice(start[0].length).matchAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"|\w+|\s+|./gs)) {
    if (depth === 0 && (token === ')' || /^(ORDER|ROWS|RANGE|GROUPS)$/.test(token))) break
    if (token === '(' || token === '[' || token === '{') depth++
    if (token === ')' || token === ']' || token === '}') depth--
    if (depth === 0 && token === ',') {
      keys.push(key.trim())
      key = ''
    } else key += token
  }
  return [...keys, key.trim()]
}

/** The first argument on the row with the smallest or largest others, compared one after the other; rows where one is NULL do not count. */
const extreme = (name: string, by: string) =>
  aggregate(
    `${name}(T, ANY, ANY...) -> T`,
    (call) => {
      const [value, ...keys] = call.args
      const rank = `struct_pack(${keys.map((key, i) => `k${i} := ${key}`).join(', ')})`
      return aggregateSql(call, by, [value!, rank], keys.map((key) => `${key} IS NOT NULL`).join(' AND '))
    },
    { result: resultOfOrdered },
  )

function resultOfOrdered({ name, types }: TypedCall) {
  const unordered = types.slice(1).find((type) => !isOrderable(type))
  if (unordered !== undefined) {
    throw new QueryError('FUNCTION_NOT_FOUND', `${name} cannot compare values of type ${typeText(unordered)}`)
  }
  return types[0]!
}

const substring = scalar(
  'td_substr_inencoding(varchar, bigint, varchar) -> varchar',
  'p_prefix_in_bytes($1, $2, $3)',
)

export const definitions: FunctionDefinition[] = [
  ...windowed('td_sessionize_window(bigint, bigint) -> varchar', sessionize),
  ...windowed('td_sessionize(bigint, bigint, ANY) -> varchar', sessionize),
  ...scalar('td_md5(varchar) -> varchar', 'md5($1)'),
  ...scalar('td_sha1(varchar) -> varchar', 'sha1($1)'),
  ...scalar('td_url_encode(varchar) -> varchar', 'p_url_encode($1)'),
  ...scalar('td_url_encode(varchar, varchar) -> varchar', 'p_td_url_encode_in($1, $2)'),
  ...scalar('td_url_decode(varchar) -> varchar', 'p_td_url_decode($1)'),
  ...scalar('td_url_decode(varchar, varchar) -> varchar', 'p_td_url_decode_in($1, $2)'),
  ...substring,
  ...alias('td_substring_inencoding', substring),
  ...extreme('td_first', 'arg_min_null'),
  ...extreme('td_last', 'arg_max_null'),
  ...aggregate('td_avgif(double, boolean) -> double', (call) => where(call, 'avg')),
  ...aggregate('td_sumif(double, boolean) -> double', (call) => where(call, 'sum')),
  ...scalar(
    'td_array_index(array(E), bigint) -> E',
    // A negative index would count from the end.
    'CASE WHEN $2 >= 0 THEN $1[$2 + 1] END',
  ),
  ...scalar(
    'td_divide(double, double) -> double',
    'CASE WHEN $2 = 0 THEN CASE WHEN $1 IS NOT NULL THEN 0 END ELSE $1 / $2 END',
  ),
]

/** An aggregate of the first argument over the rows where the second is true. */
const where = (call: Call, name: string): string => aggregateSql(call, name, [call.args[0]!], call.args[1])

/** First time of the session that the last of the ascending times of `l` is in: a fold that starts anew at each long gap. */
const SESSION_START = `list_reduce(list_transform(l, lambda "$t": {'s': "$t", 'p': "$t"}), lambda "$a", "$b": {'s': CASE WHEN "$b".p - "$a".p > gap THEN "$b".s ELSE "$a".s END, 'p': "$b".p}).s`

export const prelude: string[] = [`CREATE OR REPLACE MACRO p_session_start(l, gap) AS ${SESSION_START}`]

export const javascript: JavaScriptFunction[] = [
  pureFunction('p_url_encode(VARCHAR) -> VARCHAR', encodeForm),
  pureFunction('p_td_url_encode_in(VARCHAR, VARCHAR) -> VARCHAR', encodeFormIn),
  pureFunction('p_td_url_decode_in(VARCHAR, VARCHAR) -> VARCHAR', decodeFormIn),
  pureFunction(
    'p_prefix_in_bytes(VARCHAR, BIGINT, VARCHAR) -> VARCHAR',
    (text: string, most: bigint, charset: string) => prefixInBytes(text, Number(most), charset),
  ),
  pureFunction('p_td_url_decode(VARCHAR) -> VARCHAR', (text: string) => decodeForm(text, true)),
]

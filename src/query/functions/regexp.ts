import { boundedText, type Call, type FunctionDefinition, freshNames, scalar } from './define.ts'
import { textLiteral } from './duck-type.ts'
import { atAnalysis } from './errors-in-engine.ts'
import { pureFunction } from './javascript-helpers.ts'
import { applyLambda } from './lambda-sql.ts'
import * as run from './regexp-run.ts'
import { compilePattern, groupsAlwaysMatch, isNativePattern } from './regexp-syntax.ts'
import type { JavaScriptFunction } from './types.ts'

/** Regular expressions of Java: a constant pattern that RE2 reads alike runs in the engine, any other in JavaScript. */

/** The constant pattern when it may run in the engine; a constant one that is faulty is refused here. */
function nativePattern(call: Call): string | undefined {
  const pattern = call.constants[1]
  if (typeof pattern !== 'string') return undefined
  return atAnalysis(() => {
    compilePattern(pattern)
    return isNativePattern(pattern) ? pattern : undefined
  })
}

/** The constant group that the engine may extract; '' means no match only where groups always match. */
function nativeGroup(call: Call, pattern: string | undefined): number | undefined {
  if (pattern === undefined) return undefined
  const group = call.args.length < 3 ? 0n : call.constants[2]
  if (group !== 0n && (typeof group !== 'bigint' || !groupsAlwaysMatch(pattern))) return undefined
  return group >= 0n && group <= BigInt(compilePattern(pattern).groupCount) ? Number(group) : undefined
}

function like(call: Call): string {
  const [text, pattern] = call.args
  return `${nativePattern(call) === undefined ? 'p_regexp_like' : 'regexp_matches'}(${text}, ${pattern})`
}

function extract(call: Call): string {
  const [text, pattern, group = '0'] = call.args
  const index = nativeGroup(call, nativePattern(call))
  if (index === undefined) return `p_regexp_extract(${text}, ${pattern}, ${group})`
  return `CASE WHEN regexp_matches(${text}, ${pattern}) THEN regexp_extract(${text}, ${pattern}, ${index}) END`
}

function extractAll(call: Call): string {
  const [text, pattern, group = '0'] = call.args
  const index = nativeGroup(call, nativePattern(call))
  if (index === undefined) return `p_regexp_extract_all(${text}, ${pattern}, ${group})`
  return `regexp_extract_all(${text}, ${pattern}, ${index})`
}

function replace(call: Call): string {
  const [text, pattern, replacement = "''"] = call.args
  const native = nativePattern(call)
  const constant = call.args.length < 3 ? '' : call.constants[2]
  const rewritten =
    native === undefined || typeof constant !== 'string' ? undefined : nativeReplacement(constant, native)
  if (rewritten === undefined) return `p_regexp_replace(${text}, ${pattern}, ${replacement})`
  return `regexp_replace(${text}, ${pattern}, ${textLiteral(rewritten)}, 'g')`
}

/** `$1` as RE2's `\1`, which has one digit only; undefined for one that is wrong, which matters where something matches. */
function nativeReplacement(replacement: string, pattern: string): string | undefined {
  if (!/^(?:[^$\\]|\$\d|\\.)*$/s.test(replacement)) return undefined
  const { groupCount } = compilePattern(pattern)
  let text = ''
  for (const [token] of replacement.matchAll(/\$\d+|\\.|[^$\\]+/gs)) {
    if (token[0] !== '$') text += (token[0] === '\\' ? token.slice(1) : token).replaceAll('\\', '\\\\')
    else if (token.length > 2 || Number(token[1]) > groupCount) return undefined
    else text += `\\${token[1]}`
  }
  return text
}

/** The lambda gets the groups of each match; one NULL makes the whole result NULL. */
function replaceByLambda(call: Call): string {
  const [text, pattern] = call.args
  const [piece] = freshNames(1, call.args) as [string]
  const body = applyLambda(call.lambda(2), [`${piece}.g`])
  const pieces = `list_transform(p_regexp_pieces(${text}, ${pattern}), lambda ${piece}: CASE WHEN ${piece}.g IS NULL THEN ${piece}.t ELSE ${piece}.t || ${body} END)`
  return `CASE WHEN ${text} IS NOT NULL AND ${pattern} IS NOT NULL THEN p_join_pieces(${pieces}) END`
}

function split(call: Call): string {
  const name = nativePattern(call) === undefined ? 'p_regexp_split' : 'regexp_split_to_array'
  return `${name}(${call.args.join(', ')})`
}

function count(call: Call): string {
  const [text, pattern] = call.args
  if (nativePattern(call) === undefined) return `p_regexp_count(${text}, ${pattern})`
  return `CAST(len(regexp_extract_all(${text}, ${pattern})) AS BIGINT)`
}

export const definitions: FunctionDefinition[] = [
  ...scalar('regexp_like(varchar(x), joniregexp) -> boolean', like),
  ...scalar(
    [
      'regexp_extract(varchar(x), joniregexp) -> varchar(x)',
      'regexp_extract(varchar(x), joniregexp, bigint) -> varchar(x)',
    ],
    extract,
  ),
  ...scalar(
    [
      'regexp_extract_all(varchar(x), joniregexp) -> array(varchar(x))',
      'regexp_extract_all(varchar(x), joniregexp, bigint) -> array(varchar(x))',
    ],
    extractAll,
  ),
  ...scalar(['regexp_replace(varchar(x), joniregexp) -> varchar(x)'], replace),
  ...scalar('regexp_replace(varchar(x), joniregexp, varchar(y)) -> varchar', replace, {
    result: ({ bindings: { numbers } }) => {
      const y = numbers.get('y')
      return y === undefined
        ? { kind: 'varchar' }
        : boundedText(numbers.get('x'), (x) => x + Math.max(Math.floor((x * y) / 2), y) * (x + 1))
    },
  }),
  ...scalar(
    'regexp_replace(varchar, joniregexp, function(array(varchar), varchar)) -> varchar',
    replaceByLambda,
  ),
  ...scalar('regexp_split(varchar(x), joniregexp) -> array(varchar(x))', split),
  ...scalar('regexp_count(varchar(x), joniregexp) -> bigint', count),
  ...scalar(
    'regexp_position(varchar(x), joniregexp) -> integer',
    'CAST(p_regexp_position($1, $2, 1, 1) AS INTEGER)',
  ),
  ...scalar(
    'regexp_position(varchar(x), joniregexp, integer) -> integer',
    'CAST(p_regexp_position($1, $2, $3, 1) AS INTEGER)',
  ),
  ...scalar(
    'regexp_position(varchar(x), joniregexp, integer, integer) -> integer',
    'CAST(p_regexp_position($1, $2, $3, $4) AS INTEGER)',
  ),
]

export const prelude: string[] = [
  "CREATE OR REPLACE MACRO p_join_pieces(l) AS CASE WHEN list_count(l) = len(l) THEN array_to_string(l, '') END",
]

export const javascript: JavaScriptFunction[] = [
  pureFunction('p_regexp_like(VARCHAR, VARCHAR) -> BOOLEAN', run.like),
  pureFunction('p_regexp_extract(VARCHAR, VARCHAR, BIGINT) -> VARCHAR', run.extract),
  pureFunction('p_regexp_extract_all(VARCHAR, VARCHAR, BIGINT) -> VARCHAR[]', run.extractAll),
  pureFunction('p_regexp_replace(VARCHAR, VARCHAR, VARCHAR) -> VARCHAR', run.replace),
  pureFunction('p_regexp_pieces(VARCHAR, VARCHAR) -> STRUCT(t VARCHAR, g VARCHAR[])[]', run.pieces),
  pureFunction('p_regexp_split(VARCHAR, VARCHAR) -> VARCHAR[]', run.split),
  pureFunction('p_regexp_count(VARCHAR, VARCHAR) -> BIGINT', run.count),
  pureFunction('p_regexp_position(VARCHAR, VARCHAR, BIGINT, BIGINT) -> BIGINT', run.position),
]

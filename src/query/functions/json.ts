import { type Call, type ConstantValue, type FunctionDefinition, scalar } from './define.ts'
import { atAnalysis, fault } from './errors-in-engine.ts'
import { pureFunction } from './javascript-helpers.ts'
import * as run from './json-run.ts'
import { readPath } from './json-scan.ts'
import type { JavaScriptFunction } from './types.ts'

/** JSON, held as its text. Paths are `$.a.b[0]["k"]`. */

const JSON_OR_TEXT = ['json', 'varchar(x)']

/** A constant path is checked before the query runs. */
function withPath(name: string) {
  return (call: Call): string => {
    const path = call.constants[1]
    if (typeof path === 'string' && readPath(path) === undefined) {
      atAnalysis(() => {
        throw fault('INVALID_FUNCTION_ARGUMENT', `Invalid JSON path: '${path}'`)
      })
    }
    return `${name}(${call.args.join(', ')})`
  }
}

/** A text that is no JSON is refused when it is evaluated, so that TRY may stand around it. */
function foldParse([text]: ConstantValue[]): ConstantValue | undefined {
  return typeof text === 'string' ? run.canonicalJson(text) : undefined
}

const contains = (type: string, name: string) =>
  JSON_OR_TEXT.flatMap((json) =>
    scalar(`json_array_contains(${json}, ${type}) -> boolean`, `p_json_contains_${name}($1, $2)`),
  )

export const definitions: FunctionDefinition[] = [
  ...scalar('json_parse(varchar(x)) -> json', 'p_json_parse($1)', { fold: foldParse }),
  ...scalar('json_format(json) -> varchar', '$1'),
  ...JSON_OR_TEXT.flatMap((type) => [
    ...scalar(`json_extract(${type}, jsonpath) -> json`, withPath('p_json_extract')),
    ...scalar(
      `json_extract_scalar(${type}, jsonpath) -> ${type === 'json' ? 'varchar' : 'varchar(x)'}`,
      withPath('p_json_extract_scalar'),
    ),
    ...scalar(`json_size(${type}, jsonpath) -> bigint`, withPath('p_json_size')),
    ...scalar(`json_array_length(${type}) -> bigint`, 'p_json_array_length($1)'),
    ...scalar(`json_array_get(${type}, bigint) -> json`, 'p_json_array_get($1, $2)'),
    ...scalar(`is_json_scalar(${type}) -> boolean`, 'p_is_json_scalar($1)'),
  ]),
  ...contains('varchar(y)', 'text'),
  ...contains('boolean', 'boolean'),
  ...contains('bigint', 'integer'),
  ...contains('double', 'double'),
]

export const javascript: JavaScriptFunction[] = [
  pureFunction('p_json_parse(VARCHAR) -> VARCHAR', run.parse),
  pureFunction('p_json_text(VARCHAR) -> VARCHAR', run.text),
  pureFunction('p_json_extract(VARCHAR, VARCHAR) -> VARCHAR', run.extract),
  pureFunction('p_json_extract_scalar(VARCHAR, VARCHAR) -> VARCHAR', run.extractScalar),
  pureFunction('p_json_size(VARCHAR, VARCHAR) -> BIGINT', run.size),
  pureFunction('p_json_array_length(VARCHAR) -> BIGINT', run.arrayLength),
  pureFunction('p_json_array_get(VARCHAR, BIGINT) -> VARCHAR', run.arrayGet),
  pureFunction('p_is_json_scalar(VARCHAR) -> BOOLEAN', (text: string) => {
    const scalar = run.isScalar(text)
    if (scalar === null) throw fault('INVALID_FUNCTION_ARGUMENT', `Invalid JSON value: ${text}`)
    return scalar
  }),
  pureFunction('p_json_contains_text(VARCHAR, VARCHAR) -> BOOLEAN', run.containsText),
  pureFunction('p_json_contains_boolean(VARCHAR, BOOLEAN) -> BOOLEAN', run.containsBoolean),
  pureFunction('p_json_contains_integer(VARCHAR, BIGINT) -> BOOLEAN', run.containsInteger),
  pureFunction('p_json_contains_double(VARCHAR, DOUBLE) -> BOOLEAN', run.containsDouble),
]

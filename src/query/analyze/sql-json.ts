import { type Position, QueryError } from '../errors.ts'
import { castText, checkPath, duckType, textLiteral } from '../functions/index.ts'
import type { CallContext } from '../functions/types.ts'
import type {
  Expression,
  ExpressionOf,
  JsonBehaviour,
  JsonFormat,
  JsonInput,
  JsonOutput,
} from '../parse/ast.ts'
import { type PrestoType, typeText } from '../presto-type.ts'
import { type Environment, mismatch } from './analyzer.ts'
import { BOOLEAN, requireType, VARCHAR, widen } from './coerce.ts'
import { constant } from './literals.ts'
import type { CallClauses, Typed } from './plan.ts'
import { resolveType } from './types.ts'

/**
 * JSON_EXISTS, JSON_VALUE, JSON_QUERY, JSON_OBJECT and JSON_ARRAY: calls whose clauses are decided here. Values go to the engine's functions as
 * texts that begin with their type.
 */

const NO_CLAUSES: CallClauses = { distinct: false, orderBy: [], nullTreatment: '' }

/** A call of the analyzer's own making: `emit` gets the SQL of the arguments. */
function made(
  name: string,
  type: PrestoType,
  args: Typed[],
  emit: (sqls: string[]) => string,
  at: Position,
): Typed {
  const call = { kind: 'scalar' as const, result: type, argumentTypes: args.map((arg) => arg.type), emit }
  return { kind: 'call', name, call, args, clauses: NO_CLAUSES, type, at }
}

export function jsonPath(env: Environment, node: ExpressionOf<'json-path'>): Typed {
  const { call, at } = node
  const input = readAsJson(env, call.input)
  const passed = call.passing.map(({ value }) => passedValue(env, value, at))
  const description = textLiteral(JSON.stringify([call.path, namesOf(node)]))
  const args = [input.typed, ...passed.map(({ typed }) => typed)]
  const find = (sqls: string[]): string => {
    const items = passed.map(({ sql }, i) => sql(sqls[i + 1]!))
    return `${input.sql(sqls[0]!)}, ${description}, [${items.join(', ')}]::VARCHAR[]`
  }
  switch (call.function) {
    case 'exists': {
      const onError = call.onError?.kind ?? 'false'
      return made('json_exists', BOOLEAN, args, (sqls) => `p_json_exists(${find(sqls)}, '${onError}')`, at)
    }
    case 'value':
      return jsonValue(env, node, args, find)
    case 'query':
      return jsonQuery(node, args, find)
  }
}

/** The names a path may use for what is passed to it, and a check of the path itself. */
function namesOf({ call }: ExpressionOf<'json-path'>): string[] {
  const names: string[] = []
  for (const { name } of call.passing) {
    const known = name.quoted ? name.text : name.text.toUpperCase()
    if (names.includes(known)) {
      throw new QueryError(
        'DUPLICATE_PARAMETER_NAME',
        `${known} JSON path parameter is specified more than once`,
        name.at,
      )
    }
    names.push(known)
  }
  const finding = checkPath(call.path, names)
  if (finding === undefined) return names
  const { line, column } = call.pathAt
  const place = finding.at === undefined ? call.pathAt : { line, column: column + 1 + finding.at }
  throw new QueryError(finding.errorName, finding.message, place)
}

type Finder = (sqls: string[]) => string

const RETURNED = [
  'varchar',
  'char',
  'boolean',
  'tinyint',
  'smallint',
  'integer',
  'bigint',
  'real',
  'double',
  'decimal',
  'date',
  'time',
  'timestamp',
]

function jsonValue(env: Environment, node: ExpressionOf<'json-path'>, args: Typed[], find: Finder): Typed {
  const { call, at } = node
  const type = call.returning === undefined ? VARCHAR : resolveType(call.returning.type)
  if (!RETURNED.includes(type.kind))
    throw mismatch(`Invalid return type of function JSON_VALUE: ${typeText(type)}`, at)
  const { onEmpty = NULL, onError = NULL } = call
  const empty = defaultOf(env, onEmpty, type, 'EMPTY')
  const error = defaultOf(env, onError, type, 'ERROR')
  const description = textLiteral(JSON.stringify(type))
  const defaults = [empty, error].filter((value) => value !== undefined)
  const emit = (sqls: string[]): string => {
    const found = find(sqls)
    const value = `CAST(p_json_value(${found}, ${description}, '${onEmpty.kind}', '${onError.kind}') AS ${duckType(type)})`
    if (defaults.length === 0) return value
    const instead = sqls.slice(args.length)
    const whens = [
      ...(empty === undefined ? [] : [`WHEN 'empty' THEN ${instead.shift()}`]),
      ...(error === undefined ? [] : [`WHEN 'error' THEN ${instead.shift()}`]),
    ]
    return `CASE p_json_value_state(${found}, ${description}) ${whens.join(' ')} ELSE ${value} END`
  }
  return made('json_value', type, [...args, ...defaults], emit, at)
}

const NULL: JsonBehaviour = { kind: 'null' }

function defaultOf(
  env: Environment,
  behaviour: JsonBehaviour,
  type: PrestoType,
  when: 'EMPTY' | 'ERROR',
): Typed | undefined {
  if (behaviour.kind !== 'default') return undefined
  const value = env.analyzer.expression(env, behaviour.value)
  try {
    return requireType(value, type, '')
  } catch (error) {
    if (!(error instanceof QueryError)) throw error
    const what = `Function JSON_VALUE default ON ${when} result must evaluate to a ${typeText(type)}`
    throw mismatch(`${what} (actual: ${typeText(value.type)})`, value.at)
  }
}

function jsonQuery(node: ExpressionOf<'json-path'>, args: Typed[], find: Finder): Typed {
  const { call, at } = node
  const { wrapper = 'without', quotes = 'keep', onEmpty = NULL, onError = NULL } = call
  if (call.quotes !== undefined && wrapper !== 'without') {
    throw new QueryError(
      'INVALID_FUNCTION_ARGUMENT',
      `${quotes.toUpperCase()} QUOTES behavior specified with WITH ${wrapper.toUpperCase()} ARRAY WRAPPER behavior`,
      at,
    )
  }
  const text = (sqls: string[]): string =>
    `p_json_query(${find(sqls)}, '${wrapper} ${quotes}', '${onEmpty.kind}', '${onError.kind}')`
  const { type, sql } = outputOf(call.returning, at)
  return made('json_query', type, args, (sqls) => sql(text(sqls)), at)
}

/** The type that JSON text is returned as, and the SQL that makes it of the text. */
function outputOf(
  returning: JsonOutput | undefined,
  at: Position,
): { type: PrestoType; sql(text: string): string } {
  if (returning === undefined) return { type: VARCHAR, sql: (text) => text }
  const type = resolveType(returning.type)
  const format = returning.format ?? 'JSON'
  if (type.kind === 'varbinary') {
    const encoding = format === 'JSON' ? 'UTF8' : format
    return { type, sql: (text) => `p_encode_json(${text}, '${encoding}')` }
  }
  if (format === 'JSON' && type.kind === 'char')
    return { type, sql: (text) => `rpad(${text}, ${type.length}, ' ')` }
  if (format === 'JSON' && type.kind === 'varchar') {
    const { length } = type
    return { type, sql: (text) => (length === undefined ? text : `left(${text}, ${length})`) }
  }
  throw mismatch(`Cannot output JSON value as ${typeText(type)} using formatting ${formatText(format)}`, at)
}

const formatText = (format: JsonFormat): string => (format === 'JSON' ? 'JSON' : `JSON ENCODING ${format}`)

type Given = { typed: Typed; sql(value: string): string }

/** A value that is read as JSON text. */
function readAsJson(env: Environment, { value, format = 'JSON' }: JsonInput): Given {
  const typed = env.analyzer.expression(env, value)
  const { type } = typed
  if (type.kind === 'unknown') return { typed: widen(typed, VARCHAR), sql: (sql) => sql }
  if (type.kind === 'varchar' && format === 'JSON') return { typed, sql: (sql) => sql }
  if (type.kind === 'varbinary') {
    const encoding = format === 'JSON' ? 'UTF8' : format
    return { typed, sql: (sql) => `p_decode_json(${sql}, '${encoding}')` }
  }
  throw mismatch(
    `Cannot read input of type ${typeText(type)} as JSON using formatting ${formatText(format)}`,
    typed.at,
  )
}

function passedValue(env: Environment, input: JsonInput, at: Position): Given {
  if (input.format !== undefined) return taggedJson(readAsJson(env, input), `'empty'`)
  return tagged(env, input.value, 'JSON path parameter', at)
}

/** One member of JSON_OBJECT or JSON_ARRAY; what such functions answer is JSON already. */
function memberValue(env: Environment, input: JsonInput, owner: string, at: Position): Given {
  const returnsJson =
    ['json-object', 'json-array'].includes(input.value.kind) ||
    (input.value.kind === 'json-path' && input.value.call.function === 'query')
  if (input.format !== undefined || returnsJson) return taggedJson(readAsJson(env, input), `'null'`)
  return tagged(env, input.value, `value passed to ${owner} function`, at)
}

const taggedJson = ({ typed, sql }: Given, none: string): Given => ({
  typed,
  sql: (value) => `coalesce('json:' || ${sql(value)}, ${none})`,
})

const PLAIN = ['boolean', 'tinyint', 'smallint', 'integer', 'bigint', 'real', 'double', 'decimal']
const MOMENTS = ['date', 'time', 'timestamp', 'timestamp with time zone', 'time with time zone']
const TEXTS = [
  'varchar',
  'char',
  'json',
  'interval day to second',
  'interval year to month',
  'uuid',
  'ipaddress',
]

/** A value of SQL as `type:text`. */
function tagged(env: Environment, node: Expression, what: string, at: Position): Given {
  const typed = env.analyzer.expression(env, node)
  const { type } = typed
  if (type.kind === 'unknown') return { typed: constant(VARCHAR, null, typed.at), sql: () => `'null'` }
  const tag = tagOf(type)
  if (tag === undefined) {
    const place = ['array', 'map', 'row'].includes(type.kind) ? at : typed.at
    throw new QueryError('NOT_SUPPORTED', `Unsupported type of ${what}: ${typeText(type)}`, place)
  }
  return {
    typed,
    sql: (value) => `coalesce('${tag}:' || ${plainText(value, type, env.analyzer.context)}, 'null')`,
  }
}

function tagOf(type: PrestoType): string | undefined {
  if (PLAIN.includes(type.kind)) return type.kind
  if (MOMENTS.includes(type.kind)) return type.kind
  return TEXTS.includes(type.kind) ? 'varchar' : undefined
}

const plainText = (sql: string, type: PrestoType, context: CallContext): string =>
  PLAIN.includes(type.kind) ? `CAST(${sql} AS VARCHAR)` : castText(sql, type, context)

export function jsonObject(env: Environment, node: ExpressionOf<'json-object'>): Typed {
  const { members, nulls, unique, at } = node
  if (unique && members.some(({ value }) => value.format !== undefined)) {
    throw new QueryError(
      'NOT_SUPPORTED',
      'WITH UNIQUE KEYS behavior is not supported for JSON_OBJECT function when input expression has FORMAT',
      at,
    )
  }
  const keys = members.map(({ key }) => objectKey(env, key))
  const values = members.map(({ value }) => memberValue(env, value, 'JSON_OBJECT', at))
  const { type, sql } = outputOf(node.returning, at)
  const emit = (sqls: string[]): string => {
    const texts = values.map((value, i) => value.sql(sqls[keys.length + i]!))
    const lists = [sqls.slice(0, keys.length), texts].map((items) => `[${items.join(', ')}]::VARCHAR[]`)
    return sql(`p_json_object(${lists.join(', ')}, ${nulls}, ${unique})`)
  }
  return made('json_object', type, [...keys, ...values.map(({ typed }) => typed)], emit, at)
}

function objectKey(env: Environment, node: Expression): Typed {
  const key = env.analyzer.expression(env, node)
  if (key.type.kind === 'varchar' || key.type.kind === 'char' || key.type.kind === 'unknown')
    return widen(key, VARCHAR)
  throw new QueryError(
    'INVALID_FUNCTION_ARGUMENT',
    `Invalid type of JSON object key: ${typeText(key.type)}`,
    key.at,
  )
}

export function jsonArray(env: Environment, node: ExpressionOf<'json-array'>): Typed {
  const { nulls, at } = node
  const items = node.items.map((item) => memberValue(env, item, 'JSON_ARRAY', at))
  const { type, sql } = outputOf(node.returning, at)
  const emit = (sqls: string[]): string => {
    const texts = items.map((item, i) => item.sql(sqls[i]!))
    return sql(`p_json_array([${texts.join(', ')}]::VARCHAR[], ${nulls})`)
  }
  return made(
    'json_array',
    type,
    items.map(({ typed }) => typed),
    emit,
    at,
  )
}

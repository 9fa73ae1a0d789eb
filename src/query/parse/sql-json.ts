import type { Expression, JsonBehaviour, JsonFormat, JsonInput, JsonOutput, JsonPathCall } from './ast.ts'
import { stringValue } from './literal.ts'
import {
  at,
  expect,
  identifier,
  isOperator,
  isWord,
  list,
  next,
  type Parser,
  parenthesised,
  peek,
  take,
  unexpected,
} from './parser.ts'

const FUNCTIONS = ['JSON_EXISTS', 'JSON_VALUE', 'JSON_QUERY', 'JSON_OBJECT', 'JSON_ARRAY']

/** JSON_EXISTS, JSON_VALUE, JSON_QUERY, JSON_OBJECT and JSON_ARRAY, whose arguments have a grammar of their own. */
export function jsonCall(p: Parser): Expression | undefined {
  const token = peek(p)
  if (!isWord(token, ...FUNCTIONS) || !isOperator(peek(p, 1), '(')) return undefined
  next(p)
  return parenthesised(p, () => {
    switch (token.value) {
      case 'JSON_OBJECT':
        return { kind: 'json-object', ...objectBody(p), at: token.at }
      case 'JSON_ARRAY':
        return { kind: 'json-array', ...arrayBody(p), at: token.at }
      default: {
        const name = token.value.slice('JSON_'.length).toLowerCase() as JsonPathCall['function']
        return { kind: 'json-path', call: pathCall(p, name), at: token.at }
      }
    }
  })
}

function pathCall(p: Parser, name: JsonPathCall['function']): JsonPathCall {
  const input = jsonInput(p)
  expect(p, ',')
  const pathAt = peek(p).at
  const path = stringValue(p)
  if (take(p, 'AS')) identifier(p)
  const call: JsonPathCall = { function: name, input, path, pathAt, passing: [] }
  if (take(p, 'PASSING')) call.passing = list(p, () => passed(p))
  if (name !== 'exists') {
    const returning = output(p)
    if (returning !== undefined) call.returning = returning
  }
  if (name === 'query') quoting(p, call)
  behaviours(p, call)
  return call
}

function passed(p: Parser): JsonPathCall['passing'][number] {
  const value = jsonInput(p)
  expect(p, 'AS')
  return { value, name: identifier(p) }
}

function jsonInput(p: Parser): JsonInput {
  const value = p.expression(p)
  const format = formatClause(p)
  return format === undefined ? { value } : { value, format }
}

function formatClause(p: Parser): JsonFormat | undefined {
  if (!take(p, 'FORMAT')) return undefined
  expect(p, 'JSON')
  if (!take(p, 'ENCODING')) return 'JSON'
  for (const encoding of ['UTF8', 'UTF16', 'UTF32'] as const) if (take(p, encoding)) return encoding
  throw unexpected(p, "'UTF16'", "'UTF32'", "'UTF8'")
}

function output(p: Parser): JsonOutput | undefined {
  if (!take(p, 'RETURNING')) return undefined
  const type = p.typeName(p)
  const format = formatClause(p)
  return format === undefined ? { type } : { type, format }
}

function quoting(p: Parser, call: JsonPathCall): void {
  if (take(p, 'WITHOUT')) {
    take(p, 'ARRAY')
    expect(p, 'WRAPPER')
  } else if (take(p, 'WITH')) {
    const conditional = take(p, 'CONDITIONAL')
    if (!conditional) take(p, 'UNCONDITIONAL')
    take(p, 'ARRAY')
    expect(p, 'WRAPPER')
    call.wrapper = conditional ? 'conditional' : 'unconditional'
  }
  if (!at(p, 'KEEP') && !at(p, 'OMIT')) return
  call.quotes = next(p).value === 'KEEP' ? 'keep' : 'omit'
  expect(p, 'QUOTES')
  if (take(p, 'ON')) expect(p, 'SCALAR', 'STRING')
}

/** `… ON EMPTY … ON ERROR`, each at most once and in that order. */
function behaviours(p: Parser, call: JsonPathCall): void {
  let found = behaviour(p, call.function)
  if (found === undefined) return
  expect(p, 'ON')
  if (call.function !== 'exists' && take(p, 'EMPTY')) {
    call.onEmpty = found
    found = behaviour(p, call.function)
    if (found === undefined) return
    expect(p, 'ON')
  }
  expect(p, 'ERROR')
  call.onError = found
}

function behaviour(p: Parser, name: JsonPathCall['function']): JsonBehaviour | undefined {
  const token = peek(p)
  const plain = (kind: Exclude<JsonBehaviour['kind'], 'default'>): JsonBehaviour => {
    next(p)
    return { kind }
  }
  if (isWord(token, 'ERROR')) return plain('error')
  if (name === 'exists') {
    if (isWord(token, 'TRUE')) return plain('true')
    if (isWord(token, 'FALSE')) return plain('false')
    return isWord(token, 'UNKNOWN') ? plain('unknown') : undefined
  }
  if (isWord(token, 'NULL')) return plain('null')
  if (name === 'value') return take(p, 'DEFAULT') ? { kind: 'default', value: p.expression(p) } : undefined
  if (!take(p, 'EMPTY')) return undefined
  if (take(p, 'ARRAY')) return { kind: 'empty array' }
  if (take(p, 'OBJECT')) return { kind: 'empty object' }
  throw unexpected(p, "'ARRAY'", "'OBJECT'")
}

function objectBody(p: Parser) {
  const members = at(p, ')') || at(p, 'RETURNING') ? [] : list(p, () => member(p))
  const nulls = nullsClause(p) ?? true
  let unique = false
  if (at(p, 'WITH') || at(p, 'WITHOUT')) {
    unique = next(p).value === 'WITH'
    expect(p, 'UNIQUE')
    take(p, 'KEYS')
  }
  const returning = output(p)
  return { members, nulls, unique, ...(returning === undefined ? {} : { returning }) }
}

function member(p: Parser): { key: Expression; value: JsonInput } {
  if (at(p, 'KEY') && !isOperator(peek(p, 1), ':', '.', '[') && !isWord(peek(p, 1), 'VALUE')) next(p)
  const key = p.expression(p)
  if (!take(p, ':') && !take(p, 'VALUE')) throw unexpected(p, "':'", "'VALUE'")
  return { key, value: jsonInput(p) }
}

function arrayBody(p: Parser) {
  const none = at(p, ')') || at(p, 'RETURNING') || at(p, 'NULL', 'ON') || at(p, 'ABSENT', 'ON')
  const items = none ? [] : list(p, () => jsonInput(p))
  const nulls = nullsClause(p) ?? false
  const returning = output(p)
  return { items, nulls, ...(returning === undefined ? {} : { returning }) }
}

/** Whether NULLs become members: NULL ON NULL, ABSENT ON NULL. */
function nullsClause(p: Parser): boolean | undefined {
  if (!at(p, 'NULL', 'ON') && !at(p, 'ABSENT', 'ON')) return undefined
  const nulls = next(p).value === 'NULL'
  expect(p, 'ON', 'NULL')
  return nulls
}

import { QueryError } from '../errors.ts'
import { type Expression, INTERVAL_FIELDS, type IntervalField, type TypeName } from './ast.ts'
import {
  at,
  expect,
  isIdentifier,
  isOperator,
  isWord,
  next,
  type Parser,
  peek,
  take,
  unexpected,
} from './parser.ts'

/** A literal of any kind, or undefined when something else comes next. */
export function literal(p: Parser): Expression | undefined {
  const token = peek(p)
  if (token.kind === 'string' || token.kind === 'unicode-string') {
    return { kind: 'string', value: stringValue(p), at: token.at }
  }
  if (token.kind === 'binary') return binary(p)
  if (token.kind === 'integer' || token.kind === 'decimal' || token.kind === 'double' || at(p, '-'))
    return number(p)
  if (token.kind !== 'word' && token.kind !== 'quoted')
    return isOperator(token, '?') ? parameter(p) : undefined
  if (isWord(token, 'NULL', 'TRUE', 'FALSE')) {
    next(p)
    if (token.value === 'NULL') return { kind: 'null', at: token.at }
    return { kind: 'boolean', value: token.value === 'TRUE', at: token.at }
  }
  return interval(p) ?? typedLiteral(p)
}

function parameter(p: Parser): Expression {
  return { kind: 'parameter', at: next(p).at }
}

function number(p: Parser): Expression {
  const position = peek(p).at
  const sign = take(p, '-') ? '-' : ''
  const token = next(p)
  if (token.kind !== 'integer' && token.kind !== 'decimal' && token.kind !== 'double') {
    p.index -= 1
    throw unexpected(p, '<expression>')
  }
  return { kind: 'number', form: token.kind, text: sign + token.value, at: position }
}

function binary(p: Parser): Expression {
  const token = next(p)
  const hex = token.value.replace(/\s/g, '').toUpperCase()
  if (!/^[0-9A-F]*$/.test(hex)) {
    throw new QueryError('SYNTAX_ERROR', 'Binary literal can only contain hexadecimal digits', token.at)
  }
  if (hex.length % 2 !== 0) {
    throw new QueryError('SYNTAX_ERROR', 'Binary literal must contain an even number of digits', token.at)
  }
  return { kind: 'binary-string', hex, at: token.at }
}

/** A plain or Unicode string; the latter with its UESCAPE character. */
export function stringValue(p: Parser): string {
  const token = peek(p)
  if (token.kind !== 'string' && token.kind !== 'unicode-string') throw unexpected(p, '<string>')
  next(p)
  if (token.kind === 'string') return token.value
  let marker = '\\'
  if (take(p, 'UESCAPE')) {
    const character = next(p)
    if (character.kind !== 'string' || [...character.value].length !== 1) {
      throw new QueryError('SYNTAX_ERROR', 'Invalid Unicode escape character', character.at)
    }
    marker = character.value
  }
  try {
    return decodeUnicode(token.value, marker)
  } catch (error) {
    throw new QueryError('SYNTAX_ERROR', 'Invalid escaped character in a Unicode string', token.at, error)
  }
}

function decodeUnicode(text: string, marker: string): string {
  let result = ''
  for (let i = 0; i < text.length; ) {
    if (text[i] !== marker) {
      result += text[i]
      i += 1
    } else if (text[i + 1] === marker) {
      result += marker
      i += 2
    } else {
      const digits = text[i + 1] === '+' ? text.slice(i + 2, i + 8) : text.slice(i + 1, i + 5)
      if (!/^([0-9a-fA-F]{4}|[0-9a-fA-F]{6})$/.test(digits))
        throw new RangeError('incomplete escape sequence')
      result += String.fromCodePoint(Number.parseInt(digits, 16))
      i += text[i + 1] === '+' ? 8 : 5
    }
  }
  return result
}

function interval(p: Parser): Expression | undefined {
  const position = peek(p).at
  const signed = isOperator(peek(p, 1), '+', '-')
  if (!at(p, 'INTERVAL') || peek(p, signed ? 2 : 1).kind !== 'string') return undefined
  next(p)
  const negative = take(p, '-')
  take(p, '+')
  const value = stringValue(p)
  const from = intervalField(p)
  const to = take(p, 'TO') ? intervalField(p) : from
  return { kind: 'interval', negative, value, from, to, at: position }
}

export function intervalField(p: Parser): IntervalField {
  const token = peek(p)
  const field = INTERVAL_FIELDS.find((name) => isWord(token, name.toUpperCase(), `${name.toUpperCase()}S`))
  if (field === undefined) throw unexpected(p, ...INTERVAL_FIELDS.map((name) => `'${name.toUpperCase()}'`))
  next(p)
  return field
}

/** `DATE '2024-01-01'`, `BIGINT '3'`, `DOUBLE PRECISION '1'`, any type name before a string. */
function typedLiteral(p: Parser): Expression | undefined {
  const token = peek(p)
  if (at(p, 'DOUBLE', 'PRECISION') && peek(p, 2).kind === 'string') {
    expect(p, 'DOUBLE', 'PRECISION')
    const type: TypeName = { kind: 'generic', name: 'double', parameters: [], at: token.at }
    return { kind: 'typed-literal', type, value: stringValue(p), at: token.at }
  }
  const following = peek(p, 1).kind
  if (!isIdentifier(token) || (following !== 'string' && following !== 'unicode-string')) return undefined
  next(p)
  const name = token.kind === 'quoted' ? token.value : token.text
  const type: TypeName = { kind: 'generic', name: name.toLowerCase(), parameters: [], at: token.at }
  return { kind: 'typed-literal', type, value: stringValue(p), at: token.at }
}

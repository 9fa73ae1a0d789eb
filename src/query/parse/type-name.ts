import type { TypeName } from './ast.ts'
import { intervalField } from './literal.ts'
import {
  at,
  expect,
  identifier,
  isIdentifier,
  isOperator,
  isWord,
  list,
  nested,
  next,
  type Parser,
  parenthesised,
  peek,
  take,
  unexpected,
} from './parser.ts'

export function typeName(p: Parser): TypeName {
  return nested(p, () => {
    let type = baseType(p)
    const { depth } = p
    while (at(p, 'ARRAY')) {
      const position = next(p).at
      if (take(p, '[')) {
        if (peek(p).kind !== 'integer') throw unexpected(p, '<integer>')
        next(p)
        expect(p, ']')
      }
      const element = type
      type = nested(p, () => ({ kind: 'generic', name: 'array', parameters: [element], at: position }))
      p.depth += 1
    }
    p.depth = depth
    return type
  })
}

function baseType(p: Parser): TypeName {
  const token = peek(p)
  if (at(p, 'ROW', '(')) {
    next(p)
    return { kind: 'row', fields: parenthesised(p, () => list(p, () => rowField(p))), at: token.at }
  }
  if (isWord(token, 'INTERVAL') && isWord(peek(p, 1), 'YEAR', 'MONTH', 'DAY', 'HOUR', 'MINUTE', 'SECOND')) {
    next(p)
    const from = intervalField(p)
    return { kind: 'interval', from, to: take(p, 'TO') ? intervalField(p) : from, at: token.at }
  }
  if (isWord(token, 'TIME', 'TIMESTAMP')) return dateTime(p)
  if (take(p, 'DOUBLE', 'PRECISION')) return { kind: 'generic', name: 'double', parameters: [], at: token.at }
  if (isWord(token, 'ARRAY', 'MAP') && isOperator(peek(p, 1), '<', '<>')) return legacy(p)
  if (!isIdentifier(token)) throw unexpected(p, '<type>')
  const name = identifier(p).text.toLowerCase()
  const parameters = at(p, '(') ? parenthesised(p, () => list(p, () => typeParameter(p))) : []
  return { kind: 'generic', name, parameters, at: token.at }
}

function typeParameter(p: Parser): TypeName | number {
  return peek(p).kind === 'integer' ? Number(next(p).value) : typeName(p)
}

/** A field is `type` or `name type`; what follows the first word decides. */
function rowField(p: Parser): { name?: string; type: TypeName } {
  const following = peek(p, 1)
  const named =
    isIdentifier(peek(p)) &&
    isIdentifier(following) &&
    !isWord(following, 'ARRAY', 'WITH', 'WITHOUT', 'PRECISION')
  const nested = isWord(following, 'ARRAY') && isOperator(peek(p, 2), '(', '<')
  if (!named && !nested) return { type: typeName(p) }
  if (isWord(peek(p), 'INTERVAL') && isWord(following, 'YEAR', 'MONTH', 'DAY', 'HOUR', 'MINUTE', 'SECOND')) {
    return { type: typeName(p) }
  }
  return { name: identifier(p).text, type: typeName(p) }
}

function dateTime(p: Parser): TypeName {
  const token = next(p)
  const base = token.value.toLowerCase() as 'time' | 'timestamp'
  const precision = at(p, '(')
    ? parenthesised(p, () => {
        if (peek(p).kind !== 'integer') throw unexpected(p, '<integer>')
        return Number(next(p).value)
      })
    : undefined
  const zoned = take(p, 'WITH', 'TIME', 'ZONE')
  if (!zoned) take(p, 'WITHOUT', 'TIME', 'ZONE')
  return { kind: 'date-time', base, ...(precision === undefined ? {} : { precision }), zoned, at: token.at }
}

/** `array<T>` and `map<K, V>`. */
function legacy(p: Parser): TypeName {
  const token = next(p)
  expect(p, '<')
  const parameters = token.value === 'ARRAY' ? [typeName(p)] : pair(p)
  expect(p, '>')
  return { kind: 'generic', name: token.value.toLowerCase(), parameters, at: token.at }
}

function pair(p: Parser): TypeName[] {
  const key = typeName(p)
  expect(p, ',')
  return [key, typeName(p)]
}

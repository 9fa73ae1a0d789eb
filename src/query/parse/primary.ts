import type { Expression } from './ast.ts'
import { functionCall, overClause, specialCall } from './call.ts'
import { literal } from './literal.ts'
import {
  at,
  expect,
  holdsQuery,
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
import { jsonCall } from './sql-json.ts'

/** primaryExpression with its subscripts and dereferences. */
export function primary(p: Parser): Expression {
  let value = literal(p) ?? specialCall(p) ?? jsonCall(p) ?? keywordForm(p) ?? opening(p) ?? named(p)
  const { depth } = p
  for (;;) {
    const before = value
    if (take(p, '[')) {
      value = nested(p, () => ({
        kind: 'subscript',
        base: before,
        index: p.valueExpression(p),
        at: before.at,
      }))
      expect(p, ']')
    } else if (at(p, '.') && isIdentifier(peek(p, 1))) {
      next(p)
      value = nested(p, () => ({ kind: 'dereference', base: before, field: identifier(p), at: before.at }))
    } else break
    p.depth += 1
  }
  p.depth = depth
  return value
}

function keywordForm(p: Parser): Expression | undefined {
  const token = peek(p)
  const following = peek(p, 1)
  if (isWord(token, 'CASE')) return caseForm(p)
  if (isWord(token, 'CAST', 'TRY_CAST') && isOperator(following, '(')) return cast(p)
  if (isWord(token, 'EXISTS') && holdsQuery(p, p.index + 1)) {
    next(p)
    return { kind: 'exists', query: parenthesised(p, () => p.query(p)), at: token.at }
  }
  if (isWord(token, 'ARRAY') && isOperator(following, '[')) return arrayConstructor(p)
  if (isWord(token, 'ROW') && isOperator(following, '(')) {
    next(p)
    return { kind: 'row', items: parenthesised(p, () => list(p, () => p.expression(p))), at: token.at }
  }
  return undefined
}

function arrayConstructor(p: Parser): Expression {
  const position = expect(p, 'ARRAY', '[')
  const items = at(p, ']') ? [] : list(p, () => p.expression(p))
  expect(p, ']')
  return { kind: 'array', items, at: position }
}

function cast(p: Parser): Expression {
  const token = next(p)
  return parenthesised(p, () => {
    const value = p.expression(p)
    expect(p, 'AS')
    return { kind: 'cast', value, type: p.typeName(p), safe: token.value === 'TRY_CAST', at: token.at }
  })
}

function caseForm(p: Parser): Expression {
  const position = expect(p, 'CASE')
  const operand = at(p, 'WHEN') ? undefined : p.expression(p)
  const whens: { when: Expression; result: Expression }[] = []
  do {
    expect(p, 'WHEN')
    const when = p.expression(p)
    expect(p, 'THEN')
    whens.push({ when, result: p.expression(p) })
  } while (at(p, 'WHEN'))
  const otherwise = take(p, 'ELSE') ? p.expression(p) : undefined
  expect(p, 'END')
  return {
    kind: 'case',
    ...(operand === undefined ? {} : { operand }),
    whens,
    ...(otherwise === undefined ? {} : { otherwise }),
    at: position,
  }
}

/** What begins with a parenthesis: lambda, subquery, row or grouped expression. */
function opening(p: Parser): Expression | undefined {
  const token = peek(p)
  if (!isOperator(token, '(')) return undefined
  const behind = p.tokens[p.closing[p.index]! + 1]
  if (behind !== undefined && isOperator(behind, '->')) return lambda(p)
  if (holdsQuery(p, p.index))
    return { kind: 'subquery', query: parenthesised(p, () => p.query(p)), at: token.at }
  const items = parenthesised(p, () => list(p, () => p.expression(p)))
  return items.length === 1 ? items[0]! : { kind: 'row', items, at: token.at }
}

function lambda(p: Parser): Expression {
  const position = peek(p).at
  const parameters = at(p, '(')
    ? parenthesised(p, () => (at(p, ')') ? [] : list(p, () => identifier(p))))
    : [identifier(p)]
  expect(p, '->')
  return { kind: 'lambda', parameters, body: p.expression(p), at: position }
}

function named(p: Parser): Expression {
  const token = peek(p)
  if (!isIdentifier(token)) throw unexpected(p, '<expression>')
  if (isOperator(peek(p, 1), '->')) return lambda(p)
  const call = functionCall(p)
  if (call !== undefined) return call
  if (isWord(peek(p, 1), 'OVER') && isOperator(peek(p, 2), '(')) {
    const name = identifier(p)
    overClause(p)
    return { kind: 'column', name, at: token.at }
  }
  return { kind: 'column', name: identifier(p), at: token.at }
}

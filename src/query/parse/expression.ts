import type { Position } from '../errors.ts'
import type { ArithmeticOperator, ComparisonOperator, Expression } from './ast.ts'
import {
  at,
  expect,
  holdsQuery,
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
import { primary } from './primary.ts'

/** booleanExpression of SqlBase.g4. AND and OR chains become one node each, so that long ones need no deep stack. */
export function expression(p: Parser): Expression {
  return nested(p, () => chain(p, 'OR', () => chain(p, 'AND', () => negation(p))))
}

function chain(p: Parser, word: 'AND' | 'OR', term: () => Expression): Expression {
  const position = peek(p).at
  const first = term()
  if (!at(p, word)) return first
  const terms = [first]
  while (take(p, word)) terms.push(term())
  return { kind: word === 'AND' ? 'and' : 'or', terms, at: position }
}

function negation(p: Parser): Expression {
  if (!at(p, 'NOT')) return predicated(p)
  const position = next(p).at
  return nested(p, () => ({ kind: 'not', value: negation(p), at: position }))
}

const COMPARISONS = ['=', '<>', '<', '<=', '>', '>='] as const

function predicated(p: Parser): Expression {
  const value = valueExpression(p)
  const token = peek(p)
  if (isOperator(token, ...COMPARISONS)) return comparison(p, value)
  if (isWord(token, 'IS')) return isPredicate(p, value)
  const negated = isWord(token, 'NOT') && isWord(peek(p, 1), 'BETWEEN', 'IN', 'LIKE')
  if (negated) next(p)
  const result = keywordPredicate(p, value, token.at)
  return negated ? { kind: 'not', value: result, at: token.at } : result
}

function keywordPredicate(p: Parser, value: Expression, position: Position): Expression {
  if (take(p, 'BETWEEN')) {
    const low = valueExpression(p)
    expect(p, 'AND')
    return { kind: 'between', value, low, high: valueExpression(p), at: position }
  }
  if (take(p, 'IN')) {
    if (holdsQuery(p, p.index)) {
      return { kind: 'in-query', value, query: parenthesised(p, () => p.query(p)), at: position }
    }
    return {
      kind: 'in-list',
      value,
      items: parenthesised(p, () => list(p, () => expression(p))),
      at: position,
    }
  }
  if (take(p, 'LIKE')) {
    const pattern = valueExpression(p)
    const escaping = take(p, 'ESCAPE') ? valueExpression(p) : undefined
    return {
      kind: 'like',
      value,
      pattern,
      ...(escaping === undefined ? {} : { escape: escaping }),
      at: position,
    }
  }
  return value
}

function comparison(p: Parser, left: Expression): Expression {
  const token = next(p)
  const operator = token.value as ComparisonOperator
  if (isWord(peek(p), 'ALL', 'ANY', 'SOME') && holdsQuery(p, p.index + 1)) {
    const quantifier = next(p).value === 'ALL' ? 'all' : 'any'
    const query = parenthesised(p, () => p.query(p))
    return { kind: 'quantified', operator, quantifier, value: left, query, at: token.at }
  }
  return { kind: 'comparison', operator, left, right: valueExpression(p), at: token.at }
}

function isPredicate(p: Parser, value: Expression): Expression {
  const position = next(p).at
  const negated = take(p, 'NOT')
  let result: Expression
  if (take(p, 'NULL')) result = { kind: 'is-null', value, at: position }
  else if (take(p, 'DISTINCT', 'FROM')) {
    result = { kind: 'distinct-from', left: value, right: valueExpression(p), at: position }
  } else throw unexpected(p, ...(negated ? [] : ["'NOT'"]), "'DISTINCT'", "'NULL'")
  return negated ? { kind: 'not', value: result, at: position } : result
}

/** valueExpression: `||` binds loosest, then `+ -`, then `* / %`, then signs, then AT TIME ZONE. */
export function valueExpression(p: Parser): Expression {
  const first = additive(p)
  if (!at(p, '||')) return first
  const position = peek(p).at
  const parts = [first]
  while (take(p, '||')) parts.push(additive(p))
  return { kind: 'concat', parts, at: position }
}

function additive(p: Parser): Expression {
  return leftChain(p, ['+', '-'], () => leftChain(p, ['*', '/', '%'], () => signed(p)))
}

/** A left-associative chain is as deep a tree as it is long, so its length counts as depth. */
function leftChain(p: Parser, operators: string[], operand: () => Expression): Expression {
  let left = operand()
  const { depth } = p
  while (isOperator(peek(p), ...operators)) {
    const token = next(p)
    const operator = token.value as ArithmeticOperator
    const before = left
    left = nested(p, () => ({ kind: 'arithmetic', operator, left: before, right: operand(), at: token.at }))
    p.depth += 1
  }
  p.depth = depth
  return left
}

function signed(p: Parser): Expression {
  const token = peek(p)
  if (!isOperator(token, '+', '-')) return zoned(p)
  const digits = peek(p, 1)
  if (token.value === '-' && ['integer', 'decimal', 'double'].includes(digits.kind)) return zoned(p)
  next(p)
  return nested(p, () => ({ kind: 'sign', negative: token.value === '-', value: signed(p), at: token.at }))
}

function zoned(p: Parser): Expression {
  let value = primary(p)
  const { depth } = p
  while (at(p, 'AT', 'TIME', 'ZONE')) {
    const position = expect(p, 'AT', 'TIME', 'ZONE')
    const before = value
    value = nested(p, () => ({ kind: 'at-time-zone', value: before, zone: primary(p), at: position }))
    p.depth += 1
  }
  p.depth = depth
  return value
}

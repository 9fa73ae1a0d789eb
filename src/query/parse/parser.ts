import { type Position, QueryError } from '../errors.ts'
import type { Expression, Identifier, QualifiedName, Query, TypeName } from './ast.ts'
import { RESERVED } from './keywords.ts'
import type { Token } from './lexer.ts'

/**
 * The tokens and the place in them, with the rules that refer to each other handed in, so that no two files of the parser
 * import one another.
 */
export type Parser = {
  text: string
  tokens: Token[]
  closing: Int32Array
  behindOpening: Int32Array
  index: number
  depth: number
  /** What else could have come at a place, for the message that something else did. */
  could: { index: number; what: string[] }
  /** Where an expression ended: an operator could have come there. */
  expressionEnd: number
  expression(p: Parser): Expression
  valueExpression(p: Parser): Expression
  query(p: Parser): Query
  typeName(p: Parser): TypeName
}

/** Nesting allowed in one statement: below what the stack of any later stage, and DuckDB's own parser, can bear. */
export const MAX_DEPTH = 200

export function peek(p: Parser, ahead = 0): Token {
  return p.tokens[Math.min(p.index + ahead, p.tokens.length - 1)]!
}

export function next(p: Parser): Token {
  const token = peek(p)
  if (token.kind !== 'end') p.index += 1
  return token
}

export function isWord(token: Token, ...words: string[]): boolean {
  return token.kind === 'word' && words.includes(token.value)
}

export function isOperator(token: Token, ...operators: string[]): boolean {
  return token.kind === 'operator' && operators.includes(token.value)
}

/** True when the coming tokens are these words or operators, in order. */
export function at(p: Parser, ...values: string[]): boolean {
  // Asked some twenty times for every token: no closure, nothing to iterate.
  for (let i = 0; i < values.length; i++) {
    const token = peek(p, i)
    if (token.value !== values[i] || (token.kind !== 'word' && token.kind !== 'operator')) return false
  }
  return true
}

/** Takes the words or operators when they come next. */
export function take(p: Parser, ...values: string[]): boolean {
  if (!at(p, ...values)) return false
  p.index += values.length
  return true
}

export function expect(p: Parser, ...values: string[]): Position {
  const position = peek(p).at
  for (const value of values) {
    if (!take(p, value)) throw unexpected(p, `'${value}'`)
  }
  return position
}

/** Like `take`, for what may be left out: when something else comes, and that is wrong, the message names this as well. */
export function option(p: Parser, ...values: string[]): boolean {
  if (take(p, ...values)) return true
  could(p, `'${values[0]}'`)
  return false
}

export function could(p: Parser, ...what: string[]): void {
  if (p.could.index !== p.index) p.could = { index: p.index, what: [] }
  p.could.what.push(...what)
}

/** The rule of the word that comes next; for any other one the message names them all, and `or`. */
export function oneOf<T>(p: Parser, rules: Record<string, () => T>, ...or: string[]): T {
  const token = peek(p)
  const rule = token.kind === 'word' && Object.hasOwn(rules, token.value) ? rules[token.value] : undefined
  if (rule === undefined) throw unexpected(p, ...Object.keys(rules).map((word) => `'${word}'`), ...or)
  next(p)
  return rule()
}

const OPERATORS = [
  "'%'",
  "'*'",
  "'+'",
  "'-'",
  "'.'",
  "'/'",
  "'AND'",
  "'AT'",
  "'OR'",
  "'['",
  "'||'",
  '<predicate>',
]

/** What Presto answers for a token that no rule can use here. */
export function unexpected(p: Parser, ...expecting: string[]): QueryError {
  const token = peek(p)
  const expected = new Set(expecting)
  if (p.could.index === p.index) for (const what of p.could.what) expected.add(what)
  if (p.expressionEnd === p.index) for (const operator of OPERATORS) expected.add(operator)
  return new QueryError(
    'SYNTAX_ERROR',
    `mismatched input '${token.text}'. Expecting: ${[...expected].sort().join(', ')}`,
    token.at,
  )
}

/** The source of the tokens from `first` up to the present place. */
export function sourceFrom(p: Parser, first: number): string {
  const last = p.tokens[p.index - 1]!
  return p.text.slice(offsetOf(p, p.tokens[first]!.at), offsetOf(p, last.at) + last.text.length)
}

function offsetOf({ text }: Parser, { line, column }: Position): number {
  let start = 0
  for (let passed = 1; passed < line; passed += 1) start = text.indexOf('\n', start) + 1
  return start + column - 1
}

/** Runs a rule one level deeper; refuses texts nested so deeply that a later stage would overflow its stack. */
export function nested<T>(p: Parser, rule: () => T): T {
  if (p.depth >= MAX_DEPTH) {
    throw new QueryError(
      'SYNTAX_ERROR',
      `statement is nested too deeply (more than ${MAX_DEPTH} levels)`,
      peek(p).at,
    )
  }
  p.depth += 1
  const result = rule()
  p.depth -= 1
  return result
}

/** True when the parenthesis at token `index` holds a query, also one that begins with further parentheses. */
export function holdsQuery(p: Parser, index: number): boolean {
  const inner = p.behindOpening[index]!
  if (inner === index || !isWord(p.tokens[inner]!, 'SELECT', 'WITH', 'VALUES', 'TABLE')) return false
  for (let group = inner - 1; group > index; group -= 1) {
    const after = p.tokens[p.closing[group]! + 1]
    if (after === undefined || !(isOperator(after, ')') || isWord(after, ...QUERY_CONTINUES))) return false
  }
  return true
}
const QUERY_CONTINUES = ['UNION', 'INTERSECT', 'EXCEPT', 'ORDER', 'OFFSET', 'LIMIT', 'FETCH']

/** For each opening parenthesis the index of its closing one, else -2; lets rules look behind a group in constant time. */
export function matchParentheses(tokens: Token[]): Int32Array {
  const closing = new Int32Array(tokens.length).fill(-2)
  const open: number[] = []
  for (const [index, token] of tokens.entries()) {
    if (isOperator(token, '(')) open.push(index)
    else if (isOperator(token, ')') && open.length > 0) closing[open.pop()!] = index
  }
  return closing
}

/** For each token the first one from there on that is not an opening parenthesis. */
export function matchOpenings(tokens: Token[]): Int32Array {
  const behind = new Int32Array(tokens.length + 1).fill(tokens.length - 1)
  for (let index = tokens.length - 1; index >= 0; index -= 1) {
    behind[index] = isOperator(tokens[index]!, '(') ? behind[index + 1]! : index
  }
  return behind
}

export function list<T>(p: Parser, item: () => T): T[] {
  const items = [item()]
  while (option(p, ',')) items.push(item())
  return items
}

export function parenthesised<T>(p: Parser, rule: () => T): T {
  expect(p, '(')
  const result = rule()
  expect(p, ')')
  return result
}

export function isIdentifier(token: Token): boolean {
  return token.kind === 'quoted' || (token.kind === 'word' && !RESERVED.has(token.value))
}

export function identifier(p: Parser): Identifier {
  const token = peek(p)
  if (!isIdentifier(token)) throw unexpected(p, '<identifier>')
  if (token.kind === 'quoted' && token.value === '') {
    throw new QueryError('SYNTAX_ERROR', 'Zero-length delimited identifier not allowed', token.at)
  }
  p.index += 1
  return {
    text: token.kind === 'quoted' ? token.value : token.text,
    quoted: token.kind === 'quoted',
    at: token.at,
  }
}

export function qualifiedName(p: Parser): QualifiedName {
  const parts = [identifier(p)]
  while (option(p, '.')) parts.push(identifier(p))
  return { parts, at: parts[0]!.at }
}

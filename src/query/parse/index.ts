import type { Position } from '../errors.ts'
import type { MagicComment, Script, Statement, TypeName } from './ast.ts'
import { expression, valueExpression } from './expression.ts'
import { RESERVED } from './keywords.ts'
import { type Comment, lex, type Token } from './lexer.ts'
import { isOperator, matchOpenings, matchParentheses, type Parser, peek, take, unexpected } from './parser.ts'
import { query } from './query.ts'
import { statement } from './statement.ts'
import { typeName } from './type-name.ts'

/** A text of one or more statements separated by `;`. Throws QueryError with the place: SYNTAX_ERROR, NOT_SUPPORTED. */
export function parseScript(text: string): Script {
  const { tokens, comments } = lex(text)
  const p = parserOf(text, tokens)
  const statements: Statement[] = []
  for (;;) {
    while (take(p, ';'));
    if (peek(p).kind === 'end' && statements.length > 0) break
    statements.push(statement(p))
    if (peek(p).kind !== 'end' && !isOperator(peek(p), ';')) throw unexpected(p, '<EOF>')
  }
  return { statements, magicComments: magicComments(comments) }
}

/** One statement and nothing behind it. `start`: where its text stands in another one, for the places of errors. */
export function parseStatement(text: string, start: Position = { line: 1, column: 1 }): Statement {
  const placed = `${'\n'.repeat(start.line - 1)}${' '.repeat(start.column - 1)}${text}`
  const p = parserOf(placed, lex(placed).tokens)
  const parsed = statement(p)
  if (peek(p).kind !== 'end') throw unexpected(p, '<EOF>')
  return parsed
}

/** Whether a word has to be quoted to be a name. */
export function isReserved(word: string): boolean {
  return RESERVED.has(word.toUpperCase())
}

/** A type by its text alone, as `typeText` writes it. */
export function parseType(text: string): TypeName {
  const p = parserOf(text, lex(text).tokens)
  const parsed = typeName(p)
  if (peek(p).kind !== 'end') throw unexpected(p, '<EOF>')
  return parsed
}

function parserOf(text: string, tokens: Token[]): Parser {
  return {
    text,
    tokens,
    closing: matchParentheses(tokens),
    behindOpening: matchOpenings(tokens),
    index: 0,
    depth: 0,
    could: { index: -1, what: [] },
    expressionEnd: -1,
    expression(inner) {
      const parsed = expression(inner)
      inner.expressionEnd = inner.index
      return parsed
    },
    valueExpression,
    query,
    typeName,
  }
}

/** `-- set session distributed_join = 'true'` */
function magicComments(comments: Comment[]): MagicComment[] {
  return comments.flatMap(({ text, line }) => {
    const found = /^--\s*set\s+session\s+([\w.]+)\s*=\s*(.*?)\s*;?\s*$/i.exec(text)
    if (found === null) return []
    return [{ name: found[1]!.toLowerCase(), value: found[2]!.replace(/^'(.*)'$/, '$1'), line }]
  })
}

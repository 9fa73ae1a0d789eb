import type { MagicComment, Script, Statement } from './ast.ts'
import { expression, valueExpression } from './expression.ts'
import { type Comment, lex } from './lexer.ts'
import { isOperator, matchOpenings, matchParentheses, type Parser, peek, take, unexpected } from './parser.ts'
import { query } from './query.ts'
import { statement } from './statement.ts'
import { typeName } from './type-name.ts'

/** A text of one or more statements separated by `;`. Throws QueryError with the place: SYNTAX_ERROR, NOT_SUPPORTED. */
export function parseScript(text: string): Script {
  const { tokens, comments } = lex(text)
  const p: Parser = {
    tokens,
    closing: matchParentheses(tokens),
    behindOpening: matchOpenings(tokens),
    index: 0,
    depth: 0,
    expression,
    valueExpression,
    query,
    typeName,
  }
  const statements: Statement[] = []
  for (;;) {
    while (take(p, ';'));
    if (peek(p).kind === 'end' && statements.length > 0) break
    statements.push(statement(p))
    if (peek(p).kind !== 'end' && !isOperator(peek(p), ';')) throw unexpected(p, '<EOF>')
  }
  return { statements, magicComments: magicComments(comments) }
}

/** `-- set session distributed_join = 'true'` */
function magicComments(comments: Comment[]): MagicComment[] {
  return comments.flatMap(({ text, line }) => {
    const found = /^--\s*set\s+session\s+([\w.]+)\s*=\s*(.*?)\s*;?\s*$/i.exec(text)
    if (found === null) return []
    return [{ name: found[1]!.toLowerCase(), value: found[2]!.replace(/^'(.*)'$/, '$1'), line }]
  })
}

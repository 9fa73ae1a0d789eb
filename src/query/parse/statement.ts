import { QueryError } from '../errors.ts'
import type { LikePattern, QualifiedName, Statement } from './ast.ts'
import { stringValue } from './literal.ts'
import {
  at,
  expect,
  identifier,
  isOperator,
  isWord,
  next,
  type Parser,
  parenthesised,
  peek,
  qualifiedName,
  take,
  unexpected,
} from './parser.ts'

/** Statements that are recognised by their first words and not run here. */
const REFUSED = [
  'INSERT',
  'CREATE',
  'DROP',
  'DELETE',
  'UPDATE',
  'MERGE',
  'ALTER',
  'TRUNCATE',
  'GRANT',
  'REVOKE',
  'DENY',
  'CALL',
  'PREPARE',
  'EXECUTE',
  'DEALLOCATE',
  'START',
  'COMMIT',
  'ROLLBACK',
  'REFRESH',
  'ANALYZE',
  'COMMENT',
  'USE',
  'SET',
  'SHOW',
  'DESCRIBE',
  'RESET',
]

export function statement(p: Parser): Statement {
  const token = peek(p)
  if (isWord(token, 'SELECT', 'WITH', 'VALUES', 'TABLE') || isOperator(token, '(')) {
    return { kind: 'query', query: p.query(p), at: token.at }
  }
  const known = explain(p) ?? show(p) ?? session(p)
  if (known !== undefined) return known
  if (isWord(token, ...REFUSED)) {
    const words = isWord(token, 'SET', 'SHOW', 'CREATE', 'DROP', 'ALTER')
      ? `${token.value} ${peek(p, 1).value}`
      : token.value
    throw new QueryError('NOT_SUPPORTED', `Statement ${words.trim()} is not supported`, token.at)
  }
  throw unexpected(
    p,
    "'('",
    "'DESCRIBE'",
    "'EXPLAIN'",
    "'SELECT'",
    "'SET'",
    "'SHOW'",
    "'TABLE'",
    "'VALUES'",
    "'WITH'",
    '<query>',
  )
}

function explain(p: Parser): Statement | undefined {
  const position = peek(p).at
  if (!take(p, 'EXPLAIN')) return undefined
  if (at(p, 'ANALYZE')) throw new QueryError('NOT_SUPPORTED', 'EXPLAIN ANALYZE is not supported', position)
  const validate = at(p, '(') && !isWord(peek(p, 1), 'SELECT', 'WITH', 'VALUES', 'TABLE') && explainOptions(p)
  return { kind: 'explain', type: validate ? 'validate' : 'plan', statement: statement(p), at: position }
}

/** True when one of the options is TYPE VALIDATE; the others only change how a plan is printed. */
function explainOptions(p: Parser): boolean {
  return parenthesised(p, () => {
    let validate = false
    do {
      const option = next(p)
      if (!isWord(option, 'TYPE', 'FORMAT')) throw unexpected(p, "'FORMAT'", "'TYPE'")
      if (next(p).value === 'VALIDATE') validate = true
    } while (take(p, ','))
    return validate
  })
}

function show(p: Parser): Statement | undefined {
  const position = peek(p).at
  if (
    (isWord(peek(p), 'DESCRIBE', 'DESC') && !isWord(peek(p, 1), 'INPUT', 'OUTPUT')) ||
    at(p, 'SHOW', 'COLUMNS')
  ) {
    if (next(p).value === 'SHOW') {
      next(p)
      if (!take(p, 'FROM')) expect(p, 'IN')
    }
    return { kind: 'show-columns', table: qualifiedName(p), ...like(p), at: position }
  }
  if (take(p, 'SHOW', 'TABLES')) {
    const schema: { schema?: QualifiedName } =
      take(p, 'FROM') || take(p, 'IN') ? { schema: qualifiedName(p) } : {}
    return { kind: 'show-tables', ...schema, ...like(p), at: position }
  }
  if (take(p, 'SHOW', 'SCHEMAS')) {
    const catalog = take(p, 'FROM') || take(p, 'IN') ? { catalog: identifier(p) } : {}
    return { kind: 'show-schemas', ...catalog, ...like(p), at: position }
  }
  if (take(p, 'SHOW', 'CATALOGS')) return { kind: 'show-catalogs', ...like(p), at: position }
  return undefined
}

function like(p: Parser): { like?: LikePattern } {
  if (!take(p, 'LIKE')) return {}
  const pattern = stringValue(p)
  return { like: take(p, 'ESCAPE') ? { pattern, escape: stringValue(p) } : { pattern } }
}

function session(p: Parser): Statement | undefined {
  const position = peek(p).at
  if (take(p, 'RESET', 'SESSION'))
    return { kind: 'reset-session', name: dotted(qualifiedName(p)), at: position }
  if (!take(p, 'SET', 'SESSION')) return undefined
  const name = dotted(qualifiedName(p))
  expect(p, '=')
  return { kind: 'set-session', name, value: p.expression(p), at: position }
}

function dotted(name: QualifiedName): string {
  return name.parts.map((part) => part.text).join('.')
}

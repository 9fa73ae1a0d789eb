import { QueryError } from '../errors.ts'
import type { ExplainFormat, ExplainType, Statement } from './ast.ts'
import {
  at,
  could,
  expect,
  isOperator,
  isWord,
  list,
  nested,
  oneOf,
  option,
  type Parser,
  parenthesised,
  peek,
  take,
  unexpected,
} from './parser.ts'
import { deallocate, describe, execute, prepare, transaction, use } from './statement-session.ts'
import { reset, set } from './statement-set.ts'
import { show } from './statement-show.ts'
import { alter, commentOn, create, deleteFrom, drop, insert, truncate } from './statement-tables.ts'

const QUERY_WORDS = ['SELECT', 'WITH', 'VALUES', 'TABLE']

type Rule = (p: Parser) => Statement

/** By first word. Those that are missing here are queries. */
const RULES: Record<string, Rule> = {
  ALTER: alter,
  ANALYZE: refused('ANALYZE'),
  CALL: refused('CALL'),
  COMMENT: commentOn,
  COMMIT: transaction,
  CREATE: create,
  DEALLOCATE: deallocate,
  DELETE: deleteFrom,
  DENY: refused('DENY'),
  DESC: describe,
  DESCRIBE: describe,
  DROP: drop,
  EXECUTE: (p) => execute(p),
  EXPLAIN: explain,
  GRANT: refused('GRANT'),
  INSERT: insert,
  MERGE: refused('MERGE'),
  PREPARE: (p) => prepare(p, statement),
  REFRESH: refused('REFRESH MATERIALIZED VIEW'),
  RESET: reset,
  REVOKE: refused('REVOKE'),
  ROLLBACK: transaction,
  SET: set,
  SHOW: show,
  START: transaction,
  TRUNCATE: truncate,
  UPDATE: refused('UPDATE'),
  USE: use,
}

export function statement(p: Parser): Statement {
  const token = peek(p)
  if (isWord(token, ...QUERY_WORDS) || isOperator(token, '(')) {
    return { kind: 'query', query: p.query(p), at: token.at }
  }
  const rule = token.kind === 'word' && Object.hasOwn(RULES, token.value) ? RULES[token.value] : undefined
  // EXPLAIN and PREPARE hold statements.
  if (rule !== undefined) return nested(p, () => rule(p))
  throw unexpected(p, ...Object.keys(RULES).map((word) => `'${word}'`), "'WITH'", '<query>')
}

/** Known by its first word, and not run here. */
function refused(what: string): Rule {
  return (p) => {
    throw new QueryError('NOT_SUPPORTED', `${what} is not supported`, peek(p).at)
  }
}

const TYPES: Record<string, ExplainType> = {
  DISTRIBUTED: 'distributed',
  IO: 'io',
  LOGICAL: 'logical',
  VALIDATE: 'validate',
}
const FORMATS: Record<string, ExplainFormat> = { GRAPHVIZ: 'graphviz', JSON: 'json', TEXT: 'text' }

function explain(p: Parser): Statement {
  const position = expect(p, 'EXPLAIN')
  if (take(p, 'ANALYZE')) {
    const verbose = option(p, 'VERBOSE')
    return { kind: 'explain-analyze', verbose, statement: statement(p), at: position }
  }
  let type: ExplainType = 'distributed'
  let format: ExplainFormat = 'text'
  if (at(p, '(') && !isWord(peek(p, 1), ...QUERY_WORDS) && !isOperator(peek(p, 1), '(')) {
    parenthesised(p, () =>
      list(p, () =>
        oneOf(
          p,
          {
            FORMAT: () => {
              format = wordIn(p, FORMATS)
            },
            TYPE: () => {
              type = wordIn(p, TYPES)
            },
          },
          "'('",
          "'SELECT'",
          "'TABLE'",
          "'VALUES'",
        ),
      ),
    )
  } else could(p, "'('")
  return { kind: 'explain', type, format, statement: statement(p), at: position }
}

function wordIn<T>(p: Parser, words: Record<string, T>): T {
  return oneOf(p, Object.fromEntries(Object.entries(words).map(([word, value]) => [word, () => value])))
}

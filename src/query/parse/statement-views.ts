import type { Statement } from './ast.ts'
import { stringValue } from './literal.ts'
import {
  at,
  expect,
  isWord,
  oneOf,
  option,
  type Parser,
  peek,
  qualifiedName,
  sourceFrom,
  unexpected,
} from './parser.ts'
import { ifExists, ifNotExists, properties } from './statement-parts.ts'
import { unsupported } from './unsupported.ts'

type At = Statement['at']

export function createView(p: Parser, position: At, orReplace: boolean): Statement {
  const view = qualifiedName(p)
  p.could.what = []
  const comment = option(p, 'COMMENT') ? { comment: stringValue(p) } : {}
  const security = option(p, 'SECURITY')
    ? oneOf<'definer' | 'invoker'>(p, { DEFINER: () => 'definer', INVOKER: () => 'invoker' })
    : 'definer'
  expect(p, 'AS')
  if (!at(p, '(') && !isWord(peek(p), 'SELECT', 'WITH', 'VALUES', 'TABLE'))
    throw unexpected(p, "'WITH'", '<query>')
  const first = p.index
  const query = p.query(p)
  const text = sourceFrom(p, first)
  return { kind: 'create-view', view, orReplace, ...comment, security, query, text, at: position }
}

export function alterView(p: Parser, position: At): Statement {
  const view = qualifiedName(p)
  return oneOf<Statement>(p, {
    RENAME: () => {
      expect(p, 'TO')
      return { kind: 'rename-view', view, to: qualifiedName(p), at: position }
    },
    SET: () => unsupported('ALTER VIEW SET AUTHORIZATION is', position),
  })
}

export function createSchema(p: Parser, position: At): Statement {
  const missing = ifNotExists(p)
  const schema = qualifiedName(p)
  if (option(p, 'AUTHORIZATION')) unsupported('CREATE SCHEMA AUTHORIZATION is', position)
  return { kind: 'create-schema', schema, ifNotExists: missing, properties: properties(p), at: position }
}

export function dropSchema(p: Parser, position: At): Statement {
  const head = { ifExists: ifExists(p), schema: qualifiedName(p), at: position }
  const cascade = option(p, 'CASCADE')
  if (!cascade) option(p, 'RESTRICT')
  return { kind: 'drop-schema', ...head, cascade }
}

import type { Identifier, LikePattern, QualifiedName, Statement } from './ast.ts'
import { stringValue } from './literal.ts'
import {
  at,
  could,
  expect,
  holdsQuery,
  identifier,
  oneOf,
  option,
  type Parser,
  parenthesised,
  qualifiedName,
  unexpected,
} from './parser.ts'
import { fromOrIn } from './statement-parts.ts'
import { unsupported } from './unsupported.ts'

export function show(p: Parser): Statement {
  const position = expect(p, 'SHOW')
  const roles = (current: boolean, grants: boolean): Statement => {
    const catalog = catalogName(p)
    return {
      kind: 'show-roles',
      current,
      grants,
      ...(catalog === undefined ? {} : { catalog }),
      at: position,
    }
  }
  return oneOf<Statement>(p, {
    CATALOGS: () => ({ kind: 'show-catalogs', ...like(p), at: position }),
    COLUMNS: () => {
      if (!option(p, 'FROM')) expect(p, 'IN')
      return { kind: 'show-columns', table: qualifiedName(p), ...like(p), at: position }
    },
    CREATE: () => {
      const what = oneOf<'table' | 'view' | 'schema'>(p, {
        MATERIALIZED: () => unsupported('Materialized views are', position),
        SCHEMA: () => 'schema',
        TABLE: () => 'table',
        VIEW: () => 'view',
      })
      return { kind: 'show-create', what, name: qualifiedName(p), at: position }
    },
    CURRENT: () => {
      expect(p, 'ROLES')
      return roles(true, false)
    },
    FUNCTIONS: () => ({ kind: 'show-functions', ...schema(fromOrIn(p)), ...like(p), at: position }),
    GRANTS: () => {
      if (!option(p, 'ON')) return { kind: 'show-grants', at: position }
      option(p, 'TABLE')
      return { kind: 'show-grants', table: qualifiedName(p), at: position }
    },
    ROLE: () => {
      expect(p, 'GRANTS')
      return roles(false, true)
    },
    ROLES: () => roles(false, false),
    SCHEMAS: () => {
      const catalog = catalogName(p)
      return { kind: 'show-schemas', ...(catalog === undefined ? {} : { catalog }), ...like(p), at: position }
    },
    SESSION: () => ({ kind: 'show-session', ...like(p), at: position }),
    STATS: () => {
      expect(p, 'FOR')
      could(p, "'('")
      if (!at(p, '(')) return { kind: 'show-stats', of: { table: qualifiedName(p) }, at: position }
      if (!holdsQuery(p, p.index)) {
        expect(p, '(')
        throw unexpected(p, "'('", "'WITH'", '<query>')
      }
      return { kind: 'show-stats', of: { query: parenthesised(p, () => p.query(p)) }, at: position }
    },
    TABLES: () => ({ kind: 'show-tables', ...schema(fromOrIn(p)), ...like(p), at: position }),
  })
}

function schema(name: QualifiedName | undefined): { schema?: QualifiedName } {
  return name === undefined ? {} : { schema: name }
}

function catalogName(p: Parser): Identifier | undefined {
  return option(p, 'FROM') || option(p, 'IN') ? identifier(p) : undefined
}

function like(p: Parser): { like?: LikePattern } {
  if (!option(p, 'LIKE')) return {}
  const pattern = stringValue(p)
  return { like: option(p, 'ESCAPE') ? { pattern, escape: stringValue(p) } : { pattern } }
}

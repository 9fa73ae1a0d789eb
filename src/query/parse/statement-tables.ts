import { QueryError } from '../errors.ts'
import type { ColumnDefinition, QualifiedName, Statement, TableElement } from './ast.ts'
import { stringValue } from './literal.ts'
import {
  at,
  could,
  expect,
  holdsQuery,
  identifier,
  isWord,
  list,
  oneOf,
  option,
  type Parser,
  parenthesised,
  peek,
  qualifiedName,
  take,
  unexpected,
} from './parser.ts'
import { columnAliases, ifExists, ifNotExists, properties } from './statement-parts.ts'
import { alterView, createSchema, createView, dropSchema } from './statement-views.ts'
import { unsupported } from './unsupported.ts'

type At = Statement['at']

export function insert(p: Parser): Statement {
  const position = expect(p, 'INSERT', 'INTO')
  const table = qualifiedName(p)
  p.could.what = []
  const columns = at(p, '(') && !holdsQuery(p, p.index) ? columnAliases(p) : undefined
  if (columns === undefined) could(p, "'('")
  requireQuery(p)
  return {
    kind: 'insert',
    table,
    ...(columns === undefined ? {} : { columns }),
    query: p.query(p),
    at: position,
  }
}

function requireQuery(p: Parser): void {
  if (at(p, '(') || isWord(peek(p), 'SELECT', 'WITH', 'VALUES', 'TABLE')) return
  throw unexpected(p, "'WITH'", '<query>')
}

export function deleteFrom(p: Parser): Statement {
  const position = expect(p, 'DELETE', 'FROM')
  const table = qualifiedName(p)
  const where = option(p, 'WHERE') ? { where: p.expression(p) } : {}
  return { kind: 'delete', table, ...where, at: position }
}

export function truncate(p: Parser): Statement {
  const position = expect(p, 'TRUNCATE', 'TABLE')
  return { kind: 'truncate', table: qualifiedName(p), at: position }
}

export function create(p: Parser): Statement {
  const position = expect(p, 'CREATE')
  const orReplace = take(p, 'OR')
  if (orReplace) {
    expect(p, 'REPLACE')
    return oneOf<Statement>(p, {
      FUNCTION: () => unsupported('CREATE FUNCTION is', position),
      MATERIALIZED: () => unsupported('Materialized views are', position),
      TABLE: () => createTable(p, position, true),
      VIEW: () => createView(p, position, true),
    })
  }
  return oneOf<Statement>(
    p,
    {
      CATALOG: () => unsupported('CREATE CATALOG is', position),
      FUNCTION: () => unsupported('CREATE FUNCTION is', position),
      MATERIALIZED: () => unsupported('Materialized views are', position),
      ROLE: () => unsupported('CREATE ROLE is', position),
      SCHEMA: () => createSchema(p, position),
      TABLE: () => createTable(p, position, false),
      VIEW: () => createView(p, position, false),
    },
    "'OR'",
  )
}

function createTable(p: Parser, position: At, orReplace: boolean): Statement {
  const missing = ifNotExists(p)
  const table = qualifiedName(p)
  const head = { table, orReplace, ifNotExists: missing, at: position }
  if (at(p, '(') && !areAliases(p)) {
    const elements = parenthesised(p, () => list(p, () => tableElement(p)))
    return { kind: 'create-table', ...head, elements, ...comment(p), properties: properties(p) }
  }
  const columns = at(p, '(') ? { columns: columnAliases(p) } : {}
  if (columns.columns === undefined) could(p, "'('")
  const described = { ...columns, ...comment(p), properties: properties(p) }
  expect(p, 'AS')
  const query = asQuery(p)
  return { kind: 'create-table-as', ...head, ...described, query, withData: withData(p) }
}

/** `(a, b)` names the columns of a query, `(a bigint, …)` declares them. */
function areAliases(p: Parser): boolean {
  for (let index = p.index + 1; ; index += 2) {
    const separator = p.tokens[index + 1]
    if (separator?.value === ')' && separator.kind === 'operator') return true
    if (separator?.value !== ',' || separator.kind !== 'operator') return false
  }
}

/** In parentheses the query may be followed by WITH DATA as well. */
function asQuery(p: Parser) {
  if (!at(p, '(') && !isWord(peek(p), 'SELECT', 'WITH', 'VALUES', 'TABLE'))
    throw unexpected(p, "'('", "'WITH'", '<query>')
  return p.query(p)
}

function withData(p: Parser): boolean {
  if (!option(p, 'WITH')) return true
  const without = option(p, 'NO')
  expect(p, 'DATA')
  return !without
}

const comment = (p: Parser): { comment?: string } => (option(p, 'COMMENT') ? { comment: stringValue(p) } : {})

export function commentOn(p: Parser): Statement {
  const position = expect(p, 'COMMENT', 'ON')
  return oneOf<Statement>(p, {
    COLUMN: () => {
      const { parts, ...name } = qualifiedName(p)
      if (parts.length < 2)
        throw new QueryError('MISSING_TABLE', 'Must specify table and column names', position)
      const table = { ...name, parts: parts.slice(0, -1) }
      return { kind: 'comment', table, column: parts.at(-1)!, text: commentText(p), at: position }
    },
    TABLE: () => ({ kind: 'comment', table: qualifiedName(p), text: commentText(p), at: position }),
    VIEW: () => unsupported('COMMENT ON VIEW is', position),
  })
}

function commentText(p: Parser): string | null {
  expect(p, 'IS')
  return option(p, 'NULL') ? null : stringValue(p)
}

function tableElement(p: Parser): TableElement {
  const position = peek(p).at
  if (take(p, 'LIKE')) {
    const table = qualifiedName(p)
    p.could.what = []
    const including = at(p, 'INCLUDING')
    if (including || at(p, 'EXCLUDING')) {
      take(p, including ? 'INCLUDING' : 'EXCLUDING')
      expect(p, 'PROPERTIES')
    }
    return { kind: 'like', table, including, at: position }
  }
  could(p, "'LIKE'")
  return { kind: 'column', ...columnDefinition(p) }
}

function columnDefinition(p: Parser): ColumnDefinition {
  const name = identifier(p)
  const type = p.typeName(p)
  const notNull = take(p, 'NOT')
  if (notNull) expect(p, 'NULL')
  // Not named among what could come: Presto's message does not either.
  const text = at(p, 'COMMENT') ? comment(p) : {}
  const given = at(p, 'WITH') ? properties(p) : []
  return { name, type, notNull, ...text, properties: given, at: name.at }
}

export function drop(p: Parser): Statement {
  const position = expect(p, 'DROP')
  return oneOf<Statement>(p, {
    CATALOG: () => unsupported('DROP CATALOG is', position),
    FUNCTION: () => unsupported('DROP FUNCTION is', position),
    MATERIALIZED: () => unsupported('Materialized views are', position),
    ROLE: () => unsupported('DROP ROLE is', position),
    SCHEMA: () => dropSchema(p, position),
    TABLE: () => ({ kind: 'drop-table', ifExists: ifExists(p), table: qualifiedName(p), at: position }),
    VIEW: () => ({ kind: 'drop-view', ifExists: ifExists(p), view: qualifiedName(p), at: position }),
  })
}

export function alter(p: Parser): Statement {
  const position = expect(p, 'ALTER')
  return oneOf<Statement>(p, {
    MATERIALIZED: () => unsupported('Materialized views are', position),
    SCHEMA: () => unsupported('ALTER SCHEMA is', position),
    TABLE: () => alterTable(p, position),
    VIEW: () => alterView(p, position),
  })
}

function alterTable(p: Parser, position: At): Statement {
  const head = { ifExists: ifExists(p), table: qualifiedName(p), at: position }
  return oneOf<Statement>(p, {
    ADD: () => {
      expect(p, 'COLUMN')
      return { kind: 'add-column', ...head, ifNotExists: ifNotExists(p), column: columnDefinition(p) }
    },
    ALTER: () => unsupported('ALTER COLUMN is', position),
    DROP: () => {
      expect(p, 'COLUMN')
      return { kind: 'drop-column', ...head, ifColumnExists: ifExists(p), column: topColumn(p) }
    },
    EXECUTE: () => unsupported('ALTER TABLE EXECUTE is', position),
    RENAME: () => rename(p, head),
    SET: () => unsupported('ALTER TABLE SET is', position),
  })
}

function rename(p: Parser, head: { ifExists: boolean; table: QualifiedName; at: At }): Statement {
  return oneOf<Statement>(p, {
    COLUMN: () => {
      const ifColumnExists = ifExists(p)
      const from = topColumn(p)
      expect(p, 'TO')
      return { kind: 'rename-column', ...head, ifColumnExists, from, to: identifier(p) }
    },
    TO: () => ({ kind: 'rename-table', ...head, to: qualifiedName(p) }),
  })
}

/** A column; fields of rows can be named here, and no stored column has any. */
function topColumn(p: Parser) {
  const name = qualifiedName(p)
  if (name.parts.length > 1) unsupported('Changing the fields of a row is', name.at)
  return name.parts[0]!
}

import { errorTable } from '../../kernel/errors.ts'
import { QueryError } from '../errors.ts'
import type { QualifiedName } from '../parse/ast.ts'
import { parseType } from '../parse/index.ts'
import { type Analyzer, nextRelation } from './analyzer.ts'
import { BIGINT } from './coerce.ts'
import { CATALOG, type ExpandedView, type KnownTable, SYSTEM_CATALOG, TIME_KEY } from './lookup.ts'
import type { RelationPlan, TableReference } from './plan.ts'
import type { Field } from './scope.ts'
import { columnType, resolveType } from './types.ts'
import { viewRelation } from './views.ts'

export const compileErrors = errorTable('compile', {
  catalog_unknown: {
    status: 503,
    advice: 'retry',
    message: (d) => `nobody can say at the moment which tables there are: ${d}`,
    help: 'The catalog is away and the snapshot does not know either. Send the query again.',
  },
})

/** Database and table that a name of one to three parts means. Throws when the catalog is not ours. */
export function tablePath(name: QualifiedName, defaultDatabase: string): { database: string; table: string } {
  const parts = name.parts.map((part) => part.text.toLowerCase())
  if (parts.length > 3)
    throw new QueryError('SYNTAX_ERROR', `Too many dots in table name: ${parts.join('.')}`, name.at)
  const [table, database = defaultDatabase.toLowerCase(), catalog = CATALOG] = parts.toReversed()
  // The schemas of that catalog go by both names: no database can be called so.
  if (catalog === SYSTEM_CATALOG) return { database: `${SYSTEM_CATALOG}.${database}`, table: table! }
  if (catalog !== CATALOG)
    throw new QueryError('CATALOG_NOT_FOUND', `Catalog '${catalog}' does not exist`, name.at)
  return { database, table: table! }
}

/** As messages name it. */
export function fullTableName(database: string, table: string): string {
  return database.includes('.') ? `${database}.${table}` : `${CATALOG}.${database}.${table}`
}

export type FoundTable = Extract<KnownTable, { kind: 'found' | 'system' | 'view' }>

/** The table found, or the error that says what is missing. `unknown` is never TABLE_NOT_FOUND. */
export function requireTable(
  tables: ReadonlyMap<string, KnownTable>,
  name: QualifiedName,
  defaultDatabase: string,
): { database: string; table: string; found: FoundTable } {
  const { database, table } = tablePath(name, defaultDatabase)
  const answer = tables.get(`${database}.${table}`)
  if (answer === undefined || answer.kind === 'unknown') {
    throw compileErrors.catalog_unknown(
      answer === undefined ? `${database}.${table} was not asked for` : answer.reason,
    )
  }
  if (answer.kind === 'no-database') {
    throw new QueryError('SCHEMA_NOT_FOUND', `Schema '${database}' does not exist`, name.at)
  }
  if (answer.kind === 'no-table') {
    throw new QueryError(
      'TABLE_NOT_FOUND',
      `Table '${fullTableName(database, table)}' does not exist`,
      name.at,
    )
  }
  if (answer.kind === 'denied') throw accessDenied(database)
  return { database, table, found: answer }
}

export function accessDenied(database: string): QueryError {
  return new QueryError(
    'PERMISSION_DENIED',
    `Access Denied: Cannot select from tables of database ${database}`,
  )
}

type Columned = Exclude<FoundTable, ExpandedView> | Pick<ExpandedView, 'kind' | 'view'>

/** Declared columns in their order, then `time`, which every table of users has; those of a view as they were when it was made. */
export function tableColumns(found: Columned): TableReference['columns'] {
  if (found.kind === 'view') {
    return found.view.columns.map(({ name, type }) => ({
      name,
      key: name,
      type: resolveType(parseType(type)),
    }))
  }
  if (found.kind === 'system') return found.table.columns.map(({ name, type }) => ({ name, key: name, type }))
  const declared = found.table.columns
    .filter(({ name }) => name.toLowerCase() !== 'time')
    .map(({ name, key, type, description }) => ({
      name,
      key,
      type: columnType(type),
      ...(description && { comment: description }),
    }))
  return [...declared, { name: 'time', key: TIME_KEY, type: BIGINT }]
}

export function tableRelation(
  analyzer: Analyzer,
  name: QualifiedName,
): { plan: RelationPlan; fields: Field[] } {
  const { database, table, found } = requireTable(analyzer.tables, name, analyzer.defaultDatabase)
  if (found.kind === 'view') return viewRelation(analyzer, found, { database, name: table, at: name.at })
  const id = nextRelation(analyzer)
  const reference: TableReference = {
    index: analyzer.references.length,
    tableId: found.kind === 'system' ? null : found.table.id,
    database,
    table,
    columns: tableColumns(found),
    used: new Set(),
  }
  analyzer.references.push(reference)
  const fields = reference.columns.map(
    (column, i): Field => ({
      name: column.name,
      qualifier: database.includes('.') ? [...database.split('.'), table] : [CATALOG, database, table],
      value: { kind: 'column', relation: id, column: i + 1, type: column.type, at: name.at },
    }),
  )
  return { plan: { kind: 'table', id, reference }, fields }
}

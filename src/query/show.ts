import {
  CATALOG,
  compileErrors,
  type ListLookup,
  requireTable,
  SYSTEM_CATALOG,
  tableColumns,
} from './analyze/index.ts'
import type { CompiledQuery, StatementRequest } from './compiled.ts'
import { constantQuery } from './constant-query.ts'
import { QueryError } from './errors.ts'
import type { QualifiedName, Statement, StatementOf } from './parse/ast.ts'
import { typeText } from './presto-type.ts'
import { schemaName } from './statements/schemas.ts'
import { showCreate } from './statements/show-create.ts'
import { showFunctions } from './statements/show-functions.ts'
import { showGrants } from './statements/show-grants.ts'
import { likeTest } from './statements/show-like.ts'
import { showSession } from './statements/show-session.ts'
import { showStats } from './statements/show-stats.ts'
import { CATALOG_SCHEMAS } from './system/tables.ts'
import { lookUpName } from './table-names.ts'

type Show = Extract<Statement, { kind: `show-${string}` }>
const VARCHAR = { kind: 'varchar' } as const
const SYSTEM_CATALOG_SCHEMAS = CATALOG_SCHEMAS.map((schema) => schema.slice(SYSTEM_CATALOG.length + 1)).sort()

/** SHOW and DESCRIBE, answered from the catalog at once. */
export async function showStatement(statement: Show, request: StatementRequest): Promise<CompiledQuery> {
  switch (statement.kind) {
    case 'show-catalogs':
      return names('Catalog', [SYSTEM_CATALOG, CATALOG], statement)
    case 'show-schemas':
      return names('Schema', await schemasIn(statement, request), statement)
    case 'show-tables':
      return names('Table', await tablesIn(statement, request), statement)
    case 'show-columns':
      return showColumns(statement, request)
    case 'show-create':
      return showCreate(statement, request)
    case 'show-functions':
      return showFunctions(statement)
    case 'show-session':
      return showSession(statement, request)
    case 'show-stats':
      return showStats(statement, request)
    case 'show-grants':
      return showGrants(statement, request)
    case 'show-roles':
      // Who may do what is granted to users, database by database: there are no roles.
      return names(statement.grants ? 'Role Grants' : 'Role', [], statement)
  }
}

async function schemasIn(
  statement: StatementOf<'show-schemas'>,
  { lookup }: StatementRequest,
): Promise<string[]> {
  const name = statement.catalog?.text.toLowerCase() ?? CATALOG
  if (name === SYSTEM_CATALOG) return SYSTEM_CATALOG_SCHEMAS
  if (name === CATALOG) return listed(await lookup.listDatabases(), statement)
  throw new QueryError('CATALOG_NOT_FOUND', `Catalog '${name}' does not exist`, statement.at)
}

async function tablesIn(statement: StatementOf<'show-tables'>, request: StatementRequest): Promise<string[]> {
  const { schema, at } = statement
  const database = schema === undefined ? request.defaultDatabase : schemaName(schema, at)
  const found = await request.lookup.listTables(database)
  if (found.kind === 'absent') {
    throw new QueryError('SCHEMA_NOT_FOUND', `Schema '${database}' does not exist`, at)
  }
  return listed(found, statement)
}

function listed(found: ListLookup, { at }: { at: Show['at'] }): string[] {
  if (found.kind === 'unknown') throw compileErrors.catalog_unknown(found.reason)
  if (found.kind === 'absent') throw new QueryError('SCHEMA_NOT_FOUND', 'Schema does not exist', at)
  return [...found.names].sort()
}

function names(title: string, values: string[], statement: Show): CompiledQuery {
  const matches = likeTest('like' in statement ? statement.like : undefined, statement.at)
  return constantQuery(
    [{ name: title, type: VARCHAR }],
    values.filter(matches).map((value) => [value]),
  )
}

async function showColumns(
  statement: StatementOf<'show-columns'>,
  request: StatementRequest,
): Promise<CompiledQuery> {
  const name: QualifiedName = { ...statement.table, at: statement.at }
  const tables = await lookUpName(name, request)
  const { found } = requireTable(tables, name, request.defaultDatabase)
  const matches = likeTest(statement.like, statement.at)
  const rows = tableColumns(found)
    .filter((column) => matches(column.name))
    .map(({ name, type, comment = '' }) => [name, typeText(type), '', comment])
  const titles = ['Column', 'Type', 'Extra', 'Comment']
  return constantQuery(
    titles.map((title) => ({ name: title, type: VARCHAR })),
    rows,
  )
}

import { CATALOG, compileErrors, SYSTEM_CATALOG } from '../analyze/index.ts'
import type { CompiledStatement, StatementRequest } from '../compiled.ts'
import { type Position, QueryError } from '../errors.ts'
import type { QualifiedName, StatementOf } from '../parse/ast.ts'
import { checkProperties } from './create-table.ts'
import { noSchema } from './targets.ts'

export async function createSchema(
  statement: StatementOf<'create-schema'>,
  request: StatementRequest,
): Promise<CompiledStatement> {
  const { at, ifNotExists } = statement
  const database = schemaName(statement.schema, at)
  checkProperties(statement.properties, at, request, 'schema')
  if (!ifNotExists && (await schemaExists(database, request))) {
    throw new QueryError('SCHEMA_ALREADY_EXISTS', `Schema '${CATALOG}.${database}' already exists`, at)
  }
  return { kind: 'change', change: { kind: 'create-schema', database, ifNotExists, at } }
}

export async function dropSchema(
  { schema, ifExists, cascade, at }: StatementOf<'drop-schema'>,
  request: StatementRequest,
): Promise<CompiledStatement> {
  const database = schemaName(schema, at)
  const tables = await request.lookup.listTables(database)
  if (tables.kind === 'unknown') throw compileErrors.catalog_unknown(tables.reason)
  if (tables.kind === 'absent' && !ifExists) throw noSchema(database, at)
  if (tables.kind === 'found') await requireDrop(database, at, request)
  if (tables.kind === 'found' && tables.names.length > 0 && !cascade)
    throw new QueryError('SCHEMA_NOT_EMPTY', `Cannot drop non-empty schema '${database}'`, at)
  return { kind: 'change', change: { kind: 'drop-schema', database, ifExists, cascade, at } }
}

async function requireDrop(database: string, at: Position, { lookup }: StatementRequest): Promise<void> {
  const permitted = await lookup.mayWrite(database, 'database')
  if (permitted === 'no')
    throw new QueryError('PERMISSION_DENIED', `Access Denied: Cannot drop schema ${database}`, at)
  if (permitted === 'unknown')
    throw compileErrors.catalog_unknown(`whether database '${database}' may be dropped`)
}

/** Whether the database is there. Names that the user may not see are taken as well: listing their tables is denied. */
export async function schemaExists(database: string, { lookup }: StatementRequest): Promise<boolean> {
  try {
    const found = await lookup.listTables(database)
    if (found.kind === 'unknown') throw compileErrors.catalog_unknown(found.reason)
    return found.kind === 'found'
  } catch (error) {
    if (error instanceof QueryError && error.errorName === 'PERMISSION_DENIED') return true
    throw error
  }
}

/** The database that a name of one or two parts means. */
export function schemaName(name: QualifiedName, at: Position): string {
  const parts = name.parts.map(({ text }) => text.toLowerCase())
  if (parts.length > 2)
    throw new QueryError('SYNTAX_ERROR', `Too many parts in schema name: ${parts.join('.')}`, at)
  const [schema, catalog = CATALOG] = parts.toReversed()
  if (catalog === SYSTEM_CATALOG) return `${SYSTEM_CATALOG}.${schema}`
  if (catalog !== CATALOG)
    throw new QueryError('CATALOG_NOT_FOUND', `Catalog '${catalog}' does not exist`, at)
  return schema!
}

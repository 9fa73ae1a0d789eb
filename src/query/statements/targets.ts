import {
  CATALOG,
  compileErrors,
  type StoredView,
  type TableLookup,
  tableColumns,
  tablePath,
} from '../analyze/index.ts'
import type { TargetName } from '../changes.ts'
import type { StatementRequest } from '../compiled.ts'
import { type Position, QueryError } from '../errors.ts'
import type { QualifiedName } from '../parse/ast.ts'

/** What a statement means to change: that thing as the catalog has it, or what stands in its place. */
export type Target =
  | { kind: 'table'; name: TargetName; tableId: bigint; columns: ReturnType<typeof tableColumns> }
  | { kind: 'view'; name: TargetName; view: StoredView }
  | { kind: 'system'; name: TargetName }
  | { kind: 'absent'; name: TargetName; hasDatabase: boolean }

/** What the user is not allowed to do, in Presto's words: `insert into table`. */
export type Deed = string

/**
 * Looks the target up and checks that its user may do `deed` there. `at` is the statement's place: Presto complains of targets there.
 * @throws catalog_unknown (503, retry) when nobody can say what is there, or who may do what
 */
export async function findTarget(
  name: QualifiedName,
  at: Position,
  deed: Deed,
  request: StatementRequest,
): Promise<Target> {
  const target = targetName(name, at, request)
  const found = await request.lookup.findTable(target.database, target.name)
  if (found.kind === 'unknown') throw compileErrors.catalog_unknown(found.reason)
  if (found.kind === 'no-database') return { kind: 'absent', name: target, hasDatabase: false }
  if (found.kind === 'denied') throw denied(deed, target)
  if (found.kind === 'system') return { kind: 'system', name: target }
  await requireWrite(target, deed, request)
  return withName(found, target)
}

function withName(
  found: Extract<TableLookup, { kind: 'found' | 'view' | 'no-table' }>,
  name: TargetName,
): Target {
  switch (found.kind) {
    case 'found':
      return { kind: 'table', name, tableId: found.table.id, columns: tableColumns(found) }
    case 'view':
      return { kind: 'view', name, view: found.view }
    case 'no-table':
      return { kind: 'absent', name, hasDatabase: true }
  }
}

async function requireWrite(target: TargetName, deed: Deed, { lookup }: StatementRequest): Promise<void> {
  const permitted = await lookup.mayWrite(target.database)
  if (permitted === 'no') throw denied(deed, target)
  if (permitted === 'unknown')
    throw compileErrors.catalog_unknown(`whether database '${target.database}' may be changed`)
}

function denied(deed: Deed, target: TargetName): QueryError {
  return new QueryError(
    'PERMISSION_DENIED',
    `Access Denied: Cannot ${deed} ${target.database}.${target.name}`,
    target.at,
  )
}

function targetName(name: QualifiedName, at: Position, request: StatementRequest): TargetName {
  const { database, table } = tablePath({ ...name, at }, request.defaultDatabase)
  return { database, name: table, at }
}

/** As messages name it. */
export function fullName({ database, name }: TargetName): string {
  return `${CATALOG}.${database}.${name}`
}

export function noTable({ name }: Target): QueryError {
  return new QueryError('TABLE_NOT_FOUND', `Table '${fullName(name)}' does not exist`, name.at)
}

export function noSchema(database: string, at: Position): QueryError {
  return new QueryError('SCHEMA_NOT_FOUND', `Schema '${database}' does not exist`, at)
}

export function notSupported(message: string, at: Position): QueryError {
  return new QueryError('NOT_SUPPORTED', message, at)
}

/** The table to be changed. `what` begins the message when a view or a table of ours stands there. */
export function requireTarget(target: Target, what: string): Extract<Target, { kind: 'table' }> {
  if (target.kind === 'table') return target
  if (target.kind === 'absent') throw noTable(target)
  const where = target.kind === 'view' ? 'views' : 'system tables'
  throw notSupported(`${what} ${where} is not supported`, target.name.at)
}

import type { StoredView } from '../analyze/index.ts'
import { type Analyzed, analyzed } from '../compile-query.ts'
import type { CompiledStatement, StatementRequest } from '../compiled.ts'
import { type Position, QueryError } from '../errors.ts'
import type { StatementOf } from '../parse/ast.ts'
import { typeText } from '../presto-type.ts'
import { findTarget, fullName, noSchema, type Target } from './targets.ts'

export async function createView(
  statement: StatementOf<'create-view'>,
  request: StatementRequest,
): Promise<CompiledStatement> {
  const { at, orReplace, text, security, comment } = statement
  const target = await findTarget(statement.view, at, 'create view', request)
  requireFree(target, orReplace, at)
  const found = await analyzed(statement.query, readingItself(request, target.name))
  const view: StoredView = {
    text,
    defaultDatabase: request.defaultDatabase,
    columns: viewColumns(found, at),
    security,
    owner: request.context.user,
    comment: comment ?? null,
  }
  return { kind: 'change', change: { kind: 'create-view', target: target.name, orReplace, view } }
}

function requireFree(target: Target, orReplace: boolean, at: Position): void {
  const full = fullName(target.name)
  if (target.kind === 'absent') {
    if (!target.hasDatabase) throw noSchema(target.name.database, at)
    return
  }
  if (target.kind === 'view' && orReplace) return
  const what = target.kind === 'view' ? 'View' : 'Table'
  throw new QueryError('TABLE_ALREADY_EXISTS', `${what} already exists: '${full}'`, at)
}

/** A view that replaces itself must not read itself; the one that stands there is not what the name will mean. */
function readingItself(request: StatementRequest, { database, name, at }: Target['name']): StatementRequest {
  const { lookup } = request
  return {
    ...request,
    lookup: {
      ...lookup,
      async findTable(inDatabase, table) {
        const found = await lookup.findTable(inDatabase, table)
        if (found.kind === 'view' && inDatabase === database && table === name)
          throw new QueryError('VIEW_IS_RECURSIVE', 'Statement would create a recursive view', at)
        return found
      },
    },
  }
}

function viewColumns({ plan }: Analyzed, at: Position): StoredView['columns'] {
  const names = new Set<string>()
  return plan.columns.map(({ name, type }, i) => {
    if (name === undefined)
      throw new QueryError('MISSING_COLUMN_NAME', `Column name not specified at position ${i + 1}`, at)
    const folded = name.toLowerCase()
    if (names.has(folded))
      throw new QueryError('DUPLICATE_COLUMN_NAME', `Column name '${folded}' specified more than once`, at)
    names.add(folded)
    if (type.kind === 'unknown')
      throw new QueryError('COLUMN_TYPE_UNKNOWN', `Column type is unknown: ${folded}`, at)
    return { name: folded, type: typeText(type) }
  })
}

export async function dropView(
  { view, ifExists, at }: StatementOf<'drop-view'>,
  request: StatementRequest,
): Promise<CompiledStatement> {
  const target = await findTarget(view, at, 'drop view', request)
  requireView(target, at, ifExists)
  return { kind: 'change', change: { kind: 'drop-view', target: target.name, ifExists } }
}

export async function renameView(
  { view, to, at }: StatementOf<'rename-view'>,
  request: StatementRequest,
): Promise<CompiledStatement> {
  const from = await findTarget(view, at, 'rename view', request)
  requireView(from, at, false)
  const target = await findTarget(to, at, 'rename view', request)
  if (target.kind !== 'absent')
    throw new QueryError('TABLE_ALREADY_EXISTS', `Target view '${fullName(target.name)}' already exists`, at)
  if (!target.hasDatabase) throw noSchema(target.name.database, at)
  return { kind: 'change', change: { kind: 'rename-view', from: from.name, to: target.name } }
}

function requireView(target: Target, at: Position, ifExists: boolean): void {
  const full = fullName(target.name)
  if (target.kind === 'view') return
  if (target.kind === 'absent') {
    if (ifExists) return
    throw new QueryError('TABLE_NOT_FOUND', `View '${full}' does not exist`, at)
  }
  throw new QueryError(
    'GENERIC_USER_ERROR',
    `View '${full}' does not exist, but a table with that name exists. Did you mean DROP TABLE ${full}?`,
    at,
  )
}

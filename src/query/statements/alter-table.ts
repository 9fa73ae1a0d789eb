import { resolveType } from '../analyze/index.ts'
import type { Change } from '../changes.ts'
import type { CompiledStatement, StatementRequest } from '../compiled.ts'
import { QueryError } from '../errors.ts'
import type { Identifier, QualifiedName, StatementOf } from '../parse/ast.ts'
import { keptColumn } from './create-table.ts'
import { findTarget, fullName, noSchema, noTable, notSupported, type Target } from './targets.ts'

type Alter = StatementOf<
  'drop-table' | 'rename-table' | 'add-column' | 'drop-column' | 'rename-column' | 'comment'
>
type TableTarget = Extract<Target, { kind: 'table' }>

const DEEDS: Record<Alter['kind'], string> = {
  'drop-table': 'drop table',
  'rename-table': 'rename table',
  'add-column': 'add a column to table',
  'drop-column': 'drop a column from table',
  'rename-column': 'rename a column in table',
  comment: 'comment table',
}

/** Statements that change a table as such. With IF EXISTS a missing one is no error, and nothing happens. */
export async function alterTable(statement: Alter, request: StatementRequest): Promise<CompiledStatement> {
  const { at } = statement
  const ifExists = statement.kind !== 'comment' && statement.ifExists
  const target = await findTarget(statement.table, at, DEEDS[statement.kind], request)
  if (target.kind === 'view') throw isView(statement, target)
  if (target.kind === 'system') throw notSupported('System tables cannot be changed', at)
  if (target.kind === 'absent' && !ifExists) throw noTable(target)
  const { name } = target
  const change = async (): Promise<Change> => {
    switch (statement.kind) {
      case 'drop-table':
        return { kind: 'drop-table', target: name, ifExists }
      case 'rename-table':
        return { kind: 'rename-table', from: name, to: await newName(statement.to, at, request), ifExists }
      case 'add-column': {
        const column = newColumn(statement, target)
        return { kind: 'add-column', target: name, ifExists, ifNotExists: statement.ifNotExists, column }
      }
      case 'drop-column': {
        const { ifColumnExists } = statement
        const column = known(target, statement.column, statement)
        if (column === 'time') throw notSupported('Cannot drop the column time: every table has it', at)
        return { kind: 'drop-column', target: name, ifExists, ifColumnExists, column }
      }
      case 'rename-column': {
        const { ifColumnExists } = statement
        const from = known(target, statement.from, statement)
        if (from === 'time') throw notSupported('Cannot rename the column time: every table has it', at)
        const to = statement.to.text.toLowerCase()
        if (has(target, to))
          throw new QueryError('COLUMN_ALREADY_EXISTS', `Column '${to}' already exists`, at)
        return { kind: 'rename-column', target: name, ifExists, ifColumnExists, from, to }
      }
      case 'comment':
        return { kind: 'comment', target: name, ...commented(statement, target) }
    }
  }
  return { kind: 'change', change: await change() }
}

function isView(statement: Alter, { name }: Target): QueryError {
  const full = fullName(name)
  if (statement.kind === 'drop-table') {
    return new QueryError(
      'GENERIC_USER_ERROR',
      `Table '${full}' does not exist, but a view with that name exists. Did you mean DROP VIEW ${full}?`,
      statement.at,
    )
  }
  if (statement.kind === 'rename-table') {
    return new QueryError(
      'TABLE_NOT_FOUND',
      `Table '${full}' does not exist, but a view with that name exists. Did you mean ALTER VIEW ${full} RENAME TO ...?`,
      statement.at,
    )
  }
  return notSupported(`'${full}' is a view, not a table`, statement.at)
}

/** Where a table may be moved: into a database that is there, under a name that is free. */
export async function newName(
  to: QualifiedName,
  at: Alter['at'],
  request: StatementRequest,
): Promise<Target['name']> {
  const target = await findTarget(to, at, 'rename table', request)
  if (target.kind === 'absent') {
    if (!target.hasDatabase) throw noSchema(target.name.database, at)
    return target.name
  }
  throw new QueryError('TABLE_ALREADY_EXISTS', `Target table '${fullName(target.name)}' already exists`, at)
}

function commented(
  { column, text, at }: StatementOf<'comment'>,
  target: Target,
): { column: string | null; text: string | null } {
  const name = column?.text.toLowerCase() ?? null
  if (name === 'time') throw notSupported('Cannot comment the column time: every table has it', at)
  if (name !== null && !has(target, name))
    throw new QueryError('COLUMN_NOT_FOUND', `Column does not exist: ${name}`, at)
  return { column: name, text }
}

function newColumn({ column, ifNotExists, at }: StatementOf<'add-column'>, target: Target) {
  const name = column.name.text.toLowerCase()
  if (column.notNull)
    throw notSupported(`Catalog 'td-presto' does not support NOT NULL for column '${name}'`, at)
  const { comment } = column
  const declared = { name, type: resolveType(column.type), ...(comment && { comment }) }
  const kept = keptColumn(declared, column.at)
  if (has(target, name) && !ifNotExists)
    throw new QueryError('COLUMN_ALREADY_EXISTS', `Column '${name}' already exists`, at)
  return kept
}

function known(
  target: Target,
  column: Identifier,
  statement: StatementOf<'drop-column' | 'rename-column'>,
): string {
  const name = column.text.toLowerCase()
  if (target.kind === 'table' && !has(target, name) && !statement.ifColumnExists)
    throw new QueryError('COLUMN_NOT_FOUND', `Column '${name}' does not exist`, statement.at)
  return name
}

function has(target: Target, name: string): boolean {
  return target.kind === 'table' && columnNames(target).includes(name)
}

function columnNames({ columns }: TableTarget): string[] {
  return columns.map((column) => column.name.toLowerCase())
}

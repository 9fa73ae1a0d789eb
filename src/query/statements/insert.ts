import type { WrittenColumn } from '../changes.ts'
import { analyzed, compilePlan } from '../compile-query.ts'
import type { CompiledStatement, StatementRequest } from '../compiled.ts'
import { QueryError } from '../errors.ts'
import type { StatementOf } from '../parse/ast.ts'
import { typeText } from '../presto-type.ts'
import { assigned, isAssignable } from './assignment.ts'
import { findTarget, requireTarget, type Target } from './targets.ts'

/** Columns match by position: those named, or all of the table in their order, of which `time`, the last, may be left out. */
export async function insert(
  statement: StatementOf<'insert'>,
  request: StatementRequest,
): Promise<CompiledStatement> {
  const found = await analyzed(statement.query, request)
  const target = requireTarget(
    await findTarget(statement.table, statement.at, 'insert into table', request),
    'Inserting into',
  )
  const given = found.plan.columns.map(({ type }) => type)
  const columns = targetColumns(statement, target, given.length)
  if (given.length !== columns.length || !given.every((type, i) => isAssignable(type, columns[i]!.type))) {
    const list = (types: typeof given) => `[${types.map(typeText).join(', ')}]`
    throw new QueryError(
      'TYPE_MISMATCH',
      `Insert query has mismatched column types: Table: ${list(columns.map(({ type }) => type))}, Query: ${list(given)}`,
      statement.at,
    )
  }
  const converted = assigned(
    found,
    columns.map(({ type }) => type),
    statement.at,
  )
  return {
    kind: 'change',
    change: {
      kind: 'insert',
      target: target.name,
      tableId: target.tableId,
      columns,
      source: compilePlan(converted, request.context),
    },
  }
}

function targetColumns(
  statement: StatementOf<'insert'>,
  { columns }: Extract<Target, { kind: 'table' }>,
  given: number,
): WrittenColumn[] {
  if (statement.columns === undefined) return given === columns.length - 1 ? columns.slice(0, -1) : columns
  const named = new Set<string>()
  return statement.columns.map(({ text, at }) => {
    const name = text.toLowerCase()
    const column = columns.find((one) => one.name.toLowerCase() === name)
    if (column === undefined) {
      throw new QueryError(
        'COLUMN_NOT_FOUND',
        `Insert column name does not exist in target table: ${name}`,
        at,
      )
    }
    if (named.has(name)) {
      throw new QueryError(
        'DUPLICATE_COLUMN_NAME',
        `Insert column name is specified more than once: ${name}`,
        at,
      )
    }
    named.add(name)
    return column
  })
}

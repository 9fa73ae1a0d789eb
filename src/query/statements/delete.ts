import { FILE_KEY, ROW_KEY, type TableReference, type Typed } from '../analyze/index.ts'
import type { CompiledPredicate } from '../changes.ts'
import { analyzed, compilePlan } from '../compile-query.ts'
import type { CompiledStatement, StatementRequest } from '../compiled.ts'
import type { QualifiedName, Query, StatementOf } from '../parse/ast.ts'
import type { PrestoType } from '../presto-type.ts'
import { findTarget, requireTarget } from './targets.ts'

export async function deleteRows(
  statement: StatementOf<'delete'>,
  request: StatementRequest,
): Promise<CompiledStatement> {
  const target = requireTarget(
    await findTarget(statement.table, statement.at, 'delete from table', request),
    'Deleting from',
  )
  const predicate = statement.where === undefined ? null : await rowsOf(statement, request)
  return {
    kind: 'change',
    change: { kind: 'delete', target: target.name, tableId: target.tableId, predicate },
  }
}

export async function truncate(
  statement: StatementOf<'truncate'>,
  request: StatementRequest,
): Promise<CompiledStatement> {
  const target = requireTarget(
    await findTarget(statement.table, statement.at, 'truncate table', request),
    'Truncating',
  )
  return {
    kind: 'change',
    change: { kind: 'delete', target: target.name, tableId: target.tableId, predicate: null },
  }
}

/** The condition is analyzed as that of a select from the table, whose items are then where each row stands. */
async function rowsOf(
  { table, where, at }: StatementOf<'delete'>,
  request: StatementRequest,
): Promise<CompiledPredicate> {
  const { plan, analyzer } = await analyzed(selectAll(table, at, where!), request)
  if (plan.body.kind !== 'select') throw new Error('a select has another body')
  const { select } = plan.body
  const [relation] = select.from
  if (relation?.kind !== 'table') throw new Error('the target of a DELETE is no table')
  const { id, reference } = relation
  const hidden = (key: string, type: PrestoType): Typed => ({
    kind: 'column',
    relation: id,
    column: addColumn(reference, key, type),
    type,
    at,
  })
  const items = [hidden(FILE_KEY, { kind: 'varchar' }), hidden(ROW_KEY, { kind: 'bigint' })]
  const rows = {
    ...plan,
    body: { kind: 'select' as const, select: { ...select, items } },
    columns: items.map(({ type }) => ({ name: undefined, type })),
  }
  return { source: compilePlan({ plan: rows, analyzer }, request.context), target: reference.index }
}

function addColumn(reference: TableReference, key: string, type: PrestoType): number {
  return reference.columns.push({ name: key, key, type })
}

function selectAll(name: QualifiedName, at: Query['at'], where: Query['offset'] & object): Query {
  return {
    body: {
      kind: 'select',
      select: {
        distinct: false,
        items: [{ kind: 'all', at }],
        from: [{ kind: 'table', name, at: name.at }],
        where,
        windows: [],
        at,
      },
      at,
    },
    orderBy: [],
    at,
  }
}

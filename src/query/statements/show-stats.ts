import { requireTable, tableColumns } from '../analyze/index.ts'
import { analyzed, compilePlan } from '../compile-query.ts'
import { type CompiledQuery, type StatementRequest, type TableUse, tablesOf } from '../compiled.ts'
import { type ConstantValue, constantQuery } from '../constant-query.ts'
import type { StatementOf } from '../parse/ast.ts'
import type { PrestoType } from '../presto-type.ts'
import { lookUpName } from '../table-names.ts'
import type { ChunkSums } from './plan-facts.ts'

const VARCHAR: PrestoType = { kind: 'varchar' }
const DOUBLE: PrestoType = { kind: 'double' }

/** What the catalog knows of a table without reading it: how many rows, and the bounds of `time`. Of other columns nothing. */
export async function showStats(
  { of, at }: StatementOf<'show-stats'>,
  request: StatementRequest,
): Promise<CompiledQuery> {
  if ('table' in of) {
    const name = { ...of.table, at }
    const tables = await lookUpName(name, request)
    const { database, table, found } = requireTable(tables, name, request.defaultDatabase)
    const columns = tableColumns(found).map((column) => column.name)
    if (found.kind !== 'found') return statsOf(columns, undefined)
    const use: TableUse = { tableId: found.table.id, database, table, ranges: [{ from: null, to: null }] }
    const sums = await request.measure?.([use])
    return statsOf(columns, sums?.get(use.tableId)?.whole)
  }
  const query = compilePlan(await analyzed(of.query, request), request.context)
  const columns = query.columns.map((column) => column.name)
  const [use, ...others] = tablesOf([query])
  const isWhole = query.plan !== undefined && isPlainScan(query.plan)
  if (!isWhole || use === undefined || others.length > 0) return statsOf(columns, undefined)
  const sums = await request.measure?.([use])
  return statsOf(columns, sums?.get(use.tableId)?.whole)
}

/** Every row of one table and nothing else: only of that the number of rows is known. */
function isPlainScan({ body, ctes, limit, offset }: NonNullable<CompiledQuery['plan']>): boolean {
  if (body.kind !== 'select' || ctes.length > 0 || limit !== undefined || offset !== undefined) return false
  const { distinct, items, from, where, groupBy, having } = body.select
  return (
    !distinct &&
    from.length === 1 &&
    from[0]!.kind === 'table' &&
    where === undefined &&
    groupBy === undefined &&
    having === undefined &&
    items.every(({ kind }) => kind === 'column')
  )
}

function statsOf(columns: string[], sums: ChunkSums | undefined): CompiledQuery {
  const text = (value: bigint | undefined) => (value === undefined ? null : String(value))
  const rows = columns.map((name): ConstantValue[] =>
    name === 'time' && sums !== undefined
      ? [name, null, null, 0, null, text(sums.timeMin), text(sums.timeMax)]
      : [name, null, null, null, null, null, null],
  )
  return constantQuery(
    [
      { name: 'column_name', type: VARCHAR },
      { name: 'data_size', type: DOUBLE },
      { name: 'distinct_values_count', type: DOUBLE },
      { name: 'nulls_fraction', type: DOUBLE },
      { name: 'row_count', type: DOUBLE },
      { name: 'low_value', type: VARCHAR },
      { name: 'high_value', type: VARCHAR },
    ],
    [...rows, [null, null, null, null, sums?.rows ?? null, null, null]],
  )
}

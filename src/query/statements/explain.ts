import { CATALOG, FILE_KEY, ROW_KEY, type TableReference } from '../analyze/index.ts'
import type { Change, TargetName } from '../changes.ts'
import {
  type CompiledQuery,
  type CompiledStatement,
  queriesOf,
  type StatementRequest,
  tablesOf,
} from '../compiled.ts'
import { constantQuery } from '../constant-query.ts'
import type { StatementOf } from '../parse/ast.ts'
import { typeText } from '../presto-type.ts'
import type { TimeRange } from '../prune/index.ts'
import type { MeasuredTable } from './plan-facts.ts'
import { type PlanNode, planTree, treeGraph, treeText } from './plan-tree.ts'

export type Explained = Exclude<CompiledStatement, { kind: 'explain-analyze' }>
type Measured = ReadonlyMap<bigint, MeasuredTable> | undefined

/** What was measured when the statement of an EXPLAIN ANALYZE ran. `bytes`: of the result; one that writes has none. */
export type Measurement = { rows: bigint; bytes?: bigint; cpuMs: number; elapsedMs: number }

const answer = (text: string): CompiledQuery =>
  constantQuery([{ name: 'Query Plan', type: { kind: 'varchar' } }], [[text]])

/** EXPLAIN: nothing is run, and nothing is read but what the catalog knows of the tables' chunks. */
export async function explain(
  { type, format }: StatementOf<'explain'>,
  compiled: CompiledStatement,
  request: StatementRequest,
): Promise<CompiledQuery> {
  if (type === 'validate') return constantQuery([{ name: 'Valid', type: { kind: 'boolean' } }], [[true]])
  const explained = compiled.kind === 'explain-analyze' ? compiled.statement : compiled
  const measured = await request.measure?.(tablesOf([explained]))
  if (type === 'io') return answer(ioText(explained, measured))
  const tree = treeOf(explained, measured)
  if (format === 'graphviz') return answer(treeGraph(tree))
  if (format === 'json') return answer(JSON.stringify(jsonOf(tree), null, 2))
  return answer([treeText(tree), ...engineTexts(explained)].join('\n\n'))
}

/** The answer of EXPLAIN ANALYZE, when the statement has run. */
export function explainAnalyzed(
  { statement, verbose }: { statement: Explained; verbose: boolean },
  measured: Measured,
  { rows, bytes, cpuMs, elapsedMs }: Measurement,
): CompiledQuery {
  const head = [
    `Execution: ${thousands(elapsedMs)} ms, processor time ${thousands(cpuMs)} ms`,
    `Output: ${thousands(rows)} rows${bytes === undefined ? '' : `, ${thousands(bytes)} bytes`}`,
  ]
  const parts = [head.join('\n'), treeText(treeOf(statement, measured))]
  return answer([...parts, ...(verbose ? engineTexts(statement) : [])].join('\n\n'))
}

/** The text that the engine gets; tables stand in it by their number. */
function engineTexts(compiled: Explained): string[] {
  const planned = queriesOf(compiled).filter(({ plan }) => plan !== undefined)
  return planned.map(({ sql }) => sql.replace(/\0(\d+)\0/g, 'table$1'))
}

function treeOf(compiled: Explained, measured: Measured): PlanNode {
  switch (compiled.kind) {
    case 'query':
      return queryTree(compiled, measured)
    case 'session':
      return { name: `Session[${compiled.effect.kind}]`, details: [], children: [] }
    case 'change': {
      const children = queriesOf(compiled).map((query) => queryTree(query, measured))
      return { name: changeTitle(compiled.change), details: [], children }
    }
  }
}

function queryTree(query: CompiledQuery, measured: Measured): PlanNode {
  const { plan, references, columns } = query
  if (plan === undefined)
    return { name: `Output[${columns.map(({ name }) => name).join(', ')}]`, details: [], children: [] }
  const shown = new Set<TableReference>()
  const tree = planTree(plan, (reference) => {
    shown.add(reference)
    return scanOf(query, reference, measured)
  })
  // Tables of subqueries within expressions have no place of their own in the tree.
  const rest = references.filter(({ reference }) => !shown.has(reference))
  const scans = rest.map(({ reference }) => ({ ...scanOf(query, reference, measured), children: [] }))
  return { ...tree, children: [...tree.children, ...scans] }
}

const scanName = ({ tableId, database, table }: TableReference) =>
  `${tableId === null ? 'SystemScan' : 'TableScan'}[${database}.${table}]`

function scanOf(
  { references, fromCatalog }: CompiledQuery,
  reference: TableReference,
  measured: Measured,
): { name: string; details: string[] } {
  const name = scanName(reference)
  const found = references.find((one) => one.reference === reference)
  if (found === undefined) return { name, details: [] }
  if (reference.tableId === null) {
    const texts = [...found.texts].map(([column, wanted]) => `${column} in (${wanted.join(', ')})`)
    return { name, details: texts }
  }
  const times = found.ranges.map(({ from, to }) => `[${from ?? '-∞'}, ${to ?? '∞'})`).join(' ')
  const details = [`time ${times === '' ? 'never' : times}`]
  const sums = measured?.get(reference.tableId)
  if (sums !== undefined)
    details.push(fromCatalog === undefined ? readText(sums) : fromCatalogText(sums, found.ranges))
  const columns = [...reference.used].sort((a, b) => a - b).map((n) => reference.columns[n - 1]!)
  const named = columns.filter(({ key }) => key !== FILE_KEY && key !== ROW_KEY).map((one) => one.name)
  if (named.length > 0 && fromCatalog === undefined) details.push(`columns ${named.join(', ')}`)
  return { name, details }
}

/** Which chunks lie wholly in the times asked for is seen when the query runs. */
function fromCatalogText(sums: MeasuredTable, ranges: readonly TimeRange[]): string {
  const everything = ranges.some(({ from, to }) => from === null && to === null)
  if (everything)
    return `0 of ${thousands(sums.chosen.chunks)} chunks: ${thousands(sums.chosen.rows)} rows are counted in the catalog`
  return `${readText(sums)}, counted in the catalog where chunks lie wholly in these times`
}

function readText({ whole, chosen }: MeasuredTable): string {
  const part = (key: 'chunks' | 'rows' | 'bytes') =>
    `${thousands(chosen[key])} of ${thousands(whole[key])} ${key}`
  return [part('chunks'), part('rows'), part('bytes')].join(', ')
}

function thousands(value: number | bigint): string {
  return String(typeof value === 'bigint' ? value : Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `CREATE TABLE td-presto.db.t` */
function changeTitle(change: Change): string {
  const words = change.kind.toUpperCase().replaceAll('-', ' ')
  const target = targetOf(change)
  return `${words} ${CATALOG}.${target}`
}

function targetOf(change: Change): string {
  const named = ({ database, name }: TargetName) => `${database}.${name}`
  if ('target' in change) return named(change.target)
  return 'from' in change && typeof change.from === 'object' ? named(change.from) : databaseOf(change)
}

function databaseOf(change: Change): string {
  return 'database' in change ? change.database : ''
}

function jsonOf({ name, details, children }: PlanNode): object {
  return { name, details, children: children.map(jsonOf) }
}

/** Which tables are read, for which times, and which one is written: as Presto lays it out. */
function ioText(compiled: Explained, measured: Measured): string {
  const table = (schema: string, name: string) => ({ catalog: CATALOG, schemaTable: { schema, table: name } })
  const inputs = queriesOf(compiled)
    .flatMap(({ references }) => references)
    .map(({ reference, ranges }) => {
      const sums = reference.tableId === null ? undefined : measured?.get(reference.tableId)
      return {
        table: table(reference.database, reference.table),
        constraint: { none: ranges.length === 0, columnConstraints: constraints(reference, ranges) },
        ...(sums === undefined
          ? {}
          : {
              estimate: {
                outputRowCount: sums.chosen.rows,
                outputSizeInBytes: sums.chosen.bytes,
                chunks: sums.chosen.chunks,
                ofChunks: sums.whole.chunks,
              },
            }),
      }
    })
  const change = compiled.kind === 'change' ? compiled.change : undefined
  const output =
    change !== undefined && 'target' in change ? table(change.target.database, change.target.name) : undefined
  return JSON.stringify(
    { inputTableColumnInfos: inputs, ...(output === undefined ? {} : { outputTable: output }) },
    null,
    2,
  )
}

function constraints(
  { tableId }: TableReference,
  ranges: CompiledQuery['references'][number]['ranges'],
): object[] {
  const bounded = ranges.filter(({ from, to }) => from !== null || to !== null)
  if (tableId === null || bounded.length === 0) return []
  const bound = (value: bigint | null, side: string) =>
    value === null ? { bound: side } : { value: String(value), bound: side === 'ABOVE' ? 'EXACTLY' : 'BELOW' }
  return [
    {
      columnName: 'time',
      type: typeText({ kind: 'bigint' }),
      domain: {
        nullsAllowed: false,
        ranges: bounded.map(({ from, to }) => ({ low: bound(from, 'ABOVE'), high: bound(to, 'BELOW') })),
      },
    },
  ]
}

import type { Typed } from '../analyze/index.ts'
import { CATALOG } from '../analyze/index.ts'
import { analyzed } from '../compile-query.ts'
import type { CompiledQuery, CompiledStatement, StatementRequest } from '../compiled.ts'
import { type ConstantValue, constantQuery } from '../constant-query.ts'
import type { Expression, Statement } from '../parse/ast.ts'
import { parametersIn, replaceParameters } from '../parse/parameters.ts'
import { type PrestoType, typeText } from '../presto-type.ts'
import { countsIn, keyOf } from './prepared.ts'

const VARCHAR: PrestoType = { kind: 'varchar' }
const BIGINT: PrestoType = { kind: 'bigint' }

/** The parameters of a prepared statement with the types that their places ask for; unknown where any would do. */
export async function describeInput(statement: Statement, request: StatementRequest): Promise<CompiledQuery> {
  const places = parametersIn(statement)
  const types = new Map<string, PrestoType>()
  for (const { node } of countsIn(statement)) types.set(keyOf(node.at), BIGINT)
  const given = withoutParameters(statement)
  const query = queryIn(given)
  if (query !== undefined && places.length > 0) {
    const { plan } = await analyzed(query, request)
    for (const { at, type } of nullsIn(plan)) {
      const key = keyOf(at)
      if (!types.has(key) || types.get(key)!.kind === 'unknown') types.set(key, type)
    }
  }
  const rows = places.map((at, i) => [BigInt(i), typeText(types.get(keyOf(at)) ?? { kind: 'unknown' })])
  return constantQuery(
    [
      { name: 'Position', type: BIGINT },
      { name: 'Type', type: VARCHAR },
    ],
    rows,
  )
}

/** The same statement with NULL for each parameter, and 1 for those that count rows. */
function withoutParameters(statement: Statement): Statement {
  const counts = new Set(countsIn(statement).map(({ node }) => keyOf(node.at)))
  return replaceParameters(
    statement,
    (at): Expression =>
      counts.has(keyOf(at)) ? { kind: 'number', form: 'integer', text: '1', at } : { kind: 'null', at },
  )
}

function queryIn(statement: Statement) {
  switch (statement.kind) {
    case 'query':
    case 'insert':
    case 'create-table-as':
    case 'create-view':
      return statement.query
    default:
      return undefined
  }
}

/** NULL literals anywhere in a plan, with the types they were given. */
function nullsIn(plan: unknown): Typed[] {
  const found: Typed[] = []
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null || node instanceof Set) return
    const typed = node as Partial<Typed> & { kind?: string; value?: unknown; call?: unknown }
    if (typed.kind === 'constant' && typed.value === null) found.push(node as Typed)
    for (const [key, value] of Object.entries(node)) if (key !== 'reference') visit(value)
  }
  visit(plan)
  return found
}

type Compile = (statement: Statement, request: StatementRequest) => Promise<CompiledStatement>

/** The columns that a prepared statement answers, with where those come from that are columns of a table. */
export async function describeOutput(
  statement: Statement,
  request: StatementRequest,
  compile: Compile,
): Promise<CompiledQuery> {
  const compiled = await compile(withoutParameters(statement), request)
  return constantQuery(
    [
      ...['Column Name', 'Catalog', 'Schema', 'Table', 'Type'].map((name) => ({ name, type: VARCHAR })),
      { name: 'Type Size', type: BIGINT },
      { name: 'Aliased', type: { kind: 'boolean' } },
    ],
    outputRows(statement, compiled),
  )
}

function outputRows(statement: Statement, compiled: CompiledStatement): ConstantValue[][] {
  if (compiled.kind === 'change') {
    const counts = ['insert', 'delete', 'create-table-as'].includes(compiled.change.kind)
    return counts ? [['rows', '', '', '', 'bigint', 8n, false]] : []
  }
  if (compiled.kind === 'explain-analyze') return [['Query Plan', '', '', '', 'varchar', 0n, false]]
  if (compiled.kind !== 'query') return []
  const aliased = aliases(statement)
  return compiled.columns.map(({ name, type }, i) => {
    const origin = originOf(compiled, i)
    const [catalog, schema, table] =
      origin === undefined ? ['', '', ''] : [CATALOG, origin.database, origin.table]
    return [name, catalog, schema, table, typeText(type), sizeOf(type), aliased[i] ?? false]
  })
}

function aliases(statement: Statement): boolean[] {
  if (statement.kind !== 'query' || statement.query.body.kind !== 'select') return []
  const { items } = statement.query.body.select
  // `*` stands for any number of columns: what comes behind it cannot be told by its place.
  if (items.some(({ kind }) => kind !== 'expression')) return []
  return items.map((item) => item.kind === 'expression' && item.alias !== undefined)
}

function originOf({ plan }: CompiledQuery, index: number): { database: string; table: string } | undefined {
  if (plan?.body.kind !== 'select') return undefined
  const item = plan.body.select.items[index]
  if (item?.kind !== 'column') return undefined
  for (const relation of plan.body.select.from)
    if (relation.kind === 'table' && relation.id === item.relation) return relation.reference
  return undefined
}

const SIZES: Partial<Record<PrestoType['kind'], bigint>> = {
  boolean: 1n,
  tinyint: 1n,
  smallint: 2n,
  integer: 4n,
  real: 4n,
  date: 4n,
  bigint: 8n,
  double: 8n,
  time: 8n,
  timestamp: 8n,
  'timestamp with time zone': 8n,
  'interval day to second': 8n,
  'interval year to month': 4n,
  unknown: 1n,
}

/** Bytes of a value of fixed width, 0 for others. */
function sizeOf(type: PrestoType): bigint {
  if (type.kind === 'decimal') return type.precision <= 18 ? 8n : 16n
  return SIZES[type.kind] ?? 0n
}

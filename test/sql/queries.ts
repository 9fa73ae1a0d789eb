import {
  type Column,
  type CommonType,
  expression,
  literal,
  type Scope,
  TYPES,
  typeName,
} from './expressions.ts'
import type { Random } from './random.ts'
import { list, type Node, node, type Part, spelled } from './tree.ts'

/** Queries that Presto and PostgreSQL both know, over small tables with NULLs. Rows are ordered wherever the order decides something. */

export type FuzzTable = { name: string; columns: Column[]; rows: Node[][] }

const PREFIX: Record<CommonType, string> = {
  integer: 'i',
  bigint: 'n',
  double: 'x',
  'decimal(8,2)': 'd',
  varchar: 's',
  boolean: 'b',
  date: 'day',
  'timestamp(3)': 'at',
}

/** `id` is unique and never NULL; every type has a column with NULLs and repeats. */
export function fuzzTables(random: Random): FuzzTable[] {
  return ['t0', 't1', 't2'].map((name, n) => {
    const columns: Column[] = [
      { name: 'id', type: 'integer' },
      ...TYPES.map((type) => ({ name: PREFIX[type], type })),
    ]
    const rows = Array.from({ length: [9, 5, 14][n]! }, (_, i) =>
      columns.map(({ name: column, type }) =>
        column === 'id' ? { type, parts: [String(i + 1)] } : literal(random, type),
      ),
    )
    return { name, columns, rows }
  })
}

/** The rows as a query, in both dialects. */
export function tableQuery({ columns, rows }: FuzzTable): Node {
  const cast = (value: Node, { type }: Column) => node('item')`CAST(${value} AS ${typeName(type)})`
  const lines = rows.map((row) => node('item')`(${list(row.map((value, i) => cast(value, columns[i]!)))})`)
  const names = columns.map(({ name }) => name).join(', ')
  return node('query')`SELECT * FROM (VALUES ${list(lines)}) v(${names})`
}

type Source = {
  from: Node
  columns: Column[] /** Names that together tell the rows apart. */
  keys: string[]
}

export type QueryMaker = { random: Random; tables: FuzzTable[]; aliases: number; depth: number }

export function randomQuery(random: Random, tables: FuzzTable[]): Node {
  const maker: QueryMaker = { random, tables, aliases: 0, depth: 0 }
  const kind = random.below(10)
  if (kind < 3) return plainQuery(maker)
  if (kind < 6) return groupedQuery(maker)
  if (kind < 8) return windowQuery(maker)
  return setQuery(maker)
}

function tableSource(maker: QueryMaker): Source {
  const { random } = maker
  const table = random.pick(maker.tables)
  const alias = `r${maker.aliases++}`
  const columns = table.columns.map(({ name, type }) => ({ name: `${alias}.${name}`, type }))
  if (random.chance(0.15)) {
    const scope = { random, columns: table.columns }
    const where = node('clause')` WHERE ${expression(scope, 'boolean', 2)}`
    const from = node('source')`(SELECT * FROM ${table.name}${where}) ${alias}`
    return { from, columns, keys: [`${alias}.id`] }
  }
  return { from: node('source')`${table.name} ${alias}`, columns, keys: [`${alias}.id`] }
}

function source(maker: QueryMaker): Source {
  const { random } = maker
  let left = tableSource(maker)
  for (let joins = random.below(3); joins > 0; joins -= 1) left = joined(maker, left)
  return left
}

function joined(maker: QueryMaker, left: Source): Source {
  const { random } = maker
  const right = tableSource(maker)
  const columns = [...left.columns, ...right.columns]
  const keys = [...left.keys, ...right.keys]
  const kind = random.pick(['JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN', 'CROSS JOIN'])
  if (kind === 'CROSS JOIN')
    return { from: node('source')`${left.from} CROSS JOIN ${right.from}`, columns, keys }
  const type = random.pick(['integer', 'varchar', 'bigint', 'date'] as const)
  const of = (side: Source) => random.pick(side.columns.filter((column) => column.type === type)).name
  // PostgreSQL joins fully only on equalities of columns.
  const further =
    kind !== 'FULL JOIN' && random.chance(0.4)
      ? node('clause')` AND ${expression({ random, columns }, 'boolean', 1)}`
      : node('clause')``
  const from = node('source')`${left.from} ${kind} ${right.from} ON ${of(left)} = ${of(right)}${further}`
  return { from, columns, keys }
}

const scopeOf = (maker: QueryMaker, columns: Column[]): Scope => ({
  random: maker.random,
  columns,
  ...(maker.depth < 2 ? { subquery: (kind, type, outer) => subquery(maker, kind, type, outer) } : {}),
})

/** Correlated where the outer names come into its condition. A scalar one answers one row at most. */
function subquery(maker: QueryMaker, kind: 'in' | 'exists' | 'scalar', type: CommonType, outer: Scope): Node {
  maker.depth += 1
  const { random } = maker
  const { from, columns } = tableSource(maker)
  const own: Scope = { random, columns }
  const outerOf = (wanted: CommonType) => outer.columns.filter((column) => column.type === wanted)
  const correlated = random.chance(0.5) && outerOf('integer').length > 0
  const where = correlated
    ? node(
        'clause',
      )` WHERE ${random.pick(columns.filter((column) => column.type === 'integer')).name} = ${random.pick(outerOf('integer')).name}`
    : random.chance(0.5)
      ? node('clause')` WHERE ${expression(own, 'boolean', 1)}`
      : node('clause')``
  maker.depth -= 1
  const value = expression(own, type, 1)
  if (kind !== 'scalar') return node('subquery')`SELECT ${value} FROM ${from}${where}`
  const pick = type === 'boolean' ? spelled('bool_and', 'bool_and') : random.pick(['min', 'max'])
  return node('subquery')`SELECT ${pick}(${value}) FROM ${from}${where}`
}

const whereClause = (maker: QueryMaker, scope: Scope): Node =>
  maker.random.chance(0.6) ? node('clause')` WHERE ${expression(scope, 'boolean', 3)}` : node('clause')``

function named(values: Node[]): Node {
  return list(values.map((value, i) => node('item')`${value} AS c${String(i + 1)}`))
}

function plainQuery(maker: QueryMaker): Node {
  const { random } = maker
  const { from, columns, keys } = source(maker)
  const scope = scopeOf(maker, columns)
  const items = Array.from({ length: 1 + random.below(3) }, () => expression(scope, random.pick(TYPES), 3))
  const where = whereClause(maker, scope)
  if (random.chance(0.2)) return node('query')`SELECT DISTINCT ${named(items)} FROM ${from}${where}`
  const limit = random.chance(0.3)
    ? node(
        'clause',
      )` ORDER BY ${list(keys.map((key) => node('item')`${key}${random.pick(['', ' DESC'])} NULLS LAST`))} ${offsetLimit(random)}`
    : node('clause')``
  return node('query')`SELECT ${named(items)} FROM ${from}${where}${limit}`
}

function offsetLimit(random: Random): Part {
  const offset = random.chance(0.5) ? `OFFSET ${random.below(4)} ROWS ` : ''
  return `${offset}${random.chance(0.5) ? `LIMIT ${random.below(6)}` : `FETCH FIRST ${1 + random.below(5)} ROWS ONLY`}`
}

type Aggregate = (value: (type: CommonType) => Node, filter: Node, random: Random) => Node

const AGGREGATES: Aggregate[] = [
  (_, filter) => node('bigint')`count(*)${filter}`,
  (value, filter, random) => node('bigint')`count(${value(random.pick(TYPES))})${filter}`,
  (value, filter) => node('bigint')`count(DISTINCT ${value('varchar')})${filter}`,
  (value, filter) => node('bigint')`CAST(sum(${value('integer')})${filter} AS bigint)`,
  (value, filter) => node('bigint')`CAST(sum(DISTINCT ${value('integer')})${filter} AS bigint)`,
  (value, filter) => node('double')`CAST(avg(${value('integer')})${filter} AS ${typeName('double')})`,
  (value, filter) => node('double')`sum(${value('double')})${filter}`,
  (value, filter) => node('double')`avg(${value('double')})${filter}`,
  (value, filter) => node('double')`stddev_pop(${value('double')})${filter}`,
  (value, filter) => node('double')`var_samp(${value('double')})${filter}`,
  (value, filter) => node('decimal(8,2)')`CAST(sum(${value('decimal(8,2)')})${filter} AS decimal(12,2))`,
  (value, filter) => node('boolean')`bool_and(${value('boolean')})${filter}`,
  (value, filter) => node('boolean')`bool_or(${value('boolean')})${filter}`,
  ...(['integer', 'bigint', 'varchar', 'date', 'timestamp(3)', 'decimal(8,2)', 'double'] as const).flatMap(
    (type) =>
      ['min', 'max'].map(
        (name): Aggregate =>
          (value, filter) =>
            node(type)`${name}(${value(type)})${filter}`,
      ),
  ),
]

function aggregateCall(scope: Scope, depth = 2): Node {
  const { random } = scope
  const value = (type: CommonType) => expression({ random, columns: scope.columns }, type, depth)
  const filter = random.chance(0.2) ? node('clause')` FILTER (WHERE ${value('boolean')})` : node('clause')``
  return random.pick(AGGREGATES)(value, filter, random)
}

function groupedQuery(maker: QueryMaker): Node {
  const { random } = maker
  const { from, columns } = source(maker)
  const scope = scopeOf(maker, columns)
  const keys = Array.from({ length: random.below(3) }, () => random.pick(columns))
  const aggregates = Array.from({ length: 1 + random.below(3) }, () => aggregateCall(scope))
  const items = named([...keys.map(({ name, type }) => node(type)`${name}`), ...aggregates])
  const group = keys.length === 0 ? node('clause')`` : node('clause')` GROUP BY ${grouping(random, keys)}`
  const having = random.chance(0.3)
    ? node('clause')` HAVING ${aggregateCall(scope, 1)} IS NOT NULL`
    : node('clause')``
  return node('query')`SELECT ${items} FROM ${from}${whereClause(maker, scope)}${group}${having}`
}

function grouping(random: Random, keys: Column[]): Node {
  const names = [...new Set(keys.map(({ name }) => name))].join(', ')
  switch (random.below(5)) {
    case 0:
      return node('grouping')`ROLLUP (${names})`
    case 1:
      return node('grouping')`CUBE (${names})`
    case 2:
      return node('grouping')`GROUPING SETS ((${names}), (), (${keys[0]!.name}))`
    default:
      return node('grouping')`${names}`
  }
}

function windowQuery(maker: QueryMaker): Node {
  const { random } = maker
  // The key orders the rows of a window, so nothing may be joined that makes it NULL.
  const { from, columns, keys } = tableSource(maker)
  const scope: Scope = { random, columns }
  const items = Array.from({ length: 1 + random.below(3) }, () => windowCall(scope, keys))
  return node(
    'query',
  )`SELECT ${named([node('integer')`${keys[0]!}`, ...items])} FROM ${from}${whereClause(maker, scope)}`
}

const FRAMES = [
  '',
  ' ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING',
  ' ROWS UNBOUNDED PRECEDING',
  ' ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING',
  ' RANGE BETWEEN 2 PRECEDING AND 1 FOLLOWING',
  ' GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW',
  ' ROWS BETWEEN 3 FOLLOWING AND 5 FOLLOWING',
]

function windowCall(scope: Scope, keys: string[]): Node {
  const { random } = scope
  const value = (type: CommonType) => expression(scope, type, 2)
  const partition = random.chance(0.6)
    ? node('clause')`PARTITION BY ${value(random.pick(TYPES))} `
    : node('clause')``
  const order = `ORDER BY ${keys[0]}${random.pick(['', ' DESC'])}`
  const type = random.pick(TYPES)
  switch (random.below(7)) {
    case 0:
      return node(
        'bigint',
      )`${random.pick(['row_number()', 'rank()', 'dense_rank()', 'ntile(3)'])} OVER (${partition}${order})`
    case 1:
      return node('double')`${random.pick(['percent_rank()', 'cume_dist()'])} OVER (${partition}${order})`
    case 2:
      return node(
        type,
      )`${random.pick(['lag', 'lead'])}(${value(type)}, ${String(random.below(3))}) OVER (${partition}${order})`
    case 3:
      return node(
        type,
      )`${random.pick(['first_value', 'last_value'])}(${value(type)}) OVER (${partition}${order}${random.pick(FRAMES)})`
    case 4:
      return node(type)`nth_value(${value(type)}, 2) OVER (${partition}${order}${random.pick(FRAMES)})`
    case 5:
      return node(
        'bigint',
      )`rank() OVER (${partition}ORDER BY ${value(type)} ${random.pick(['ASC', 'DESC'])} NULLS ${random.pick(['FIRST', 'LAST'])})`
    default: {
      const call = random.pick(WINDOWED)(value)
      return node(
        call.type,
      )`CAST(${call} OVER (${partition}${order}${random.pick(FRAMES)}) AS ${typeName(call.type as CommonType)})`
    }
  }
}

const WINDOWED: ((value: (type: CommonType) => Node) => Node)[] = [
  (value) => node('bigint')`sum(${value('integer')})`,
  (value) => node('bigint')`count(${value('varchar')})`,
  (value) => node('varchar')`max(${value('varchar')})`,
  (value) => node('double')`avg(${value('integer')})`,
  (value) => node('date')`min(${value('date')})`,
  (value) => node('boolean')`bool_or(${value('boolean')})`,
]

function setQuery(maker: QueryMaker): Node {
  const { random } = maker
  const types = Array.from({ length: 1 + random.below(2) }, () => random.pick(TYPES))
  const part = () => {
    const { from, columns } = tableSource(maker)
    const scope = scopeOf(maker, columns)
    const values = types.map((type) => node(type)`CAST(${expression(scope, type, 2)} AS ${typeName(type)})`)
    return node('query')`SELECT ${named(values)} FROM ${from}${whereClause(maker, scope)}`
  }
  const operation = () =>
    `${random.pick(['UNION', 'INTERSECT', 'EXCEPT'])}${random.pick(['', ' ALL', ' DISTINCT'])}`
  if (random.chance(0.3)) return node('query')`WITH w AS (${part()}) SELECT * FROM w ${operation()} ${part()}`
  return node('query')`${part()} ${operation()} ${part()}`
}

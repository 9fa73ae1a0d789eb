import { type Position, QueryError } from '../errors.ts'
import { commonType } from '../functions/coercion.ts'
import { hasOwnZones, isOrderable } from '../functions/index.ts'
import type { Expression, Query, QueryBody, SortItem } from '../parse/ast.ts'
import { type PrestoType, typeText } from '../presto-type.ts'
import { type Analyzer, type Around, environment, mismatch, nextRelation } from './analyzer.ts'
import { widen } from './coerce.ts'
import { withQueries } from './ctes.ts'
import { ordinal } from './grouping.ts'
import { comparedType } from './operators.ts'
import type { BodyInput, BodyPlan, OrderKey, OutputColumn, QueryPlan, Typed } from './plan.ts'
import { fieldsOf, relation } from './relation.ts'
import { newScope } from './scope.ts'
import { type Body, select } from './select.ts'

/** The plan of a query with its WITH queries, order and limit. */
export function query(analyzer: Analyzer, node: Query, around: Around): QueryPlan {
  const { ctes, plans } = withQueries(analyzer, node, around)
  const inside: Around = { scope: around.scope, ctes }
  const limit = limitOf(node)
  if (limit?.withTies === true && node.orderBy.length === 0) {
    throw new QueryError('MISSING_ORDER_BY', 'FETCH FIRST WITH TIES clause requires ORDER BY', node.limit!.at)
  }
  const found = body(analyzer, node.body, inside, node.orderBy)
  return {
    ctes: plans,
    body: found.plan,
    columns: found.columns,
    orderBy: found.orderBy,
    ...(found.wrapper === undefined ? {} : { wrapper: found.wrapper }),
    ...(node.offset === undefined ? {} : { offset: rowCount(node.offset) }),
    ...(limit === undefined ? {} : { limit }),
  }
}

function limitOf({ limit }: Query): QueryPlan['limit'] {
  if (limit === undefined) return undefined
  const count = limit.count === undefined ? 1n : rowCount(limit.count)
  if (limit.isFetch === true && count === 0n) {
    throw new QueryError(
      'NUMERIC_VALUE_OUT_OF_RANGE',
      'FETCH FIRST row count must be positive (actual value: 0)',
      limit.at,
    )
  }
  return { count, withTies: limit.withTies }
}

function rowCount(node: Expression): bigint {
  if (node.kind !== 'number')
    throw new QueryError(
      'INVALID_ARGUMENTS',
      'Incorrect number of parameters: expected 1 but found 0',
      node.at,
    )
  const value = BigInt(node.text)
  if (value > 9_223_372_036_854_775_807n)
    throw new QueryError('SYNTAX_ERROR', `Invalid numeric literal: ${node.text}`, node.at)
  return value
}

function body(analyzer: Analyzer, node: QueryBody, around: Around, orderBy: SortItem[]): Body {
  switch (node.kind) {
    case 'select':
      return select(analyzer, node.select, around, orderBy)
    case 'nested': {
      const plan = analyzer.query(analyzer, node.query, around)
      return ordered(analyzer, { kind: 'nested', plan }, plan.columns, around, orderBy)
    }
    case 'table': {
      const name = { ...node.name, at: node.at }
      const source = relation(analyzer, { kind: 'table', name, at: node.at }, around, [])
      const columns = source.fields.map(({ name, value }) => ({ name, type: value.type }))
      const outputs = source.fields.map(({ value }) => value)
      return ordered(analyzer, { kind: 'relation', relation: source.plan, outputs }, columns, around, orderBy)
    }
    case 'values': {
      const found = values(analyzer, node, around)
      return ordered(analyzer, found.plan, found.columns, around, orderBy)
    }
    case 'set': {
      const found = setOperation(analyzer, node, around)
      return ordered(analyzer, found.plan, found.columns, around, orderBy)
    }
  }
}

type Plain = { plan: BodyPlan; columns: OutputColumn[] }

/** ORDER BY of anything but a select sees the output columns only. */
function ordered(
  analyzer: Analyzer,
  plan: BodyPlan,
  columns: OutputColumn[],
  around: Around,
  orderBy: SortItem[],
): Body {
  if (orderBy.length === 0) return { plan, columns, orderBy: [] }
  const wrapper = nextRelation(analyzer)
  const fields = fieldsOf(wrapper, columns, undefined, orderBy[0]!.at)
  const env = environment(analyzer, newScope(fields, around.scope), around, 'ORDER BY clause')
  const outputs = fields.map(({ value }) => ({ value }))
  const keys = orderBy.map((item): OrderKey => {
    const value =
      item.value.kind === 'number' && item.value.form === 'integer'
        ? ordinal(item.value.text, outputs, 'ORDER BY', item.value.at).value
        : analyzer.expression(env, item.value)
    if (!isOrderable(value.type)) {
      throw mismatch(
        `Type ${typeText(value.type)} is not orderable, and therefore cannot be used in ORDER BY`,
        item.at,
      )
    }
    return { value, descending: item.descending, nullsFirst: item.nulls === 'first' }
  })
  return { plan, columns, orderBy: keys, wrapper }
}

function values(analyzer: Analyzer, node: Extract<QueryBody, { kind: 'values' }>, around: Around): Plain {
  const env = environment(analyzer, newScope([], around.scope), around, 'VALUES')
  const rows = node.rows.map((row) => {
    const typed = analyzer.expression(env, row)
    if (typed.type.kind !== 'row') return [typed]
    if (typed.kind === 'row') return typed.items
    return typed.type.fields.map(
      ({ type }, index): Typed => ({ kind: 'field', base: typed, index, type, at: typed.at }),
    )
  })
  const width = rows[0]!.length
  const uneven = rows.findIndex((row) => row.length !== width)
  if (uneven !== -1) {
    throw mismatch(`Values rows have mismatched sizes: ${width} vs ${rows[uneven]!.length}`, node.at)
  }
  let types = rowTypes(rows[0]!)
  for (const row of rows) types = commonTypes(types, rowTypes(row), node.at)
  const widened = rows.map((row) => row.map((value, i) => widen(value, types[i]!)))
  return {
    plan: { kind: 'values', rows: widened },
    columns: types.map((type) => ({ name: undefined, type })),
  }
}

const rowTypes = (row: Typed[]): PrestoType[] => row.map(({ type }) => type)

function commonTypes(known: PrestoType[], row: PrestoType[], at: Position): PrestoType[] {
  const types = known.map((type, i) => commonType(type, row[i]!))
  if (types.every((type) => type !== undefined)) return types
  throw mismatch(
    `Values rows have mismatched types: row(${known.map(typeText).join(', ')}) vs row(${row.map(typeText).join(', ')})`,
    at,
  )
}

/** All inputs must have the same number of columns; each column takes the type common to all. */
function setOperation(analyzer: Analyzer, node: Extract<QueryBody, { kind: 'set' }>, around: Around): Plain {
  const { at } = node
  const inputs = node.inputs.map((input) => ({ found: body(analyzer, input, around, []) }))
  const operation = node.operation.toUpperCase()
  const first = inputs[0]!.found.columns
  const types = first.map(({ type }) => type)
  for (const { found } of inputs) {
    if (found.columns.length !== types.length) {
      throw mismatch(
        `${operation} query has different number of fields: ${types.length}, ${found.columns.length}`,
        at,
      )
    }
    for (const [i, { type }] of found.columns.entries()) types[i] = common(types[i]!, type, i, operation, at)
  }
  if (node.operation !== 'union' || !node.all) withInstants(types)
  const plans = inputs.map(
    ({ found }): BodyInput => ({ body: found.plan, from: found.columns.map(({ type }) => type), types }),
  )
  return {
    plan: { kind: 'set', operation: node.operation, all: node.all, inputs: plans },
    columns: first.map(({ name }, i) => ({ name, type: types[i]! })),
  }
}

/** Rows are told apart by their instants, whatever zones they were written in: those are not kept. */
function withInstants(types: PrestoType[]): void {
  for (const [i, type] of types.entries()) if (hasOwnZones(type)) types[i] = comparedType(type)
}

function common(
  left: PrestoType,
  right: PrestoType,
  index: number,
  operation: string,
  at: Position,
): PrestoType {
  const type = commonType(left, right)
  if (type !== undefined) return type
  throw mismatch(
    `column ${index + 1} in ${operation} query has incompatible types: ${typeText(left)}, ${typeText(right)}`,
    at,
  )
}

import { type Position, QueryError } from '../errors.ts'
import { commonType } from '../functions/coercion.ts'
import type { ExpressionOf, Query } from '../parse/ast.ts'
import { type PrestoType, typeText } from '../presto-type.ts'
import { type Environment, mismatch } from './analyzer.ts'
import { notScalar } from './clauses.ts'
import { BIGINT, BOOLEAN, widen } from './coerce.ts'
import { columnReference, dereference } from './columns.ts'
import { comparable, comparedType } from './operators.ts'
import type { ColumnValue, QueryPlan, Typed } from './plan.ts'
import { newScope, type Scope } from './scope.ts'

/** What messages call the body of a lambda. */
export const LAMBDA = 'Lambda expression'

type Inner = { plan: QueryPlan; free: ColumnValue[] }

/** The engine's planning time doubles with each level: 18 take seconds, 22 longer than anyone waits (measured). */
const MAX_NESTED = 12

/** A query inside an expression sees the columns around it; which it uses is noted. */
function inner(env: Environment, query: Query): Inner {
  const { analyzer } = env
  if (env.clause === LAMBDA) {
    throw new QueryError('NOT_SUPPORTED', `${LAMBDA} cannot contain subqueries`, query.at)
  }
  if (analyzer.subqueryDepth >= MAX_NESTED) {
    throw new QueryError(
      'NOT_SUPPORTED',
      `Subqueries in expressions are nested more than ${MAX_NESTED} deep`,
      query.at,
    )
  }
  analyzer.subqueryDepth += 1
  // A scope of its own that has no columns: what is looked up through it is what the subquery takes from outside.
  const border: Scope = { ...newScope([], env.scope, 'border'), at: query.at }
  const plan = analyzer.query(analyzer, query, { scope: border, ctes: env.ctes })
  analyzer.subqueryDepth -= 1
  return { plan, free: border.free }
}

/** A subquery is a value of its column's type; of several columns, a row of them. */
function typeOf({ plan }: Inner): PrestoType {
  const { columns } = plan
  return columns.length === 1 ? columns[0]!.type : rowOf(columns)
}

const rowOf = (columns: QueryPlan['columns']): RowType => ({
  kind: 'row',
  fields: columns.map(({ name, type }) => (name === undefined ? { type } : { name, type })),
})
type RowType = Extract<PrestoType, { kind: 'row' }>

export function subquery(env: Environment, node: ExpressionOf<'subquery'> | ExpressionOf<'exists'>): Typed {
  const found = inner(env, node.query)
  if (node.kind === 'exists') return { kind: 'exists', ...found, type: BOOLEAN, at: node.at }
  return { kind: 'subquery', ...found, type: typeOf(found), at: node.at }
}

/**
 * What IN and the quantified comparisons compare: a row as wide as the subquery, field by field with its columns. A row stands for as
 * many columns as it has fields, also when that is one.
 */
function compared(value: Typed, found: Inner, at: Position): Typed {
  const { columns } = found.plan
  const isRow = value.type.kind === 'row'
  const left: RowType =
    value.type.kind === 'row' ? value.type : { kind: 'row', fields: [{ type: value.type }] }
  const right = rowOf(columns)
  const common = left.fields.length === right.fields.length ? commonType(left, right) : undefined
  const type = common && comparedType(common)
  if (type?.kind !== 'row') {
    throw mismatch(
      `Value expression and result of subquery must be of the same type: ${typeText(left)} vs ${typeText(right)}`,
      at,
    )
  }
  if (columns.length > 1) return widen(value, type)
  return widen(isRow ? fieldOf(value, 0, left.fields[0]!.type) : value, type.fields[0]!.type)
}

const fieldOf = (base: Typed, index: number, type: PrestoType): Typed =>
  base.kind === 'row' ? base.items[index]! : { kind: 'field', base, index, type, at: base.at }

export function inQuery(env: Environment, node: ExpressionOf<'in-query'>, value: Typed): Typed {
  const found = inner(env, node.query)
  const left = compared(value, found, node.at)
  comparable('=', left, left, node.at)
  return { kind: 'in-query', value: left, ...found, type: BOOLEAN, at: node.at }
}

export function quantified(env: Environment, node: ExpressionOf<'quantified'>, value: Typed): Typed {
  const found = inner(env, node.query)
  const left = compared(value, found, node.at)
  comparable(node.operator, left, left, node.at)
  const { operator, quantifier } = node
  return { kind: 'quantified', operator, quantifier, value: left, ...found, type: BOOLEAN, at: node.at }
}

/** GROUPING(a, b): its arguments must be grouping columns; the select that groups checks that. */
export function grouping(env: Environment, node: ExpressionOf<'grouping'>): Typed {
  if (node.columns.length === 0) {
    throw new QueryError('SYNTAX_ERROR', 'grouping operation columns cannot be empty', node.at)
  }
  const keys = node.columns.map((name): Typed => {
    const [first, ...rest] = name.parts
    if (rest.length === 0) return columnReference(env, { kind: 'column', name: first!, at: name.at })
    let chain: ExpressionOf<'column'> | ExpressionOf<'dereference'> = {
      kind: 'column',
      name: first!,
      at: name.at,
    }
    for (const field of rest) chain = { kind: 'dereference', base: chain, field, at: name.at }
    return dereference(env, chain as ExpressionOf<'dereference'>)
  })
  if (!env.allowAggregates) throw notScalar(env.clause, [{ node }], node)
  const typed: Typed = {
    kind: 'grouping',
    keys,
    type: keys.length > 31 ? BIGINT : { kind: 'integer' },
    at: node.at,
  }
  env.met.aggregates.push({ node, typed })
  return typed
}

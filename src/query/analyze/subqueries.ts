import { QueryError } from '../errors.ts'
import { commonType } from '../functions/coercion.ts'
import type { ExpressionOf, Query } from '../parse/ast.ts'
import { typeText } from '../presto-type.ts'
import { type Environment, mismatch } from './analyzer.ts'
import { BIGINT, BOOLEAN, widen } from './coerce.ts'
import { columnReference, dereference } from './columns.ts'
import { comparable } from './operators.ts'
import type { ColumnValue, QueryPlan, Typed } from './plan.ts'
import { newScope, type Scope } from './scope.ts'

type Inner = { plan: QueryPlan; free: ColumnValue[] }

/** The engine's planning time doubles with each level: 18 take seconds, 22 longer than anyone waits (measured). */
const MAX_NESTED = 12

/** A query inside an expression sees the columns around it; which it uses is noted. */
function inner(env: Environment, query: Query): Inner {
  const { analyzer } = env
  if (analyzer.subqueryDepth >= MAX_NESTED) {
    throw new QueryError(
      'NOT_SUPPORTED',
      `Subqueries in expressions are nested more than ${MAX_NESTED} deep`,
      query.at,
    )
  }
  analyzer.subqueryDepth += 1
  // A scope of its own that has no columns: what is looked up through it is what the subquery takes from outside.
  const border: Scope = newScope([], env.scope)
  const plan = analyzer.query(analyzer, query, { scope: border, ctes: env.ctes })
  analyzer.subqueryDepth -= 1
  return { plan, free: border.free }
}

function oneColumn({ plan }: Inner, at: Query['at']): QueryPlan['columns'][number] {
  if (plan.columns.length !== 1) {
    throw new QueryError(
      'NOT_SUPPORTED',
      `Multiple columns returned by subquery are not yet supported. Found ${plan.columns.length}`,
      at,
    )
  }
  return plan.columns[0]!
}

export function subquery(env: Environment, node: ExpressionOf<'subquery'> | ExpressionOf<'exists'>): Typed {
  const found = inner(env, node.query)
  if (node.kind === 'exists') return { kind: 'exists', ...found, type: BOOLEAN, at: node.at }
  return { kind: 'subquery', ...found, type: oneColumn(found, node.query.at).type, at: node.at }
}

export function inQuery(env: Environment, node: ExpressionOf<'in-query'>, value: Typed): Typed {
  const found = inner(env, node.query)
  const column = oneColumn(found, node.query.at)
  const type = commonType(value.type, column.type)
  if (type === undefined) {
    throw mismatch(
      `value and result of subquery must be of the same type for IN expression: ${typeText(value.type)} vs ${typeText(column.type)}`,
      node.at,
    )
  }
  return { kind: 'in-query', value: widen(value, type), ...found, type: BOOLEAN, at: node.at }
}

export function quantified(env: Environment, node: ExpressionOf<'quantified'>, value: Typed): Typed {
  const found = inner(env, node.query)
  const column = oneColumn(found, node.query.at)
  const sample: Typed = { kind: 'constant', value: null, type: column.type, at: node.query.at }
  const [left] = comparable(node.operator, value, sample, node.at)
  const { operator, quantifier } = node
  return { kind: 'quantified', operator, quantifier, value: left, ...found, type: BOOLEAN, at: node.at }
}

/** GROUPING(a, b): its arguments must be grouping columns; the select that groups checks that. */
export function grouping(env: Environment, node: ExpressionOf<'grouping'>): Typed {
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
  if (!env.allowAggregates) {
    throw new QueryError(
      'EXPRESSION_NOT_SCALAR',
      `${env.clause} cannot contain aggregations, window functions or grouping operations: [grouping]`,
      node.at,
    )
  }
  const typed: Typed = {
    kind: 'grouping',
    keys,
    type: keys.length > 31 ? BIGINT : { kind: 'integer' },
    at: node.at,
  }
  env.met.aggregates.push(typed)
  return typed
}

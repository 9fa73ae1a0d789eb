import { QueryError } from '../errors.ts'
import { isComparable, isOrderable } from '../functions/index.ts'
import type { Expression, Select, SortItem } from '../parse/ast.ts'
import { typeText } from '../presto-type.ts'
import { type Analyzer, type Around, type Environment, environment, mismatch } from './analyzer.ts'
import { rowExpression } from './clauses.ts'
import { requireBoolean } from './coerce.ts'
import { expressionText } from './expression-text.ts'
import { checkGrouped, type Grouped } from './grouped.ts'
import { groupingSets, type Output, ordinal } from './grouping.ts'
import type { BodyPlan, OrderKey, OutputColumn, SelectPlan, Typed } from './plan.ts'
import { relation, relationIds } from './relation.ts'
import { type Field, newScope, type Scope } from './scope.ts'
import { type Item, selectItems } from './select-items.ts'
import { keyOf, some } from './walk.ts'
import { namedWindows } from './windows.ts'

/** A query's body with its order; `wrapper` is the relation over its output that the order refers to, if not a select. */
export type Body = { plan: BodyPlan; columns: OutputColumn[]; orderBy: OrderKey[]; wrapper?: number }

export function select(analyzer: Analyzer, node: Select, around: Around, orderBy: SortItem[]): Body {
  const from = sources(analyzer, node, around)
  const scope = newScope(from.fields, around.scope)
  const plain = (clause: string): Environment => environment(analyzer, scope, around, clause)
  const where =
    node.where === undefined
      ? undefined
      : requireBoolean(rowExpression(plain('WHERE clause'), node.where), 'WHERE clause')
  const env = selectEnvironment(plain('SELECT clause'), node)
  const items = selectItems(env, node)
  const sets = node.groupBy && groupingSets(plain('GROUP BY clause'), node.groupBy, items)
  const having = node.having && havingCondition(env, node.having)
  const order = orderKeys(env, items, orderBy, node.distinct)
  if (sets !== undefined || having !== undefined || env.met.aggregates.length > 0) {
    if (sets === undefined) refuseGrouping(env, node)
    const written = having === undefined ? [] : [{ value: having, node: node.having }]
    checkAll(analyzer, [...items, ...written, ...order.written], sets ?? [], from)
  }
  if (node.distinct) checkDistinct(items, node)
  const plan: SelectPlan = {
    distinct: node.distinct,
    items: items.map(({ value }) => value),
    from: from.plans,
    ...(where === undefined ? {} : { where }),
    ...groupByOf(sets, env, [...items, ...order.written]),
    ...(having === undefined ? {} : { having }),
  }
  const columns = items.map(({ name, value }) => ({ name, type: value.type }))
  return { plan: { kind: 'select', select: plan }, columns, orderBy: order.keys }
}

/** An aggregate that only its type was asked of is in no expression any more, and still makes one row of all. */
function groupByOf(
  sets: Typed[][] | undefined,
  { met }: Environment,
  written: { value: Typed }[],
): Pick<SelectPlan, 'groupBy'> {
  if (sets !== undefined) return { groupBy: { sets } }
  const isMet = met.aggregates.length > 0
  const isLeft = written.some(({ value }) => some(value, isAggregateCall))
  return isMet && !isLeft ? { groupBy: { sets: [[]] } } : {}
}

const isAggregateCall = (typed: Typed): boolean => typed.kind === 'call' && typed.call.kind === 'aggregate'

function havingCondition(env: Environment, node: Expression): Typed {
  const windows = env.met.windows.length
  const typed = env.analyzer.expression({ ...env, clause: 'HAVING clause' }, node)
  if (env.met.windows.length > windows) {
    throw new QueryError(
      'NESTED_WINDOW',
      'HAVING clause cannot contain window functions or row pattern measures',
      env.met.windows[windows]!.node.at,
    )
  }
  return requireBoolean(typed, 'HAVING clause')
}

function refuseGrouping(env: Environment, node: Select): void {
  if (env.met.aggregates.every(({ node: { kind } }) => kind !== 'grouping')) return
  throw new QueryError(
    'MISSING_GROUP_BY',
    'A GROUPING() operation can only be used with a corresponding GROUPING SET/CUBE/ROLLUP/GROUP BY clause',
    node.at,
  )
}

type Sources = { plans: SelectPlan['from']; fields: Field[] }

function sources(analyzer: Analyzer, node: Select, around: Around): Sources {
  const found: Sources = { plans: [], fields: [] }
  for (const item of node.from) {
    const source = relation(analyzer, item, around, found.fields)
    found.plans.push(source.plan)
    found.fields = [...found.fields, ...source.fields]
  }
  return found
}

function selectEnvironment(env: Environment, node: Select): Environment {
  const inner: Environment = { ...env, allowAggregates: true, allowWindows: true, selectAt: node.at }
  return { ...inner, windows: namedWindows(inner, node) }
}

type Order = { keys: OrderKey[]; written: Output[] }

/** ORDER BY of a select: ordinals, output names first, then the columns of its sources. `written` are keys that are no outputs. */
function orderKeys(env: Environment, items: Item[], orderBy: SortItem[], distinct: boolean): Order {
  const outputs = items.map(({ value }) => keyOf(value))
  const inner: Environment = { ...env, scope: orderScope(env.scope, items), clause: 'ORDER BY clause' }
  const order: Order = { keys: [], written: [] }
  for (const { value: node, ...item } of orderBy) {
    const direction = { descending: item.descending, nullsFirst: item.nulls === 'first' }
    if (node.kind === 'number' && node.form === 'integer') {
      const { value } = ordinal(node.text, items, 'ORDER BY', node.at)
      checkOrderable(env, value, `:input(${Number(node.text) - 1})`)
      order.keys.push({ ...direction, output: Number(node.text) })
      continue
    }
    const value = env.analyzer.expression(inner, node)
    checkOrderable(env, value, expressionText(node))
    const output = outputs.indexOf(keyOf(value))
    if (output === -1) order.written.push({ value, node })
    if (output === -1 && distinct) {
      throw new QueryError(
        'EXPRESSION_NOT_IN_DISTINCT',
        'For SELECT DISTINCT, ORDER BY expressions must appear in select list',
        env.selectAt,
      )
    }
    order.keys.push({ ...direction, ...(output === -1 ? { value } : { output: output + 1 }) })
  }
  return order
}

function checkOrderable({ selectAt }: Environment, { type, at }: Typed, text: string): void {
  if (isOrderable(type)) return
  throw mismatch(
    `Type ${typeText(type)} is not orderable, and therefore cannot be used in ORDER BY: ${text}`,
    selectAt ?? at,
  )
}

function orderScope(source: Scope, items: Item[]): Scope {
  const fields = items.flatMap(({ name, value }): Field[] =>
    name === undefined ? [] : [{ name, qualifier: undefined, value }],
  )
  return newScope(fields, source, 'outputs')
}

function checkAll(analyzer: Analyzer, outputs: Output[], sets: Typed[][], from: Sources): void {
  const fields = new Map(from.fields.map((field) => [keyOf(field.value), field]))
  const nameOf = (column: Typed): string => fields.get(keyOf(column))?.name ?? '<expression>'
  const grouped: Grouped = {
    keys: new Set(sets.flat().map(keyOf)),
    own: new Set(from.plans.flatMap(relationIds)),
    written: analyzer.written,
    nameOf,
    qualifiedNameOf: (column) =>
      [...(fields.get(keyOf(column))?.qualifier ?? []).slice(-1), nameOf(column)].join('.'),
  }
  for (const { value, node } of outputs) checkGrouped(grouped, value, node)
}

function checkDistinct(items: Item[], { at }: Select): void {
  for (const { value, node } of items) {
    if (isComparable(value.type)) continue
    const text = node === undefined ? '' : `: ${expressionText(node)}`
    throw mismatch(
      `DISTINCT can only be applied to comparable types (actual: ${typeText(value.type)})${text}`,
      at,
    )
  }
}

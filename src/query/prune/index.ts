import type { BodyPlan, CtePlan, QueryPlan, RelationPlan, SelectPlan, TableReference, Typed } from '../analyze/plan.ts'
import { children, some } from '../analyze/walk.ts'
import { timesOf } from './conditions.ts'
import { EVERYTHING, intersect, type TimeRange, union } from './ranges.ts'

export { overlaps, type TimeRange, union } from './ranges.ts'

/** The times each table reference has to be read for, by the index of the reference. */
export function pruneTimes(plan: QueryPlan): ReadonlyMap<number, readonly TimeRange[]> {
  const pruner: Pruner = { times: new Map(), sources: new Map(), ctes: new Map(), alternatives: new Map() }
  visitQuery(pruner, plan, [[]])
  return pruner.times
}

/** Conditions on a query's output of which at least one list holds for every row that matters. */
type Alternatives = readonly (readonly Typed[])[]

type Pruner = {
  times: Map<number, readonly TimeRange[]>
  /** The query behind each relation that is one: how columns are followed to the table they come from. */
  sources: Map<number, QueryPlan>
  ctes: Map<number, CtePlan>
  /** What the references to a WITH query, met so far, ask of it. */
  alternatives: Map<number, (readonly Typed[])[]>
}

function visitQuery(pruner: Pruner, plan: QueryPlan, pushed: Alternatives): void {
  for (const cte of plan.ctes) {
    pruner.ctes.set(cte.id, cte)
    pruner.alternatives.set(cte.id, [])
  }
  const limited = plan.limit !== undefined || plan.offset !== undefined
  for (const key of plan.orderBy) if ('value' in key) visitExpression(pruner, key.value)
  visitBody(pruner, plan.body, limited ? [[]] : pushed)
  // Backwards: a WITH query is asked for by those after it, whose own needs are known by then.
  for (const cte of plan.ctes.toReversed()) {
    const asked = pruner.alternatives.get(cte.id)!
    if (cte.step !== undefined) visitQuery(pruner, cte.step.plan, [[]])
    visitQuery(pruner, cte.plan, cte.step !== undefined || asked.length === 0 ? [[]] : asked)
  }
}

function visitBody(pruner: Pruner, body: BodyPlan, pushed: Alternatives): void {
  switch (body.kind) {
    case 'select':
      return visitSelect(pruner, body.select, isTransparent(body.select) ? pushed : [[]])
    case 'values':
      for (const value of body.rows.flat()) visitExpression(pruner, value)
      return
    case 'relation':
      return visitRelation(pruner, body.relation, pushed, [])
    case 'nested':
      return visitQuery(pruner, body.plan, pushed)
    case 'set':
      for (const input of body.inputs) visitBody(pruner, input.body, pushed)
  }
}

/** True when a condition on the output may as well be put to the rows that go in: no aggregate, no window, no grouping. */
function isTransparent(select: SelectPlan): boolean {
  if (select.groupBy !== undefined || select.having !== undefined) return false
  return !select.items.some((item) => some(item, (inner) => inner.kind === 'call' && inner.call.kind !== 'scalar'))
}

function visitSelect(pruner: Pruner, select: SelectPlan, pushed: Alternatives): void {
  const own = select.where === undefined ? [] : [select.where]
  for (const expression of [...select.items, ...own, ...(select.groupBy?.sets.flat() ?? [])]) visitExpression(pruner, expression)
  if (select.having !== undefined) visitExpression(pruner, select.having)
  for (const relation of select.from) visitRelation(pruner, relation, pushed, own)
}

function visitRelation(pruner: Pruner, relation: RelationPlan, pushed: Alternatives, own: readonly Typed[]): void {
  switch (relation.kind) {
    case 'table':
      return noteTimes(pruner, relation.id, relation.reference, pushed, own)
    case 'subquery':
      pruner.sources.set(relation.id, relation.plan)
      return visitQuery(pruner, relation.plan, combined(pushed, own))
    case 'cte': {
      const cte = pruner.ctes.get(relation.cte)
      if (cte !== undefined) pruner.sources.set(relation.id, cte.plan)
      pruner.alternatives.get(relation.cte)?.push(...combined(pushed, own))
      return
    }
    case 'unnest':
      for (const item of relation.items) visitExpression(pruner, item)
      return
    case 'sample':
      return visitRelation(pruner, relation.relation, [[]], [])
    case 'join':
      return visitJoin(pruner, relation, pushed, own)
  }
}

/** ON holds for the rows of a side that cannot come out padded with NULL on its behalf. */
function visitJoin(pruner: Pruner, join: Extract<RelationPlan, { kind: 'join' }>, pushed: Alternatives, own: readonly Typed[]): void {
  const on = join.on === undefined ? [] : [join.on]
  for (const condition of on) visitExpression(pruner, condition)
  const inner = join.type === 'inner' || join.type === 'cross'
  visitRelation(pruner, join.left, pushed, inner || join.type === 'right' ? [...own, ...on] : own)
  visitRelation(pruner, join.right, pushed, inner || join.type === 'left' ? [...own, ...on] : own)
}

function combined(pushed: Alternatives, own: readonly Typed[]): Alternatives {
  return pushed.map((list) => [...list, ...own])
}

function noteTimes(pruner: Pruner, id: number, reference: TableReference, pushed: Alternatives, own: readonly Typed[]): void {
  const time = reference.columns.findIndex(({ name }) => name === 'time') + 1
  const isTime = (typed: Typed): boolean => reaches(pruner, typed, id, time)
  const lists = combined(pushed, own).map((list) => list.map((condition) => timesOf(condition, isTime)).reduce(intersect, EVERYTHING))
  pruner.times.set(reference.index, union(lists))
}

/** True when the expression is the column `time` of the table relation, handed on unchanged through subqueries. */
function reaches(pruner: Pruner, typed: Typed, table: number, time: number): boolean {
  if (typed.kind !== 'column') return false
  if (typed.relation === table) return typed.column === time
  const source = pruner.sources.get(typed.relation)
  return source !== undefined && bodyReaches(pruner, source.body, typed.column, table, time)
}

function bodyReaches(pruner: Pruner, body: BodyPlan, column: number, table: number, time: number): boolean {
  switch (body.kind) {
    case 'select':
      return reaches(pruner, body.select.items[column - 1]!, table, time)
    case 'relation':
      return reaches(pruner, body.outputs[column - 1]!, table, time)
    case 'nested':
      return bodyReaches(pruner, body.plan.body, column, table, time)
    case 'set':
      return body.inputs.some((input) => bodyReaches(pruner, input.body, column, table, time))
    case 'values':
      return false
  }
}

/** Tables in subqueries of an expression have conditions of their own only. */
function visitExpression(pruner: Pruner, typed: Typed): void {
  if ('plan' in typed) visitQuery(pruner, typed.plan, [[]])
  for (const child of children(typed)) visitExpression(pruner, child)
}

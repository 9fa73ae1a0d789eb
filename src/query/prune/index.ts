import type {
  BodyPlan,
  CtePlan,
  QueryPlan,
  RelationPlan,
  SelectPlan,
  TableReference,
  Typed,
} from '../analyze/plan.ts'
import { children, some } from '../analyze/walk.ts'
import { timesOf } from './conditions.ts'
import { EVERYTHING, intersect, type TimeRange, union } from './ranges.ts'
import { bothTexts, eitherTexts, textsOf } from './texts.ts'

export { exactTimesOf } from './exact.ts'
export { lieWithin, overlaps, type TimeRange, union } from './ranges.ts'
export { eitherTexts, type Texts } from './texts.ts'

/** `texts` are known of system tables only: what a column of that name must be, for a row to matter. */
export type Needed = { times: readonly TimeRange[]; texts: ReadonlyMap<string, readonly string[]> }

/** What each table reference has to be read for, by the index of the reference. */
export function pruneReads(plan: QueryPlan): ReadonlyMap<number, Needed> {
  const pruner: Pruner = { needed: new Map(), sources: new Map(), ctes: new Map(), alternatives: new Map() }
  visitQuery(pruner, plan, NONE)
  return pruner.needed
}

/**
 * Conditions on a query's output that hold for every row of it that matters to one of its references; `path` are the relations
 * by which that reference leads here. A WITH query that is mentioned twice has two.
 */
type Alternative = { conditions: readonly Typed[]; path: ReadonlySet<number> }
type Alternatives = readonly Alternative[]
const NONE: Alternatives = [{ conditions: [], path: new Set() }]

type Pruner = {
  needed: Map<number, Needed>
  /** The query behind each relation that is one: how columns are followed to the table they come from. */
  sources: Map<number, QueryPlan>
  ctes: Map<number, CtePlan>
  /** What the references to a WITH query, met so far, ask of it. */
  alternatives: Map<number, Alternative[]>
}

function visitQuery(pruner: Pruner, plan: QueryPlan, pushed: Alternatives): void {
  for (const cte of plan.ctes) {
    pruner.ctes.set(cte.id, cte)
    pruner.alternatives.set(cte.id, [])
  }
  const limited = plan.limit !== undefined || plan.offset !== undefined
  for (const key of plan.orderBy) if ('value' in key) visitExpression(pruner, key.value)
  visitBody(pruner, plan.body, limited ? NONE : pushed)
  // Backwards: a WITH query is asked for by those after it, whose own needs are known by then.
  for (const cte of plan.ctes.toReversed()) {
    const asked = pruner.alternatives.get(cte.id)!
    if (cte.step !== undefined) visitQuery(pruner, cte.step.plan, NONE)
    visitQuery(pruner, cte.plan, cte.step !== undefined || asked.length === 0 ? NONE : asked)
  }
}

function visitBody(pruner: Pruner, body: BodyPlan, pushed: Alternatives): void {
  switch (body.kind) {
    case 'select':
      visitSelect(pruner, body.select, isTransparent(body.select) ? pushed : NONE)
      return
    case 'values':
      for (const value of body.rows.flat()) visitExpression(pruner, value)
      return
    case 'relation':
      visitRelation(pruner, body.relation, pushed, [])
      return
    case 'nested':
      visitQuery(pruner, body.plan, pushed)
      return
    case 'set':
      for (const input of body.inputs) visitBody(pruner, input.body, pushed)
  }
}

/** True when a condition on the output may as well be put to the rows that go in: no aggregate, no window, no grouping. */
function isTransparent(select: SelectPlan): boolean {
  if (select.groupBy !== undefined || select.having !== undefined) return false
  return !select.items.some((item) =>
    some(item, (inner) => inner.kind === 'call' && inner.call.kind !== 'scalar'),
  )
}

function visitSelect(pruner: Pruner, select: SelectPlan, pushed: Alternatives): void {
  const own = select.where === undefined ? [] : [select.where]
  for (const expression of [...select.items, ...own, ...(select.groupBy?.sets.flat() ?? [])])
    visitExpression(pruner, expression)
  if (select.having !== undefined) visitExpression(pruner, select.having)
  for (const relation of select.from) visitRelation(pruner, relation, pushed, own)
}

function visitRelation(
  pruner: Pruner,
  relation: RelationPlan,
  pushed: Alternatives,
  own: readonly Typed[],
): void {
  switch (relation.kind) {
    case 'table':
      noteNeeds(pruner, relation.id, relation.reference, pushed, own)
      return
    case 'subquery':
      pruner.sources.set(relation.id, relation.plan)
      visitQuery(pruner, relation.plan, combined(pushed, own, relation.id))
      return
    case 'cte': {
      const cte = pruner.ctes.get(relation.cte)
      if (cte !== undefined) pruner.sources.set(relation.id, cte.plan)
      pruner.alternatives.get(relation.cte)?.push(...combined(pushed, own, relation.id))
      return
    }
    case 'unnest':
      for (const item of relation.items) visitExpression(pruner, item)
      return
    case 'sample':
      visitRelation(pruner, relation.relation, NONE, [])
      return
    case 'join':
      visitJoin(pruner, relation, pushed, own)
      return
  }
}

/** ON holds for the rows of a side that cannot come out padded with NULL on its behalf. */
function visitJoin(
  pruner: Pruner,
  join: Extract<RelationPlan, { kind: 'join' }>,
  pushed: Alternatives,
  own: readonly Typed[],
): void {
  const on = join.on === undefined ? [] : [join.on]
  for (const condition of on) visitExpression(pruner, condition)
  const inner = join.type === 'inner' || join.type === 'cross'
  visitRelation(pruner, join.left, pushed, inner || join.type === 'right' ? [...own, ...on] : own)
  visitRelation(pruner, join.right, pushed, inner || join.type === 'left' ? [...own, ...on] : own)
}

function combined(pushed: Alternatives, own: readonly Typed[], through?: number): Alternatives {
  return pushed.map(({ conditions, path }) => ({
    conditions: [...conditions, ...own],
    path: through === undefined ? path : new Set([...path, through]),
  }))
}

function noteNeeds(
  pruner: Pruner,
  id: number,
  reference: TableReference,
  pushed: Alternatives,
  own: readonly Typed[],
): void {
  const alternatives = combined(pushed, own)
  const isColumn = (index: number, path: ReadonlySet<number>) => (typed: Typed) =>
    reaches({ pruner, path, table: id, column: index + 1 }, typed)
  const time = reference.columns.findIndex(({ name }) => name === 'time')
  const times = alternatives.map(({ conditions, path }) =>
    conditions.map((condition) => timesOf(condition, isColumn(time, path))).reduce(intersect, EVERYTHING),
  )
  const texts = new Map<string, readonly string[]>()
  for (const [index, { name, type }] of reference.tableId === null ? reference.columns.entries() : []) {
    if (type.kind !== 'varchar') continue
    const needed = alternatives
      .map(({ conditions, path }) =>
        conditions.map((condition) => textsOf(condition, isColumn(index, path))).reduce(bothTexts, undefined),
      )
      .reduce(eitherTexts)
    if (needed !== undefined) texts.set(name, needed)
  }
  pruner.needed.set(reference.index, { times: union(times), texts })
}

type Target = { pruner: Pruner; path: ReadonlySet<number>; table: number; column: number }

/** True when the expression is that column of the table relation, handed on unchanged through subqueries. */
function reaches(target: Target, typed: Typed): boolean {
  if (typed.kind !== 'column') return false
  if (typed.relation === target.table) return typed.column === target.column
  const source = target.path.has(typed.relation) ? target.pruner.sources.get(typed.relation) : undefined
  return source !== undefined && bodyReaches(target, source.body, typed.column)
}

function bodyReaches(target: Target, body: BodyPlan, column: number): boolean {
  switch (body.kind) {
    case 'select':
      return reaches(target, body.select.items[column - 1]!)
    case 'relation':
      return reaches(target, body.outputs[column - 1]!)
    case 'nested':
      return bodyReaches(target, body.plan.body, column)
    case 'set':
      return body.inputs.some((input) => bodyReaches(target, input.body, column))
    case 'values':
      return false
  }
}

/** Tables in subqueries of an expression have conditions of their own only. */
function visitExpression(pruner: Pruner, typed: Typed): void {
  if ('plan' in typed) visitQuery(pruner, typed.plan, NONE)
  for (const child of children(typed)) visitExpression(pruner, child)
}

import { QueryError } from '../errors.ts'
import { isComparable } from '../functions/index.ts'
import type { Select, SortItem } from '../parse/ast.ts'
import { typeText } from '../presto-type.ts'
import { type Analyzer, type Around, type Environment, environment, mismatch } from './analyzer.ts'
import { requireBoolean } from './coerce.ts'
import { checkGrouped, groupingSets, ordinal } from './grouping.ts'
import type { BodyPlan, OrderKey, OutputColumn, SelectPlan, Typed } from './plan.ts'
import { relation, relationIds } from './relation.ts'
import { type Field, newScope, type Scope } from './scope.ts'
import { type Item, selectItems } from './select-items.ts'
import { keyOf } from './walk.ts'
import { orderable } from './windows.ts'

/** A query's body with its order; `wrapper` is the relation over its output that the order refers to, if not a select. */
export type Body = { plan: BodyPlan; columns: OutputColumn[]; orderBy: OrderKey[]; wrapper?: number }

export function select(analyzer: Analyzer, node: Select, around: Around, orderBy: SortItem[]): Body {
  const from = sources(analyzer, node, around)
  const scope = newScope(from.fields, around.scope)
  const plain = (clause: string): Environment => environment(analyzer, scope, around, clause)
  const where =
    node.where === undefined
      ? undefined
      : requireBoolean(analyzer.expression(plain('WHERE clause'), node.where), 'WHERE clause')
  const env = selectEnvironment(plain('SELECT clause'), node)
  const items = selectItems(env, node)
  const outputs = items.map(({ value }) => value)
  const sets =
    node.groupBy === undefined ? undefined : groupingSets(plain('GROUP BY clause'), node.groupBy, outputs)
  const having =
    node.having === undefined
      ? undefined
      : requireBoolean(
          analyzer.expression({ ...env, allowWindows: false, clause: 'HAVING clause' }, node.having),
          'HAVING clause',
        )
  const keys = orderKeys(env, items, orderBy, node.distinct)
  if (sets !== undefined || having !== undefined || env.met.aggregates.length > 0) {
    const values = keys.flatMap((key) => ('value' in key ? [key.value] : []))
    checkAll([...outputs, ...(having === undefined ? [] : [having]), ...values], sets ?? [], from)
  }
  if (node.distinct) checkDistinct(items)
  const plan: SelectPlan = {
    distinct: node.distinct,
    items: outputs,
    from: from.plans,
    ...(where === undefined ? {} : { where }),
    ...(sets === undefined ? {} : { groupBy: { sets } }),
    ...(having === undefined ? {} : { having }),
  }
  const columns = items.map(({ name, value }) => ({ name, type: value.type }))
  return { plan: { kind: 'select', select: plan }, columns, orderBy: keys }
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
  const windows = new Map(node.windows.map(({ name, window }) => [name.text.toLowerCase(), window]))
  if (windows.size < node.windows.length) {
    throw new QueryError(
      'INVALID_ARGUMENTS',
      'WINDOW name specified more than once',
      node.windows[0]!.name.at,
    )
  }
  return { ...env, windows, allowAggregates: true, allowWindows: true }
}

/** ORDER BY of a select: ordinals, output names first, then the columns of its sources. */
function orderKeys(env: Environment, items: Item[], orderBy: SortItem[], distinct: boolean): OrderKey[] {
  const outputs = items.map(({ value }) => value)
  const keys = outputs.map(keyOf)
  const scope = orderScope(env.scope, items)
  const inner: Environment = { ...env, scope, clause: 'ORDER BY clause' }
  return orderBy.map((item): OrderKey => {
    const direction = { descending: item.descending, nullsFirst: item.nulls === 'first' }
    if (item.value.kind === 'number' && item.value.form === 'integer') {
      orderable(ordinal(item.value.text, outputs, 'ORDER BY', item.value.at))
      return { ...direction, output: Number(item.value.text) }
    }
    const value = orderable(env.analyzer.expression(inner, item.value))
    const output = keys.indexOf(keyOf(value))
    if (output !== -1) return { ...direction, output: output + 1 }
    if (distinct) {
      throw new QueryError(
        'EXPRESSION_NOT_IN_DISTINCT',
        'For SELECT DISTINCT, ORDER BY expressions must appear in select list',
        item.at,
      )
    }
    return { ...direction, value }
  })
}

function orderScope(source: Scope, items: Item[]): Scope {
  const fields = new Map<string, Field>()
  for (const { name, value } of items) {
    if (name !== undefined)
      fields.set(`${name.toLowerCase()}\n${keyOf(value)}`, { name, qualifier: undefined, value })
  }
  return newScope([...fields.values()], source)
}

function checkAll(values: Typed[], sets: Typed[][], from: Sources): void {
  const keys = new Set(sets.flat().map(keyOf))
  const own = new Set(from.plans.flatMap(relationIds))
  const names = new Map(from.fields.map(({ name, value }) => [keyOf(value), name]))
  for (const value of values)
    checkGrouped(value, keys, own, (column) => names.get(keyOf(column)) ?? '<expression>')
}

function checkDistinct(items: Item[]): void {
  for (const { value } of items) {
    if (!isComparable(value.type)) {
      throw mismatch(
        `DISTINCT can only be applied to comparable types (actual: ${typeText(value.type)})`,
        value.at,
      )
    }
  }
}

import type { RelationPlan, Typed } from '../analyze/plan.ts'
import type { PrestoType } from '../presto-type.ts'
import { type Generator, tablePlaceholder } from './generator.ts'

/** One item of FROM. Its columns are c1, c2, … of an alias that occurs nowhere else. */
export function relationSql(g: Generator, plan: RelationPlan): string {
  switch (plan.kind) {
    case 'table':
      g.tables.set(plan.id, plan.reference)
      return `${tablePlaceholder(plan.reference.index)} AS r${plan.id}`
    case 'subquery':
      return `(${g.query(g, plan.plan)}) AS r${plan.id}`
    case 'cte':
      return `q${plan.cte} AS r${plan.id}`
    case 'unnest':
      return `(${unnestSql(g, plan)}) AS r${plan.id}`
    case 'sample':
      return `${relationSql(g, plan.relation)} TABLESAMPLE ${plan.method}(${plan.percentage} PERCENT)`
    case 'join':
      return joinSql(g, plan)
  }
}

function joinSql(g: Generator, plan: Extract<RelationPlan, { kind: 'join' }>): string {
  const left = relationSql(g, plan.left)
  const right = plan.right.kind === 'join' ? `(${relationSql(g, plan.right)})` : relationSql(g, plan.right)
  if (plan.type === 'cross') return `${left} CROSS JOIN ${right}`
  const on: string = plan.on === undefined ? 'true' : g.expression(g, plan.on)
  return `${left} ${plan.type.toUpperCase()} JOIN ${right} ON ${on}`
}

/**
 * Several UNNESTs in one select list run side by side and are padded with NULL, as Presto's do. An array of rows is unnested to
 * one struct, whose fields are then taken apart; the counter is one more list.
 */
function unnestSql(g: Generator, plan: Extract<RelationPlan, { kind: 'unnest' }>): string {
  const lists = plan.items.map((item) => listsOf(g, item))
  const inner = lists.flatMap(({ sources }) => sources)
  const columns = lists.flatMap(({ fields }) => fields)
  if (plan.ordinality)
    inner.push(
      `range(CAST(1 AS BIGINT), greatest(${inner.map((sql) => `coalesce(len(${sql}), 0)`).join(', ')}) + 1)`,
    )
  const selected = inner.map((sql, i) => `unnest(${sql}) AS u${i + 1}`)
  let source = 0
  const outputs: string[] = []
  for (const { sources, fields } of lists) {
    if (fields.length === sources.length && !fields.includes('field')) {
      for (const _ of sources) outputs.push(`u${++source}`)
    } else {
      source += 1
      for (const index of fields.keys()) outputs.push(`struct_extract(u${source}, 'f${index + 1}')`)
    }
  }
  if (plan.ordinality) outputs.push(`u${inner.length}`)
  const list = outputs.map((sql, i) => `${sql} AS c${i + 1}`)
  return columns.length === 0
    ? 'SELECT NULL AS c1 WHERE false'
    : `SELECT ${list.join(', ')} FROM (SELECT ${selected.join(', ')}) AS u`
}

type Lists = { sources: string[]; fields: ('whole' | 'field')[] }

function listsOf(g: Generator, item: Typed): Lists {
  const sql = g.expression(g, item)
  const type: PrestoType = item.type
  if (type.kind === 'map')
    return { sources: [`map_keys(${sql})`, `map_values(${sql})`], fields: ['whole', 'whole'] }
  if (type.kind === 'array' && type.element.kind === 'row') {
    return { sources: [sql], fields: type.element.fields.map(() => 'field') }
  }
  return { sources: [sql], fields: ['whole'] }
}

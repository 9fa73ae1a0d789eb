import type { BodyPlan, QueryPlan, RelationPlan, SelectPlan, TableReference } from '../analyze/index.ts'

/** One step of a plan as EXPLAIN shows it. */
export type PlanNode = { name: string; details: string[]; children: PlanNode[] }

type Describe = (reference: TableReference) => { name: string; details: string[] }

/** The steps of a query, the last one first; `describe` tells what is read of a table. */
export function planTree(plan: QueryPlan, describe: Describe): PlanNode {
  const names = plan.columns.map(({ name }, i) => name ?? `_col${i}`)
  return node(`Output[${names.join(', ')}]`, [], [queryNode(plan, describe)])
}

const node = (name: string, details: string[], children: PlanNode[]): PlanNode => ({
  name,
  details,
  children,
})

function queryNode(plan: QueryPlan, describe: Describe): PlanNode {
  let tree = bodyNode(plan.body, describe)
  if (plan.orderBy.length > 0) {
    const keys = plan.orderBy.map((key) => {
      const what = 'output' in key ? columnName(plan, key.output) : 'expression'
      return `${what} ${key.descending ? 'DESC' : 'ASC'} NULLS ${key.nullsFirst ? 'FIRST' : 'LAST'}`
    })
    tree = node(`Sort[${keys.join(', ')}]`, [], [tree])
  }
  if (plan.offset !== undefined) tree = node(`Offset[${plan.offset}]`, [], [tree])
  if (plan.limit !== undefined)
    tree = node(`Limit[${plan.limit.count}${plan.limit.withTies ? ' with ties' : ''}]`, [], [tree])
  if (plan.ctes.length === 0) return tree
  const named = plan.ctes.map((cte) => {
    const step = cte.step === undefined ? [] : [queryNode(cte.step.plan, describe)]
    return node(
      `With[q${cte.id}${cte.step === undefined ? '' : ', recursive'}]`,
      [],
      [queryNode(cte.plan, describe), ...step],
    )
  })
  return node('WithQueries', [], [tree, ...named])
}

function columnName(plan: QueryPlan, output: number): string {
  return plan.columns[output - 1]?.name ?? `_col${output - 1}`
}

function bodyNode(body: BodyPlan, describe: Describe): PlanNode {
  switch (body.kind) {
    case 'select':
      return selectNode(body.select, describe)
    case 'values':
      return node(`Values[${body.rows.length} rows]`, [], [])
    case 'relation':
      return relationNode(body.relation, describe)
    case 'nested':
      return queryNode(body.plan, describe)
    case 'set': {
      const name = `${body.operation[0]!.toUpperCase()}${body.operation.slice(1)}${body.all ? 'All' : ''}`
      return node(
        name,
        [],
        body.inputs.map((input) => bodyNode(input.body, describe)),
      )
    }
  }
}

function selectNode(select: SelectPlan, describe: Describe): PlanNode {
  const sources = select.from.map((relation) => relationNode(relation, describe))
  let tree =
    sources.length === 1 ? sources[0]! : sources.length === 0 ? oneRow() : node('CrossJoin', [], sources)
  if (select.where !== undefined) tree = node('Filter', [], [tree])
  const aggregates = select.items.filter((item) => item.kind === 'call' && item.call.kind === 'aggregate')
  if (select.groupBy !== undefined || aggregates.length > 0) {
    const sets = select.groupBy?.sets ?? [[]]
    const keys = sets.map((set) => `${set.length} keys`).join(', ')
    tree = node(`Aggregate[${keys}]`, [], [tree])
  }
  if (select.having !== undefined) tree = node('Filter[having]', [], [tree])
  if (select.items.some((item) => item.kind === 'call' && item.clauses.over !== undefined))
    tree = node('Window', [], [tree])
  if (select.distinct) tree = node('Distinct', [], [tree])
  return tree
}

const oneRow = () => node('Values[1 rows]', [], [])

function relationNode(relation: RelationPlan, describe: Describe): PlanNode {
  switch (relation.kind) {
    case 'table': {
      const { name, details } = describe(relation.reference)
      return node(name, details, [])
    }
    case 'subquery':
      return queryNode(relation.plan, describe)
    case 'cte':
      return node(`WithScan[q${relation.cte}]`, [], [])
    case 'unnest':
      return node(`Unnest[${relation.items.length} arrays]`, [], [])
    case 'sample':
      return node(
        `Sample[${relation.method}, ${relation.percentage} %]`,
        [],
        [relationNode(relation.relation, describe)],
      )
    case 'join': {
      const name = `${relation.type[0]!.toUpperCase()}${relation.type.slice(1)}Join`
      return node(name, [], [relationNode(relation.left, describe), relationNode(relation.right, describe)])
    }
    default:
      return node(titleOf(relation), [], [])
  }
}

/** Of kinds that are added to the plan and have nothing to tell here yet. */
const titleOf = (relation: { kind: string }): string => relation.kind

/** Two columns to a level, as trees are drawn in text. */
export function treeText(root: PlanNode): string {
  const lines: string[] = []
  const add = (item: PlanNode, first: string, rest: string): void => {
    lines.push(first + item.name)
    const inner = item.children.length > 0 ? '│  ' : '   '
    for (const detail of item.details) lines.push(`${rest}${inner}${detail}`)
    for (const [i, child] of item.children.entries()) {
      const last = i === item.children.length - 1
      add(child, `${rest}${last ? '└─ ' : '├─ '}`, `${rest}${last ? '   ' : '│  '}`)
    }
  }
  add(root, '', '')
  return lines.join('\n')
}

export function treeGraph(root: PlanNode): string {
  const lines: string[] = []
  const add = (item: PlanNode): number => {
    const id = lines.length
    lines.push('')
    const label = [item.name, ...item.details].map((text) => text.replace(/["\\{}|<>]/g, '\\$&')).join('|')
    const edges = item.children.map(add).map((child) => `  plannode_${id} -> plannode_${child};`)
    lines[id] = [`  plannode_${id}[label="{${label}}", shape=record];`, ...edges].join('\n')
    return id
  }
  add(root)
  return `digraph plan {\n${lines.join('\n')}\n}`
}

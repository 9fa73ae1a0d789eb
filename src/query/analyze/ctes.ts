import { type Position, QueryError, type QueryErrorName } from '../errors.ts'
import { canCoerce } from '../functions/coercion.ts'
import type { NamedQuery, Query, QueryBody, Relation } from '../parse/ast.ts'
import { typeText } from '../presto-type.ts'
import { type Analyzer, type Around, mismatch } from './analyzer.ts'
import type { CtePlan, OutputColumn } from './plan.ts'

/** The WITH queries of a query, in order; each sees those before it. */
export function withQueries(
  analyzer: Analyzer,
  node: Query,
  around: Around,
): { ctes: ReadonlyMap<string, CtePlan>; plans: CtePlan[] } {
  if (node.with === undefined) return { ctes: around.ctes, plans: [] }
  const ctes = new Map(around.ctes)
  const plans: CtePlan[] = []
  const own = new Set<string>()
  for (const named of node.with.queries) {
    const name = named.name.text.toLowerCase()
    if (own.has(name)) {
      throw new QueryError(
        'DUPLICATE_NAMED_QUERY',
        `WITH query name '${named.name.text}' specified more than once`,
        named.at,
      )
    }
    own.add(name)
    const inside: Around = { scope: around.scope, ctes }
    const recursive = node.with.recursive ? recursiveQuery(analyzer, named, name, inside) : undefined
    const plan = recursive ?? plainQuery(analyzer, named, inside)
    ctes.set(name, plan)
    plans.push(plan)
  }
  return { ctes, plans }
}

function plainQuery(analyzer: Analyzer, named: NamedQuery, around: Around): CtePlan {
  const plan = analyzer.query(analyzer, named.query, around)
  analyzer.ctes += 1
  return { id: analyzer.ctes, columns: renamed(named, plan.columns), plan }
}

function renamed(named: NamedQuery, columns: OutputColumn[]): OutputColumn[] {
  if (named.columns === undefined) return columns
  if (named.columns.length !== columns.length) {
    throw new QueryError(
      'MISMATCHED_COLUMN_ALIASES',
      `Column alias list has ${named.columns.length} entries but relation has ${columns.length} columns`,
      named.columns[0]!.at,
    )
  }
  const known = new Set<string>()
  for (const { text, at } of named.columns) {
    if (known.has(text.toLowerCase()))
      throw new QueryError('DUPLICATE_COLUMN_NAME', `Column name '${text}' specified more than once`, at)
    known.add(text.toLowerCase())
  }
  return columns.map(({ type }, i) => ({ name: named.columns![i]!.text, type }))
}

/** `anchor UNION [ALL] step`, where only the step mentions the query itself, once; undefined for a query that does not. */
function recursiveQuery(
  analyzer: Analyzer,
  named: NamedQuery,
  name: string,
  around: Around,
): CtePlan | undefined {
  const parts = recursiveParts(named, name)
  if (parts === undefined) return undefined
  const { anchor, step, all } = parts
  const plan = analyzer.query(analyzer, asQuery(anchor), around)
  analyzer.ctes += 1
  const cte: CtePlan = { id: analyzer.ctes, columns: renamed(named, plan.columns), plan }
  const ctes = new Map(around.ctes).set(name, cte)
  const stepPlan = analyzer.query(analyzer, asQuery(step), { scope: around.scope, ctes })
  checkStep(cte.columns, stepPlan.columns, step.at)
  return { ...cte, step: { plan: stepPlan, all } }
}

function recursiveParts(
  named: NamedQuery,
  name: string,
): { anchor: QueryBody; step: QueryBody; all: boolean } | undefined {
  const invalid = (text: string, at: Position): never => {
    throw new QueryError('INVALID_RECURSIVE_REFERENCE', text, at)
  }
  if (named.columns === undefined) {
    throw new QueryError('MISSING_COLUMN_ALIASES', 'missing column aliases in recursive WITH query', named.at)
  }
  const { body } = named.query
  if (body.kind !== 'set' || body.operation !== 'union') {
    const [at] = mentions(named.query, name)
    return at && invalid('recursive reference not allowed in this context', at)
  }
  const step = body.inputs.at(-1)!
  const before = body.inputs.slice(0, -1)
  const anchor: QueryBody = before.length === 1 ? before[0]! : { ...body, inputs: before }
  const [inAnchor] = mentions(anchor, name)
  if (inAnchor !== undefined) {
    invalid('WITH table name is referenced in the base relation of recursion', inAnchor)
  }
  const [found, second] = mentions(step, name)
  if (second !== undefined) {
    invalid('multiple recursive references in the step relation of recursion', second)
  }
  if (found === undefined) return undefined
  refuseClauses(named.query)
  if (mentionsInFrom(step, name).length === 0) {
    invalid('recursive reference outside of FROM clause of the step relation of recursion', found)
  }
  const outer = outerMention(step, name)
  if (outer !== undefined) invalid(`recursive reference in ${outer.where}`, outer.at)
  return { anchor, step, all: body.all }
}

/** Where a step mentions its query on a side of an outer join from which rows without a match come as NULLs. */
function outerMention(node: unknown, name: string): { where: string; at: Position } | undefined {
  if (node === null || typeof node !== 'object') return undefined
  const { kind, type, left, right } = node as Partial<Extract<Relation, { kind: 'join' }>>
  if (kind === 'join') {
    for (const [side, types, relation] of [
      ['left', ['right', 'full'], left],
      ['right', ['left', 'full'], right],
    ] as const) {
      const [at] = types.some((one) => one === type) ? mentions(relation, name) : []
      if (at !== undefined) return { where: `${side} source of ${type!.toUpperCase()} join`, at }
    }
  }
  for (const value of Object.values(node)) {
    const found = outerMention(value, name)
    if (found !== undefined) return found
  }
  return undefined
}

function refuseClauses(query: Query): void {
  const refuse = (clause: string, at: Position, error: QueryErrorName = 'NOT_SUPPORTED'): never => {
    throw new QueryError(error, `immediate ${clause} clause in recursive query`, at)
  }
  if (query.with !== undefined) refuse('WITH', query.at)
  if (query.orderBy.length > 0) refuse('ORDER BY', query.orderAt ?? query.at)
  if (query.offset !== undefined) refuse('OFFSET', query.offset.at)
  if (query.limit !== undefined) refuse('FETCH FIRST / LIMIT', query.limit.at, 'INVALID_LIMIT_CLAUSE')
}

function asQuery(body: QueryBody): Query {
  return { body, orderBy: [], at: body.at }
}

function checkStep(base: OutputColumn[], step: OutputColumn[], at: Position): void {
  if (base.length !== step.length) {
    throw mismatch(
      `base and step relations of recursion have different number of fields: ${base.length}, ${step.length}`,
      at,
    )
  }
  for (const [i, { type }] of step.entries()) {
    if (canCoerce(type, base[i]!.type)) continue
    throw mismatch(
      `recursion step relation output type (${typeText(type)}) is not coercible to recursion base relation output type (${typeText(base[i]!.type)}) at column ${i + 1}`,
      at,
    )
  }
}

/** Where a table of that single name is mentioned anywhere inside. */
function mentions(node: unknown, name: string): Position[] {
  if (Array.isArray(node)) return node.flatMap((item) => mentions(item, name))
  if (node === null || typeof node !== 'object') return []
  const own = placeOf(node, name)
  return own === undefined ? Object.values(node).flatMap((value) => mentions(value, name)) : [own]
}

function placeOf(node: object, name: string): Position | undefined {
  const {
    kind,
    name: own,
    at,
  } = node as { kind?: string; name?: { parts?: { text: string }[] }; at?: Position }
  if (kind !== 'table' || own?.parts?.length !== 1) return undefined
  return own.parts[0]!.text.toLowerCase() === name ? at : undefined
}

/** Those that are among the sources of rows, not in an expression's subquery. */
function mentionsInFrom(body: QueryBody, name: string): Position[] {
  switch (body.kind) {
    case 'select':
      return body.select.from.flatMap((item) => mentionsInRelation(item, name))
    case 'nested':
      return mentionsInFrom(body.query.body, name)
    case 'set':
      return body.inputs.flatMap((input) => mentionsInFrom(input, name))
    case 'table':
      return mentions(body, name)
    case 'values':
      return []
  }
}

function mentionsInRelation(relation: Relation, name: string): Position[] {
  switch (relation.kind) {
    case 'table':
      return mentions(relation, name)
    case 'join':
      return [...mentionsInRelation(relation.left, name), ...mentionsInRelation(relation.right, name)]
    case 'aliased':
    case 'sample':
      return mentionsInRelation(relation.relation, name)
    case 'subquery':
    case 'lateral':
      return mentionsInFrom(relation.query.body, name)
    default:
      return []
  }
}

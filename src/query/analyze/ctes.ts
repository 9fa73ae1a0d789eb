import { type Position, QueryError } from '../errors.ts'
import { canCoerce } from '../functions/coercion.ts'
import type { NamedQuery, Query, QueryBody } from '../parse/ast.ts'
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
    const recursive = node.with.recursive && mentions(named.query, name)
    const plan = recursive
      ? recursiveQuery(analyzer, named, name, inside)
      : plainQuery(analyzer, named, inside)
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
      named.at,
    )
  }
  return columns.map(({ type }, i) => ({ name: named.columns![i]!.text, type }))
}

/** `anchor UNION [ALL] step`, where only the step mentions the query itself. */
function recursiveQuery(analyzer: Analyzer, named: NamedQuery, name: string, around: Around): CtePlan {
  const { body } = named.query
  const fail = (text: string, at: Position): never => {
    throw new QueryError('NOT_SUPPORTED', text, at)
  }
  if (named.query.with !== undefined || named.query.orderBy.length > 0 || named.query.limit !== undefined) {
    fail('immediate WITH, ORDER BY or LIMIT clause in recursive query is not supported', named.at)
  }
  if (body.kind !== 'set' || body.operation !== 'union' || body.inputs.length !== 2) {
    return fail('recursive query must be of the form: anchor UNION [ALL] step', named.at)
  }
  if (named.columns === undefined) {
    throw new QueryError(
      'MISMATCHED_COLUMN_ALIASES',
      'missing column aliases in recursive WITH query',
      named.at,
    )
  }
  const [anchor, step] = body.inputs as [QueryBody, QueryBody]
  if (mentions(anchor, name))
    throw new QueryError(
      'NESTED_RECURSIVE',
      'WITH table name is referenced in the base relation of recursion',
      anchor.at,
    )
  const plan = analyzer.query(analyzer, asQuery(anchor), around)
  analyzer.ctes += 1
  const cte: CtePlan = { id: analyzer.ctes, columns: renamed(named, plan.columns), plan }
  const ctes = new Map(around.ctes).set(name, cte)
  const stepPlan = analyzer.query(analyzer, asQuery(step), { scope: around.scope, ctes })
  checkStep(cte.columns, stepPlan.columns, step.at)
  return { ...cte, step: { plan: stepPlan, all: body.all } }
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

/** True when a table of that single name is mentioned anywhere inside. */
function mentions(node: unknown, name: string): boolean {
  if (Array.isArray(node)) return node.some((item) => mentions(item, name))
  if (node === null || typeof node !== 'object') return false
  const { kind, name: own } = node as { kind?: string; name?: { parts?: { text: string }[] } }
  if (kind === 'table' && own?.parts?.length === 1 && own.parts[0]!.text.toLowerCase() === name) return true
  return Object.values(node).some((value) => mentions(value, name))
}

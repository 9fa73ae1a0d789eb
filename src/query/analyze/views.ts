import { type Position, QueryError } from '../errors.ts'
import { canCoerce } from '../functions/coercion.ts'
import { parseType } from '../parse/index.ts'
import { typeText } from '../presto-type.ts'
import { type Analyzer, nextRelation } from './analyzer.ts'
import { widen } from './coerce.ts'
import { CATALOG, type ExpandedView } from './lookup.ts'
import type { QueryPlan, RelationPlan, Typed } from './plan.ts'
import type { Field } from './scope.ts'
import { resolveType } from './types.ts'

type ViewName = { database: string; name: string; at: Position }

/** The view's query in the place of its name, with the columns that the view was made with. */
export function viewRelation(
  analyzer: Analyzer,
  found: ExpandedView,
  name: ViewName,
): { plan: RelationPlan; fields: Field[] } {
  const plan = viewPlan(analyzer, found, name)
  const columns = found.view.columns.map((column) => ({
    name: column.name,
    type: resolveType(parseType(column.type)),
  }))
  const stale = staleness(plan, columns)
  if (stale !== undefined) {
    throw new QueryError(
      'VIEW_IS_STALE',
      `View '${fullName(name)}' is stale or in invalid state: ${stale}`,
      name.at,
    )
  }
  const id = nextRelation(analyzer)
  const fields = columns.map((column, i): Field => {
    const value: Typed = {
      kind: 'column',
      relation: id,
      column: i + 1,
      type: plan.columns[i]!.type,
      at: name.at,
    }
    return {
      name: column.name,
      qualifier: [CATALOG, name.database, name.name],
      value: widen(value, column.type),
    }
  })
  return { plan: { kind: 'subquery', id, plan, lateral: false }, fields }
}

/** Names in the view's text mean what they meant where it was made; it sees nothing of the query around it. */
function viewPlan(analyzer: Analyzer, { view, expansion }: ExpandedView, name: ViewName): QueryPlan {
  if (expansion.kind === 'recursive') throw new QueryError('VIEW_IS_RECURSIVE', 'View is recursive', name.at)
  if (expansion.kind === 'invalid') throw invalid('parsing', name, expansion.error)
  const { tables, defaultDatabase } = analyzer
  Object.assign(analyzer, { tables: expansion.tables, defaultDatabase: view.defaultDatabase })
  try {
    return analyzer.query(analyzer, expansion.query, { scope: undefined, ctes: new Map() })
  } catch (error) {
    if (!(error instanceof QueryError) || PASSED_ON.has(error.errorName)) throw error
    throw invalid('analyzing', name, error)
  } finally {
    Object.assign(analyzer, { tables, defaultDatabase })
  }
}

/** What a view in a view says of itself, and what its owner may no longer read. */
const PASSED_ON = new Set(['INVALID_VIEW', 'VIEW_IS_STALE', 'VIEW_IS_RECURSIVE', 'PERMISSION_DENIED'])

function invalid(doing: string, name: ViewName, error: QueryError): QueryError {
  return new QueryError(
    'INVALID_VIEW',
    `Failed ${doing} stored view '${fullName(name)}': ${error.message}`,
    name.at,
    error,
  )
}

function staleness(
  { columns: given }: QueryPlan,
  stored: { name: string; type: Typed['type'] }[],
): string | undefined {
  if (given.length !== stored.length) {
    return `stored view column count (${stored.length}) does not match column count derived from the view query analysis (${given.length})`
  }
  for (const [i, { name, type }] of given.entries()) {
    if (name === undefined)
      return `a column of type ${typeText(type)} projected from query view at position ${i} has no name`
    const column = stored[i]!
    if (!canCoerce(type, column.type)) {
      return `column [${name}] of type ${typeText(type)} projected from query view at position ${i} cannot be coerced to column [${column.name}] of type ${typeText(column.type)} stored in view definition`
    }
  }
  return undefined
}

const fullName = ({ database, name }: ViewName) => `${CATALOG}.${database}.${name}`

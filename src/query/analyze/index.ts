import type { CallContext } from '../functions/types.ts'
import type { Query } from '../parse/ast.ts'
import type { Analyzer } from './analyzer.ts'
import { expression } from './expression.ts'
import type { TableLookup } from './lookup.ts'
import type { QueryPlan } from './plan.ts'
import { query } from './query.ts'

/** The typed plan of a parsed query. Throws QueryError for what does not fit, `catalog_unknown` when a lookup was unknown. */
export function analyzeQuery(
  node: Query,
  session: { context: CallContext; defaultDatabase: string; tables: ReadonlyMap<string, TableLookup> },
): { plan: QueryPlan; analyzer: Analyzer } {
  const analyzer: Analyzer = {
    ...session,
    references: [],
    relations: 0,
    ctes: 0,
    parameters: 0,
    subqueryDepth: 0,
    expression,
    query,
  }
  return { plan: query(analyzer, node, { scope: undefined, ctes: new Map() }), analyzer }
}

export type { Analyzer } from './analyzer.ts'
export * from './lookup.ts'
export type * from './plan.ts'
export { accessDenied, compileErrors, requireTable, tableColumns, tablePath } from './tables.ts'

import type { CallContext } from '../functions/types.ts'
import type { Expression, Query } from '../parse/ast.ts'
import { type Analyzer, constantEnvironment } from './analyzer.ts'
import { plainCall } from './calls.ts'
import { expression } from './expression.ts'
import type { KnownTable } from './lookup.ts'
import type { QueryPlan, Typed } from './plan.ts'
import { query } from './query.ts'

type Session = {
  context: CallContext
  defaultDatabase: string
  tables: ReadonlyMap<string, KnownTable>
}

/** The typed plan of a parsed query. Throws QueryError for what does not fit, `catalog_unknown` when a lookup was unknown. */
export function analyzeQuery(node: Query, session: Session): { plan: QueryPlan; analyzer: Analyzer } {
  const analyzer = newAnalyzer(session)
  return { plan: query(analyzer, node, { scope: undefined, ctes: new Map() }), analyzer }
}

function newAnalyzer({ context, defaultDatabase, tables }: Session): Analyzer {
  return {
    context,
    defaultDatabase,
    tables,
    references: [],
    relations: 0,
    ctes: 0,
    parameters: 0,
    subqueryDepth: 0,
    written: new WeakMap(),
    expression,
    query,
  }
}

/** A call that no text wrote, of arguments that are analyzed. */
export function plainCallIn(analyzer: Analyzer, name: string, args: Typed[], at: Typed['at']): Typed {
  return plainCall(constantEnvironment(analyzer, ''), name, args, at)
}

/** An expression that may name no column. */
export function analyzeConstant(node: Expression, clause: string, session: Session): Typed {
  const analyzer = newAnalyzer(session)
  return expression(constantEnvironment(analyzer, clause), node)
}

export type { Analyzer } from './analyzer.ts'
export * from './lookup.ts'
export type * from './plan.ts'
export { accessDenied, compileErrors, requireTable, tableColumns, tablePath } from './tables.ts'
export { resolveType } from './types.ts'

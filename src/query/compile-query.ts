import { type Analyzer, analyzeQuery, type OutputColumn, type QueryPlan } from './analyze/index.ts'
import { catalogAnswers } from './catalog-answers.ts'
import type { CompiledQuery, StatementRequest } from './compiled.ts'
import type { CallContext } from './functions/index.ts'
import { generateSql } from './generate/index.ts'
import type { Query } from './parse/ast.ts'
import { type Needed, pruneReads } from './prune/index.ts'
import { lookUpTables } from './table-names.ts'

export type Analyzed = { plan: QueryPlan; analyzer: Analyzer }

/** Names looked up, types and coercions known. */
export async function analyzed(query: Query, request: StatementRequest): Promise<Analyzed> {
  const tables = await lookUpTables(query, request)
  return analyzeQuery(query, { ...request, tables })
}

const WHOLE: Needed = { times: [{ from: null, to: null }], texts: new Map() }

export function compilePlan({ plan, analyzer }: Analyzed, context: CallContext): CompiledQuery {
  const sql = generateSql(plan, context, analyzer.references)
  const needed = pruneReads(plan)
  return {
    kind: 'query',
    sql,
    columns: namedColumns(plan.columns),
    references: analyzer.references.map((reference) => {
      const { times, texts } = needed.get(reference.index) ?? WHOLE
      return { reference, ranges: times, texts }
    }),
    fromCatalog: catalogAnswers(plan),
    plan,
  }
}

/** Columns without a name are called by their position, from 0, as Presto calls them. */
function namedColumns(columns: OutputColumn[]): CompiledQuery['columns'] {
  return columns.map(({ name, type }, i) => ({ name: name ?? `_col${i}`, type }))
}

import type { QueryPlan, SchemaLookup, TableReference } from './analyze/index.ts'
import type { CatalogAnswer } from './catalog-answers.ts'
import type { Change } from './changes.ts'
import type { CallContext } from './functions/index.ts'
import type { MagicComment } from './parse/ast.ts'
import type { PrestoType } from './presto-type.ts'
import { type Needed, type TimeRange, union } from './prune/index.ts'
import type { Session, SessionEffect } from './session.ts'
import type { MeasuredTable } from './statements/plan-facts.ts'

export type CompileRequest = {
  text: string
  /** The database of names without one: the job's `db`. */
  defaultDatabase: string
  lookup: SchemaLookup
  context: CallContext
  measure?: MeasureTables
}

/** What is stored of tables now, and how much of it the given times leave. */
export type MeasureTables = (tables: TableUse[]) => Promise<ReadonlyMap<bigint, MeasuredTable>>

/** What one statement is compiled in: the session as those before it left it, and the catalog as they left that. */
export type StatementRequest = Session & {
  lookup: SchemaLookup
  /** For statements that tell what is stored: EXPLAIN, SHOW STATS. Absent: they say nothing of it. */
  measure?: MeasureTables
}

/** A table that a statement reads, with the times it needs of it: for permissions and for choosing chunks. */
export type TableUse = {
  tableId: bigint
  database: string
  table: string
  /** Unix seconds, half-open, union of all references; one range open at both ends = the whole table. */
  ranges: TimeRange[]
}

export type CompiledQuery = {
  kind: 'query'
  /** DuckDB text with a placeholder for each table reference: `bindTables` fills them. */
  sql: string
  columns: { name: string; type: PrestoType }[]
  references: { reference: TableReference; ranges: readonly TimeRange[]; texts: Needed['texts'] }[]
  /** What each column of the one row is, when the catalog knows it of every chunk that lies wholly in the times asked for. */
  fromCatalog?: CatalogAnswer[]
  /** For EXPLAIN. Absent when the answer was known at compile time. */
  plan?: QueryPlan
}

export type CompiledStatement =
  | CompiledQuery
  /** `analyze`: of an EXPLAIN ANALYZE. It is carried out, and the answer is `explainAnalyzed` of what was measured. */
  | { kind: 'change'; change: Change; analyze?: { verbose: boolean } }
  | { kind: 'session'; effect: SessionEffect }
  /** The query is to be run; the answer is `explainAnalyzed` of what was measured. */
  | { kind: 'explain-analyze'; verbose: boolean; statement: CompiledQuery }

export type Compiled = {
  /** To be run in order; the last one's rows are the result. */
  statements: CompiledStatement[]
  tables: TableUse[]
  magicComments: MagicComment[]
}

/** What the statements read, those that write among them. */
export function tablesOf(statements: readonly CompiledStatement[]): TableUse[] {
  const uses = new Map<bigint, TableUse>()
  for (const query of statements.flatMap(queriesOf)) {
    for (const { reference, ranges } of query.references) {
      const { tableId, database, table } = reference
      if (tableId === null) continue
      const known = uses.get(tableId)
      uses.set(tableId, {
        tableId,
        database,
        table,
        ranges: [...(known === undefined ? ranges : union([known.ranges, ranges]))],
      })
    }
  }
  return [...uses.values()]
}

/** The queries that are run for the statement. */
export function queriesOf(statement: CompiledStatement): CompiledQuery[] {
  switch (statement.kind) {
    case 'query':
      return [statement]
    case 'session':
      return []
    case 'explain-analyze':
      return queriesOf(statement.statement)
    case 'change': {
      const { change } = statement
      if (change.kind === 'insert' || change.kind === 'create-table-as') return [change.source]
      return change.kind === 'delete' && change.predicate !== null ? [change.predicate.source] : []
    }
  }
}

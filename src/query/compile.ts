export { bindTables } from './bind.ts'

import {
  type Analyzer,
  analyzeQuery,
  type OutputColumn,
  type QueryPlan,
  type SchemaLookup,
  type TableReference,
} from './analyze/index.ts'
import type { Change } from './changes.ts'
import { constantQuery } from './constant-query.ts'
import type { CallContext } from './functions/index.ts'
import { generateSql } from './generate/index.ts'
import type { MagicComment, Statement } from './parse/ast.ts'
import { parseScript } from './parse/index.ts'
import type { PrestoType } from './presto-type.ts'
import { type Needed, pruneReads, type TimeRange, union } from './prune/index.ts'
import { afterEffect, type Session, type SessionEffect, startSession } from './session.ts'
import { showStatement } from './show.ts'
import { lookUpTables } from './table-names.ts'

export type CompileRequest = {
  text: string
  /** The database of names without one: the job's `db`. */
  defaultDatabase: string
  lookup: SchemaLookup
  context: CallContext
}

/** What one statement is compiled in: the session as those before it left it, and the catalog as they left that. */
export type StatementRequest = Session & { lookup: SchemaLookup }

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
  /** The whole answer is the number of rows of the one table. */
  countsOnly: boolean
}
export type CompiledStatement =
  | CompiledQuery
  | { kind: 'change'; change: Change }
  | { kind: 'session'; effect: SessionEffect }

export type Compiled = {
  /** To be run in order; the last one's rows are the result. */
  statements: CompiledStatement[]
  tables: TableUse[]
  magicComments: MagicComment[]
}

/**
 * Compiles a text of Presto SQL whose statements change nothing that the others read. Throws QueryError, with its place in the
 * text, for every fault of the text, and the AppError `catalog_unknown` (retry) when the lookup could not tell. Cost is
 * linear in the text; it touches no table.
 */
export async function compileQuery(request: CompileRequest): Promise<Compiled> {
  const script = parseScript(request.text)
  const statements: CompiledStatement[] = []
  let session = startSession(request)
  for (const statement of script.statements) {
    const compiled = await compileStatement(statement, { ...session, lookup: request.lookup })
    statements.push(compiled)
    session = sessionAfter(session, compiled)
  }
  return { statements, tables: tablesOf(statements), magicComments: script.magicComments }
}

/** The session for the next statement of the script. */
export function sessionAfter(session: Session, compiled: CompiledStatement): Session {
  return compiled.kind === 'session' ? afterEffect(session, compiled.effect) : session
}

/**
 * Compiles one statement of a script. Whoever runs the script compiles each one when those before it have run: its lookup shows
 * what they created, dropped and inserted.
 */
export async function compileStatement(
  statement: Statement,
  request: StatementRequest,
): Promise<CompiledStatement> {
  switch (statement.kind) {
    case 'query': {
      const tables = await lookUpTables(statement, request)
      return compilePlan(analyzeQuery(statement.query, { ...request, tables }), request.context)
    }
    case 'set-session':
      return {
        kind: 'session',
        effect: { kind: 'set-property', name: statement.name, value: sessionValue(statement) },
      }
    case 'reset-session':
      return { kind: 'session', effect: { kind: 'reset-property', name: statement.name } }
    case 'explain':
      return explain(statement, request)
    default:
      return showStatement(statement, request)
  }
}

const WHOLE: Needed = { times: [{ from: null, to: null }], texts: new Map() }

function compilePlan(
  { plan, analyzer }: { plan: QueryPlan; analyzer: Analyzer },
  context: CallContext,
): CompiledQuery {
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
    countsOnly: countsOnly(plan),
  }
}

/** Columns without a name are called by their position, from 0, as Presto calls them. */
function namedColumns(columns: OutputColumn[]): CompiledQuery['columns'] {
  return columns.map(({ name, type }, i) => ({ name: name ?? `_col${i}`, type }))
}

/** `SELECT count(*) FROM t`, whose answer the catalog knows. */
function countsOnly({ body, ctes, orderBy, limit, offset }: QueryPlan): boolean {
  if (
    body.kind !== 'select' ||
    ctes.length > 0 ||
    orderBy.length > 0 ||
    limit !== undefined ||
    offset !== undefined
  )
    return false
  const { items, from, where, groupBy, having } = body.select
  if (where !== undefined || groupBy !== undefined || having !== undefined) return false
  if (from.length !== 1 || from[0]!.kind !== 'table' || from[0]!.reference.tableId === null) return false
  return items.every(
    (item) =>
      item.kind === 'call' &&
      item.name === 'count' &&
      item.args.length === 0 &&
      item.clauses.over === undefined &&
      item.clauses.filter === undefined,
  )
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

function queriesOf(statement: CompiledStatement): CompiledQuery[] {
  if (statement.kind === 'query') return [statement]
  if (statement.kind !== 'change') return []
  const { change } = statement
  if (change.kind === 'insert' || change.kind === 'create-table-as') return [change.source]
  return change.kind === 'delete' && change.predicate !== null ? [change.predicate.source] : []
}

function sessionValue({ value }: Extract<Statement, { kind: 'set-session' }>): string {
  switch (value.kind) {
    case 'string':
    case 'boolean':
      return String(value.value)
    case 'number':
      return value.text
    default:
      return ''
  }
}

/** EXPLAIN answers our own plan: the tables with their times and the text the engine gets. */
async function explain(
  statement: Extract<Statement, { kind: 'explain' }>,
  request: StatementRequest,
): Promise<CompiledQuery> {
  const compiled = await compileStatement(statement.statement, request)
  if (statement.type === 'validate')
    return constantQuery([{ name: 'Valid', type: { kind: 'boolean' } }], [[true]])
  return constantQuery([{ name: 'Query Plan', type: { kind: 'varchar' } }], [[planText(compiled)]])
}

function planText(compiled: CompiledStatement): string {
  if (compiled.kind === 'session') return compiled.effect.kind
  if (compiled.kind === 'change') return compiled.change.kind
  const tables = compiled.references.map(({ reference, ranges, texts }) => {
    if (reference.tableId === null) {
      const narrowed = [...texts].map(([column, wanted]) => ` ${column} in (${wanted.join(', ')})`).join('')
      return `SystemScan ${reference.database}.${reference.table}${narrowed}`
    }
    const times = ranges.map(({ from, to }) => `[${from ?? '-∞'}, ${to ?? '∞'})`).join(' ')
    return `TableScan ${reference.database}.${reference.table} time ${times === '' ? 'never' : times}`
  })
  return [...tables, compiled.sql.replace(/\0(\d+)\0/g, 'table$1')].join('\n')
}

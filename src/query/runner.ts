import type { Runner, RunOutcome, RunReport } from '../jobs/index.ts'
import { AppError, type Clock, type Log } from '../kernel/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import type { QueryCatalog } from './catalog.ts'
import { changesSomething } from './changing.ts'
import { type CompiledStatement, compileQuery, type MeasureTables, tablesOf } from './compile.ts'
import type { QuerySettings } from './config.ts'
import type { EngineLimits, EnginePool } from './engine/index.ts'
import { QueryError } from './errors.ts'
import type { ReferenceFiles } from './functions/types.ts'
import { permittedLookup } from './permission.ts'
import { type BoundTables, type ScriptChanges, type ScriptRun, scriptRun } from './script-run.ts'
import { narrowedLimits } from './session-limits.ts'
import { explainAnalyzed } from './statements/explain.ts'
import { measureTables } from './statements/plan-facts.ts'
import { type SystemSources, withSystemTables } from './system/index.ts'

export type QueryRunnerOptions = {
  engines: EnginePool
  objects: ObjectStore
  /** A directory of this process's own: results grow there until they are whole. */
  drafts: string
  /** The catalog as the job's user may see it; a new one for each job. */
  catalogFor(user: { accountId: bigint; userId: bigint }): Promise<QueryCatalog>
  /** Rows of system tables that other capabilities keep. */
  systemSources: SystemSources
  changes: ScriptChanges
  settings: QuerySettings
  clock: Clock
  log: Log
}

const TYPES = ['presto', 'trino']

/** Whether a job of these engines changes nothing, so that it may run on the snapshot. */
export function readsOnly({ type, query }: { type: string; query: string }): boolean {
  return TYPES.includes(type) && !changesSomething(query)
}

/** Runs jobs of type presto and trino: plan, pick the chunks, one engine process, one stored result. */
export function createQueryRunner(options: QueryRunnerOptions): Runner {
  return {
    types: TYPES,
    commits: options.changes.commits,
    async run(job, report, signal) {
      try {
        const run = startRun(options, { job, report, signal })
        return await (changesSomething(job.query) ? options.changes.run(run) : runQuery(run))
      } catch (error) {
        // A kill is not an outcome of the query: the worker knows what it means.
        if (signal.aborted) throw error
        return outcomeOf(error, report)
      }
    },
  }
}

async function runQuery(run: ScriptRun): Promise<RunOutcome> {
  const { job, report, context } = run
  const catalog = await run.catalog()
  const measure = measureIn(catalog)
  const compiled = await compileQuery({
    text: job.query,
    defaultDatabase: job.database,
    lookup: withSystemTables(permittedLookup(catalog)),
    context,
    measure,
  })
  const chunks = await catalog.chunksOf(compiled.tables)
  if (catalog.ageMs !== undefined) {
    report.log(
      `the main database is away: answered from the snapshot, ${Math.round(catalog.ageMs / 1000)} s old`,
    )
  }
  const { rows, bytes } = totals(chunks)
  report.log(
    `reading ${chunks.length} chunks, ${rows} rows, ${bytes} bytes in ${compiled.tables.length} tables`,
  )
  for (const { name, value, line } of compiled.magicComments)
    report.log(`line ${line} sets ${name} to '${value}', which changes nothing here`)
  const { result, cpuMs } = await answer(run, compiled.statements.at(-1)!, { chunks, catalog }, measure)
  report.log(`${result.rows} rows, ${cpuMs} ms of processor time`)
  return { kind: 'success', result, cpuMs }
}

/** Runs a statement that changes nothing, and stores its answer as the job's result. */
export function answerStatement(
  run: ScriptRun,
  statement: CompiledStatement,
  tables: BoundTables,
): ReturnType<ScriptRun['storeResult']> {
  return answer(run, statement, tables, measureIn(tables.catalog))
}

/** What EXPLAIN tells of tables, as the catalog has them. */
export const measureIn =
  ({ listing }: QueryCatalog): MeasureTables =>
  async (tables) =>
    measureTables(tables, await listing.chunks(tables.map(({ tableId }) => tableId)))

async function answer(
  run: ScriptRun,
  statement: CompiledStatement,
  tables: BoundTables,
  measure: MeasureTables,
): ReturnType<ScriptRun['storeResult']> {
  if (statement.kind !== 'explain-analyze') return run.storeResult(statement, tables)
  const measurement = await run.measured(statement.statement, tables)
  const facts = await measure(tablesOf([statement]))
  const { result, cpuMs } = await run.storeResult(explainAnalyzed(statement, facts, measurement), tables)
  return { result, cpuMs: cpuMs + measurement.cpuMs }
}

function startRun(
  options: QueryRunnerOptions,
  { job, report, signal }: Pick<ScriptRun, 'job' | 'report' | 'signal'>,
): ScriptRun {
  const { settings, clock } = options
  const context = {
    zone: 'UTC',
    scheduledTime: job.scheduledTime,
    startedAtMs: clock.now().getTime(),
    user: String(job.userId),
    files: referenceFiles(settings),
    warn: onceEach((line) => report.log(line)),
  }
  return scriptRun(options, {
    job,
    report,
    signal,
    context,
    limits: narrowedLimits(limitsOf(settings), job.query),
  })
}

/** Hands on each different text once. */
function onceEach(say: (text: string) => void): (text: string) => void {
  const said = new Set<string>()
  return (text) => {
    if (!said.has(text)) say(text)
    said.add(text)
  }
}

const referenceFiles = (settings: QuerySettings): ReferenceFiles => ({
  ipCity: settings.ipCityFile,
  ipConnectionType: settings.ipConnectionTypeFile,
  ipDomain: settings.ipDomainFile,
  countries: settings.countriesFile,
  currencyRates: settings.currencyRatesFile,
})

function totals(chunks: { rows: number; bytes: number }[]): { rows: number; bytes: number } {
  return chunks.reduce((sum, chunk) => ({ rows: sum.rows + chunk.rows, bytes: sum.bytes + chunk.bytes }), {
    rows: 0,
    bytes: 0,
  })
}

/** What one engine may use, as the operator set it. */
export function limitsOf({
  memoryMegabytes,
  threads,
  cpuSeconds,
  wallSeconds,
  tempMegabytes,
  resultMegabytes,
  writeMegabytes,
}: QuerySettings): EngineLimits {
  const MEGABYTE = 1024 * 1024
  return {
    memoryBytes: memoryMegabytes * MEGABYTE,
    threads,
    cpuSeconds,
    wallSeconds,
    tempBytes: tempMegabytes * MEGABYTE,
    resultBytes: resultMegabytes * MEGABYTE,
    writeBytes: writeMegabytes * MEGABYTE,
  }
}

/** The snapshot could not tell, or the main database left while the query was planned: that is no fault of the query. */
const NEEDS_DATABASE = new Set(['catalog_unknown', 'snapshot_incomplete', 'database_away'])

function outcomeOf(error: unknown, report: RunReport): RunOutcome {
  if (error instanceof QueryError) {
    report.log(`${error.errorName}: ${error.message}`)
    return { kind: 'error', name: error.errorName, message: error.message, retryable: false }
  }
  if (error instanceof AppError && NEEDS_DATABASE.has(error.code)) {
    report.log(`${error.code}: ${error.message}; the job waits for the main database`)
    return { kind: 'needs-database' }
  }
  if (error instanceof AppError && error.advice === 'retry') {
    report.log(`${error.code}: ${error.message}`)
    return { kind: 'error', name: error.code, message: error.message, retryable: true }
  }
  throw error
}

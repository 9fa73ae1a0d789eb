import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunnableJob, Runner, RunOutcome, RunReport } from '../jobs/index.ts'
import { AppError, type Clock, type Log } from '../kernel/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import type { QueryCatalog } from './catalog.ts'
import { bindTables, compileQuery } from './compile.ts'
import type { QuerySettings } from './config.ts'
import type { EngineLimits, EnginePool } from './engine/index.ts'
import { QueryError } from './errors.ts'
import type { ReferenceFiles } from './functions/types.ts'
import { permittedLookup } from './permission.ts'
import { typeText } from './presto-type.ts'
import { type SystemSources, withSystemTables, writeSystemTables } from './system/index.ts'

export type QueryRunnerOptions = {
  engines: EnginePool
  objects: ObjectStore
  /** A directory of this process's own: results grow there until they are whole. */
  drafts: string
  /** The catalog as the job's user may see it; a new one for each job. */
  catalogFor(user: { accountId: bigint; userId: bigint }): Promise<QueryCatalog>
  /** Rows of system tables that other capabilities keep. */
  systemSources: SystemSources
  settings: QuerySettings
  clock: Clock
  log: Log
}

const TYPES = ['presto', 'trino']

/**
 * Whether a job of these engines changes nothing, so that it may run on the snapshot. At present every statement that
 * compiles is one of these; one that writes will have to be told apart here, from the text of the query.
 */
export function readsOnly({ type }: { type: string; query: string }): boolean {
  return TYPES.includes(type)
}

/** Runs jobs of type presto and trino: plan, pick the chunks, one engine process, one stored result. */
export function createQueryRunner(options: QueryRunnerOptions): Runner {
  return {
    types: TYPES,
    async run(job, report, signal) {
      try {
        return await runQuery(options, job, report, signal)
      } catch (error) {
        // A kill is not an outcome of the query: the worker knows what it means.
        if (signal.aborted) throw error
        return outcomeOf(error, report)
      }
    },
  }
}

async function runQuery(
  options: QueryRunnerOptions,
  job: RunnableJob,
  report: RunReport,
  signal: AbortSignal,
): Promise<RunOutcome> {
  const { engines, objects, clock, catalogFor } = options
  const catalog = await catalogFor(job)
  const compiled = await compileQuery({
    text: job.query,
    defaultDatabase: job.database,
    lookup: withSystemTables(permittedLookup(catalog)),
    context: {
      zone: 'UTC',
      scheduledTime: job.scheduledTime,
      startedAtMs: clock.now().getTime(),
      user: String(job.userId),
      files: referenceFiles(options.settings),
      warn: onceEach((line) => report.log(line)),
    },
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
  const systemDirectory = join(options.drafts, `${job.id}-${job.attempt}-system`)
  const file = join(options.drafts, `${job.id}-${job.attempt}.msgpack.gz`)
  const path = `results/${job.id}/${job.attempt}.msgpack.gz`
  const { query, ended } = await run()
  report.log(`${ended.rows} rows, ${ended.cpuMs} ms of processor time`)
  const schema = query.columns.map(({ name, type }): [string, string] => [name, typeText(type)])
  return {
    kind: 'success',
    result: { path, rows: ended.rows, bytes: ended.bytes, schema },
    cpuMs: ended.cpuMs,
  }

  async function run() {
    try {
      const system = await writeSystemTables(compiled.statements.at(-1), {
        catalog,
        sources: options.systemSources,
        user: job,
        directory: systemDirectory,
        signal,
        log: (line) => report.log(line),
      })
      const query = bindTables(compiled, chunks, (path) => objects.locate(path), system)
      signal.throwIfAborted()
      const engine = await engines.take(signal)
      const result = await engine.runToFile(query, file, {
        limits: limitsOf(options.settings),
        signal,
        onProgress: ({ percent }) => {
          if (percent !== null) report.progress(percent)
        },
      })
      // A leftover of this very attempt was never committed: the attempt would not run again otherwise.
      await objects.remove(path)
      await objects.putFile(path, file)
      return { query, ended: result }
    } finally {
      await rm(file, { force: true })
      await rm(systemDirectory, { recursive: true, force: true })
    }
  }
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

function limitsOf({
  memoryMegabytes,
  threads,
  cpuSeconds,
  wallSeconds,
  tempMegabytes,
}: QuerySettings): EngineLimits {
  const MEGABYTE = 1024 * 1024
  return {
    memoryBytes: memoryMegabytes * MEGABYTE,
    threads,
    cpuSeconds,
    wallSeconds,
    tempBytes: tempMegabytes * MEGABYTE,
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

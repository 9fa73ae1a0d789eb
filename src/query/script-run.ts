import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunnableJob, Runner, RunOutcome, RunReport, StoredResult } from '../jobs/index.ts'
import type { SnapshotChunk } from '../snapshot/index.ts'
import type { QueryCatalog } from './catalog.ts'
import { bindTables, type CompiledStatement } from './compile.ts'
import type { Engine, EngineLimits, EngineQuery, EngineRun } from './engine/index.ts'
import type { CallContext } from './functions/types.ts'
import { typeText } from './presto-type.ts'
import type { QueryRunnerOptions } from './runner.ts'
import type { Measurement } from './statements/explain.ts'
import { writeSystemTables } from './system/index.ts'

/** One attempt at one job's script: what everybody needs who runs statements of it. */
export type ScriptRun = {
  job: RunnableJob
  report: RunReport
  signal: AbortSignal
  context: CallContext
  limits: EngineLimits
  /** The same attempt, which reports there. */
  reporting(report: RunReport): ScriptRun
  /** A new reading of the catalog, as the job's user may see it. */
  catalog(): Promise<QueryCatalog>
  engine(): Promise<Engine>
  /** Binds the statement to the chunks, and hands it over; its files go afterwards. */
  bound<T>(
    statement: CompiledStatement,
    tables: BoundTables,
    use: (query: EngineQuery) => Promise<T>,
  ): Promise<T>
  /** Runs the statement and stores its rows as the job's result. */
  storeResult(
    statement: CompiledStatement,
    tables: BoundTables,
  ): Promise<{ result: StoredResult; cpuMs: number }>
  /** Runs the statement for EXPLAIN ANALYZE: its rows are made and thrown away. */
  measured(statement: CompiledStatement, tables: BoundTables): Promise<Measurement>
}
export type BoundTables = { chunks: readonly SnapshotChunk[]; catalog: QueryCatalog }

/** Runs scripts that change something; `writes` implements it. */
export type ScriptChanges = {
  run(script: ScriptRun): Promise<RunOutcome>
  /** For the commit parts of its outcomes. */
  commits: NonNullable<Runner['commits']>
}

/** Where the result of an attempt is kept. */
export const resultPath = ({ id, attempt }: Pick<RunnableJob, 'id' | 'attempt'>) =>
  `results/${id}/${attempt}.msgpack.gz`

export function scriptRun(
  options: QueryRunnerOptions,
  run: Pick<ScriptRun, 'job' | 'report' | 'signal' | 'context' | 'limits'>,
): ScriptRun {
  const { engines, objects, drafts, clock } = options
  const { job, report, signal, limits } = run
  const draft = (what: string) => join(drafts, `${job.id}-${job.attempt}${what}`)

  const bound: ScriptRun['bound'] = async (statement, { chunks, catalog }, use) => {
    const directory = draft('-system')
    try {
      const system = await writeSystemTables(statement, {
        catalog,
        sources: options.systemSources,
        user: job,
        directory,
        signal,
        log: (line) => report.log(line),
      })
      return await use(
        bindTables({ statements: [statement] }, chunks, (path) => objects.locate(path), system),
      )
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }

  const progress: EngineRun['onProgress'] = ({ percent }) => {
    if (percent !== null) report.progress(percent)
  }

  return {
    ...run,
    reporting: (other) => scriptRun(options, { ...run, report: other }),
    bound,
    measured: (statement, tables) =>
      bound(statement, tables, async (query) => {
        const file = draft('-analyzed.msgpack.gz')
        try {
          signal.throwIfAborted()
          const engine = await engines.take(signal)
          const started = clock.monotonicMs()
          const ended = await engine.runToFile(query, file, { limits, signal, onProgress: progress })
          return { ...ended, elapsedMs: clock.monotonicMs() - started }
        } finally {
          await rm(file, { force: true })
        }
      }),
    catalog: () => options.catalogFor(job),
    engine: async () => {
      signal.throwIfAborted()
      return engines.take(signal)
    },
    storeResult: (statement, tables) =>
      bound(statement, tables, async (query) => {
        const file = draft('.msgpack.gz')
        const path = resultPath(job)
        try {
          signal.throwIfAborted()
          const engine = await engines.take(signal)
          const ended = await engine.runToFile(query, file, { limits, signal, onProgress: progress })
          // A leftover of this very attempt was never committed: the attempt would not run again otherwise.
          await objects.remove(path)
          await objects.putFile(path, file)
          const schema = query.columns.map(({ name, type }): [string, string] => [name, typeText(type)])
          return { result: { path, rows: ended.rows, bytes: ended.bytes, schema }, cpuMs: ended.cpuMs }
        } finally {
          await rm(file, { force: true })
        }
      }),
  }
}

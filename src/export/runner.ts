import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { CommitEnd, RunnableJob, Runner, RunOutcome, RunReport } from '../jobs/index.ts'
import { AppError, type Clock } from '../kernel/index.ts'
import {
  bindTables,
  compileQuery,
  type EngineLimits,
  type EnginePool,
  permittedLookup,
  type QueryCatalog,
  QueryError,
  typeText,
} from '../query/index.ts'
import { renderRecords, renderResult } from '../query/results/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import { draftOf, publish, removeDraft, sweepDrafts, targetOf, writeDraft } from './files.ts'
import type { ExportRequest } from './parameters.ts'

export const EXPORT_TYPE = 'export'
const COMMIT_KIND = 'export-file'

/** The steps between which a worker may die; the tests stop at each. */
export type ExportStep = 'rows-read' | 'file-written' | 'file-published'

export type ExportRunnerOptions = {
  /** The operator's directory; undefined = nothing is exported here. */
  directory: string | undefined
  engines: EnginePool
  objects: ObjectStore
  /** A directory of this process's own. */
  drafts: string
  /** The catalog as the job's user may see it. */
  catalogFor(user: { accountId: bigint; userId: bigint }): Promise<QueryCatalog>
  limits(): EngineLimits
  clock: Clock
  faultPoint?: (step: ExportStep) => void | Promise<void>
}

/**
 * Runs jobs of type export: one version of the table, in one file. The file is written beside its place and moves there in the
 * transaction that records the job's success: it is there whole, or not at all, and a repeated attempt replaces it.
 */
export function createExportRunner(options: ExportRunnerOptions): Runner {
  const { directory, faultPoint } = options
  const commit: CommitEnd = async (_sql, _job, data) => {
    const { draft, target } = data as { draft: string; target: string }
    if (directory === undefined || !(await publish(directory, draft, target))) {
      const message = 'the exported file is gone before it came to its place'
      return { name: 'EXPORT_FILE_LOST', message, again: true }
    }
    await faultPoint?.('file-published')
    return undefined
  }
  return {
    types: [EXPORT_TYPE],
    commits: { [COMMIT_KIND]: commit },
    async run(job, report, signal) {
      const request = JSON.parse(job.query) as ExportRequest
      try {
        if (directory === undefined)
          return failed('EXPORT_NOT_OFFERED', 'MILLRACE_EXPORT_DIRECTORY is not set here')
        await requireDirectory(directory)
        await sweepDrafts(directory, job, options.clock.now())
        return await exportTable({ ...options, directory }, { job, request, report, signal })
      } catch (error) {
        if (signal.aborted) throw error
        return outcomeOf(error, report)
      }
    },
  }
}

type Run = { job: RunnableJob; request: ExportRequest; report: RunReport; signal: AbortSignal }

async function exportTable(
  options: ExportRunnerOptions & { directory: string },
  { job, request, report, signal }: Run,
): Promise<RunOutcome> {
  const { directory, faultPoint } = options
  const rows = join(options.drafts, `${job.id}-${job.attempt}-export.msgpack.gz`)
  const [draft, target] = [draftOf(job), targetOf(job, request)]
  try {
    const read = await readTable(options, { job, request, report, signal }, rows)
    await faultPoint?.('rows-read')
    const bytes = await writeDraft(directory, draft, contentOf(request, rows, read.schema), signal)
    await faultPoint?.('file-written')
    report.log(`${read.rows} rows, ${bytes} bytes: ${join(directory, target)}`)
    return { kind: 'success', cpuMs: read.cpuMs, commit: { kind: COMMIT_KIND, data: { draft, target } } }
  } catch (error) {
    await removeDraft(directory, draft)
    throw error
  } finally {
    await rm(rows, { force: true })
  }
}

type Schema = [name: string, type: string][]

/** All rows of the table within the range, as of one moment, into a file. */
async function readTable(
  { engines, objects, catalogFor, limits, clock }: ExportRunnerOptions,
  { job, request, report, signal }: Run,
  file: string,
): Promise<{ rows: bigint; cpuMs: number; schema: Schema }> {
  const catalog = await catalogFor(job)
  const compiled = await compileQuery({
    text: statementOf(request),
    defaultDatabase: job.database,
    lookup: permittedLookup(catalog),
    context: {
      zone: 'UTC',
      scheduledTime: job.scheduledTime,
      startedAtMs: clock.now().getTime(),
      user: String(job.userId),
    },
  })
  const chunks = await catalog.chunksOf(compiled.tables)
  report.log(`reading ${chunks.length} chunks`)
  const query = bindTables(compiled, chunks, (path) => objects.locate(path))
  // A leftover of this very attempt: it was never told of.
  await rm(file, { force: true })
  signal.throwIfAborted()
  const engine = await engines.take(signal)
  const ended = await engine.runToFile(query, file, {
    limits: limits(),
    signal,
    onProgress: ({ percent }) => {
      if (percent !== null) report.progress(percent)
    },
  })
  const schema = query.columns.map(({ name, type }): [string, string] => [name, typeText(type)])
  return { rows: ended.rows, cpuMs: ended.cpuMs, schema }
}

/** Names of tables hold nothing that quotes would have to be doubled for. */
function statementOf({ table, from, to }: ExportRequest): string {
  const bounds = [from === null ? [] : `time >= ${from}`, to === null ? [] : `time < ${to}`].flat()
  return `SELECT * FROM "${table}"${bounds.length === 0 ? '' : ` WHERE ${bounds.join(' AND ')}`}`
}

function contentOf({ format }: ExportRequest, storedPath: string, schema: Schema): Readable {
  if (format === 'tsv.gz') return renderResult({ storedPath, schema, format, header: true })
  const form = format === 'json.gz' ? 'array' : 'lines'
  return renderRecords({ storedPath, columns: schema.map(([name]) => name), form })
}

/** A disk that is not mounted must not be taken for an empty one. */
async function requireDirectory(directory: string): Promise<void> {
  const found = await stat(directory).catch((cause: unknown) => {
    throw new ExportFailure(
      'EXPORT_DIRECTORY_UNAVAILABLE',
      `the directory for exports: ${(cause as Error).message}`,
    )
  })
  if (!found.isDirectory())
    throw new ExportFailure('EXPORT_DIRECTORY_UNAVAILABLE', 'the directory for exports is none')
}

class ExportFailure extends Error {
  readonly errorName: string
  constructor(errorName: string, message: string) {
    super(message)
    this.errorName = errorName
  }
}

const failed = (name: string, message: string, retryable = false): RunOutcome => ({
  kind: 'error',
  name,
  message,
  retryable,
})

/** The disk of the exports may have room again, or be there again, when the job is repeated. */
const DISK_FAULTS = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EACCES', 'EPERM', 'ENOENT'])
const NEEDS_DATABASE = new Set(['catalog_unknown', 'snapshot_incomplete', 'database_away'])

function outcomeOf(error: unknown, report: RunReport): RunOutcome {
  if (error instanceof AppError && NEEDS_DATABASE.has(error.code)) return { kind: 'needs-database' }
  const outcome = failureOf(error)
  if (outcome?.kind !== 'error') throw error
  report.log(`${outcome.name}: ${outcome.message}`)
  return outcome
}

function failureOf(error: unknown): RunOutcome | undefined {
  if (error instanceof QueryError) return failed(error.errorName, error.message)
  if (error instanceof ExportFailure) return failed(error.errorName, error.message, true)
  if (error instanceof AppError) return failed(error.code, error.message, error.advice === 'retry')
  const { code, message } = error as NodeJS.ErrnoException
  if (code !== undefined && DISK_FAULTS.has(code)) return failed('EXPORT_FILE_FAILED', message, true)
  return undefined
}

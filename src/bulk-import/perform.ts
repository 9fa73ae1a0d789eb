import type { Database } from '../database/index.ts'
import type { CommitEnd, RunnableJob, Runner, RunOutcome, RunReport } from '../jobs/index.ts'
import { AppError, type Log } from '../kernel/index.ts'
import { findTables, type LoadTable } from '../load/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import { type ChunkBuilder, createChunkBuilder } from './chunk-builder.ts'
import type { BulkImportSettings } from './config.ts'
import { createErrorFile, type ErrorFile } from './error-file.ts'
import { checkPart, readPart } from './part-pieces.ts'
import { errorsPath, manifestPath, performancePrefix } from './paths.ts'
import { endPerforming, findSessionOfJob, listParts } from './store.ts'
import type { Counters, Part, Performance, Session } from './types.ts'

export const PERFORM_TYPE = 'bulk_import_perform'
const COMMIT_KIND = 'bulk-import'
const READ = { class: 'read', deadlineMs: 10_000 } as const

/** The steps between which a worker may die; the crash tests stop at each. */
export const PERFORM_STEPS = [
  'begun',
  'part-read',
  'chunk-written',
  'chunks-written',
  'manifest-written',
] as const
export type PerformStep = (typeof PERFORM_STEPS)[number]

export type PerformRunnerOptions = {
  database: Database
  objects: ObjectStore
  settings: BulkImportSettings
  log: Log
  /** Tests die here. */
  faultPoint?: (step: PerformStep) => void | Promise<void>
}

/**
 * Makes chunks of a session's parts. Nothing of it is visible: what an attempt has written is named by job and attempt, and
 * becomes the session's with the job's end, or nobody's.
 */
export function createPerformRunner(options: PerformRunnerOptions): Runner {
  return {
    types: [PERFORM_TYPE],
    commits: { [COMMIT_KIND]: storePerformed },
    async run(job, report, signal) {
      const found = await lookUp(options.database, job)
      if ('kind' in found) return found
      const { session } = found
      const performance = { session: session.id, job: job.id, attempt: job.attempt }
      await removeEarlierAttempts(options.objects, performance)
      try {
        return await perform(options, { ...found, performance }, report, signal)
      } catch (error) {
        await removeAll(options.objects, performancePrefix(performance)).catch((cause: unknown) =>
          options.log.warn(
            { err: cause, job: String(job.id) },
            'files of a failed bulk import are left to the sweep',
          ),
        )
        throw error
      }
    },
  }
}

type Found = { session: Session; table: LoadTable; parts: Part[] }

async function lookUp(database: Database, job: RunnableJob): Promise<Found | RunOutcome> {
  try {
    return await database.read(READ, async (sql) => {
      const session = await findSessionOfJob(sql, job.id)
      if (session === undefined) return failure('SESSION_GONE', 'the bulk import session was deleted')
      const [table] = await findTables(sql, [session.tableId])
      if (table === undefined)
        return failure('TABLE_GONE', `table ${session.database}.${session.table} was deleted`)
      return { session, table, parts: await listParts(sql, session.id) }
    })
  } catch (error) {
    if (error instanceof AppError && error.code === 'database_away') return { kind: 'needs-database' }
    throw error
  }
}

const failure = (name: string, message: string): RunOutcome => ({
  kind: 'error',
  name,
  message,
  retryable: false,
})

async function perform(
  { objects, settings, faultPoint = () => undefined }: PerformRunnerOptions,
  { session, table, parts, performance }: Found & { performance: Performance },
  report: RunReport,
  signal: AbortSignal,
): Promise<RunOutcome> {
  const errors = createErrorFile(settings.errorBytes)
  const written = () => faultPoint('chunk-written')
  const builder = createChunkBuilder({ table, performance, objects, settings, written })
  report.log(`session '${session.name}': ${parts.length} parts for ${table.database}.${table.name}`)
  await faultPoint('begun')
  const totalBytes = parts.reduce((sum, { bytes }) => sum + bytes, 0)
  let doneBytes = 0
  let errorParts = 0
  for (const part of parts) {
    const before = { rows: builder.rows, errors: errors.count }
    const fault = await loadPart({ objects, settings }, part, { builder, errors }, signal)
    if (fault !== undefined) errorParts++
    report.log(
      fault === undefined
        ? `part '${part.name}': ${builder.rows - before.rows} records, ${errors.count - before.errors} refused`
        : `part '${part.name}' cannot be read, nothing of it is stored: ${fault}`,
    )
    doneBytes += part.bytes
    report.progress(Math.floor((100 * doneBytes) / Math.max(1, totalBytes)))
    await faultPoint('part-read')
  }
  const manifest = await builder.finish()
  const refused = await errors.finish()
  if (refused !== undefined) await objects.put(errorsPath(performance), refused)
  await faultPoint('chunks-written')
  signal.throwIfAborted()
  await objects.put(manifestPath(performance), Buffer.from(JSON.stringify(manifest)))
  await faultPoint('manifest-written')
  const counters: Counters = {
    validRecords: builder.rows,
    errorRecords: errors.count,
    validParts: BigInt(parts.length - errorParts),
    errorParts: BigInt(errorParts),
  }
  report.log(
    `${counters.validRecords} records in ${manifest.chunks.length} chunks, ${counters.errorRecords} refused; they are visible after the commit`,
  )
  return { kind: 'success', commit: { kind: COMMIT_KIND, data: dataOf(session.id, counters) } }
}

/** Why nothing of the part is stored; undefined when it was read to its end. */
async function loadPart(
  { objects, settings }: Pick<PerformRunnerOptions, 'objects' | 'settings'>,
  part: Part,
  { builder, errors }: { builder: ChunkBuilder; errors: ErrorFile },
  signal: AbortSignal,
): Promise<string | undefined> {
  const stored = () => objects.stream(part.path)
  const fault = await checkPart(stored, { mostBytes: settings.partExpandedBytes, signal })
  if (fault !== undefined) {
    errors.add({ part: part.name, reason: fault, bytes: Buffer.alloc(0), isValue: false })
    return fault
  }
  for await (const { payload, refusals } of readPart(stored, part.format)) {
    signal.throwIfAborted()
    for (const { reason, bytes } of refusals) errors.add({ part: part.name, reason, bytes, isValue: false })
    for (const { reason, bytes, length } of await builder.add(payload))
      errors.add({ part: part.name, reason, bytes, isValue: isShown(reason) && bytes.length === length })
  }
  return undefined
}

/** A whole record that any reader can decode. */
function isShown(reason: string): boolean {
  return reason === 'time_missing' || reason === 'time_invalid' || reason === 'record_not_a_map'
}

type PerformedData = Record<'session' | keyof Counters, string>

function dataOf(
  session: bigint,
  { validRecords, errorRecords, validParts, errorParts }: Counters,
): PerformedData {
  return {
    session: String(session),
    validRecords: String(validRecords),
    errorRecords: String(errorRecords),
    validParts: String(validParts),
    errorParts: String(errorParts),
  }
}

/** What was performed becomes the session's, with the job's end. */
const storePerformed: CommitEnd = async (sql, { id, attempt }, data) => {
  const { session, validRecords, errorRecords, validParts, errorParts } = data as PerformedData
  const stored = await endPerforming(
    sql,
    { session: BigInt(session), job: id, attempt },
    {
      validRecords: BigInt(validRecords),
      errorRecords: BigInt(errorRecords),
      validParts: BigInt(validParts),
      errorParts: BigInt(errorParts),
    },
  )
  return stored
    ? undefined
    : { name: 'SESSION_GONE', message: 'the bulk import session was deleted meanwhile' }
}

/** They are fenced: nothing they report counts any more. */
async function removeEarlierAttempts(objects: ObjectStore, performance: Performance): Promise<void> {
  for (let attempt = 1; attempt < performance.attempt; attempt++)
    await removeAll(objects, performancePrefix({ ...performance, attempt }))
}

export async function removeAll(objects: ObjectStore, prefix: string): Promise<void> {
  for await (const { path } of objects.list(prefix)) await objects.remove(path)
}

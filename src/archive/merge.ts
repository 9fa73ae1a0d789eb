import type { Database } from '../database/index.ts'
import type { Admission } from '../gate/index.ts'
import { AppError, type Clock, type Log, type Sql } from '../kernel/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import { type ArchiveSettings, MERGE_LIMITS } from './config.ts'
import type { Duck } from './duck.ts'
import { archiveErrors } from './errors.ts'
import { mergeOwner, mergePath } from './paths.ts'
import { type Rewrite, type Rewritten, rewriteChunks } from './rewrite.ts'
import { levelAfter, rangeOf } from './spans.ts'
import {
  beatClaim,
  claimSpan,
  endClaim,
  findSources,
  findTable,
  insertChunks,
  isHeld,
  retireChunks,
  shareTable,
} from './store.ts'
import type { ArchivedTable, FaultPoint, NewChunk, SourceChunk, Span } from './types.ts'

export type MergeDeps = {
  database: Database
  objects: ObjectStore
  duck: Duck
  /** Where files are being written. */
  draftDirectory: string
  settings: ArchiveSettings
  /** Unique among all archivists and starts; shown to operators only. Fencing is by attempt. */
  owner: string
  clock: Clock
  log: Log
  faultPoint: FaultPoint
}

export type Merged = { chunksIn: number; chunksOut: number; rows: number; bytesIn: number; bytesOut: number }

export const BACKGROUND: Admission = { class: 'background', deadlineMs: 5_000 }
const BEAT_MS = 5_000

/**
 * Merges what a span holds of unsettled chunks up to a size class: claim, read, write files, and one transaction that names
 * the new ones and retires the old, if every one of those is still live. May be killed between any two of these: the rows
 * are the same before and after. undefined = there was nothing to do, or somebody else does it.
 * @throws merge_abandoned, storage_full, database_away (503, retry) · merge_miscounted (500, final)
 */
export async function mergeSpan(
  deps: MergeDeps,
  span: Span,
  how: { upToSize: number; closes: boolean },
  signal: AbortSignal,
): Promise<Merged | undefined> {
  return withClaim(deps, span, signal, async (attempt, ended) => {
    const chosen = await choose(deps, span, how.upToSize)
    if (chosen === undefined) return undefined
    await deps.faultPoint('chosen')
    const work = { span, attempt, table: chosen.table, sources: chosen.sources }
    const written = await write(deps, { ...work, level: span.level }, ended)
    const closes = how.closes && chosen.isAll
    const added = written.chunks.map(({ cutLevel, ...chunk }): NewChunk => {
      // A narrower piece is merged further with its neighbours there.
      const at = { level: cutLevel, closes: closes && cutLevel === span.level }
      return { ...chunk, level: levelAfter(chunk, at, limitsOf(deps)) }
    })
    await commit(deps, { ...work, added, files: written })
    return accountOf(chosen.sources, written)
  })
}

/**
 * Writes some chunks anew without some of their rows, under a claim of its own kind and the same checks as a merge. `check` runs
 * first in the transaction. False when somebody else is at it.
 * @throws merge_abandoned, storage_full, database_away (503, retry) · merge_miscounted (500, final)
 */
export async function rewriteClaimed(
  deps: MergeDeps,
  span: Span,
  how: {
    sources: SourceChunk[]
    without: NonNullable<Rewrite['without']>
    check(sql: Sql): Promise<void>
  },
  signal: AbortSignal,
): Promise<boolean> {
  const done = await withClaim(deps, span, signal, async (attempt, ended) => {
    const table = await deps.database.read(BACKGROUND, (sql) => findTable(sql, span.tableId))
    if (table === undefined) return undefined
    const work = { span, attempt, table, sources: how.sources }
    const files = await write(deps, { ...work, level: 0, without: how.without }, ended)
    const added = files.chunks.map(({ cutLevel: _, ...chunk }): NewChunk => ({ ...chunk, level: 0 }))
    await commit(deps, { ...work, added, files, check: how.check })
    return true
  })
  return done === true
}

/** Runs `work` under a claim on the span, given up afterwards; undefined when somebody else has it. */
async function withClaim<T>(
  deps: MergeDeps,
  span: Span,
  signal: AbortSignal,
  work: (attempt: bigint, ended: AbortSignal) => Promise<T | undefined>,
): Promise<T | undefined> {
  const attempt = await deps.database.write(BACKGROUND, (sql) => claimSpan(sql, span, deps.owner))
  if (attempt === undefined) return undefined
  const fenced = new AbortController()
  const stopBeating = keepBeating(deps, attempt, fenced)
  let isStored = false
  try {
    await deps.faultPoint('claimed')
    const done = await work(attempt, AbortSignal.any([signal, fenced.signal]))
    isStored = done !== undefined
    return done
  } finally {
    stopBeating()
    if (!isStored) await letGo(deps, attempt)
  }
}

function limitsOf({ settings }: MergeDeps) {
  const { leastRows, chunkBytes: settledBytes } = settings
  return { leastRows, settledRows: MERGE_LIMITS.settledRows, settledBytes }
}

type Chosen = { table: ArchivedTable; sources: SourceChunk[]; isAll: boolean }

/** The smallest chunks first, as many as fit into one merge. */
async function choose(
  { database, settings }: MergeDeps,
  span: Span,
  upToSize: number,
): Promise<Chosen | undefined> {
  const most = MERGE_LIMITS.mostSources
  const [table, held, found] = await database.read(BACKGROUND, (sql) =>
    Promise.all([
      findTable(sql, span.tableId),
      isHeld(sql, span.tableId, rangeOf(span)),
      findSources(sql, span, { upToSize, most }),
    ]),
  )
  if (table === undefined || held) return undefined
  let rows = 0
  let bytes = 0
  const sources = found.filter((chunk, i) => {
    rows += chunk.rows
    bytes += chunk.bytes
    return i === 0 || (rows <= MERGE_LIMITS.mostRows && bytes <= 4 * settings.chunkBytes)
  })
  if (sources.length === 0 || (sources.length === 1 && sources[0]!.sorted)) return undefined
  return { table, sources, isAll: sources.length === found.length && found.length < most }
}

type Work = { span: Span; attempt: bigint; table: ArchivedTable; sources: SourceChunk[] }

function write(
  { duck, objects, draftDirectory, settings, faultPoint }: MergeDeps,
  { span, attempt, table, sources, level, without }: Work & Pick<Rewrite, 'level' | 'without'>,
  signal: AbortSignal,
): Promise<Rewritten> {
  const draftOf = (part: number) => `${draftDirectory}/${attempt}-${part}.parquet`
  const pathOf = (part: number) => mergePath(attempt, span.tableId, part)
  const { leastRows } = settings
  const rewrite = { table, sources, level, leastRows, without, owner: mergeOwner(attempt), pathOf }
  return rewriteChunks({ duck, objects, draftOf, faultPoint }, rewrite, signal)
}

type Commit = Work & { added: NewChunk[]; files: Rewritten; check?: (sql: Sql) => Promise<void> }

/** One transaction; when it certainly was not stored, the files are taken back. */
async function commit(deps: MergeDeps, work: Commit): Promise<void> {
  const { span, attempt, sources, added, files, check } = work
  const { tableId } = span
  try {
    await deps.database.write(
      BACKGROUND,
      async (sql) => {
        if (!(await endClaim(sql, attempt))) throw archiveErrors.merge_abandoned('the claim was taken over')
        await check?.(sql)
        await shareTable(sql, tableId)
        if (await isHeld(sql, tableId, boundsOf(sources)))
          throw archiveErrors.merge_abandoned('a job rewrites these rows')
        const ids = sources.map(({ id }) => id)
        if ((await retireChunks(sql, tableId, ids)) !== ids.length)
          throw archiveErrors.merge_abandoned('a chunk of it is not live any more')
        await insertChunks(sql, tableId, mergeOwner(attempt), added)
        await deps.faultPoint('in-transaction')
      },
      { operationId: `merge:${attempt}` },
    )
  } catch (error) {
    await takeBack(deps, files, error)
    throw error
  }
  await deps.faultPoint('committed')
}

export function boundsOf(sources: readonly SourceChunk[]): { from: bigint; to: bigint } {
  const mins = sources.map(({ timeMin }) => timeMin)
  const maxes = sources.map(({ timeMax }) => timeMax)
  return { from: mins.reduce((a, b) => (a < b ? a : b)), to: maxes.reduce((a, b) => (a > b ? a : b)) + 1n }
}

/** Files of a merge that certainly was not stored. When nobody knows, the orphan sweep will find out. */
async function takeBack({ objects }: MergeDeps, written: Rewritten, error: unknown): Promise<void> {
  if (error instanceof AppError && error.code === 'write_outcome_unknown') return
  for (const { path } of written.chunks) await objects.remove(path)
}

/** A claim that cannot be given up now stands still, and is ended by whoever sees that. */
async function letGo({ database, log }: MergeDeps, attempt: bigint): Promise<void> {
  try {
    await database.write(BACKGROUND, (sql) => endClaim(sql, attempt))
  } catch (error) {
    log.debug({ err: error, attempt }, 'the claim of a merge could not be given up')
  }
}

/** Advances the claim until told to stop; tells when it is not ours any more. An absence of the database takes nothing away. */
function keepBeating(
  { database, clock, log }: MergeDeps,
  attempt: bigint,
  fenced: AbortController,
): () => void {
  const stopping = new AbortController()
  const beat = async () => {
    while (!stopping.signal.aborted) {
      await clock.sleep(BEAT_MS, stopping.signal)
      if (stopping.signal.aborted) return
      try {
        const isOurs = await database.write(BACKGROUND, (sql) => beatClaim(sql, attempt))
        if (!isOurs && !stopping.signal.aborted)
          fenced.abort(archiveErrors.merge_abandoned('the claim was taken over'))
      } catch (error) {
        log.debug({ err: error, attempt }, 'the claim of a merge could not be advanced')
      }
    }
  }
  void beat()
  return () => stopping.abort()
}

function accountOf(sources: readonly SourceChunk[], written: Rewritten): Merged {
  const bytesIn = sources.reduce((sum, { bytes }) => sum + bytes, 0)
  const bytesOut = written.chunks.reduce((sum, { bytes }) => sum + bytes, 0)
  const { length: chunksOut } = written.chunks
  return { chunksIn: sources.length, chunksOut, rows: written.rows, bytesIn, bytesOut }
}

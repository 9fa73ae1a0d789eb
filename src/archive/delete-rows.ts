import type { Database } from '../database/index.ts'
import type { CommitEnd, CommitPart } from '../jobs/index.ts'
import type { Clock } from '../kernel/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import {
  countWithin,
  endHold,
  findTouched,
  haveEnded,
  holdChunks,
  type Job,
  lastChunk,
  lockLive,
  type Range,
  retireWithin,
} from './deletion-store.ts'
import type { Duck } from './duck.ts'
import { archiveErrors } from './errors.ts'
import { BACKGROUND } from './merge.ts'
import { jobOwner, jobPath } from './paths.ts'
import { rewriteChunks } from './rewrite.ts'
import { findTable, insertChunks, retireChunks, shareTable } from './store.ts'
import { type FileGroup, groupFiles, readSql } from './stored-columns.ts'
import type { ArchivedTable, FaultPoint, NewChunk, SourceChunk } from './types.ts'

export type DeleteDeps = {
  database: Database
  objects: ObjectStore
  duck: Duck
  /** For files being written; this job's alone. */
  draftDirectory: string
  clock: Clock
  faultPoint: FaultPoint
}

export type RowsToDelete = {
  tableId: bigint
  /** Half-open, unix seconds; null = open. No row outside is touched. */
  range: Range
  /**
   * Which rows of the range: a condition in DuckDB SQL over the stored columns of a group of files, by their stored names
   * (`FileGroup.columns`: name → key and physical form). NULL counts as no. undefined = all of them.
   */
  where?: (group: FileGroup) => string
}

export type Deletion = { rows: number; chunks: number; part: CommitPart }
export const DELETION = 'delete-rows'

/** As it waits in the worker's journal. Chunks wholly within the range are named by it and the last id, not one by one. */
type PartData = {
  tableId: string
  whole: { from: string | null; to: string | null; upTo: string; chunks?: number } | null
  retire: string[]
  add: NewChunk[]
}

const PORTION = 500
const TAKEN_WAIT_MS = 1_000
/** A commit of the loader or of a bulk import takes less. */
const WRITERS_WAIT_MS = 10_000

/**
 * Prepares the deletion of rows that are there now: writes anew the chunks that lose some of theirs and returns what is to be
 * committed with the job's end. Until then nothing has changed for anybody, and the hours are held: no merge, expiry or
 * other deletion comes in between. Rows imported meanwhile are not meant. undefined = the table is gone.
 * @throws merge_abandoned (503, retry): the attempt is over · storage_full, database_away (503, retry)
 */
export async function prepareDeletion(
  deps: DeleteDeps,
  job: Job,
  wanted: RowsToDelete,
  { signal, onProgress }: { signal: AbortSignal; onProgress(percent: number): void },
): Promise<Deletion | undefined> {
  const { database } = deps
  const { tableId, range, where } = wanted
  if (!(await hold(deps, job, wanted, signal))) return undefined
  await deps.faultPoint('held')
  const table = await database.read(BACKGROUND, (sql) => findTable(sql, tableId))
  if (table === undefined) return undefined
  const upTo = await settledChunkId(deps, signal)
  const isWhole = where === undefined
  const whole = isWhole
    ? await database.read(BACKGROUND, (sql) => countWithin(sql, tableId, range, upTo))
    : { chunks: 0, rows: 0 }
  const data: PartData = {
    tableId: String(tableId),
    whole: isWhole ? { ...texts(range), upTo: String(upTo), chunks: whole.chunks } : null,
    retire: [],
    add: [],
  }
  let { rows, chunks } = whole
  let part = 0
  for (let after = 0n; ; ) {
    const portion = await database.read(BACKGROUND, (sql) =>
      findTouched(sql, tableId, range, { upTo, straddling: isWhole, after, most: PORTION }),
    )
    for (const source of portion) {
      const cut = await cutChunk(deps, { job, table, source, wanted, part }, signal)
      if (cut === undefined) continue
      rows += cut.removed
      chunks++
      part += cut.chunks.length
      data.retire.push(String(source.id))
      data.add.push(...cut.chunks)
    }
    onProgress(Math.min(99, portion.length < PORTION ? 99 : 50))
    if (portion.length < PORTION) break
    after = portion.at(-1)!.id
  }
  return { rows, chunks, part: { kind: DELETION, data } }
}

const texts = ({ from, to }: Range) => ({
  from: from === null ? null : String(from),
  to: to === null ? null : String(to),
})

/**
 * Chunks with this id or a lower one are there; those whose transaction was under way have had time to appear. Should one
 * come even later, the commit finds more than was counted and refuses.
 */
async function settledChunkId({ database, clock }: DeleteDeps, signal: AbortSignal): Promise<bigint> {
  const { upTo, writers } = await database.read(BACKGROUND, lastChunk)
  const endMs = clock.monotonicMs() + WRITERS_WAIT_MS
  while (!(await database.read(BACKGROUND, (sql) => haveEnded(sql, writers)))) {
    if (clock.monotonicMs() >= endMs) break
    await clock.sleep(100, signal)
    signal.throwIfAborted()
  }
  return upTo
}

/** Waits for other jobs that rewrite the same hours. False when the table is gone. */
async function hold(
  { database, clock }: DeleteDeps,
  job: Job,
  { tableId, range }: RowsToDelete,
  signal: AbortSignal,
): Promise<boolean> {
  for (;;) {
    signal.throwIfAborted()
    const held = await database.write({ class: 'write', deadlineMs: 10_000 }, (sql) =>
      holdChunks(sql, job, tableId, range),
    )
    if (held === 'held') return true
    if (held === 'gone') return false
    if (held === 'fenced') throw archiveErrors.merge_abandoned('the job is not this attempt’s any more')
    await clock.sleep(TAKEN_WAIT_MS, signal)
  }
}

/** What remains of a chunk; undefined when it loses nothing. */
async function cutChunk(
  { duck, objects, draftDirectory, faultPoint }: DeleteDeps,
  {
    job,
    table,
    source,
    wanted,
    part,
  }: { job: Job; table: ArchivedTable; source: SourceChunk; wanted: RowsToDelete; part: number },
  signal: AbortSignal,
): Promise<{ removed: number; chunks: NewChunk[] } | undefined> {
  const condition = (group: FileGroup) => conditionOf(wanted, group)
  const [group] = groupFiles([source])
  const read = readSql(group!, (path) => objects.locate(path))
  const [counted] = await duck.rows(`SELECT count(*) AS n FROM ${read} WHERE ${condition(group!)}`, signal)
  const removed = Number(counted?.n ?? 0)
  if (removed === 0) return undefined
  if (removed === source.rows) return { removed, chunks: [] }
  const rewritten = await rewriteChunks(
    {
      duck,
      objects,
      draftOf: (i) => `${draftDirectory}/${job.id}-${job.attempt}-${part + i}.parquet`,
      faultPoint,
    },
    {
      table,
      sources: [source],
      level: 0,
      leastRows: 0,
      owner: jobOwner(job.id, job.attempt),
      pathOf: (i) => jobPath(job.id, job.attempt, table.id, part + i),
      without: condition,
    },
    signal,
  )
  return { removed, chunks: rewritten.chunks.map(({ cutLevel: _, ...chunk }) => ({ ...chunk, level: 0 })) }
}

function conditionOf({ range: { from, to }, where }: RowsToDelete, group: FileGroup): string {
  const terms = [
    ...(from === null ? [] : [`"time" >= ${from}`]),
    ...(to === null ? [] : [`"time" < ${to}`]),
    ...(where === undefined ? [] : [`(${where(group)})`]),
  ]
  return terms.length === 0 ? 'true' : terms.join(' AND ')
}

const CHANGED = { name: 'CONFLICT', message: 'the rows were changed meanwhile; nothing was deleted' }

/** Carries a deletion out, in the transaction of its job's end. */
export const commitDeletion: CommitEnd = async (sql, job, data) => {
  const { tableId, whole, retire, add } = data as unknown as PartData
  const table = BigInt(tableId)
  await shareTable(sql, table)
  if ((await lockLive(sql, retire)) !== retire.length) return CHANGED
  if (whole !== null) {
    const bound = (text: string | null) => (text === null ? null : BigInt(text))
    const range = { from: bound(whole.from), to: bound(whole.to) }
    const meant = { upTo: BigInt(whole.upTo), chunks: whole.chunks ?? null }
    if (!(await retireWithin(sql, table, range, meant))) return CHANGED
  }
  await retireChunks(sql, table, retire.map(BigInt))
  await insertChunks(sql, table, jobOwner(job.id, job.attempt), add)
  await endHold(sql, job.id)
  return undefined
}

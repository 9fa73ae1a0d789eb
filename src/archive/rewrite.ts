import { mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { ChunkColumns } from '../snapshot/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import { MERGE_LIMITS } from './config.ts'
import { copyToFile, type Duck } from './duck.ts'
import { archiveErrors } from './errors.ts'
import { type Cut, cutSpan, type Hours } from './spans.ts'
import {
  type FileGroup,
  groupFiles,
  identifier,
  lossSql,
  type OutputColumn,
  outputColumns,
  selectSql,
} from './stored-columns.ts'
import type { ArchivedTable, FaultPoint, NewChunk, SourceChunk } from './types.ts'

export type Rewrite = {
  table: ArchivedTable
  sources: readonly SourceChunk[]
  /** Narrower spans with rows enough get files of their own; level 0 = one file. */
  level: number
  /** Rows of a narrower span from which it gets a file of its own. */
  leastRows: number
  /** Who writes, as the catalog and the footer name it. */
  owner: string
  /** Paths of the files, by their number. */
  pathOf(part: number): string
  /** A condition on the stored columns of a group: its rows are left out. undefined = none are. */
  without?: (group: FileGroup) => string | undefined
}

export type RewriteDeps = {
  duck: Duck
  objects: ObjectStore
  /** Place for files being written. */
  draftOf(part: number): string
  faultPoint: FaultPoint
}

export type Rewritten = { chunks: (NewChunk & { cutLevel: number })[]; rows: number; removed: number }

/**
 * Writes the rows of some chunks anew: sorted by time, under the names and in the types the table has now, cut into spans.
 * The files are stored; naming them in the catalog is the caller's part. Rows in = rows out + rows left out on purpose.
 * @throws merge_miscounted (500, final) · storage_full (503, retry)
 */
export async function rewriteChunks(
  deps: RewriteDeps,
  work: Rewrite,
  signal: AbortSignal,
): Promise<Rewritten> {
  const { duck, objects } = deps
  const locate = (path: string) => objects.locate(path)
  const groups = groupFiles(work.sources)
  const columns = await settledColumns(deps, groups, work.table, signal)
  const { without } = work
  const kept = (group: FileGroup) => {
    const condition = without?.(group)
    return condition === undefined ? undefined : `(${condition}) IS NOT TRUE`
  }
  const select = selectSql(groups, columns, locate, kept)
  const simple = work.level === 0 && without === undefined
  const rows = work.sources.reduce((sum, source) => sum + source.rows, 0)
  if (simple) {
    const part = { select: `${select} ORDER BY "time"`, columns: chunkColumns(columns, work, rows) }
    const chunk = await writePart(deps, work, { part: 0, of: 1, leftOut: 0 }, part, signal)
    if (chunk.rows !== rows) throw await miscounted(objects, [chunk], `${rows} in, ${chunk.rows} out`)
    return { chunks: [{ ...chunk, cutLevel: 0 }], rows, removed: 0 }
  }
  const merging = tableOf(work)
  try {
    await duck.run(`CREATE OR REPLACE TEMP TABLE ${merging} AS ${select} ORDER BY "time"`, signal)
    const removed = without === undefined ? 0 : await countRemoved(deps, groups, without, signal)
    const chunks = await writeCuts(deps, work, { columns, leftOut: removed }, signal)
    const written = chunks.reduce((sum, chunk) => sum + chunk.rows, 0)
    if (written + removed !== rows)
      throw await miscounted(objects, chunks, `${rows} in, ${written} out, ${removed} left out`)
    return { chunks, rows: written, removed }
  } finally {
    // With a signal of its own: the room is given back also after an abort.
    await duck.run(`DROP TABLE IF EXISTS ${merging}`, new AbortController().signal)
  }
}

/** Where the rows are gathered. The merger and the expiry share an engine, so it is named by whoever writes. */
const tableOf = ({ owner }: Rewrite) => identifier(`merging ${owner}`)

/** Doubtful columns in the wanted form, or as text where some value would not survive it. */
async function settledColumns(
  { duck, objects }: RewriteDeps,
  groups: FileGroup[],
  table: ArchivedTable,
  signal: AbortSignal,
): Promise<OutputColumn[]> {
  const { columns, doubtful } = outputColumns(groups, table)
  const question = lossSql(groups, doubtful, (path) => objects.locate(path))
  if (question === undefined) return columns
  const [losses] = await duck.rows(question, signal)
  const text = new Set(doubtful.filter((_, i) => BigInt(String(losses?.[`l${i}`] ?? 0)) > 0n))
  return columns.map((column) => (text.has(column) ? { ...column, physical: 'BYTE_ARRAY' } : column))
}

async function countRemoved(
  { duck, objects }: RewriteDeps,
  groups: FileGroup[],
  without: NonNullable<Rewrite['without']>,
  signal: AbortSignal,
): Promise<number> {
  const time: OutputColumn = { name: 'time', key: undefined, type: 'long', physical: 'INT64' }
  const asked = groups.filter((group) => without(group) !== undefined)
  if (asked.length === 0) return 0
  const removed = selectSql(
    asked,
    [time],
    (path) => objects.locate(path),
    (group) => without(group)!,
  )
  const [row] = await duck.rows(`SELECT count(*) AS n FROM (${removed})`, signal)
  return Number(row?.n ?? 0)
}

async function writeCuts(
  deps: RewriteDeps,
  work: Rewrite,
  { columns, leftOut }: { columns: OutputColumn[]; leftOut: number },
  signal: AbortSignal,
): Promise<Rewritten['chunks']> {
  const chunks: Rewritten['chunks'] = []
  try {
    const cuts = await cutsOf(deps.duck, work, signal)
    for (const [part, cut] of cuts.entries()) {
      const select = `SELECT * FROM ${tableOf(work)} WHERE ${within(cut)}`
      const held = await countedColumns(deps.duck, columns, { select, rows: cut.rows }, signal)
      const place = { part, of: cuts.length, leftOut }
      const chunk = await writePart(deps, work, place, { select, columns: held }, signal)
      chunks.push({ ...chunk, cutLevel: cut.level })
    }
    return chunks
  } catch (error) {
    for (const { path } of chunks) await deps.objects.remove(path)
    throw error
  }
}

async function cutsOf(duck: Duck, work: Rewrite, signal: AbortSignal): Promise<Cut[]> {
  const hours = await duck.rows(
    `SELECT CAST(floor("time" / 3600) AS BIGINT) * 3600 AS start, count(*) AS rows FROM ${tableOf(work)} GROUP BY 1 ORDER BY 1`,
    signal,
  )
  const counted: Hours = hours.map(({ start, rows }) => ({
    start: BigInt(String(start)),
    rows: Number(rows),
  }))
  return cutSpan(counted, work.level, work.leastRows)
}

/** A file that takes many scattered hours is described by where the others lie as little as by where it lies itself. */
function within({ ranges }: Cut): string {
  return ranges.map(({ from, to }) => `("time" >= ${from} AND "time" < ${to})`).join(' OR ')
}

/** As `chunkColumns`, for some of the rows: the nulls are counted. */
async function countedColumns(
  duck: Duck,
  columns: OutputColumn[],
  { select, rows }: { select: string; rows: number },
  signal: AbortSignal,
): Promise<ChunkColumns> {
  const counts = columns.map(({ name }, i) => `count("${name.replaceAll('"', '""')}") AS n${i}`)
  const [counted] = await duck.rows(`SELECT ${counts.join(', ')} FROM (${select})`, signal)
  const nulls = new Map(columns.map(({ name }, i) => [name, rows - Number(counted?.[`n${i}`] ?? 0)]))
  return describe(columns, (column) => nulls.get(column.name)!)
}

/** What the file of all rows holds: its nulls are those of the sources. */
function chunkColumns(columns: OutputColumn[], work: Rewrite, rows: number): ChunkColumns {
  const values = new Map<string, number>()
  for (const source of work.sources)
    for (const [name, { key, nulls }] of Object.entries(source.columns))
      if (name !== 'time') values.set(key, (values.get(key) ?? 0) + source.rows - nulls)
  return describe(columns, ({ key }) => (key === undefined ? 0 : rows - (values.get(key) ?? 0)))
}

function describe(columns: OutputColumn[], nullsOf: (column: OutputColumn) => number): ChunkColumns {
  return Object.fromEntries(
    columns.map((column) => {
      const { name, key = 'time', type, physical } = column
      return [name, { key, type, physical, nulls: nullsOf(column) }]
    }),
  )
}

async function writePart(
  { duck, objects, draftOf, faultPoint }: RewriteDeps,
  work: Rewrite,
  { part, of, leftOut }: { part: number; of: number; leftOut: number },
  { select, columns }: { select: string; columns: ChunkColumns },
  signal: AbortSignal,
): Promise<NewChunk> {
  const { id, databaseId, accountId, database, name } = work.table
  const file = draftOf(part)
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const table = {
    id: String(id),
    databaseId: String(databaseId),
    accountId: String(accountId),
    database,
    name,
  }
  const metadata = {
    'millrace.table': JSON.stringify(table),
    'millrace.columns': JSON.stringify(columns),
    'millrace.owner': work.owner,
    // Rebuilding the catalog must not count rows twice: what this file and its siblings stand for, while that still lies there.
    'millrace.replaces': JSON.stringify({ part, of, leftOut, paths: work.sources.map(({ path }) => path) }),
  }
  try {
    const written = await copyToFile(
      duck,
      { select, file, metadata, rowGroupRows: MERGE_LIMITS.rowGroupRows },
      signal,
    )
    await faultPoint('written')
    const path = work.pathOf(part)
    await objects.putFile(path, file)
    await faultPoint('stored')
    const { rows, bytes, timeMin, timeMax } = written
    return {
      path,
      rows,
      bytes,
      timeMin: String(timeMin),
      timeMax: String(timeMax),
      columns,
      level: work.level,
    }
  } finally {
    await rm(file, { force: true })
  }
}

async function miscounted(objects: ObjectStore, chunks: readonly NewChunk[], what: string): Promise<Error> {
  for (const { path } of chunks) await objects.remove(path)
  return archiveErrors.merge_miscounted(what)
}

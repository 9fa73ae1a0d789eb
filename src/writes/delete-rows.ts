import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { jobPath, MERGE_LIMITS, type NewChunk } from '../archive/index.ts'
import type {
  BoundTables,
  Change,
  Choice,
  ChosenRows,
  CompiledQuery,
  FileColumn,
  FileToCut,
  ScriptRun,
} from '../query/index.ts'
import type { SnapshotChunk } from '../snapshot/index.ts'
import { writeErrors } from './errors.ts'
import { footerOf, type Target } from './insert-rows.ts'
import { storeFile } from './store-file.ts'
import type { WriteDeps } from './types.ts'

/** Of files that this script has written instead of others: which of those that everybody had, and how many of their rows are left out. */
export type StandsFor = Map<string, { paths: string[]; leftOut: number }>
export type Deletion = { rows: number; retire: bigint[]; add: NewChunk[]; cpuMs: number }

/** Files that one engine process cuts. */
const FILES_AT_ONCE = 64
/** Of its progress, in percent: until the rows are chosen. */
const CHOOSING = 50

/**
 * Finds the rows that go, once: those that are written down then are the ones that are counted, and taken out. Chunks that lose all of theirs are let go as a whole, those that lose some are written anew without them, the
 * others are not touched. Nothing changes for anybody before the job's end.
 * @throws rows_miscounted (500, final) · storage_full (503, retry) · what a query throws
 */
export async function deleteRows(
  deps: WriteDeps,
  run: ScriptRun,
  work: {
    change: Extract<Change, { kind: 'delete' }>
    target: Target
    /** Of the target, as the statements before have left them. */
    chunks: readonly SnapshotChunk[]
    tables: BoundTables
    /** The number of the first file. */
    part: number
    standsFor: StandsFor
  },
): Promise<Deletion> {
  const { predicate } = work.change
  if (predicate === null)
    return { rows: rowsIn(work.chunks), retire: work.chunks.map(({ id }) => id), add: [], cpuMs: 0 }
  if (work.chunks.length === 0) return { rows: 0, retire: [], add: [], cpuMs: 0 }
  const directory = join(deps.drafts, `${run.job.id}-${run.job.attempt}-${work.part}-chosen`)
  try {
    const choice = await chooseRows(run, predicate.source, work.tables, directory)
    const byPath = new Map(choice.chosen.map((rows) => [rows.path, rows]))
    const going = work.chunks.flatMap((chunk) => {
      const rows = byPath.get(deps.objects.locate(chunk.path))
      return rows === undefined ? [] : [{ chunk, rows }]
    })
    if (going.length !== choice.chosen.length)
      throw writeErrors.rows_miscounted(
        `rows of ${choice.chosen.length} files, ${going.length} of them the table’s`,
      )
    const whole = going.filter(({ chunk, rows }) => isWhole(chunk, rows)).map(({ chunk }) => chunk)
    const partly = going.filter(({ chunk }) => !whole.includes(chunk))
    const cut = await cutChunks(deps, run, { ...work, partly, chosen: join(directory, choice.file) })
    await deps.faultPoint('stored')
    return {
      rows: rowsIn(whole) + cut.rows,
      retire: [...whole.map(({ id }) => id), ...cut.retire],
      add: cut.add,
      cpuMs: choice.cpuMs + cut.cpuMs,
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const rowsIn = (chunks: readonly SnapshotChunk[]) => chunks.reduce((sum, { rows }) => sum + rows, 0)

/** Asks the condition, once: what it answers is written down in the directory. */
async function chooseRows(
  { bound, engine: takeEngine, limits, signal, report }: ScriptRun,
  source: CompiledQuery,
  tables: BoundTables,
  directory: string,
): Promise<Choice> {
  return bound(source, tables, async (query) => {
    const engine = await takeEngine()
    return engine.chooseRows(query, directory, {
      limits,
      signal,
      onProgress: ({ percent }) => report.progress((CHOOSING * (percent ?? 0)) / 100),
    })
  })
}

/** Every row of the chunk, each once: as many as it has, and none of another number. */
function isWhole(chunk: SnapshotChunk, { rows, least, most, sum }: ChosenRows): boolean {
  if (most >= chunk.rows)
    throw writeErrors.rows_miscounted(`${chunk.path}: row ${most} to delete, ${chunk.rows} there`)
  if (rows < chunk.rows) return false
  const all = (BigInt(chunk.rows) * BigInt(chunk.rows - 1)) / 2n
  if (rows !== chunk.rows || least !== 0 || most !== chunk.rows - 1 || sum !== all)
    throw writeErrors.rows_miscounted(`${chunk.path}: ${rows} rows to delete are not its ${chunk.rows}`)
  return true
}

type Partly = { chunk: SnapshotChunk; rows: ChosenRows }
type Cutting = {
  target: Target
  partly: Partly[]
  /** Where the rows are written down. */
  chosen: string
  part: number
  standsFor: StandsFor
}

async function cutChunks(deps: WriteDeps, run: ScriptRun, work: Cutting): Promise<Deletion> {
  const all: Deletion = { rows: 0, retire: [], add: [], cpuMs: 0 }
  for (let at = 0; at < work.partly.length; at += FILES_AT_ONCE) {
    const some = work.partly.slice(at, at + FILES_AT_ONCE)
    const cut = await cutSome(deps, run, { ...work, partly: some, part: work.part + at })
    all.rows += cut.rows
    all.retire.push(...cut.retire)
    all.add.push(...cut.add)
    all.cpuMs += cut.cpuMs
    run.report.progress(CHOOSING + ((100 - CHOOSING) * (at + some.length)) / work.partly.length)
  }
  return all
}

async function cutSome(
  deps: WriteDeps,
  run: ScriptRun,
  { target, partly, chosen, part, standsFor }: Cutting,
): Promise<Deletion> {
  const { job, limits, signal } = run
  const directory = join(deps.drafts, `${job.id}-${job.attempt}-${part}-cut`)
  const files = partly.map(
    ({ chunk }): FileToCut => ({
      path: deps.objects.locate(chunk.path),
      rows: chunk.rows,
      columns: columnsIn(chunk),
      metadata: { ...footerOf(run, target), ...replacesOf(chunk, standsFor) },
    }),
  )
  try {
    const engine = await run.engine()
    const work = { files, chosen, rowGroupRows: MERGE_LIMITS.rowGroupRows }
    const done = await engine.cutFiles(work, directory, { limits, signal, onProgress() {} })
    await deps.faultPoint('written')
    const all: Deletion = { rows: 0, retire: [], add: [], cpuMs: done.cpuMs }
    for (const [i, { removed, remains }] of done.files.entries()) {
      const { chunk, rows } = partly[i]!
      if (removed !== rows.rows)
        throw writeErrors.rows_miscounted(`${chunk.path}: ${rows.rows} rows to delete, ${removed} found`)
      if (remains?.rows !== chunk.rows - removed)
        throw writeErrors.rows_miscounted(
          `${chunk.path}: ${chunk.rows} - ${removed} rows, ${remains?.rows} left`,
        )
      all.rows += removed
      all.retire.push(chunk.id)
      const path = jobPath(job.id, job.attempt, target.id, part + i)
      const before = originOf(chunk, standsFor)
      if (before !== undefined) standsFor.set(path, { ...before, leftOut: before.leftOut + removed })
      all.add.push({ ...(await storeFile(deps, join(directory, remains.file), path, remains)), level: 0 })
    }
    return all
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function columnsIn({ columns }: SnapshotChunk): FileColumn[] {
  const listed = Object.entries(columns).map(([name, { key, type, physical }]) => ({
    name,
    key,
    type,
    physical: physical as FileColumn['physical'],
  }))
  if (listed.some(({ name }) => name === 'time')) return listed
  return [{ name: 'time', key: 'time', type: 'long', physical: 'INT64' }, ...listed]
}

/** A chunk that this very script has made was never anybody's: the new one stands for what that one stood for, or for nothing. */
function originOf({ id, path }: SnapshotChunk, standsFor: StandsFor) {
  return id < 0n ? standsFor.get(path) : { paths: [path], leftOut: 0 }
}

function replacesOf(chunk: SnapshotChunk, standsFor: StandsFor): Record<string, string> {
  const origin = originOf(chunk, standsFor)
  return origin === undefined ? {} : { 'millrace.replaces': JSON.stringify({ part: 0, of: 1, ...origin }) }
}

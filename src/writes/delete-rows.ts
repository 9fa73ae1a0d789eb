import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { decodeMulti } from '@msgpack/msgpack'
import { jobPath, MERGE_LIMITS, type NewChunk } from '../archive/index.ts'
import type {
  BoundTables,
  Change,
  CompiledPredicate,
  CompiledQuery,
  FileColumn,
  FileToCut,
  Rebind,
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

/** Files that one engine process cuts: each brings a list of what its condition reads. */
const FILES_AT_ONCE = 64
/** No table has it: what stands for one chunk alone. */
const ONE_CHUNK = -(2n ** 62n)

/**
 * Finds the rows that go. Chunks that lose all of theirs are let go as a whole, those that lose some are written anew without them, the
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
  return run.bound(predicate.source, work.tables, async (_, rebind) => {
    const found = await countGoing(deps, run, predicate.source, work, rebind)
    const going = work.chunks.flatMap((chunk) => {
      const rows = found.counts.get(deps.objects.locate(chunk.path)) ?? 0
      return rows === 0 ? [] : [{ chunk, rows }]
    })
    const whole = going.filter(({ chunk, rows }) => rows === chunk.rows).map(({ chunk }) => chunk)
    const partly = going.filter(({ chunk, rows }) => rows !== chunk.rows)
    const cut = await cutChunks(deps, run, { ...work, predicate, partly }, rebind)
    await deps.faultPoint('stored')
    return {
      rows: rowsIn(whole) + cut.rows,
      retire: [...whole.map(({ id }) => id), ...cut.retire],
      add: cut.add,
      cpuMs: found.cpuMs + cut.cpuMs,
    }
  })
}

const rowsIn = (chunks: readonly SnapshotChunk[]) => chunks.reduce((sum, { rows }) => sum + rows, 0)

/** How many rows of each file go. */
async function countGoing(
  { drafts }: WriteDeps,
  { job, limits, signal, engine: takeEngine }: ScriptRun,
  source: CompiledQuery,
  { tables, part }: { tables: BoundTables; part: number },
  rebind: Rebind,
): Promise<{ counts: Map<string, number>; cpuMs: number }> {
  const rows = rebind(source, tables.chunks)
  const sql = `SELECT g.f AS c1, count(*) AS c2 FROM (${rows.sql}) AS g (f, n) GROUP BY g.f`
  const columns = [
    { name: 'file', type: { kind: 'varchar' as const } },
    { name: 'rows', type: { kind: 'bigint' as const } },
  ]
  const file = join(drafts, `${job.id}-${job.attempt}-${part}-going`)
  try {
    const engine = await takeEngine()
    const { cpuMs } = await engine.runToFile({ ...rows, sql, columns }, file, {
      limits,
      signal,
      onProgress() {},
    })
    const bytes = await promisify(gunzip)(await readFile(file))
    const counts = new Map([...decodeMulti(bytes)] as [string, number][])
    return { counts, cpuMs }
  } finally {
    await rm(file, { force: true })
  }
}

type Partly = { chunk: SnapshotChunk; rows: number }
type Cutting = {
  predicate: CompiledPredicate
  target: Target
  tables: BoundTables
  partly: Partly[]
  part: number
  standsFor: StandsFor
}

async function cutChunks(deps: WriteDeps, run: ScriptRun, work: Cutting, rebind: Rebind): Promise<Deletion> {
  const all: Deletion = { rows: 0, retire: [], add: [], cpuMs: 0 }
  for (let at = 0; at < work.partly.length; at += FILES_AT_ONCE) {
    const some = work.partly.slice(at, at + FILES_AT_ONCE)
    const cut = await cutSome(deps, run, { ...work, partly: some, part: work.part + at }, rebind)
    all.rows += cut.rows
    all.retire.push(...cut.retire)
    all.add.push(...cut.add)
    all.cpuMs += cut.cpuMs
    run.report.progress((100 * (at + some.length)) / work.partly.length)
  }
  return all
}

async function cutSome(
  deps: WriteDeps,
  run: ScriptRun,
  { predicate, target, tables, partly, part, standsFor }: Cutting,
  rebind: Rebind,
): Promise<Deletion> {
  const { job, limits, signal } = run
  const directory = join(deps.drafts, `${job.id}-${job.attempt}-${part}-cut`)
  const open = new Set<string>()
  const files = partly.map(({ chunk }): FileToCut => {
    const query = rebind(alone(predicate), [...tables.chunks, { ...chunk, tableId: ONE_CHUNK }])
    for (const path of query.files ?? []) open.add(path)
    return {
      path: deps.objects.locate(chunk.path),
      rows: chunk.rows,
      columns: columnsIn(chunk),
      gone: { sql: query.sql, lists: query.lists ?? [] },
      metadata: { ...footerOf(run, target), ...replacesOf(chunk, standsFor) },
    }
  })
  try {
    const engine = await run.engine()
    const work = { files, open: [...open], rowGroupRows: MERGE_LIMITS.rowGroupRows }
    const done = await engine.cutFiles(work, directory, { limits, signal, onProgress() {} })
    await deps.faultPoint('written')
    const all: Deletion = { rows: 0, retire: [], add: [], cpuMs: done.cpuMs }
    for (const [i, { removed, remains }] of done.files.entries()) {
      const { chunk, rows } = partly[i]!
      if (removed !== rows && !isRandom(predicate.source))
        throw writeErrors.rows_miscounted(`${chunk.path}: ${rows} rows to delete, ${removed} found`)
      all.rows += removed
      if (removed > 0) all.retire.push(chunk.id)
      if (remains === undefined) continue
      if (remains.rows !== chunk.rows - removed)
        throw writeErrors.rows_miscounted(
          `${chunk.path}: ${chunk.rows} - ${removed} rows, ${remains.rows} left`,
        )
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

/** The condition over one chunk instead of the whole target. */
function alone({ source, target }: CompiledPredicate): CompiledQuery {
  const place = source.references.findIndex(({ reference }) => reference.index === target)
  const one = source.references[place]!
  const reference = { ...one.reference, tableId: ONE_CHUNK }
  return { ...source, references: source.references.with(place, { ...one, reference }) }
}

/** Asked twice, such a condition answers twice: what counts is what was taken. */
const isRandom = ({ sql }: CompiledQuery) => /random|uuid/i.test(sql)

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

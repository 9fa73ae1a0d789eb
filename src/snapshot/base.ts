import { createHash } from 'node:crypto'
import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureDirectory, syncDirectory, writeFileDurably, writeFileDurablySync } from '../kernel/index.ts'
import { snapshotErrors } from './errors.ts'
import type { Cut, Row, TableSum } from './line.ts'
import { applyChange, emptyState, KINDS, type Kind, type State } from './state.ts'
import type { Seal } from './types.ts'

/**
 * Files under `<dataDir>/snapshot/`: `current` names the generation in use; `base-N.jsonl` is the whole state,
 * `log-N.jsonl` what happened since; `manifests/` the chunks. A generation never changes but for its log growing.
 */
export function snapshotPaths(dataDir: string) {
  const directory = join(dataDir, 'snapshot')
  return {
    directory,
    current: join(directory, 'current'),
    base: (generation: number) => join(directory, `base-${generation}.jsonl`),
    log: (generation: number) => join(directory, `log-${generation}.jsonl`),
    manifests: join(directory, 'manifests'),
    manifest: (tableId: string) => join(directory, 'manifests', `${tableId}.jsonl`),
  }
}
export type SnapshotPaths = ReturnType<typeof snapshotPaths>

type Header = {
  format: 1
  generation: number
  n: number
  cut: Cut | undefined
  asOf: string | undefined
  sealed: Seal | undefined
  pending: [xid: string, { epoch: number; keys: string[] }][]
}
type Entry =
  | { kind: Kind; id: number; row: Row }
  | { kind: Kind; id: number; gone: string }
  | { sum: TableSum; table: string }

/** The whole state as text: header, one line per row, and the SHA-256 of all that. Blocks; about 1 µs per row. */
export function serializeState(state: State, generation: number): Buffer {
  const header: Header = {
    format: 1,
    generation,
    n: state.position,
    cut: state.cut,
    asOf: state.asOf,
    sealed: state.sealed,
    pending: [...state.pending],
  }
  const lines = [JSON.stringify(header)]
  for (const kind of KINDS) {
    for (const [key, { id, row }] of state.rows[kind]) {
      lines.push(JSON.stringify(row === undefined ? { kind, id, gone: key } : { kind, id, row }))
    }
  }
  for (const [table, sum] of state.sums) lines.push(JSON.stringify({ table, sum }))
  const text = Buffer.from(`${lines.join('\n')}\n`)
  const end = JSON.stringify({ sha256: createHash('sha256').update(text).digest('hex') })
  return Buffer.concat([text, Buffer.from(`${end}\n`)])
}

/** @throws snapshot_damaged when a byte is not as it was written */
export function parseState(bytes: Buffer, name: string): State {
  const cut = bytes.lastIndexOf(10, bytes.length - 2) + 1
  const end = parse<{ sha256?: string }>(bytes.toString('utf8', cut), name)
  const sha256 = createHash('sha256').update(bytes.subarray(0, cut)).digest('hex')
  if (cut === 0 || end.sha256 !== sha256) throw snapshotErrors.snapshot_damaged(name)
  const [head, ...rest] = bytes.toString('utf8', 0, cut - 1).split('\n')
  const header = parse<Header>(head, name)
  if (header.format !== 1) throw snapshotErrors.snapshot_damaged(`${name}: format ${header.format}`)
  const state = emptyState(header.generation)
  for (const line of rest) restore(state, parse<Entry>(line, name))
  Object.assign(state, { position: header.n, cut: header.cut, asOf: header.asOf, sealed: header.sealed })
  for (const [xid, pending] of header.pending) {
    state.pending.set(xid, pending)
    for (const key of pending.keys) state.denied.set(key, (state.denied.get(key) ?? 0) + 1)
  }
  return state
}

function restore(state: State, entry: Entry): void {
  if ('sum' in entry) state.sums.set(entry.table, entry.sum)
  else if ('gone' in entry) state.rows[entry.kind].set(entry.gone, { id: entry.id, row: undefined })
  else applyChange(state, { id: entry.id, kind: entry.kind, op: 'put', body: entry.row })
}

function parse<T>(text: string, name: string): T {
  try {
    return JSON.parse(text) as T
  } catch (error) {
    throw snapshotErrors.snapshot_damaged(name, error)
  }
}

/** The generation in use, undefined when there has never been one. */
export async function currentGeneration(paths: SnapshotPaths): Promise<number | undefined> {
  const text = await readIfThere(paths.current)
  if (text === undefined) return undefined
  const { format = 1, generation } = parse<{ format?: number; generation: number }>(
    text.toString('utf8'),
    'current',
  )
  if (format !== 1) throw snapshotErrors.snapshot_damaged(`current: format ${format}`)
  if (!Number.isSafeInteger(generation)) throw snapshotErrors.snapshot_damaged('current names no generation')
  return generation
}

/** Reads the base of a generation. @throws snapshot_damaged when it is missing or not as written */
export async function readBase(paths: SnapshotPaths, generation: number): Promise<State> {
  const bytes = await readIfThere(paths.base(generation))
  if (bytes === undefined) throw snapshotErrors.snapshot_damaged(`base-${generation}.jsonl is missing`)
  return parseState(bytes, `base-${generation}.jsonl`)
}

/** Writes the files of a generation; durable, but nobody looks at them before `pointAt`. */
export async function publishGeneration(
  paths: SnapshotPaths,
  generation: number,
  { base, log }: { base: Buffer; log: () => Buffer },
): Promise<void> {
  await ensureDirectory(paths.manifests)
  await writeFileDurably(paths.base(generation), base)
  await writeFileDurably(paths.log(generation), log())
}

/** From here on, `generation` is the snapshot. Without yielding: no line may be written to the old log meanwhile. */
export function pointAt(paths: SnapshotPaths, generation: number): void {
  writeFileDurablySync(paths.current, `${JSON.stringify({ format: 1, generation })}\n`)
}

/** Removes a generation nobody starts from any more; readers that have its files open read on. */
export async function removeGeneration(paths: SnapshotPaths, generation: number): Promise<void> {
  await rm(paths.base(generation), { force: true })
  await rm(paths.log(generation), { force: true })
  await syncDirectory(paths.directory)
}

/** The bytes of a file, undefined when there is none. Every other error rises. */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Opens for reading, undefined when there is no such file. */
export async function openIfThere(path: string) {
  try {
    return await open(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

import { readdir } from 'node:fs/promises'
import { type Clock, ensureDirectory, type Log } from '../kernel/index.ts'
import {
  currentGeneration,
  pointAt,
  publishGeneration,
  readBase,
  readIfThere,
  removeGeneration,
  type SnapshotPaths,
  serializeState,
  snapshotPaths,
} from './base.ts'
import { snapshotErrors } from './errors.ts'
import {
  type Change,
  type Cut,
  chainSeed,
  decodeLines,
  encodeLine,
  type Line,
  type LineContent,
  type TableSum,
} from './line.ts'
import { type LogFile, openLogFile } from './log-file.ts'
import { createManifestWriter, type ManifestWriter } from './manifest-writer.ts'
import { applyChange, applyLine, emptyState, type State } from './state.ts'
import type { SnapshotView } from './types.ts'
import { viewOf } from './view.ts'

/** A complete state read from the database in one go. */
export type Export = {
  changes: Change[]
  sums: Record<string, TableSum>
  cut: Cut
  /** ISO instant of the reading. */
  at: string
  /** True when the reading contains everything that transaction did (or it has ended without effect). */
  contains(xid: string, epoch: number): boolean
}

/**
 * The one writer of a snapshot, in core. Its own state is ahead of every reader's; `append` changes it and the log
 * together. Nothing here knows the main database: `catalog` feeds it.
 */
export type SnapshotWriter = SnapshotView & {
  readonly cut: Cut | undefined
  readonly pending: ReadonlyMap<string, { epoch: number; keys: string[] }>
  readonly sums: ReadonlyMap<string, TableSum>
  readonly manifests: ManifestWriter
  readonly directory: string
  /**
   * Adds a line; readers see it at once, power loss may still take it. Returns its position.
   * When the disk refuses, our own state moves on alone and a whole new base is written as soon as there is room.
   */
  append(content: LineContent): number
  /** Adds a line and makes it survive power loss. @throws snapshot_unwritable (503): then nothing has changed */
  appendDurably(content: LineContent): Promise<number>
  sync(): Promise<void>
  /** Replaces the whole state by what `read` brings; lines appended meanwhile are kept. */
  rebase(read: () => Promise<Export>): Promise<void>
  /** Writes a new base when the log has grown enough (or `force`), and removes files nobody starts from. */
  compact(force?: boolean): Promise<void>
  /** The newest line that only our own state has, for want of disk: readers are behind. */
  readonly behind: boolean
  close(): Promise<void>
}

const COMPACT_BYTES = 8 * 1024 * 1024
/** A base is written again when its log has grown to this share of it, so that large ones are not written often. */
const COMPACT_SHARE = 0.5

/**
 * Opens the snapshot for writing. What is there is read back to the last good line; a damaged one is left for
 * inspection and treated as missing (then `cut` is undefined and the next export writes a whole new one).
 */
export async function openSnapshotWriter({
  dataDir,
  clock,
  log,
  compactBytes = COMPACT_BYTES,
  openLog = openLogFile,
}: {
  dataDir: string
  clock: Clock
  log: Log
  compactBytes?: number
  /** For tests: a disk that refuses. */
  openLog?: typeof openLogFile
}): Promise<SnapshotWriter> {
  const paths = snapshotPaths(dataDir)
  await ensureDirectory(paths.manifests)
  const opened = await openLast(paths, { log, clock, openLog })
  let state: State = opened.state
  let file: LogFile | undefined = opened.file
  let behind = false
  let baseBytes = 0
  /** Lines since a new base was begun; they open its log. */
  let since: Line[] | undefined
  let replacing: Promise<void> = Promise.resolve()
  const manifests = createManifestWriter(paths)

  const write = (content: LineContent): Line => {
    const line = { ...content, n: state.position + 1 } as Line
    file?.append(line)
    return line
  }
  const accept = (line: Line) => {
    applyLine(state, line)
    since?.push(line)
    return line.n
  }
  const append = (content: LineContent): number => {
    if (behind) return accept({ ...content, n: state.position + 1 } as Line)
    try {
      return accept(write(content))
    } catch (error) {
      log.error({ err: error }, 'the snapshot log cannot be written, readers fall behind')
      behind = true
      return append(content)
    }
  }
  const appendDurably = async (content: LineContent): Promise<number> => {
    if (file === undefined || behind) throw snapshotErrors.snapshot_unwritable('there is no complete one yet')
    const n = accept(write(content))
    await file.sync()
    return n
  }

  /**
   * Puts what `make` brings in the place of the state, under a new generation. `reload`: it is not what the old log
   * leads to. `keep` turns each line appended meanwhile into what the new log says of it.
   */
  const replace = async (make: () => Promise<Replacement>, reload: boolean): Promise<void> => {
    const before = state.generation
    const generation = Math.max(before, await newestGeneration(paths)) + 1
    since = []
    try {
      const { next, keep } = await make()
      const base = serializeState(next, generation)
      const baseAt = next.position
      baseBytes = base.length
      const added = () => since!.filter((line) => line.n > baseAt).map(keep)
      let logged: Line[] = []
      const encodeAdded = () => {
        logged = added()
        return encodeLog(generation, logged).bytes
      }
      await publishGeneration(paths, generation, { base, log: encodeAdded })
      // From here on nothing yields: what was added meanwhile, and called safe, is in the new log before it counts.
      const end = encodeLog(generation, logged)
      const newFile = openLog(paths.log(generation), { bytes: end.bytes.length, chain: end.chain })
      for (const line of added().slice(logged.length)) newFile.append(line)
      newFile.syncNow()
      pointAt(paths, generation)
      if (reload) for (const line of added()) applyLine(next, line)
      const oldFile = file
      file = newFile
      state = next
      state.generation = generation
      behind = false
      tellTheOldLog(oldFile, { generation, reload })
    } finally {
      since = undefined
    }
    if (before > 0) await removeOlder(paths, before)
  }
  /** The pointer has moved already; this line only saves readers from loading the base. */
  const tellTheOldLog = (old: LogFile | undefined, next: { generation: number; reload: boolean }) => {
    try {
      // Not a position of its own: a reader that starts from the new base never sees this line.
      old?.append({ t: 'next', ...next, n: state.position })
    } catch (error) {
      log.warn(
        { err: error },
        'the old snapshot log cannot be ended, readers find the new one by its pointer',
      )
    }
    void old
      ?.close()
      .catch((error: unknown) => log.warn({ err: error }, 'the old snapshot log was not closed'))
  }
  const inTurn = (run: () => Promise<void>): Promise<void> => {
    replacing = replacing.then(run, run)
    return replacing
  }

  const view = viewOf({
    state: () => (state.cut === undefined ? { unknown: 'there is no complete snapshot yet' } : state),
    ageMs: () =>
      state.asOf === undefined ? Number.POSITIVE_INFINITY : clock.now().getTime() - Date.parse(state.asOf),
  })
  const own = {
    append,
    appendDurably,
    manifests,
    directory: paths.directory,
    sync: async () => file?.sync(),
    rebase: (read: () => Promise<Export>) =>
      inTurn(() =>
        replace(async () => {
          const exported = await read()
          return replacementBy(exported, { from: state, since: since ?? [] })
        }, true),
      ),
    compact: (force = false) =>
      inTurn(async () => {
        if (state.cut === undefined) return
        const most = Math.max(compactBytes, COMPACT_SHARE * baseBytes)
        if (force || behind || (file !== undefined && file.bytes > most)) {
          await replace(async () => ({ next: state, keep: (line) => line }), behind)
        }
      }),
    close: async () => {
      await replacing.catch(() => undefined)
      await file?.sync()
      await file?.close()
      file = undefined
    },
  }
  return Object.create(view, {
    ...Object.getOwnPropertyDescriptors(own),
    cut: { get: () => state.cut },
    pending: { get: () => state.pending },
    sums: { get: () => state.sums },
    behind: { get: () => behind },
  }) as SnapshotWriter
}

type Replacement = { next: State; keep: (line: Line) => Line }

/** The exported state, with what was appended while it was being read and is not in it. */
function replacementBy(exported: Export, { from, since }: { from: State; since: Line[] }): Replacement {
  const keep = (line: Line): Line => {
    if (line.t !== 'batch' || line.xid === undefined || !exported.contains(line.xid, exported.cut.epoch))
      return line
    return { t: 'settle', xids: [line.xid], n: line.n }
  }
  const next = emptyState(from.generation)
  for (const change of exported.changes) applyChange(next, change)
  for (const [table, sum] of Object.entries(exported.sums)) next.sums.set(table, sum)
  for (const line of since.map(keep))
    if (line.t === 'batch') for (const c of line.changes) applyChange(next, c)
  for (const [xid, { epoch, keys }] of from.pending) {
    if (!exported.contains(xid, epoch)) applyLine(next, { t: 'deny', xid, epoch, keys, n: next.position + 1 })
  }
  next.position = from.position
  next.cut = exported.cut
  next.asOf = exported.at
  next.sealed = from.sealed
  next.identityVersion = from.identityVersion + 1
  next.version = from.version + 1
  return { next, keep }
}

async function openLast(
  paths: SnapshotPaths,
  { log, clock, openLog }: { log: Log; clock: Clock; openLog: typeof openLogFile },
): Promise<{ state: State; file: LogFile | undefined }> {
  const missing = { state: emptyState(await newestGeneration(paths)), file: undefined }
  try {
    const generation = await currentGeneration(paths)
    if (generation === undefined) return missing
    const state = await readBase(paths, generation)
    const bytes = await readIfThere(paths.log(generation))
    if (bytes === undefined) throw snapshotErrors.snapshot_damaged(`log-${generation}.jsonl is missing`)
    const decoded = decodeLines(bytes, chainSeed(`log ${generation}`))
    // A torn last line has no newline; a complete line that does not fit is damage, and what follows may be denials.
    if (decoded.damaged) throw snapshotErrors.snapshot_damaged(`log-${generation}.jsonl at ${decoded.bytes}`)
    for (const line of decoded.values as Line[]) applyLine(state, line)
    return { state, file: openLog(paths.log(generation), decoded) }
  } catch (error) {
    log.error({ err: error }, 'the snapshot cannot be used, a whole new one is exported')
    // Positions only rise: past anything the damaged one can have reached.
    return { ...missing, state: { ...missing.state, position: clock.now().getTime() } }
  }
}

function encodeLog(generation: number, lines: Line[]): { bytes: Buffer; chain: number } {
  let chain = chainSeed(`log ${generation}`)
  const parts = lines.map((line) => {
    const encoded = encodeLine(line, chain)
    chain = encoded.chain
    return encoded.bytes
  })
  return { bytes: Buffer.concat(parts), chain }
}

async function newestGeneration(paths: SnapshotPaths): Promise<number> {
  const names = await readdir(paths.directory)
  const numbers = names.map((name) => Number(/^(?:base|log)-(\d+)\.jsonl$/.exec(name)?.[1] ?? 0))
  return Math.max(0, ...numbers)
}

/** Readers that are still in the last log may need the generation before this one; nobody needs older ones. */
async function removeOlder(paths: SnapshotPaths, before: number): Promise<void> {
  const names = await readdir(paths.directory)
  const numbers = names.flatMap((name) => /^base-(\d+)\.jsonl$/.exec(name)?.[1] ?? []).map(Number)
  for (const generation of numbers) if (generation < before) await removeGeneration(paths, generation)
}

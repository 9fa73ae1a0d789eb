import { type FSWatcher, watch } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { AppError, type Clock, type Log } from '../kernel/index.ts'
import { currentGeneration, openIfThere, readBase, type SnapshotPaths, snapshotPaths } from './base.ts'
import { snapshotErrors } from './errors.ts'
import { chainSeed, decodeLines, type Line } from './line.ts'
import { chunksWithin, type Manifest, refreshManifest } from './manifest.ts'
import { applyLine, type State } from './state.ts'
import type { Lookup, Snapshot, SnapshotChunk, TimeRange } from './types.ts'
import { viewOf } from './view.ts'

/** Where the reader stands in a log file. */
type Tail = { handle: FileHandle; generation: number; bytes: number; chain: number }
const READ_BYTES = 4 * 1024 * 1024
/** Without growth, the pointer is looked at this often: the writer may have died between two files. */
const POINTER_MS = 500

/**
 * Opens the snapshot of a data directory and follows it: new lines are applied as soon as they are seen (a file
 * watch, and a look every `pollMs`). Never fails for want of a snapshot: until there is one, all is `unknown`.
 */
export async function openSnapshot({
  dataDir,
  clock,
  log,
  withManifests = false,
  pollMs = 50,
  readLimitMs = 3_600_000,
}: {
  dataDir: string
  clock: Clock
  log: Log
  withManifests?: boolean
  pollMs?: number
  readLimitMs?: number
}): Promise<Snapshot> {
  const paths = snapshotPaths(dataDir)
  const follower = createFollower({ paths, clock, log })
  const ageMs = () => follower.ageMs()
  const view = viewOf({ state: follower.state, ageMs })
  const chunks = withManifests ? manifestCache(paths, follower.state) : noManifests
  const stop = follow(follower, { paths, pollMs, clock })
  await follower.advance()

  const catchUp: Snapshot['catchUp'] = async (position, { timeoutMs = 1000 } = {}) => {
    const deadline = clock.monotonicMs() + timeoutMs
    for (;;) {
      await follower.advance()
      if (view.position >= position) return true
      const leftMs = deadline - clock.monotonicMs()
      if (leftMs <= 0) return false
      await clock.sleep(Math.min(10, leftMs))
    }
  }
  return Object.create(view, {
    chunksOf: { value: chunks },
    catchUp: { value: catchUp },
    readable: { get: () => view.usable && ageMs() <= readLimitMs },
    onDamage: { value: follower.onDamage },
    close: { value: stop },
  }) as Snapshot
}

type Follower = ReturnType<typeof createFollower>

function createFollower({ paths, clock, log }: { paths: SnapshotPaths; clock: Clock; log: Log }) {
  let state: State | undefined
  let tail: Tail | undefined
  let why = 'there is no snapshot yet'
  let age = { atReadMs: 0, readAtMs: 0 }
  let pointerReadAtMs = Number.NEGATIVE_INFINITY
  /** The generation being read, and the last one found damaged: that one is not tried again. */
  let reading = 0
  let bad = 0
  let running: Promise<void> | undefined
  let again = false
  const listeners: ((what: string) => void)[] = []

  const noteAge = () => {
    if (state?.asOf === undefined) return
    const atReadMs = Math.max(0, clock.now().getTime() - Date.parse(state.asOf))
    age = { atReadMs, readAtMs: clock.monotonicMs() }
  }
  const closeTail = async () => {
    const old = tail
    tail = undefined
    await old?.handle.close()
  }
  const fail = async (what: string) => {
    log.error({ what }, 'the snapshot is damaged, nothing is certain until core writes a new one')
    state = undefined
    bad = reading
    why = what
    await closeTail()
    for (const listener of listeners) listener(what)
  }
  const load = async (generation: number) => {
    const loaded = await readBase(paths, generation)
    await closeTail()
    tail = await openTail(paths, generation)
    state = loaded
    noteAge()
  }
  const lookAtPointer = async () => {
    pointerReadAtMs = clock.monotonicMs()
    const generation = await currentGeneration(paths)
    if (generation === undefined || generation === tail?.generation || generation === bad) return false
    reading = generation
    await load(generation)
    return true
  }
  /** Applies what the file holds beyond the tail. True when there may be more at once. */
  const readOn = async (): Promise<boolean> => {
    if (tail === undefined || state === undefined) return false
    const buffer = await readBeyond(tail)
    const decoded = decodeLines(buffer, tail.chain)
    tail.bytes += decoded.bytes
    tail.chain = decoded.chain
    const before = state.asOf
    for (const line of decoded.values as Line[]) {
      applyLine(state, line)
      if (line.t !== 'next') continue
      reading = line.generation
      if (line.reload) await load(line.generation)
      else await moveTo(line.generation)
      return true
    }
    if (state.asOf !== before) noteAge()
    if (decoded.damaged) await fail(`log-${tail.generation}.jsonl is damaged at byte ${tail.bytes}`)
    return decoded.bytes > 0
  }
  const moveTo = async (generation: number) => {
    await closeTail()
    tail = await openTail(paths, generation)
    if (state !== undefined) state.generation = generation
  }
  const advanceOnce = async () => {
    try {
      while (await readOn());
      const due = clock.monotonicMs() - pointerReadAtMs >= POINTER_MS
      if ((tail === undefined || due) && (await lookAtPointer())) while (await readOn());
    } catch (error) {
      if (error instanceof AppError && error.code === 'snapshot_damaged') await fail(error.message)
      else log.warn({ err: error }, 'the snapshot cannot be read at the moment')
    }
  }
  const loop = async () => {
    do {
      again = false
      await advanceOnce()
    } while (again)
    running = undefined
  }

  return {
    /** Applies everything that was in the files when this was called. */
    advance: (): Promise<void> => {
      again = running !== undefined
      running ??= loop()
      return running
    },
    state: (): State | { unknown: string } => state ?? { unknown: why },
    ageMs: () =>
      state?.asOf === undefined
        ? Number.POSITIVE_INFINITY
        : age.atReadMs + clock.monotonicMs() - age.readAtMs,
    onDamage: (listener: (what: string) => void) => void listeners.push(listener),
    close: async () => {
      await running
      await closeTail()
    },
  }
}

async function openTail(paths: SnapshotPaths, generation: number): Promise<Tail> {
  const handle = await openIfThere(paths.log(generation))
  if (handle === undefined) throw snapshotErrors.snapshot_damaged(`log-${generation}.jsonl is missing`)
  return { handle, generation, bytes: 0, chain: chainSeed(`log ${generation}`) }
}

/** A line longer than one read is read whole: the buffer grows until it holds a newline or the file ends. */
async function readBeyond(tail: Tail): Promise<Buffer> {
  const { size } = await tail.handle.stat()
  const left = size - tail.bytes
  if (left <= 0) return Buffer.alloc(0)
  for (let bytes = Math.min(READ_BYTES, left); ; bytes = Math.min(bytes * 4, left)) {
    const buffer = Buffer.alloc(bytes)
    const { bytesRead } = await tail.handle.read(buffer, 0, bytes, tail.bytes)
    const read = buffer.subarray(0, bytesRead)
    if (bytes === left || read.includes(10)) return read
  }
}

/** Wakes the follower when files change and every `pollMs` (a watch may miss). Returns how to stop. */
function follow(
  follower: Follower,
  { paths, pollMs, clock }: { paths: SnapshotPaths; pollMs: number; clock: Clock },
): () => Promise<void> {
  const ended = new AbortController()
  let watcher: FSWatcher | undefined
  const startWatching = () => {
    if (watcher !== undefined || ended.signal.aborted) return
    try {
      watcher = watch(paths.directory, { persistent: false }, () => void follower.advance())
      watcher.on('error', () => {
        watcher?.close()
        watcher = undefined
      })
    } catch {
      // The directory is not there yet, or this file system cannot be watched: the poll below is enough.
      watcher = undefined
    }
  }
  const poll = async () => {
    while (!ended.signal.aborted) {
      startWatching()
      await clock.sleep(pollMs, ended.signal)
      if (!ended.signal.aborted) await follower.advance()
    }
  }
  const polling = poll()
  return async () => {
    ended.abort()
    watcher?.close()
    await polling
    await follower.close()
  }
}

const noManifests = async (): Promise<Lookup<SnapshotChunk[]>> => ({
  kind: 'unknown',
  reason: 'this process does not follow the manifests',
})

/** Manifests already asked for, one refresh per table at a time, the least recently used dropped. */
function manifestCache(paths: SnapshotPaths, state: () => State | { unknown: string }, kept = 2000) {
  const cache = new Map<string, Promise<Manifest>>()
  const refresh = (tableId: string): Promise<Manifest> => {
    const known = cache.get(tableId)
    const next = (async () => refreshManifest(paths, tableId, await known?.catch(() => undefined)))()
    cache.delete(tableId)
    cache.set(tableId, next)
    if (cache.size > kept) cache.delete(cache.keys().next().value!)
    return next
  }
  return async (tableId: bigint, ranges?: TimeRange[]): Promise<Lookup<SnapshotChunk[]>> => {
    const now = state()
    if ('unknown' in now) return { kind: 'unknown', reason: now.unknown }
    const wanted = now.sums.get(String(tableId))?.n ?? 0
    const manifest = await refresh(String(tableId))
    if (manifest.n < wanted)
      return { kind: 'unknown', reason: `the manifest of table ${tableId} is incomplete` }
    return { kind: 'found', value: chunksWithin(manifest, ranges) }
  }
}

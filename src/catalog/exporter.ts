import type { Database } from '../database/index.ts'
import type { Gate, GateState } from '../gate/index.ts'
import { type Clock, isRetryable, type Log, type Service } from '../kernel/index.ts'
import {
  type Change,
  type Cut,
  isKind,
  type SnapshotBroadcast,
  type SnapshotWriter,
  type TableSum,
} from '../snapshot/index.ts'
import { readEnded, readEverything, readSince } from './changes-store.ts'
import { catalogErrors } from './errors.ts'
import { applyChunkChanges, exportManifests, verifyManifests } from './manifests.ts'
import { containsTransaction } from './pg-snapshot.ts'

/** Keeps the snapshot equal to the main database; runs in core, which is its only writer. */
export type SnapshotExporter = {
  service: Service
  /** Something was committed: look at once instead of at the next turn. */
  poke(): void
  /**
   * Resolves when everything committed before the call is in the snapshot.
   * @throws catalog_away (503, retry) when the main database cannot be asked within `deadlineMs`
   */
  catchUp(options: { deadlineMs: number }): Promise<void>
  /** True while the snapshot is known to lag by no more than a few turns. */
  inSync(): boolean
  /**
   * Fsyncs, before a commit, that these things are being taken away; `untilKnown`: waits for the local ingest processes as well.
   * @throws snapshot_unwritable (503, retry)
   */
  announceDenials(xid: bigint, keys: string[], options?: { untilKnown?: boolean }): Promise<void>
  /** Tells the snapshot and every local ingest process about a transaction of our own, at once. Never rejects. */
  applyOwnCommit(xid: bigint, changes: Change[]): Promise<void>
  /** Last reading, then closed: nothing newer until `unseal`. Resolves when all of it survives power loss. */
  seal(reason: string): Promise<void>
  unseal(): Promise<void>
  /** Which of these retired chunks the snapshot still names: their files must stay. */
  pinnedChunks(chunks: { id: bigint; tableId: bigint }[]): Promise<Set<bigint>>
}

export type ExporterOptions = {
  database: Database
  gate: Pick<Gate, 'current' | 'onChange'>
  writer: SnapshotWriter
  broadcast: SnapshotBroadcast
  clock: Clock
  log: Log
  /** Without a poke, the database is asked this often. */
  pollMs?: number
}

const BEAT_MS = 1000
const SYNC_MANIFESTS_MS = 30_000
/** `changes` are kept for 24 hours; after half of that we read everything again rather than trust the rest. */
const LONGEST_GAP_MS = 12 * 3_600_000

export function createSnapshotExporter(options: ExporterOptions): SnapshotExporter {
  const { database, gate, writer, broadcast, clock, log, pollMs = 200 } = options
  let lastInSyncMs = Number.NEGATIVE_INFINITY
  let beatMs = Number.NEGATIVE_INFINITY
  let syncedManifestsMs = clock.monotonicMs()
  let wake = new AbortController()
  let sealedAt: number | undefined
  const unchecked = [...writer.sums.keys()]
  const turn = oneAtATime(pass)
  broadcast.onDamage((what) => {
    log.warn({ what }, 'a reader finds the snapshot damaged, writing a new base')
    void writer
      .compact(true)
      .catch((error: unknown) => log.error({ err: error }, 'the new base was not written'))
  })

  async function exportEverything(epoch: number): Promise<void> {
    const startedMs = clock.monotonicMs()
    const startedAt = clock.now().toISOString()
    await writer.rebase(async () => {
      const reading = await ask(readEverything)
      const { source, snapshot, at, lastChange } = reading
      const cut = { source, epoch, snapshot, lastChange, at }
      const sums = await exportManifests({ ask, manifests: writer.manifests, n: writer.position + 1 })
      const contains = (xid: string, of: number) => of < epoch || containsTransaction(snapshot, xid)
      return { changes: reading.changes, sums, cut, at: startedAt, contains }
    })
    const elapsedMs = Math.round(clock.monotonicMs() - startedMs)
    log.info({ epoch, elapsedMs, position: writer.position }, 'the snapshot was exported anew')
  }

  /** False when the server is not the one we know, was set back, or may have swept changes: nothing was done. */
  async function tail(cut: Cut, epoch: number): Promise<boolean> {
    const startedAt = clock.now().toISOString()
    const pending = [...writer.pending]
    const xids = pending.map(([xid]) => xid)
    const ended = xids.length === 0 ? new Set<string>() : await ask((sql) => readEnded(sql, xids))
    const { source, snapshot, at, changes, lastChange } = await ask((sql) => readSince(sql, cut))
    if (source !== cut.source || isBefore(snapshot, cut.snapshot)) return false
    if (Date.parse(at) - Date.parse(cut.at) > LONGEST_GAP_MS) return false
    const settles = pending.filter(([xid, of]) => of.epoch < epoch || ended.has(xid)).map(([xid]) => xid)
    const beatDue = clock.monotonicMs() - beatMs >= BEAT_MS
    if (changes.length === 0 && settles.length === 0 && !beatDue) return true
    const { sums, dropped } = await applyChunkChanges({ changes, writer, ask })
    const kept = changes.filter(({ kind }) => isKind(kind))
    const now = { source, epoch, snapshot, lastChange, at }
    writer.append({ t: 'batch', changes: kept, ...some(sums), settles, cut: now, at: startedAt })
    beatMs = clock.monotonicMs()
    for (const tableId of dropped) await writer.manifests.remove(tableId)
    return true
  }

  const ask = <T>(run: Parameters<typeof database.read<T>>[1]): Promise<T> =>
    database.read({ class: 'read', deadlineMs: 5000 }, run)

  /** One reading. The epoch is looked at before and after: one that a switch-over met is made again. */
  async function pass(): Promise<void> {
    if (writer.sealed !== undefined) throw new Error('the snapshot is sealed')
    const { epoch } = gate.current()
    const { cut } = writer
    const startedMs = clock.monotonicMs()
    const usable = cut !== undefined && cut.epoch === epoch && !writer.behind
    if (!usable || !(await tail(cut, epoch))) await exportEverything(epoch)
    if (gate.current().epoch !== epoch) throw new Error('the main database changed during the reading')
    lastInSyncMs = startedMs
    await verifyManifests(unchecked, { writer, ask })
  }

  async function upkeep(): Promise<void> {
    await writer.compact()
    if (clock.monotonicMs() - syncedManifestsMs < SYNC_MANIFESTS_MS) return
    syncedManifestsMs = clock.monotonicMs()
    await writer.manifests.sync()
  }

  async function run(signal: AbortSignal): Promise<void> {
    const stopListening = gate.onChange((state) => {
      sealWith(state)
      wake.abort()
    })
    signal.addEventListener('abort', () => wake.abort(), { once: true })
    try {
      while (!signal.aborted) {
        const { mode, sequence } = gate.current()
        const open = mode === 'serving' || mode === 'recovering'
        // A seal ends with the drain it belongs to, however that ended; one left by an earlier life has no drain.
        if (writer.sealed !== undefined && open && sequence !== sealedAt) unseal()
        if (writer.sealed === undefined && (open || mode === 'draining')) await turn.now().catch(explain)
        await upkeep()
        // What is committed in the last moment of a drain is to be in the snapshot.
        await clock.sleep(mode === 'draining' ? pollMs / 10 : pollMs, wake.signal)
        if (wake.signal.aborted) wake = new AbortController()
      }
    } finally {
      stopListening()
    }
  }
  /** A gate that shuts by plan ends the snapshot, whether or not anybody asked for a last reading. */
  function sealWith({ mode, planned, sequence, reason }: GateState): void {
    const shut = planned && (mode === 'held' || mode === 'away')
    if (!shut || writer.sealed !== undefined || writer.cut === undefined) return
    sealedAt = sequence
    writer.append({ t: 'seal', at: clock.now().toISOString(), reason })
    void Promise.all([writer.sync(), writer.manifests.sync()]).catch(explain)
  }
  function explain(error: unknown): void {
    if (isRetryable(error)) log.debug({ err: error }, 'the main database cannot be read for the snapshot')
    else log.warn({ err: error }, 'the snapshot could not follow the main database')
  }
  const inSync = () => clock.monotonicMs() - lastInSyncMs < Math.max(2000, 5 * pollMs)
  const unseal = () => void writer.append({ t: 'unseal', at: clock.now().toISOString() })

  return {
    service: { name: 'snapshot writer', run },
    poke: () => wake.abort(),
    inSync: () => writer.sealed === undefined && inSync(),
    async catchUp({ deadlineMs }) {
      const given = new AbortController()
      const late = clock.sleep(deadlineMs, given.signal).then(() => {
        if (!given.signal.aborted) throw catalogErrors.catalog_away('what was asked for')
      })
      try {
        await Promise.race([turn.after(), late])
      } catch (error) {
        throw catalogErrors.catalog_away('what was asked for', error)
      } finally {
        given.abort()
      }
    },
    async announceDenials(xid, keys, { untilKnown = false } = {}) {
      if (keys.length === 0) return
      const { epoch } = gate.current()
      await writer.appendDurably({ t: 'deny', xid: String(xid), epoch, keys })
      const known = broadcast.everyoneHolds(writer.position)
      // Else not waited for: until it has read the line, a reader is as ignorant as the database is undecided.
      if (untilKnown) await known
    },
    async applyOwnCommit(xid, changes) {
      const kept = changes.filter(({ kind }) => isKind(kind))
      if (writer.cut === undefined || kept.length === 0) return
      const { snapshot, lastChange } = writer.cut
      const told = containsTransaction(snapshot, String(xid)) && changes.every(({ id }) => id <= lastChange)
      const position = told
        ? writer.append({ t: 'settle', xids: [String(xid)] })
        : writer.append({ t: 'batch', changes: kept, xid: String(xid), settles: [String(xid)] })
      await broadcast.everyoneHolds(position, { timeoutMs: 1000 })
    },
    async seal(reason) {
      if (writer.sealed !== undefined) return
      await turn.after()
      await writer.manifests.sync()
      sealedAt = gate.current().sequence
      const position = await writer.appendDurably({ t: 'seal', at: clock.now().toISOString(), reason })
      await broadcast.everyoneHolds(position)
    },
    async unseal() {
      if (writer.sealed !== undefined) unseal()
      wake.abort()
    },
    pinnedChunks: (chunks) => writer.manifests.named(chunks),
  }
}

/** No key without a value, so that an idle line does not count as a change. */
function some(sums: Record<string, TableSum>): { sums?: Record<string, TableSum> } {
  return Object.keys(sums).length === 0 ? {} : { sums }
}

/** A database that was set back (a restored backup) reports a past that we have gone beyond. */
function isBefore(snapshot: string, since: string): boolean {
  return BigInt(snapshot.split(':')[1]!) < BigInt(since.split(':')[1]!)
}

/** Runs `work` never twice at once; `after` resolves with a run that began after the call, shared by all who wait. */
function oneAtATime(work: () => Promise<void>) {
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  const start = (): Promise<void> => {
    running = work().finally(() => {
      running = undefined
    })
    return running
  }
  const after = (): Promise<void> => {
    if (running === undefined) return start()
    const begin = () => {
      next = undefined
      return start()
    }
    next ??= running.then(begin, begin)
    return next
  }
  return { now: () => running ?? start(), after }
}

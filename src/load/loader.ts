import { createEventTable } from '../catalog/event-tables.ts'
import { type Database, serverCode } from '../database/index.ts'
import type { Admission } from '../gate/index.ts'
import { backoffMs, type Clock, isRetryable, type Log, type Registry, type Service } from '../kernel/index.ts'
import {
  parseSpoolPosition,
  type SpooledRecord,
  type SpoolPosition,
  type SpoolReader,
  spoolPositionText,
} from '../spool/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import { type AttemptFile, openAttemptFile } from './attempt.ts'
import { buildBatch } from './build.ts'
import { commitBatch } from './commit.ts'
import type { LoadSettings } from './config.ts'
import { loadErrors } from './errors.ts'
import { prepareEvents, unknownKind } from './events.ts'
import { type ChunkWriter, createChunkWriter, removeChunks, sweepOrphans } from './files.ts'
import { type LoadMetrics, loadMetrics } from './metrics.ts'
import { claimSpool, noteAllLoaded } from './store.ts'
import { lookUp, missingTables, wantsTable } from './targets.ts'
import type { BuiltBatch, EventId, FaultPoint, LookedUp, Payload } from './types.ts'

export type LoaderOptions = {
  /** Name of the spool's directory; its row in spool_positions. */
  spoolName: string
  /** The spool's directory: the loader keeps its note of the batch under way there. */
  spoolDirectory: string
  reader: SpoolReader
  database: Database
  objects: ObjectStore
  clock: Clock
  log: Log
  metrics: Registry
  settings: LoadSettings
  /** Told after each commit, before the spool is released: who follows the catalog may catch up at once. */
  onCommitted?(commit: { rows: number; chunks: number }): void
  /** By how much the time between commits is stretched at the moment: fewer, larger chunks while merging is behind. */
  stretch?(): number
  /** Tests stop the process here. */
  faultPoint?: FaultPoint
}

/** nothing: there was none · all: what had arrived · more: certainly something is left. */
type Loaded = 'nothing' | 'all' | 'more'
type Owned = { epoch: bigint; position: SpoolPosition }
/** Where the loader stands; undefined before it has claimed the spool. */
type Place = { position: SpoolPosition | undefined }
/** `epoch` while everything that has arrived is loaded. */
type Idle = { epoch: bigint | undefined; sinceMs: number }
type Context = LoaderOptions & {
  attempts: AttemptFile
  counters: LoadMetrics
  faultPoint: FaultPoint
  idle: Idle
  place: Place
}

export type Loader = Service & {
  /** Says in the catalog that nothing waits in the spool, if so: commits say it by themselves. Called now and then. */
  noteIdle(): Promise<void>
}

/** How long one call waits at the gate before the loader looks whether it is to end. */
const BACKGROUND: Admission = { class: 'background', deadlineMs: 5_000 }
const MOST_CONFLICTS = 10
/** Tables made in one transaction. */
const TABLES_AT_ONCE = 100
/** A collector that starts beside the loader has shown by then what it found in its spool. */
const IDLE_MS = 60_000

/**
 * Takes what the collector has accepted from one spool into the tables, batch after batch: decode, write chunk files,
 * commit everything in one transaction, release the spool. May be killed between any two of these: nothing acknowledged is
 * lost, nothing with an id is doubled. While the database is away it waits with the batch in memory.
 */
export function createLoader(options: LoaderOptions): Loader & Pick<LoadMetrics, 'delays'> {
  const idle: Idle = { epoch: undefined, sinceMs: 0 }
  const place: Place = { position: undefined }
  const isStranded = () => place.position !== undefined && options.reader.lacks(place.position)
  const counters = loadMetrics(options.metrics, () => options.clock.now(), isStranded)
  return {
    delays: counters.delays,
    name: `loader ${options.spoolName}`,
    async noteIdle() {
      const { epoch } = idle
      if (epoch === undefined || options.clock.monotonicMs() - idle.sinceMs < IDLE_MS) return
      const { database, spoolName: spool } = options
      await database.write(BACKGROUND, (sql) => noteAllLoaded(sql, { spool, epoch }))
    },
    async run(signal) {
      const attempts = await patiently(options, signal, () => openAttemptFile(options.spoolDirectory))
      if (attempts === undefined) return
      const { faultPoint = () => undefined } = options
      const context = { ...options, counters, attempts, idle, place, faultPoint }
      try {
        await loadUntil(context, signal)
      } finally {
        await attempts.close()
      }
    },
  }
}

async function loadUntil(context: Context, signal: AbortSignal): Promise<void> {
  const owned = await claim(context, signal)
  if (owned === undefined) return
  const { settings, clock, reader, place, log, spoolName } = context
  place.position = owned.position
  for (let last: Loaded | undefined; !signal.aborted; ) {
    // Before the first look nobody knows what is there.
    if (last === 'nothing' || last === 'all')
      Object.assign(context.idle, { epoch: owned.epoch, sinceMs: clock.monotonicMs() })
    if (last !== 'more') await reader.waitForMore(signal)
    context.idle.epoch = undefined
    if (signal.aborted) return
    if (last === 'nothing' && reader.lacks(owned.position))
      log.error(
        { spool: spoolName, position: spoolPositionText(owned.position) },
        'the spool lies before the position of its loader: nothing of it is loaded, see the runbook “A spool is stranded”',
      )
    // At the claim the collector may not have said yet how far the spool reaches.
    if (last === 'nothing') await patiently(context, signal, () => reader.release(owned.position))
    const startedMs = clock.monotonicMs()
    last = await loadOne(context, owned, signal)
    if (last !== 'all') continue
    // Growing intervals make fewer, larger chunks exactly when many tables make a commit long. By half only: what a batch
    // takes grows with the time it was gathered in, so that twice as long would end at the longest interval.
    const tookMs = clock.monotonicMs() - startedMs
    const stretch = Math.max(1, context.stretch?.() ?? 1)
    const least = settings.intervalMilliseconds * stretch
    const intervalMs = Math.max(least, Math.min(1.5 * tookMs, settings.mostIntervalMilliseconds * stretch))
    await clock.sleep(Math.max(0, intervalMs - tookMs), signal)
  }
}

/** Fences whoever had the spool, then removes what they left half done. */
async function claim(context: Context, signal: AbortSignal): Promise<Owned | undefined> {
  const { spoolName, database, objects, reader, log, faultPoint } = context
  const claimed = await patiently(context, signal, () =>
    database.write(BACKGROUND, (sql) => claimSpool(sql, spoolName)),
  )
  if (claimed === undefined) return undefined
  const owned = { epoch: claimed.epoch, position: parseSpoolPosition(claimed.position) }
  await faultPoint('claimed')
  // The last owner may have died between commit and release.
  await patiently(context, signal, () => reader.release(owned.position))
  const orphans = await patiently(context, signal, () =>
    sweepOrphans(database, BACKGROUND, objects, { spool: spoolName, epoch: owned.epoch }),
  )
  log.info({ spool: spoolName, epoch: owned.epoch, position: claimed.position, orphans }, 'spool claimed')
  await faultPoint('swept')
  return owned
}

/**
 * Again and again, with growing waits, while the refusal is of the kind that passes (database away, disk full, conflict);
 * undefined when the signal aborts meanwhile. Being fenced is not of that kind.
 */
async function patiently<T>(
  { clock, log }: Pick<Context, 'clock' | 'log'>,
  signal: AbortSignal,
  act: () => Promise<T>,
): Promise<T | undefined> {
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      return await act()
    } catch (error) {
      const { code } = error as { code?: string }
      // How the commit ended is read from the position, by a fresh claim.
      if (!isRetryable(error) || code === 'loader_fenced' || code === 'write_outcome_unknown') throw error
      if (code === 'spool_kind_unknown') throw error
      log.warn({ err: error, failures }, 'loading waits')
      await clock.sleep(backoffMs(failures, { mostMs: 2_000 }), signal)
    }
  }
  return undefined
}

/** Loads one batch. */
async function loadOne(context: Context, owned: Owned, signal: AbortSignal): Promise<Loaded> {
  const { attempts, reader, settings, faultPoint } = context
  const plan = attempts.plan(owned.position, settings.batchPayloads)
  const records = await reader.read(owned.position, {
    maxBytes: settings.batchBytes,
    maxRecords: plan.payloads,
  })
  if (records.length === 0) return 'nothing'
  for (const { record } of records) {
    const unknown = unknownKind(record)
    if (unknown !== undefined) throw loadErrors.spool_kind_unknown(unknown)
  }
  await faultPoint('read')
  const startedMs = context.clock.monotonicMs()
  const taken = await commitPatiently(context, owned, records, plan.poison, startedMs, signal)
  if (taken === 0) return 'nothing'
  const to = records[taken - 1]!.end
  attempts.advance(to, taken)
  owned.position = to
  context.place.position = to
  await patiently(context, signal, () => reader.release(to))
  await faultPoint('released')
  const bytes = records.reduce((sum, { record }) => sum + record.body.length, 0)
  const more = taken < records.length || bytes >= settings.batchBytes || records.length >= plan.payloads
  return more ? 'more' : 'all'
}

/** Builds and commits; again with fresh knowledge when another loader was quicker. Returns the payloads dealt with. */
async function commitPatiently(
  context: Context,
  owned: Owned,
  records: SpooledRecord[],
  poison: boolean,
  startedMs: number,
  signal: AbortSignal,
): Promise<number> {
  const { clock, database, objects, settings, faultPoint, counters, spoolName, attempts } = context
  const events = prepareEvents(records, settings)
  let missed: EventId[] = []
  if (!(await createTables(context, records, signal))) return 0
  for (let conflicts = 0; conflicts < MOST_CONFLICTS; conflicts++) {
    const found = await patiently(context, signal, () =>
      database.read(BACKGROUND, (sql) =>
        lookUp(sql, records, { nowMs: clock.now().getTime(), events, missed }),
      ),
    )
    if (found === undefined) return 0
    await faultPoint('looked-up')
    const files = createChunkWriter(objects, { owner: spoolName, atOnce: settings.filesAtOnce }, () =>
      faultPoint('file-written'),
    )
    const batch = await decode(
      context,
      owned,
      { found: poison ? setAside(found) : found, build: conflicts },
      files,
      signal,
    )
    if (batch === undefined) return 0
    const wrote = await patiently(context, signal, async () => {
      await files.finish()
      return true
    })
    if (!wrote) return 0
    await faultPoint('files-written')
    const commitMs = clock.monotonicMs()
    const move = {
      spool: spoolName,
      epoch: owned.epoch,
      from: owned.position,
      to: records[batch.taken - 1]!.end,
      throughMs: records[batch.taken - 1]!.record.receivedAtMs,
    }
    const outcome = await patiently(context, signal, () =>
      commitBatch(database, BACKGROUND, batch, move, faultPoint),
    ).catch(async (error) => {
      // A value the database refuses would be refused for ever: it counts like a crash, and is searched for by halves.
      if (isDataError(error)) await attempts.failed()
      throw error
    })
    if (outcome === undefined) return 0
    if (outcome === 'committed') {
      await faultPoint('committed')
      announce(context, batch, records[0]!, startedMs, commitMs)
      return batch.taken
    }
    counters.conflict()
    missed = batch.eventIds
    await removeChunks(objects, batch.chunks)
  }
  throw loadErrors.load_conflict(`${MOST_CONFLICTS} times in a row`)
}

/** Makes the tables that events were accepted for; false when the signal aborts meanwhile. */
async function createTables(
  context: Context,
  records: SpooledRecord[],
  signal: AbortSignal,
): Promise<boolean> {
  const { database, log } = context
  const wanted = records.map(({ record }) => record).filter(wantsTable)
  if (wanted.length === 0) return true
  const done = await patiently(context, signal, async () => {
    const places = await database.read(BACKGROUND, (sql) => missingTables(sql, wanted))
    for (let i = 0; i < places.length; i += TABLES_AT_ONCE) {
      const some = places.slice(i, i + TABLES_AT_ONCE)
      await database.write(BACKGROUND, async (sql) => {
        for (const place of some) await createEventTable(sql, place)
      })
      log.info(
        { tables: some.map(({ database, table }) => `${database}.${table}`) },
        'tables made by their first events',
      )
    }
    return true
  })
  return done ?? false
}

async function decode(
  context: Context,
  owned: Owned,
  { found, build }: { found: LookedUp; build: number },
  files: ChunkWriter,
  signal: AbortSignal,
): Promise<BuiltBatch | undefined> {
  const { attempts, faultPoint, spoolName, settings, clock, log } = context
  const noted = await patiently(context, signal, async () => {
    await attempts.begin(owned.position, found.payloads.length)
    return true
  })
  if (!noted) return undefined
  await faultPoint('attempt-noted')
  const place = { spool: spoolName, epoch: owned.epoch, from: owned.position, build }
  const batch = await buildBatch(found, { ...place, settings, clock, log, faultPoint, emit: files.add })
  await patiently(context, signal, attempts.survived)
  await faultPoint('decoded')
  return batch
}

/** The payload that has crashed loaders goes to the error store undecoded. */
function setAside(found: LookedUp): LookedUp {
  const payloads = found.payloads.map((payload): Payload => {
    const tableId = payload.target.kind === 'table' ? payload.target.table.id : payload.target.tableId
    return { ...payload, target: { kind: 'refused', tableId, reason: 'loader_crashed' } }
  })
  return { ...found, payloads }
}

function announce(
  { clock, counters, onCommitted, log, spoolName }: Context,
  batch: BuiltBatch,
  oldest: SpooledRecord,
  startedMs: number,
  commitMs: number,
): void {
  const nowMs = clock.monotonicMs()
  counters.committed(batch, {
    seconds: (nowMs - startedMs) / 1000,
    commitSeconds: (nowMs - commitMs) / 1000,
    oldestSeconds: (clock.now().getTime() - oldest.record.receivedAtMs) / 1000,
    nowMs: clock.now().getTime(),
  })
  const { rows, taken, repeatedPayloads, repeatedEvents, errors } = batch
  const chunks = batch.chunks.length
  const fields = { spool: spoolName, payloads: taken, rows, chunks, repeatedPayloads, repeatedEvents }
  log.debug({ ...fields, errors: errors.length, elapsedMs: Math.round(nowMs - startedMs) }, 'batch committed')
  onCommitted?.({ rows, chunks: batch.chunks.length })
}

/**
 * Classes 22 (data exception), 23 (a constraint is violated) and 54 (program limit exceeded), or a text too long for
 * this process: caused by the values themselves.
 */
function isDataError(error: unknown): boolean {
  return error instanceof RangeError || /^(22|23|54)/.test(serverCode(error) ?? '')
}

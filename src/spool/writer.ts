import { type FileHandle, open, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Clock, ensureDirectory, type Ids, type Log, randomIds, syncDirectory } from '../kernel/index.ts'
import { type Batch, createBatchBuilder, frameSpace, type Waiting } from './batch.ts'
import type { SpoolSettings } from './config.ts'
import { isOutOfSpace, realDisk } from './disk.ts'
import { spoolErrors } from './errors.ts'
import { MOST_BODY_BYTES, MOST_META_BYTES, type SegmentMark } from './frame.ts'
import { lockSpool } from './lock.ts'
import { openDurableMark, readReleased } from './marks.ts'
import { createPending } from './pending.ts'
import { openSegmentPool, type SegmentPool } from './pool.ts'
import { recoverSegments } from './recover.ts'
import {
  encodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentFile,
  type SegmentLink,
  segmentName,
} from './segment.ts'
import type { SpoolDisk, SpoolObserver, SpoolPosition, SpoolRecord, SpoolWriter } from './types.ts'

export type SpoolWriterOptions = {
  /** `<data directory>/spool/<name>`; made when it is not there. */
  directory: string
  settings: SpoolSettings
  clock: Clock
  log: Log
  /** Called once when the disk failed: what it holds is not certain, so the process must end and start again. */
  onFatal(error: unknown): void
  observer?: SpoolObserver
  ids?: Ids
  disk?: SpoolDisk
}

type ActiveSegment = {
  mark: SegmentMark
  path: string
  bytes: number
  createdAtMs: number
  handle: FileHandle
  /** End of the last acknowledged record. */
  end: number
  /** After a write that found no space: nothing more goes in, its rest holds pieces nobody was told about. */
  abandoned: boolean
}

/** More than this waiting for the disk is refused: memory is not a spool. */
const MOST_WAITING_BYTES = 256 * 1024 * 1024
const RELEASED_POLL_MS = 250

/**
 * Opens a spool for appending, after whatever end the last writer had. Group commit: one sync at a time, and what arrives
 * meanwhile is the next batch. @throws spool_busy when another process has it open
 */
export async function openSpoolWriter(options: SpoolWriterOptions): Promise<SpoolWriter> {
  const { directory } = options
  await ensureDirectory(directory)
  await syncDirectory(dirname(directory))
  await syncDirectory(dirname(dirname(directory)))
  const unlock = lockSpool(directory)
  try {
    return await openLocked(options, unlock)
  } catch (error) {
    unlock()
    throw error
  }
}

async function openLocked(options: SpoolWriterOptions, unlock: () => void): Promise<SpoolWriter> {
  const { directory, settings, clock, log, observer, ids = randomIds, disk = realDisk } = options
  const pool = await openSegmentPool({ directory, settings, disk, clock, ids, log })
  const recovered = await recoverSegments(directory, { disk, log })
  const pending = createPending(recovered.ended, await readReleased(directory))
  for (const segment of pending.takeReleased()) await pool.giveBack(segment.path, segment.bytes)

  const context = { directory, disk, pool, clock, ids }
  let { link } = recovered
  let active = recovered.unused === undefined ? undefined : await reopen(recovered.unused, disk)
  const durable = openDurableMark(directory)
  // Without room for a first segment it opens all the same: what is there can be read, and appends are told to come back.
  active ??= await firstSegment(context, link)
  const synced =
    active === undefined ? link.previous : { generation: active.mark.generation, offset: active.end }
  if (synced.generation > 0) durable.publish(synced)
  pool.prepare()

  const buildBatch = createBatchBuilder()
  const stop = new AbortController()
  let waiting: Waiting[] = []
  let waitingBytes = 0
  let committing: Promise<void> | undefined
  let failure: unknown

  const roomIn = (segment: ActiveSegment | undefined) =>
    segment === undefined || segment.abandoned ? 0 : segment.bytes - segment.end
  const fail = (error: unknown) => {
    if (failure !== undefined) return
    failure = error
    log.fatal({ directory, err: error }, 'spool failed')
    for (const { reject } of waiting.splice(0)) reject(spoolErrors.spool_failed('', error))
    options.onFatal(error)
  }
  const settle = (count: number, then: (waiting: Waiting, at: number) => void) => {
    const settled = waiting.slice(0, count)
    waiting = waiting.slice(count)
    for (const [at, each] of settled.entries()) {
      waitingBytes -= each.bytes
      then(each, at)
    }
  }

  /** Makes room for the first waiting record; false when there is none and it was refused. */
  const makeRoom = async (): Promise<boolean> => {
    const least = waiting[0]!.bytes
    if (least <= roomIn(active)) return true
    try {
      const next = await nextSegment(context, active === undefined ? link : linkTo(active), least)
      if (active !== undefined) {
        link = linkTo(active)
        await active.handle.close()
        pending.ended({ ...active, generation: active.mark.generation })
      }
      active = next
      pool.prepare()
      return true
    } catch (error) {
      if ((error as { code?: string }).code !== 'spool_full') throw error
      settle(1, ({ reject }) => reject(error))
      return false
    }
  }

  const commit = async (segment: ActiveSegment, batch: Batch) => {
    const startedMs = clock.monotonicMs()
    try {
      await disk.commit(segment.handle.fd, batch.buffers, segment.end)
    } catch (error) {
      if (!isOutOfSpace(error)) throw error
      segment.abandoned = true
      const full = spoolErrors.spool_full('its disk is full', error)
      return settle(batch.positions.length, ({ reject }) => reject(full))
    }
    pending.appended(batch.positions[0]!, batch.bytes, waiting[0]!.record.receivedAtMs)
    segment.end += batch.bytes
    durable.publish({ generation: segment.mark.generation, offset: segment.end })
    observer?.committed(batch.positions.length, batch.bytes, (clock.monotonicMs() - startedMs) / 1000)
    settle(batch.positions.length, ({ resolve }, at) => resolve(batch.positions[at]!))
  }

  const commitAll = async () => {
    try {
      // Whatever this turn of the event loop still brings goes into the first batch.
      await new Promise(setImmediate)
      while (waiting.length > 0) {
        if (!(await makeRoom())) continue
        const place = { mark: active!.mark, offset: active!.end, room: roomIn(active!) }
        await commit(active!, buildBatch(waiting, place))
      }
    } catch (error) {
      fail(error)
    } finally {
      committing = undefined
    }
  }

  const refusal = (record: SpoolRecord, bytes: number) => {
    if (failure !== undefined) return spoolErrors.spool_failed('', failure)
    if (stop.signal.aborted) return spoolErrors.spool_closed()
    if (record.body.length > MOST_BODY_BYTES || bytes - record.body.length > MOST_META_BYTES) {
      return spoolErrors.spool_record_too_large(`${bytes} bytes`)
    }
    if (pending.bytes() + waitingBytes + bytes > settings.quotaBytes) {
      return spoolErrors.spool_full(
        `${pending.bytes()} bytes wait to be loaded, the quota is ${settings.quotaBytes}`,
      )
    }
    if (waitingBytes + bytes > MOST_WAITING_BYTES) return spoolErrors.spool_full('its disk does not keep up')
    return undefined
  }

  const recycling = recycleReleased({ ...context, pending, log, signal: stop.signal })

  return {
    append(record) {
      const bytes = frameSpace(record)
      const refused = refusal(record, bytes)
      if (refused !== undefined) return Promise.reject(refused)
      return new Promise<SpoolPosition>((resolve, reject) => {
        waiting.push({ record, bytes, resolve, reject })
        waitingBytes += bytes
        committing ??= commitAll()
      })
    },
    usage: () => ({
      pendingBytes: pending.bytes(),
      quotaBytes: settings.quotaBytes,
      oldestPendingAtMs: pending.oldestAtMs(),
    }),
    async close() {
      if (stop.signal.aborted) return
      stop.abort()
      await committing
      await recycling
      await pool.close()
      await active?.handle.close()
      durable.close()
      unlock()
    },
  }
}

type Context = { directory: string; disk: SpoolDisk; pool: SegmentPool; clock: Clock; ids: Ids }

async function reopen({ path, bytes, header }: SegmentFile, disk: SpoolDisk): Promise<ActiveSegment> {
  const handle = await open(path, disk.commitFlags)
  const { createdAtMs } = header!
  return { mark: header!, path, bytes, createdAtMs, handle, end: SEGMENT_HEADER_BYTES, abandoned: false }
}

/** What the header of the segment after this one says about it. */
function linkTo({ mark: { generation }, end }: ActiveSegment): SegmentLink {
  return { previous: { generation, offset: end }, previousAcknowledged: end }
}

async function firstSegment(context: Context, link: SegmentLink): Promise<ActiveSegment | undefined> {
  try {
    return await nextSegment(context, link, 0)
  } catch (error) {
    if ((error as { code?: string }).code === 'spool_full') return undefined
    throw error
  }
}

/**
 * Puts the next segment in place: header written and synced, then named, then the name synced, before any record.
 * The first generation of a fresh directory is the clock's milliseconds, so that a spool whose directory was lost never uses
 * a position again that the loader has committed.
 */
async function nextSegment(
  { directory, disk, pool, clock, ids }: Context,
  link: SegmentLink,
  least: number,
): Promise<ActiveSegment> {
  const spare = await pool.take(SEGMENT_HEADER_BYTES + least)
  const createdAtMs = clock.now().getTime()
  const { generation: before } = link.previous
  const generation = before === 0 ? Math.max(1, createdAtMs) : before + 1
  const mark = { generation, marker: Buffer.from(ids.hex128().slice(0, 16), 'hex') }
  const handle = await open(spare, disk.commitFlags)
  const header = encodeSegmentHeader({ ...mark, createdAtMs, ...link })
  await disk.commit(handle.fd, [header], 0)
  const path = join(directory, segmentName(generation))
  await rename(spare, path)
  await syncDirectory(directory)
  const { size: bytes } = await handle.stat()
  return { mark, path, bytes, createdAtMs, handle, end: SEGMENT_HEADER_BYTES, abandoned: false }
}

/** Follows what the reader releases and takes the segments back, until the signal aborts. */
async function recycleReleased({
  directory,
  pool,
  clock,
  pending,
  log,
  signal,
}: Context & { pending: ReturnType<typeof createPending>; log: Log; signal: AbortSignal }): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(RELEASED_POLL_MS, signal)
    try {
      pending.released(await readReleased(directory))
      for (const segment of pending.takeReleased()) await pool.giveBack(segment.path, segment.bytes)
    } catch (error) {
      // Nothing is lost by keeping segments: the quota ends it, and the next round tries again.
      log.error({ directory, err: error }, 'released spool segments cannot be taken back')
    }
  }
}

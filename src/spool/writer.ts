import { dirname } from 'node:path'
import {
  type AppError,
  type Clock,
  ensureDirectory,
  type Ids,
  type Log,
  randomIds,
  syncDirectory,
} from '../kernel/index.ts'
import { reopenSegment, type SegmentMaking, segmentIfRoom } from './active-segment.ts'
import { frameSpace } from './batch.ts'
import { createCommitter } from './committer.ts'
import type { SpoolSettings } from './config.ts'
import { realDisk } from './disk.ts'
import { spoolErrors } from './errors.ts'
import { MOST_BODY_BYTES, MOST_META_BYTES } from './frame.ts'
import { lockSpool } from './lock.ts'
import { openDurableMark, readReleased } from './marks.ts'
import { mirrorOf, reconcile } from './mirror.ts'
import { createPending, type Pending } from './pending.ts'
import { openSegmentPool } from './pool.ts'
import { type EndedSegment, type RecoveredSpool, recoverSegments } from './recover.ts'
import { SEGMENT_HEADER_BYTES } from './segment.ts'
import type { SpoolDisk, SpoolObserver, SpoolRecord, SpoolWriter } from './types.ts'

export type SpoolWriterOptions = {
  /** `<data directory>/spool/<name>`; made when it is not there. */
  directory: string
  /** A directory on another disk for the second copy: then nothing is acknowledged that is not on both. */
  secondDirectory?: string
  settings: SpoolSettings
  clock: Clock
  log: Log
  /** Called once when the disk failed: what it holds is not certain, so the process must end and start again. */
  onFatal(error: unknown): void
  observer?: SpoolObserver
  ids?: Ids
  disk?: SpoolDisk
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
  const { settings, log } = options
  const { making, committer, pending, durable } = await openParts(options)
  const stop = new AbortController()
  const recycling = recycleReleased(making, pending, log, stop.signal)

  const refusal = (record: SpoolRecord, bytes: number): AppError | undefined => {
    if (committer.failure() !== undefined) return spoolErrors.spool_failed('', committer.failure())
    if (stop.signal.aborted) return spoolErrors.spool_closed()
    if (record.body.length > MOST_BODY_BYTES || bytes - record.body.length > MOST_META_BYTES)
      return spoolErrors.spool_record_too_large(`${bytes} bytes`)
    const waitingBytes = committer.waitingBytes() + bytes
    if (pending.bytes() + waitingBytes > settings.quotaBytes)
      return spoolErrors.spool_full(`${pending.bytes()} bytes wait to be loaded, ${settings.quotaBytes} may`)
    if (waitingBytes > MOST_WAITING_BYTES) return spoolErrors.spool_full('its disk does not keep up')
    return undefined
  }

  const enqueue: SpoolWriter['enqueue'] = (record, told) => {
    const bytes = frameSpace(record)
    const refused = refusal(record, bytes)
    if (refused === undefined) committer.add(record, bytes, told)
    else told.refused(refused)
  }

  return {
    enqueue,
    append: (record) =>
      new Promise((accepted, refused) => {
        enqueue(record, { accepted, refused })
      }),
    usage: () => ({
      pendingBytes: pending.bytes(),
      quotaBytes: settings.quotaBytes,
      oldestPendingAtMs: pending.oldestAtMs(),
    }),
    async close() {
      if (stop.signal.aborted) return
      stop.abort()
      await committer.close()
      await recycling
      await making.pool.close()
      await making.second?.pool.close()
      await durable.close()
      unlock()
    },
  }
}

/** Recovers what is there and puts a segment in place. */
async function openParts(options: SpoolWriterOptions) {
  const { directory, settings, clock, log, observer, ids = randomIds, disk = realDisk } = options
  const second = await openSecond(options, { disk, ids })
  const pool = await openSegmentPool({ directory, settings, disk, clock, ids, log })
  const making: SegmentMaking = { directory, disk, pool, clock, ids, second }
  const recovered = await recoverSegments(directory, { disk, log })
  const { ended, link, unused } = second === undefined ? recovered : withoutUnused(recovered)
  const pending = createPending(ended, await readReleased(directory))
  for (const segment of pending.takeReleased()) await giveBack(making, segment)
  // Without room for a first segment it opens all the same: what is there can be read, and appends are told to come back.
  const active =
    unused === undefined ? (await segmentIfRoom(making, link, 0)).segment : await reopenSegment(unused, disk)
  const durable = openDurableMark(directory, { clock, onError: (error) => committer.fail(error) })
  const synced =
    active === undefined ? link.previous : { generation: active.mark.generation, offset: active.end }
  if (synced.generation > 0) durable.publish(synced, true)
  pool.prepare()
  second?.pool.prepare()
  const onFatal = (error: unknown) => {
    log.fatal({ directory, err: error }, 'spool failed')
    options.onFatal(error)
  }
  const committer = createCommitter({ making, link, active, pending, durable, observer, onFatal })
  return { making, committer, pending, durable }
}

/** Follows what the reader releases and takes the segments back, until the signal aborts. */
async function recycleReleased(
  making: SegmentMaking,
  pending: Pending,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const { directory, clock } = making
  while (!signal.aborted) {
    await clock.sleep(RELEASED_POLL_MS, signal)
    try {
      pending.released(await readReleased(directory))
      for (const segment of pending.takeReleased()) await giveBack(making, segment)
    } catch (error) {
      // Nothing is lost by keeping segments: the quota ends it, and the next round tries again.
      log.error({ directory, err: error }, 'released spool segments cannot be taken back')
    }
  }
}

/** @throws spool_second_copy (503, retry) when the other disk cannot be used: acknowledging without it would be a broken promise */
async function openSecond(
  { directory, secondDirectory, settings, clock, log }: SpoolWriterOptions,
  { disk, ids }: { disk: SpoolDisk; ids: Ids },
): Promise<SegmentMaking['second']> {
  if (secondDirectory === undefined) return undefined
  try {
    await reconcile(directory, secondDirectory, log)
    return {
      directory: secondDirectory,
      pool: await openSegmentPool({ directory: secondDirectory, settings, disk, clock, ids, log }),
    }
  } catch (error) {
    throw spoolErrors.spool_second_copy(`${secondDirectory}: ${(error as Error).message}`, error)
  }
}

/** A segment without records is not gone on with: what its copy holds is not known. The next one follows it. */
function withoutUnused({ ended, link, unused }: RecoveredSpool): RecoveredSpool {
  if (unused === undefined) return { ended, link, unused }
  const { generation, path, bytes, header } = unused
  const end = SEGMENT_HEADER_BYTES
  return {
    ended: [...ended, { generation, path, bytes, end, createdAtMs: header?.createdAtMs ?? 0 }],
    link: { previous: { generation, offset: end }, previousAcknowledged: end },
    unused: undefined,
  }
}

/** Both copies; of one that was released before there was a second one, there is none. */
async function giveBack({ pool, second }: SegmentMaking, { path, bytes }: EndedSegment): Promise<void> {
  await pool.giveBack(path, bytes)
  if (second === undefined) return
  try {
    await second.pool.giveBack(mirrorOf(path, second.directory), bytes)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

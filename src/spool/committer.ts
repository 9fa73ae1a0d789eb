import {
  type ActiveSegment,
  closeSegment,
  commitTo,
  linkTo,
  roomIn,
  type SegmentMaking,
  segmentIfRoom,
} from './active-segment.ts'
import { type Batch, createBatchBuilder, type Waiting } from './batch.ts'
import { isOutOfSpace } from './disk.ts'
import { spoolErrors } from './errors.ts'
import type { DurableMark } from './marks.ts'
import type { Pending } from './pending.ts'
import type { SegmentLink } from './segment.ts'
import type { SpoolObserver, SpoolRecord, SpoolTold } from './types.ts'

export type Committer = {
  /** Tells when the record is on disk, or refuses with spool_full, spool_failed (503, retry). */
  add(record: SpoolRecord, bytes: number, told: SpoolTold): void
  waitingBytes(): number
  /** The error after which nothing is accepted any more. */
  failure(): unknown
  /** The disk failed: everything that waits is refused, and `onFatal` is told once. */
  fail(error: unknown): void
  /** Resolves when nothing waits any more and the segment is closed. */
  close(): Promise<void>
}

export type CommitterOptions = {
  making: SegmentMaking
  /** What goes into the header of the first segment this one makes, while `active` is undefined. */
  link: SegmentLink
  active: ActiveSegment | undefined
  pending: Pending
  durable: DurableMark
  observer: SpoolObserver | undefined
  onFatal(error: unknown): void
}

/** Answers the senders of a batch. */
type Tell = () => void
const nobody: Tell = () => undefined

/** A batch as small as this is shown to the reader before it is acknowledged: there is time. */
const FEW = 4

/**
 * Group commit without a timer: one batch is on its way to the disk, and what arrives meanwhile is the next one. The senders of a
 * batch are answered when the next one is under way: that takes the processor about as long as the disk needs.
 */
export function createCommitter(options: CommitterOptions): Committer {
  const { making, link, pending, durable, observer } = options
  const { clock, disk, pool, second } = making
  const buildBatch = createBatchBuilder()
  let { active } = options
  let waiting: Waiting[] = []
  let waitingBytes = 0
  let committing: Promise<void> | undefined
  let failure: unknown

  /** Takes the first so many out of the queue. */
  const take = (count: number): Waiting[] => {
    const taken = waiting.slice(0, count)
    waiting = waiting.slice(count)
    for (const { bytes } of taken) waitingBytes -= bytes
    return taken
  }

  const fail = (error: unknown) => {
    if (failure !== undefined) return
    failure = error
    for (const { told } of take(waiting.length)) told.refused(spoolErrors.spool_failed('', error))
    options.onFatal(error)
  }

  /** A new segment for the first that waits; false when there is none and that one was refused. */
  const makeRoom = async (): Promise<boolean> => {
    const before = active
    const upTo = before === undefined ? link : linkTo(before)
    const { segment, full } = await segmentIfRoom(making, upTo, waiting[0]!.bytes)
    if (segment === undefined) {
      for (const { told } of take(1)) told.refused(full)
      return false
    }
    await closeSegment(before)
    if (before !== undefined) pending.ended({ ...before, generation: before.mark.generation })
    active = segment
    pool.prepare()
    second?.pool.prepare()
    return true
  }

  /** Puts a batch on disk; returns what tells its senders. `tellPrevious` is called while the disk works. */
  const commit = async (segment: ActiveSegment, batch: Batch, tellPrevious: Tell): Promise<Tell> => {
    const { buffers, bytes, positions } = batch
    const startedMs = clock.monotonicMs()
    const written = commitTo(segment, disk, buffers, segment.end)
    tellPrevious()
    try {
      await written
    } catch (error) {
      if (!isOutOfSpace(error)) throw error
      segment.abandoned = true
      const full = spoolErrors.spool_full('its disk is full', error)
      const refused = take(positions.length)
      return () => {
        for (const { told } of refused) told.refused(full)
      }
    }
    pending.appended(positions[0]!, bytes, waiting[0]!.record.receivedAtMs)
    segment.end += bytes
    const synced = { generation: segment.mark.generation, offset: segment.end }
    durable.publish(synced, positions.length <= FEW)
    observer?.committed(positions.length, bytes, (clock.monotonicMs() - startedMs) / 1000)
    const accepted = take(positions.length)
    return () => {
      for (const [at, { told }] of accepted.entries()) told.accepted(positions[at]!)
    }
  }

  const commitAll = async () => {
    let tell: Tell = nobody
    try {
      // Whatever this turn of the event loop still brings goes into the first batch.
      await new Promise(setImmediate)
      while (waiting.length > 0) {
        if (waiting[0]!.bytes > roomIn(active)) {
          tell()
          tell = nobody
          if (!(await makeRoom())) continue
        }
        const segment = active!
        const place = { mark: segment.mark, offset: segment.end, room: roomIn(segment) }
        const batch = buildBatch(waiting, place)
        const tellPrevious = tell
        // Told by the commit, also when that one fails.
        tell = nobody
        tell = await commit(segment, batch, tellPrevious)
      }
    } catch (error) {
      fail(error)
    } finally {
      tell()
      committing = undefined
    }
  }

  return {
    add(record, bytes, told) {
      waiting.push({ record, bytes, told })
      waitingBytes += bytes
      committing ??= commitAll()
    },
    waitingBytes: () => waitingBytes,
    failure: () => failure,
    fail,
    async close() {
      await committing
      await closeSegment(active)
    },
  }
}

import { type ActiveSegment, linkTo, roomIn, type SegmentMaking, segmentIfRoom } from './active-segment.ts'
import { type Batch, createBatchBuilder, type Waiting } from './batch.ts'
import { isOutOfSpace } from './disk.ts'
import { spoolErrors } from './errors.ts'
import type { DurableMark } from './marks.ts'
import type { Pending } from './pending.ts'
import type { SegmentLink } from './segment.ts'
import type { SpoolObserver, SpoolPosition, SpoolRecord } from './types.ts'

export type Committer = {
  /** Resolves when the record is on disk. @throws spool_full, spool_failed (503, retry) */
  add(record: SpoolRecord, bytes: number): Promise<SpoolPosition>
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

/** A batch as small as this is shown to the reader before it is acknowledged: there is time. */
const FEW = 4

/** Group commit without a timer: one batch is on its way to the disk, and what arrives meanwhile is the next one. */
export function createCommitter(options: CommitterOptions): Committer {
  const { making, link, pending, durable, observer } = options
  const { clock, disk, pool } = making
  const buildBatch = createBatchBuilder()
  let { active } = options
  let waiting: Waiting[] = []
  let waitingBytes = 0
  let committing: Promise<void> | undefined
  let failure: unknown

  const settle = (count: number, then: (waiting: Waiting, at: number) => void) => {
    const settled = waiting.slice(0, count)
    waiting = waiting.slice(count)
    for (const [at, each] of settled.entries()) {
      waitingBytes -= each.bytes
      then(each, at)
    }
  }

  const fail = (error: unknown) => {
    if (failure !== undefined) return
    failure = error
    settle(waiting.length, ({ reject }) => reject(spoolErrors.spool_failed('', error)))
    options.onFatal(error)
  }

  /** A segment with room for the first that waits; undefined when there is none and that one was refused. */
  const segmentWithRoom = async (): Promise<ActiveSegment | undefined> => {
    const least = waiting[0]!.bytes
    if (least <= roomIn(active)) return active
    const { segment, full } = await segmentIfRoom(making, active === undefined ? link : linkTo(active), least)
    if (segment === undefined) {
      settle(1, ({ reject }) => reject(full))
      return undefined
    }
    await active?.handle.close()
    if (active !== undefined) pending.ended({ ...active, generation: active.mark.generation })
    active = segment
    pool.prepare()
    return active
  }

  const commit = async (segment: ActiveSegment, { buffers, bytes, positions }: Batch) => {
    const startedMs = clock.monotonicMs()
    try {
      await disk.commit(segment.handle.fd, buffers, segment.end)
    } catch (error) {
      if (!isOutOfSpace(error)) throw error
      segment.abandoned = true
      const full = spoolErrors.spool_full('its disk is full', error)
      return settle(positions.length, ({ reject }) => reject(full))
    }
    pending.appended(positions[0]!, bytes, waiting[0]!.record.receivedAtMs)
    segment.end += bytes
    const synced = { generation: segment.mark.generation, offset: segment.end }
    durable.publish(synced, positions.length <= FEW)
    observer?.committed(positions.length, bytes, (clock.monotonicMs() - startedMs) / 1000)
    settle(positions.length, ({ resolve }, at) => resolve(positions[at]!))
  }

  const commitAll = async () => {
    try {
      // Whatever this turn of the event loop still brings goes into the first batch.
      await new Promise(setImmediate)
      while (waiting.length > 0) {
        const segment = await segmentWithRoom()
        if (segment === undefined) continue
        const place = { mark: segment.mark, offset: segment.end, room: roomIn(segment) }
        await commit(segment, buildBatch(waiting, place))
      }
    } catch (error) {
      fail(error)
    } finally {
      committing = undefined
    }
  }

  return {
    add: (record, bytes) =>
      new Promise((resolve, reject) => {
        waiting.push({ record, bytes, resolve, reject })
        waitingBytes += bytes
        committing ??= commitAll()
      }),
    waitingBytes: () => waitingBytes,
    failure: () => failure,
    fail,
    async close() {
      await committing
      await active?.handle.close()
    },
  }
}

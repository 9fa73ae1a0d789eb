import { FRAME_HEADER_BYTES, type SegmentMark, writeFrameHeader } from './frame.ts'
import { hasSameHead, metaSpace, writeMeta } from './record.ts'
import type { SpoolPosition, SpoolRecord, SpoolTold } from './types.ts'

/** An append that waits for its batch. `bytes`: the most it can take in a segment. */
export type Waiting = { record: SpoolRecord; bytes: number; told: SpoolTold }

export type Batch = { buffers: Buffer[]; bytes: number; positions: SpoolPosition[] }

/** The most a record can take in a segment. */
export function frameSpace(record: SpoolRecord): number {
  return FRAME_HEADER_BYTES + metaSpace(record) + record.body.length
}

const STAGING_BYTES = 1024 * 1024
/** Bodies up to this size are copied next to their header; larger ones are written from where they are. */
const COPIED_BODY_BYTES = 16 * 1024
const MOST_BATCH_BYTES = 16 * 1024 * 1024

/**
 * Lays out as many of the waiting records as fit into `room` bytes, in order, in one list of buffers for one write.
 * The staging buffer is used again by the next call: the batch must have been written by then.
 */
export function createBatchBuilder(): (
  waiting: Waiting[],
  place: { mark: SegmentMark; offset: number; room: number },
) => Batch {
  const staging = Buffer.allocUnsafeSlow(STAGING_BYTES)
  return (waiting, { mark, offset, room }) => {
    const buffers: Buffer[] = []
    const positions: SpoolPosition[] = []
    let staged = 0
    let stagedFrom = 0
    let bytes = 0
    let before: { record: SpoolRecord; metaAt: number } | undefined
    for (const { record, bytes: most } of waiting) {
      const { body } = record
      const copied = body.length <= COPIED_BODY_BYTES
      const space = copied ? most : most - body.length
      const fits = bytes + most <= room && staged + space <= STAGING_BYTES
      if (!fits || (bytes > 0 && bytes + most > MOST_BATCH_BYTES)) break
      const start = offset + bytes
      const metaAt = staged + FRAME_HEADER_BYTES
      const like = before !== undefined && hasSameHead(before.record, record) ? before.metaAt : undefined
      const metaEnd = writeMeta(staging, metaAt, record, like)
      before = { record, metaAt }
      const frame = { offset: start, batchBack: bytes, metaBytes: metaEnd - metaAt, bodyBytes: body.length }
      if (copied) body.copy(staging, metaEnd)
      writeFrameHeader(staging, staged, mark, copied ? frame : { ...frame, body })
      positions.push({ generation: mark.generation, offset: start })
      bytes += metaEnd - staged + body.length
      staged = copied ? metaEnd + body.length : metaEnd
      if (!copied) {
        buffers.push(staging.subarray(stagedFrom, staged), body)
        stagedFrom = staged
      }
    }
    if (staged > stagedFrom) buffers.push(staging.subarray(stagedFrom, staged))
    return { buffers, bytes, positions }
  }
}

/**
 * How one record lies in a segment: 32 bytes of header, the meta part, the body.
 *
 *   0 marker      8 random bytes of this segment's generation: says "a record starts here" to a scan behind
 *                 damage, and nobody who sends a body can forge it
 *   8 crc         CRC-32 from byte 12 to the end of the body, seeded with the record's offset
 *  12 generation  48 bits, then 16 bits of format version
 *  20 meta length, 24 body length
 *  28 batch back  distance to the start of the batch: a batch is written only after the one before was synced,
 *                 so everything before the last batch found was acknowledged
 */
import { crc32 } from 'node:zlib'

export const FRAME_HEADER_BYTES = 32
export const MOST_BODY_BYTES = 64 * 1024 * 1024
export const MOST_META_BYTES = 64 * 1024
const FORMAT = 1

/** What makes a record of this segment recognisable. */
export type SegmentMark = { generation: number; marker: Buffer }

/**
 * Fills in the header at `at` of a staging buffer that already holds the meta part behind it (and the body behind
 * that when `body` is undefined; `bodyBytes` says how long it is in both cases).
 */
export function writeFrameHeader(
  buffer: Buffer,
  at: number,
  mark: SegmentMark,
  frame: { offset: number; batchBack: number; metaBytes: number; bodyBytes: number; body?: Buffer },
): void {
  mark.marker.copy(buffer, at)
  buffer.writeUInt32LE(mark.generation % 0x1_0000_0000, at + 12)
  buffer.writeUInt16LE(Math.floor(mark.generation / 0x1_0000_0000), at + 16)
  buffer.writeUInt16LE(FORMAT, at + 18)
  buffer.writeUInt32LE(frame.metaBytes, at + 20)
  buffer.writeUInt32LE(frame.bodyBytes, at + 24)
  buffer.writeUInt32LE(frame.batchBack, at + 28)
  const end = at + FRAME_HEADER_BYTES + frame.metaBytes + (frame.body === undefined ? frame.bodyBytes : 0)
  const crc = crc32(buffer.subarray(at + 12, end), frame.offset % 0x1_0000_0000)
  buffer.writeUInt32LE(frame.body === undefined ? crc : crc32(frame.body, crc), at + 8)
}

/** `short`: `bytes` are needed from the record's start to tell. */
export type Frame =
  | { kind: 'record'; bytes: number; batchBack: number; meta: Buffer; body: Buffer }
  | { kind: 'short'; bytes: number }
  | { kind: 'bad' }

/** Reads the record that starts at `at` of the buffer and at `offset` of the segment. */
export function readFrame(buffer: Buffer, at: number, mark: SegmentMark, offset: number): Frame {
  const held = buffer.length - at
  if (held < FRAME_HEADER_BYTES) return { kind: 'short', bytes: FRAME_HEADER_BYTES }
  if (mark.marker.compare(buffer, at, at + 8) !== 0) return { kind: 'bad' }
  const generation = buffer.readUInt32LE(at + 12) + buffer.readUInt16LE(at + 16) * 0x1_0000_0000
  const metaBytes = buffer.readUInt32LE(at + 20)
  const bodyBytes = buffer.readUInt32LE(at + 24)
  if (generation !== mark.generation || buffer.readUInt16LE(at + 18) !== FORMAT) return { kind: 'bad' }
  if (metaBytes > MOST_META_BYTES || bodyBytes > MOST_BODY_BYTES) return { kind: 'bad' }
  const bytes = FRAME_HEADER_BYTES + metaBytes + bodyBytes
  if (held < bytes) return { kind: 'short', bytes }
  const crc = crc32(buffer.subarray(at + 12, at + bytes), offset % 0x1_0000_0000)
  if (crc !== buffer.readUInt32LE(at + 8)) return { kind: 'bad' }
  const bodyAt = at + FRAME_HEADER_BYTES + metaBytes
  return {
    kind: 'record',
    bytes,
    batchBack: buffer.readUInt32LE(at + 28),
    meta: buffer.subarray(at + FRAME_HEADER_BYTES, bodyAt),
    body: buffer.subarray(bodyAt, at + bytes),
  }
}

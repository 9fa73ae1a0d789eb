import type { Segment } from './cell-text.ts'

/** Smaller payloads are copied together: thousands of one-record posts would otherwise be thousands of buffers. */
const SMALL_PAYLOAD_BYTES = 64 << 10
const FIRST_BLOCK_BYTES = 16 << 10
const MAX_BLOCK_BYTES = 1 << 20

/** Keeps the payloads of one batch, because its texts stay in them. */
export type PayloadStore = {
  /** Where the payload's records are to be read from. */
  place(payload: Buffer, row: number): { segment: Segment; start: number }
  segments(): readonly Segment[]
  bytes(): number
  count(): number
  truncate(count: number): void
}

const roundUpToWord = (bytes: number): number => (bytes + 3) & ~3

/** The payload itself if it can also be read in whole 32-bit words, else a copy that can. */
function readableAsWords(payload: Buffer): Buffer {
  const words = (payload.length + 3) >>> 2
  const fits = (payload.byteOffset & 3) === 0 && payload.byteOffset + 4 * words <= payload.buffer.byteLength
  if (fits) return payload
  const copy = Buffer.allocUnsafeSlow(4 * words).subarray(0, payload.length)
  payload.copy(copy)
  return copy
}

export function createPayloadStore(): PayloadStore {
  const segments: Segment[] = []
  let block = Buffer.alloc(0)
  let used = 0
  let bytes = 0

  function segmentFor(buffer: Buffer, row: number): Segment {
    const last = segments.at(-1)
    if (last?.bytes === buffer) return last
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    const words = new Int32Array(buffer.buffer, buffer.byteOffset, (buffer.byteLength + 3) >>> 2)
    const segment = { rowFrom: row, bytes: buffer, view, words }
    segments.push(segment)
    return segment
  }

  return {
    place(payload, row) {
      bytes += payload.length
      if (payload.length >= SMALL_PAYLOAD_BYTES)
        return { segment: segmentFor(readableAsWords(payload), row), start: 0 }
      if (used + payload.length > block.length) {
        const doubled = Math.min(Math.max(FIRST_BLOCK_BYTES, 2 * block.length), MAX_BLOCK_BYTES)
        block = Buffer.allocUnsafeSlow(Math.max(doubled, roundUpToWord(payload.length)))
        used = 0
      }
      const start = used
      payload.copy(block, start)
      used += payload.length
      return { segment: segmentFor(block, row), start }
    },
    segments: () => segments,
    bytes: () => bytes,
    count: () => segments.length,
    truncate(count) {
      segments.length = count
    },
  }
}

import { promisify } from 'node:util'
import { constants, zstdCompress } from 'node:zlib'

/** Forms in which rows are sent as segments (trinodb/trino docs develop/client-protocol.md, "Spooling protocol"). */
export const ENCODINGS = ['json+zstd', 'json'] as const
export type Encoding = (typeof ENCODINGS)[number]

/**
 * What of the client's list, in its own order, is offered here. undefined when nothing is, or nothing was asked for: then rows are sent
 * as they always were, which every client reads. `json+lz4` is not offered.
 */
export function chosenEncoding(list: readonly string[]): Encoding | undefined {
  return list
    .map((name) => ENCODINGS.find((encoding) => encoding === name.toLowerCase()))
    .find((encoding) => encoding !== undefined)
}

/** Rows of one page. `data`: `[[1,"x"],[2,"y"]]`. */
export type SegmentRows = { data: Buffer; rows: number; firstRow: number }

/** The bytes of a segment, and what its reader is told about them. */
export type EncodedSegment = { bytes: Buffer; metadata: Record<string, number> }

const compress = promisify(zstdCompress)
/** The lowest level: what it saves beyond costs more time than the network here takes. */
const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }
/** Less is not worth it; without `uncompressedSize` a client takes the bytes as they are. */
const LEAST_COMPRESSED_BYTES = 8 * 1024

/** Compressed outside of the main thread. */
export async function encodeSegment(rows: SegmentRows, encoding: Encoding): Promise<EncodedSegment> {
  const { data, rows: rowsCount, firstRow: rowOffset } = rows
  const isCompressed = encoding === 'json+zstd' && data.length >= LEAST_COMPRESSED_BYTES
  const bytes = isCompressed ? await compress(data, OPTIONS) : data
  const sizes = { rowOffset, rowsCount, segmentSize: bytes.length }
  return { bytes, metadata: isCompressed ? { ...sizes, uncompressedSize: data.length } : sizes }
}

export type Segment =
  | { type: 'inline'; data: string; metadata: EncodedSegment['metadata'] }
  | { type: 'spooled'; uri: string; ackUri: string; headers: object; metadata: EncodedSegment['metadata'] }

/** What stands in the place of `data`. */
export function encodedData(encoding: Encoding, segments: readonly Segment[]): Buffer {
  return Buffer.from(JSON.stringify({ encoding, segments }))
}

import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { Packer } from './packer.ts'

/** Some rows that are sent together, in the order of the source. */
export type Chunk = {
  /** Derived from where the rows came from, where they stand and what they are: the same rows have the same id again. */
  id: string
  /** Its own number, and that of its first row, from 0. */
  index: number
  from: number
  rows: number
  packed: Buffer
  /** How much of the source was read for it. */
  sourceBytes: number
}

export type ChunkLimits = { bytes: number; rows: number }

/** As large as makes a good file on the server and a small loss when a connection breaks. */
export const CHUNK_LIMITS: ChunkLimits = { bytes: 8 * 1024 * 1024, rows: 100_000 }

/**
 * Cuts rows into chunks by their number and size alone, so that the same source is always cut alike; and where it was cut before (`cuts`, numbers
 * of rows), so that what was added to a file later does not change the chunks before it.
 */
export function createChunker({
  name,
  limits,
  cuts,
}: {
  name: string
  limits: ChunkLimits
  cuts: ReadonlySet<number>
}) {
  const packer = new Packer()
  let from = 0
  let rows = 0
  let before = 0
  let index = 0
  const take = (readBytes: number): Chunk => {
    const packed = packer.take()
    const chunk = {
      id: idOf(name, from, packed),
      index: index++,
      from,
      rows,
      packed,
      sourceBytes: readBytes - before,
    }
    from += rows
    rows = 0
    before = readBytes
    return chunk
  }
  return {
    /** Rows are written here, one by one, each followed by `wrote`. */
    packer,
    /** `readBytes`: of the source, so far. @returns the chunk that the row completed */
    wrote(readBytes: number): Chunk | undefined {
      rows++
      const isFull = packer.length >= limits.bytes || rows >= limits.rows || cuts.has(from + rows)
      return isFull ? take(readBytes) : undefined
    },
    /** What is left at the end of the source. */
    last: (readBytes: number): Chunk | undefined => (rows === 0 ? undefined : take(readBytes)),
  }
}

function idOf(name: string, from: number, packed: Buffer): string {
  return createHash('sha256').update(`${name}\n${from}\n`).update(packed).digest('hex').slice(0, 32)
}

const compress = promisify(gzip)

/** Servers take what expands further for a gzip bomb; a megabyte may always come of it (`MILLRACE_LOAD_MAX_RATIO`, 300). */
const MOST_RATIO = 200
const ALWAYS_ALLOWED_BYTES = 1 << 20

/** The body of the request. */
export async function compressed(packed: Buffer): Promise<Buffer> {
  const body = await compress(packed, { level: 6 })
  if (packed.length <= ALWAYS_ALLOWED_BYTES || packed.length / body.length <= MOST_RATIO) return body
  return compress(packed, { level: 0 })
}

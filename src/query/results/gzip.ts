import { promisify } from 'node:util'
import { constants, crc32, deflateRaw } from 'node:zlib'

/** How many parts are compressed beside each other while the next one is made. */
const PARALLEL_PARTS = 2
/** Magic, deflate, no flags, no time, fastest, Unix (RFC 1952, 2.3). */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 3])
/** A final block without content (RFC 1951, 3.2.3). */
const LAST_BLOCK = Buffer.from([0x03, 0x00])
const compress = promisify(deflateRaw) as (bytes: Buffer, options: object) => Promise<Buffer>
const OPTIONS = { level: 1, finishFlush: constants.Z_SYNC_FLUSH, chunkSize: 128 * 1024 }

export type GzipWriter = {
  /** Resolves when there is room for the next part, which may be before this one is written. The bytes are the writer's from now on. */
  push(bytes: Buffer): Promise<void>
  /** Resolves when everything is written. */
  end(): Promise<void>
  /** Rejects when a write fails, and never resolves. */
  failed: Promise<never>
  /** Resolves when nothing is under way any more, whether it failed or not. */
  settled(): Promise<void>
}

/**
 * One gzip member of parts that are compressed on several threads and written in order: each part ends at a byte, and refers to none
 * before it, so that joined they are one deflate stream, which every client's gunzip reads.
 */
export function gzipWriter(write: (bytes: Buffer) => Promise<void>): GzipWriter {
  const { promise: failed, reject } = Promise.withResolvers<never>()
  failed.catch(() => undefined)
  const underWay: Promise<void>[] = []
  let checksum = 0
  let length = 0
  let written = write(HEADER)
  written.catch(reject)
  const enqueue = (part: Promise<Buffer>): Promise<void> => {
    // Both are waited for in order, one flush later.
    part.catch(() => undefined)
    written = written.then(async () => write(await part))
    written.catch(reject)
    return written
  }
  return {
    failed,
    async push(bytes) {
      checksum = crc32(bytes, checksum)
      length += bytes.length
      underWay.push(enqueue(compress(bytes, OPTIONS)))
      if (underWay.length > PARALLEL_PARTS) await underWay.shift()
    },
    async end() {
      const trailer = Buffer.alloc(8)
      trailer.writeUInt32LE(checksum, 0)
      trailer.writeUInt32LE(length % 2 ** 32, 4)
      await enqueue(Promise.resolve(Buffer.concat([LAST_BLOCK, trailer])))
    },
    settled: () =>
      written.then(
        () => undefined,
        () => undefined,
      ),
  }
}

import { type FileHandle, open } from 'node:fs/promises'
import { createGzip } from 'node:zlib'
import type { DuckDBResult } from '@duckdb/node-api'
import { QueryError } from '../errors.ts'
import type { PrestoType } from '../presto-type.ts'
import { cellWriter } from './cells.ts'
import { createSink, drain, type Sink, writeArrayHeader } from './msgpack.ts'

/** Uncompressed bytes handed to gzip at a time. */
const FLUSH_BYTES = 192 * 1024

/**
 * Writes the rows of a streamed result to a new file: one MessagePack array per row, concatenated, under gzip
 * level 1 (its compression runs on another thread). The file is synced when this resolves.
 * `mostBytes` bounds the file, and `onRows` is told the count so far after each chunk; throwing from it ends the writing.
 */
export async function writeResult(
  result: DuckDBResult,
  types: PrestoType[],
  path: string,
  onRows: (rows: number) => void,
  mostBytes = Number.POSITIVE_INFINITY,
): Promise<{ rows: number; bytes: number }> {
  const file = await open(path, 'wx', 0o600)
  const gzip = createGzip({ level: 1, chunkSize: 64 * 1024 })
  const written = appendAll(gzip, file, mostBytes)
  try {
    const encoded = encodeChunks(result, types, (bytes) => push(gzip, bytes), onRows)
    // Whichever fails first ends both: the disk, or the query.
    const rows = await Promise.race([encoded, written.then(() => encoded)])
    gzip.end()
    const bytes = await written
    await file.sync()
    return { rows, bytes }
  } catch (error) {
    gzip.destroy(error as Error)
    await Promise.allSettled([written])
    throw error
  } finally {
    await file.close()
  }
}

/** Returns how many bytes were written. */
async function appendAll(
  pieces: AsyncIterable<Buffer>,
  file: FileHandle,
  mostBytes: number,
): Promise<number> {
  let bytes = 0
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; ) at += (await file.write(piece, at)).bytesWritten
    bytes += piece.length
    if (bytes > mostBytes)
      throw new QueryError(
        'GENERIC_INSUFFICIENT_RESOURCES',
        `The result exceeds ${Math.floor(mostBytes / 2 ** 20)} MB`,
      )
  }
  return bytes
}

async function push(gzip: NodeJS.WritableStream, bytes: Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    gzip.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}

async function encodeChunks(
  result: DuckDBResult,
  types: PrestoType[],
  push: (bytes: Buffer) => Promise<void>,
  onRows: (rows: number) => void,
): Promise<number> {
  const sink = createSink()
  let rows = 0
  let pushing: Promise<void> = Promise.resolve()
  for (;;) {
    const chunk = await result.fetchChunk()
    if (chunk === null || chunk.rowCount === 0) break
    const writers = types.map((type, i) => cellWriter(type, chunk.getColumnVector(i)))
    // Each asking is a call of the engine.
    const { rowCount } = chunk
    for (let row = 0; row < rowCount; row++) {
      writeArrayHeader(sink, writers.length)
      for (const write of writers) write(sink, row)
      if (sink.at >= FLUSH_BYTES) {
        await pushing
        pushing = push(drainLarge(sink))
        // Its failure is thrown where it is awaited, one flush later.
        pushing.catch(() => undefined)
      }
    }
    rows += rowCount
    onRows(rows)
  }
  await pushing
  if (sink.at > 0) await push(drain(sink))
  return rows
}

/** One giant value must not keep its memory for the rest of the result. */
function drainLarge(sink: Sink): Buffer {
  const bytes = drain(sink)
  if (sink.bytes.length > 4 << 20) sink.bytes = Buffer.allocUnsafeSlow(FLUSH_BYTES * 2)
  return bytes
}

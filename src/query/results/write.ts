import { type FileHandle, open } from 'node:fs/promises'
import type { DuckDBResult } from '@duckdb/node-api'
import { QueryError } from '../errors.ts'
import type { PrestoType } from '../presto-type.ts'
import { cellWriter } from './cells.ts'
import { gzipWriter } from './gzip.ts'
import { createSink, drain, type Sink, writeArrayHeader } from './msgpack.ts'

/** Uncompressed bytes handed to gzip at a time. */
const FLUSH_BYTES = 384 * 1024

/**
 * Writes the rows of a streamed result to a new file: one MessagePack array per row, concatenated, under gzip
 * level 1 (its compression runs on other threads). The file is synced when this resolves.
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
  const bounded = boundedFile(file, mostBytes)
  const gzip = gzipWriter(bounded.write)
  try {
    // Whichever fails first ends both: the disk, or the query.
    const rows = await Promise.race([encodeChunks(result, types, gzip.push, onRows), gzip.failed])
    await gzip.end()
    await file.sync()
    return { rows, bytes: bounded.bytes() }
  } finally {
    await gzip.settled()
    await file.close()
  }
}

function boundedFile(
  file: FileHandle,
  mostBytes: number,
): { write(piece: Buffer): Promise<void>; bytes(): number } {
  let bytes = 0
  return {
    bytes: () => bytes,
    async write(piece) {
      for (let at = 0; at < piece.length; ) at += (await file.write(piece, at)).bytesWritten
      bytes += piece.length
      if (bytes > mostBytes)
        throw new QueryError(
          'GENERIC_INSUFFICIENT_RESOURCES',
          `The result exceeds ${Math.floor(mostBytes / 2 ** 20)} MB`,
        )
    },
  }
}

async function encodeChunks(
  result: DuckDBResult,
  types: PrestoType[],
  push: (bytes: Buffer) => Promise<void>,
  onRows: (rows: number) => void,
): Promise<number> {
  const sink = createSink()
  let rows = 0
  for (;;) {
    const chunk = await result.fetchChunk()
    if (chunk === null || chunk.rowCount === 0) break
    const writers = types.map((type, i) => cellWriter(type, chunk.getColumnVector(i)))
    // Each asking is a call of the engine.
    const { rowCount } = chunk
    for (let row = 0; row < rowCount; row++) {
      writeArrayHeader(sink, writers.length)
      for (const write of writers) write(sink, row)
      if (sink.at >= FLUSH_BYTES) await push(drainLarge(sink))
    }
    rows += rowCount
    onRows(rows)
  }
  if (sink.at > 0) await push(drain(sink))
  return rows
}

/** One giant value must not keep its memory for the rest of the result. */
function drainLarge(sink: Sink): Buffer {
  const bytes = drain(sink)
  if (sink.bytes.length > 4 << 20) sink.bytes = Buffer.allocUnsafeSlow(FLUSH_BYTES * 2)
  return bytes
}

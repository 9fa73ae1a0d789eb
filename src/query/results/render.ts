import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { createGunzip, createGzip } from 'node:zlib'
import type { ResultFormat } from '../../jobs/index.ts'
import { jsonRows, quotedField, recordRows, renderRows, separatedRows } from './read.ts'

export type ResultRequest = {
  /** The stored msgpack.gz file as an absolute path, or its bytes. */
  storedPath: string | Readable
  schema: [name: string, type: string][]
  format: ResultFormat
  /** A first line with the column names; csv and tsv only. */
  header?: boolean
  /** NaN and the infinities become null; text formats only. */
  nullifySpecial?: boolean
}

/**
 * A stored result in the format asked for. Streams: memory does not grow with the result. `msgpack.gz` is the stored
 * bytes; `msgpack` is them inflated (serve the stored ones with Content-Encoding: gzip to clients that accept it).
 * The stream fails with GENERIC_INTERNAL_ERROR or zlib's error when the stored file is damaged.
 */
export function renderResult(request: ResultRequest): Readable {
  const { storedPath, format } = request
  const stored = typeof storedPath === 'string' ? createReadStream(storedPath) : storedPath
  if (format === 'msgpack.gz') return stored
  const rows = piped(stored, createGunzip({ chunkSize: 128 * 1024 }))
  if (format === 'msgpack') return rows
  const text = Readable.from(textOf(rows, request), { objectMode: false })
  return format.endsWith('.gz') ? piped(text, createGzip({ level: 1 })) : text
}

export type RecordsRequest = {
  /** The stored msgpack.gz file as an absolute path. */
  storedPath: string
  columns: readonly string[]
  /** `lines`: an object on each line; `array`: one JSON array of them. */
  form: 'lines' | 'array'
}

/** The rows of a stored result as JSON objects, gzip'd: what an export of a table writes. Streams. */
export function renderRecords({ storedPath, columns, form }: RecordsRequest): Readable {
  const rows = piped(createReadStream(storedPath), createGunzip({ chunkSize: 128 * 1024 }))
  const text = Readable.from(recordTexts(rows, columns, form), { objectMode: false })
  return piped(text, createGzip({ level: 6 }))
}

const RECORD_STYLE = { nullifySpecial: true }

async function* recordTexts(
  rows: AsyncIterable<Buffer>,
  columns: readonly string[],
  form: RecordsRequest['form'],
): AsyncIterable<Buffer | string> {
  const [before, between] = form === 'array' ? ['[\n', ',\n'] : ['', '\n']
  let isEmpty = true
  for await (const text of renderRows(rows, recordRows(columns, RECORD_STYLE, { before, between }))) {
    isEmpty = false
    yield text
  }
  if (form === 'array') yield isEmpty ? '[]\n' : '\n]\n'
  else if (!isEmpty) yield '\n'
}

/** As `pipe`, but an error of the source, or the reader's going away, reaches the other end. */
function piped<T extends NodeJS.ReadWriteStream & Readable>(source: Readable, target: T): T {
  source.once('error', (error) => target.destroy(error))
  target.once('close', () => source.destroy())
  return source.pipe(target)
}

async function* textOf(rows: AsyncIterable<Buffer>, request: ResultRequest): AsyncIterable<Buffer | string> {
  const { format, header, schema } = request
  const style = { nullifySpecial: request.nullifySpecial ?? false }
  if (format.startsWith('json')) return yield* renderRows(rows, jsonRows(style))
  const separator = format.startsWith('csv') ? ',' : '\t'
  if (header) yield `${schema.map(([name]) => quotedField(name, separator)).join(separator)}\n`
  yield* renderRows(rows, separatedRows(separator, style))
}

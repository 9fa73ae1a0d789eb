import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { createGunzip, createGzip } from 'node:zlib'
import { jsonRows, quotedField, renderRows, separatedRows } from './read.ts'

export const RESULT_FORMATS = [
  'msgpack',
  'msgpack.gz',
  'json',
  'csv',
  'tsv',
  'json.gz',
  'csv.gz',
  'tsv.gz',
] as const
export type ResultFormat = (typeof RESULT_FORMATS)[number]

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

/** What each format is called on the wire (treasure-data/td-client-java TDClient.jobResult and td-client-ruby job.rb). */
export const RESULT_CONTENT_TYPES: Record<ResultFormat, string> = {
  msgpack: 'application/x-msgpack',
  'msgpack.gz': 'application/x-gzip',
  json: 'application/json',
  csv: 'text/csv',
  tsv: 'text/tab-separated-values',
  'json.gz': 'application/x-gzip',
  'csv.gz': 'application/x-gzip',
  'tsv.gz': 'application/x-gzip',
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

import type { Readable, Writable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { wholeValues } from '../load/index.ts'
import { readRow, writeRow } from './delimited.ts'
import { JsonFault, writeJson } from './json-record.ts'
import { createMsgpackWriter } from './msgpack-writer.ts'
import type { PartFormat, RefusalReason } from './types.ts'

/** What was found at some place of a part and cannot be stored; `bytes` as they stood there, at most 64 KiB. */
export type Refusal = { reason: RefusalReason; bytes: Buffer }
/** Some records of a part, as MessagePack that ends where a record does, and what stood between them. */
export type Piece = { payload: Buffer; refusals: Refusal[] }

/** Large enough for thousands of records, small enough that a part made of nothing but faults does not fill the memory. */
const PIECE_BYTES = 512 * 1024
/** A record (or line) beyond this is refused; as `DEFAULT_LIMITS.maxRecordBytes`, with room for what stands around it. */
const LARGEST_RECORD_BYTES = 33 << 20
const KEPT_BYTES = 64 * 1024
const NEWLINE = 0x0a
const NOTHING = Buffer.alloc(0)
const DELIMITERS = { 'csv.gz': 0x2c, 'tsv.gz': 0x09 } as const

const isGzip = (head: Buffer) => head[0] === 0x1f && head[1] === 0x8b

/**
 * Reads the part to its end without keeping anything: why nothing of it may be stored, or undefined. So a part that turns out to be
 * cut or damaged at its end leaves no rows behind.
 */
export async function checkPart(
  stored: () => Readable,
  { mostBytes, signal }: { mostBytes: number; signal: AbortSignal },
): Promise<'gzip_invalid' | 'gzip_truncated' | 'expands_too_far' | undefined> {
  let bytes = 0
  const source = stored()
  try {
    for await (const chunk of await expand(source)) {
      signal.throwIfAborted()
      bytes += chunk.length
      if (bytes > mostBytes) return 'expands_too_far'
    }
    return undefined
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'Z_BUF_ERROR') return 'gzip_truncated'
    if (code === 'Z_DATA_ERROR' || code === 'Z_NEED_DICT') return 'gzip_invalid'
    throw error
  } finally {
    source.destroy()
  }
}

/** The part piece by piece, in the format it is said to have or, where nothing was said, looks like. */
export async function* readPart(
  stored: () => Readable,
  said: PartFormat | null,
  pieceBytes = PIECE_BYTES,
): AsyncIterable<Piece> {
  const source = stored()
  try {
    yield* pieces(await expand(source), said, pieceBytes)
  } finally {
    source.destroy()
  }
}

/** Gunzips what is gzip; anything else passes as it is. */
async function expand(source: Readable): Promise<AsyncIterable<Buffer>> {
  const iterator = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  const first = await iterator.next()
  const rest: AsyncIterable<Buffer> = {
    async *[Symbol.asyncIterator]() {
      if (first.done) return
      yield first.value
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value
    },
  }
  if (first.done || !isGzip(first.value)) return rest
  const gunzip = createGunzip({ chunkSize: 128 * 1024 })
  void feed(rest, gunzip)
  return gunzip
}

/** Resolves when more may be written, or nothing any more. */
function room(stream: Writable): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done)
      stream.off('close', done)
      resolve()
    }
    stream.once('drain', done)
    stream.once('close', done)
  })
}

async function feed(from: AsyncIterable<Buffer>, gunzip: ReturnType<typeof createGunzip>): Promise<void> {
  try {
    for await (const chunk of from) {
      if (gunzip.destroyed) return
      if (!gunzip.write(chunk)) await room(gunzip)
    }
    gunzip.end()
  } catch (error) {
    gunzip.destroy(error as Error)
  }
}

/** Takes whole records off the front of what has been read; `used` 0 = more is needed. `stop`: the rest cannot be read. */
type Cutter = (bytes: Buffer, isLast: boolean) => Piece & { used: number; stop?: boolean }

async function* pieces(
  expanded: AsyncIterable<Buffer>,
  said: PartFormat | null,
  pieceBytes: number,
): AsyncIterable<Piece> {
  let parts: Buffer[] = []
  let length = 0
  let wanted = pieceBytes
  let format = said
  let cutter: Cutter | undefined
  let isSkipping = false
  const keep = (rest: Buffer) => {
    parts = rest.length === 0 ? [] : [rest]
    length = rest.length
  }
  const cut = (isLast: boolean): Piece & { stop?: boolean } => {
    let bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts)
    format ??= sniff(bytes)
    if (cutter === undefined) {
      cutter = cutterOf(format)
      if (format !== 'msgpack.gz') bytes = withoutMark(bytes)
    }
    if (isSkipping) {
      const end = bytes.indexOf(NEWLINE)
      isSkipping = end < 0
      bytes = end < 0 ? NOTHING : bytes.subarray(end + 1)
    }
    const { used, ...piece } = cutter(bytes, isLast)
    keep(bytes.subarray(used))
    // A record longer than a piece is not looked for again at each chunk that arrives.
    wanted = used === 0 ? 2 * bytes.length : pieceBytes
    if (used > 0 || bytes.length < LARGEST_RECORD_BYTES) return piece
    keep(NOTHING)
    isSkipping = format === 'json.gz'
    return { payload: NOTHING, refusals: [refusal('record_too_large', bytes)], stop: !isSkipping }
  }
  for await (const chunk of expanded) {
    parts.push(chunk)
    length += chunk.length
    if (length < Math.min(wanted, LARGEST_RECORD_BYTES)) continue
    const { stop, ...piece } = cut(false)
    yield piece
    if (stop) return
  }
  if (length > 0) yield cut(true)
}

/** The byte order mark that some tools put in front of UTF-8. */
function withoutMark(bytes: Buffer): Buffer {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes
}

/** A map begins MessagePack, a brace JSON; otherwise it is a table, by whether its first line has a tab or a comma first. */
export function sniff(expanded: Buffer): PartFormat {
  const bytes = withoutMark(expanded)
  const first = bytes[0]
  if (first === undefined || (first >= 0x80 && first < 0x90) || first === 0xde || first === 0xdf)
    return 'msgpack.gz'
  const line = bytes.subarray(0, (bytes.indexOf(NEWLINE) + 1 || bytes.length + 1) - 1)
  const trimmed = line.toString('latin1').trimStart()
  if (trimmed.startsWith('{') || trimmed.startsWith('[')) return 'json.gz'
  const [tab, comma] = [line.indexOf(0x09), line.indexOf(0x2c)]
  if (tab >= 0 && (comma < 0 || tab < comma)) return 'tsv.gz'
  return comma >= 0 ? 'csv.gz' : 'msgpack.gz'
}

function cutterOf(format: PartFormat): Cutter {
  if (format === 'msgpack.gz') return cutMsgpack
  return format === 'json.gz' ? createJsonCutter() : createTableCutter(DELIMITERS[format])
}

/** What is cut off at the end or broken is handed on: the scanner says what is wrong with it. */
function cutMsgpack(bytes: Buffer, isLast: boolean) {
  const { length, broken } = wholeValues(bytes)
  const used = isLast || broken ? bytes.length : length
  return { payload: bytes.subarray(0, used), refusals: [], used, stop: broken }
}

/** One value per line; empty lines are nothing. */
function createJsonCutter(): Cutter {
  const out = createMsgpackWriter()
  return (bytes, isLast) => {
    const refusals: Refusal[] = []
    let at = 0
    while (at < bytes.length) {
      const newline = bytes.indexOf(NEWLINE, at)
      if (newline < 0 && !isLast) break
      const end = newline < 0 ? bytes.length : newline
      const line = bytes.subarray(at, end)
      at = Math.min(end + 1, bytes.length)
      try {
        if (line.some((byte) => byte > 0x20)) writeJson(line, out)
      } catch (error) {
        if (!(error instanceof JsonFault)) throw error
        refusals.push(refusal(error.reason, line))
      }
    }
    return { payload: out.take(), refusals, used: at }
  }
}

/** The first row names the columns. */
function createTableCutter(delimiter: number): Cutter {
  const out = createMsgpackWriter()
  let header: Buffer[] | undefined
  return (bytes, isLast) => {
    const refusals: Refusal[] = []
    let at = 0
    while (at < bytes.length) {
      const row = readRow(bytes, at, { delimiter, isLast })
      if (row.kind === 'cut') break
      const text = bytes.subarray(at, row.end)
      at = row.end
      if (row.kind === 'fault') refusals.push(refusal('csv_invalid', text))
      else if (isBlank(row.fields)) continue
      else if (header === undefined) header = row.fields.map((field) => Buffer.from(field.bytes))
      else if (row.fields.length !== header.length) refusals.push(refusal('columns_differ', text))
      else writeRow(header, row.fields, out)
      // Without names nothing that follows can be stored.
      if (header === undefined) return { payload: out.take(), refusals, used: bytes.length, stop: true }
    }
    return { payload: out.take(), refusals, used: at }
  }
}

function isBlank([first, ...more]: { bytes: Buffer; quoted: boolean }[]): boolean {
  return more.length === 0 && first!.bytes.length === 0 && !first!.quoted
}

function refusal(reason: RefusalReason, bytes: Buffer): Refusal {
  return { reason, bytes: Buffer.from(bytes.subarray(0, KEPT_BYTES)) }
}

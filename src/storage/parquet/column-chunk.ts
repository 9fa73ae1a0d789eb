import { constants, crc32, zstdCompressSync } from 'node:zlib'
import { deltaCapacity, measureDeltas, writeDeltas } from './deltas.ts'
import {
  createDictionaryScratch,
  type Dictionary,
  findDistinctPlaces,
  findDistinctTexts,
  findDistinctWords,
} from './dictionary.ts'
import {
  bitWidthOf,
  firstAtOrAfter,
  runCapacity,
  writePacked,
  writePresence,
  writeRepeated,
} from './levels.ts'
import { type Bounds, boundsOf } from './statistics.ts'
import { createTextSources, writeText, writeTexts } from './texts.ts'
import { createThriftWriter } from './thrift.ts'
import type { ColumnValues, ParquetColumn } from './types.ts'

/** Numbers of apache/parquet-format src/main/thrift/parquet.thrift. */
export const ENCODING = { PLAIN: 0, RLE: 3, DELTA_BINARY_PACKED: 5, RLE_DICTIONARY: 8 } as const
export const CODEC = { UNCOMPRESSED: 0, ZSTD: 6 } as const
const PAGE = { DATA: 0, DICTIONARY: 2, DATA_V2: 3 } as const

/** Rows and bytes after which a page ends; readers hold a whole page in memory. */
const PAGE_ROWS = 32_768
const PAGE_BYTES = 1 << 20
/** A dictionary must make the values smaller by a fifth before compression. */
const MAX_DICTIONARY_SHARE = 0.8
/** Ascending numbers of at most so many bits are written as differences without a look for repetitions. */
const SURE_DELTA_BITS = 8
/** Else differences must be this much smaller than values, or codes, before compression: zstd makes those smaller too. */
const MAX_DELTA_SHARE_OF_VALUES = 0.6
const MAX_DELTA_SHARE_OF_CODES = 0.5
/** Below this size a zstd frame saves less than its call costs. */
const MIN_COMPRESSED_BYTES = 512
/** A page that zstd makes hardly smaller, as most packed codes, is stored as it is: opening its frame would cost more. */
const MAX_COMPRESSED_SHARE = 0.9
/** In a page of version 1 the levels begin with their length. */
const LEVEL_LENGTH_BYTES = 4

/** One column of one row group, encoded, with what the footer says about it. */
export type ColumnChunk = {
  /** Page headers and pages, in file order. */
  pieces: Buffer[]
  bytes: number
  /** Page headers included, as the footer counts. */
  uncompressedBytes: number
  /** Bytes of the dictionary page; 0 = none, data pages start at once. */
  dictionaryBytes: number
  codec: number
  encodings: number[]
  rows: number
  nulls: number
  bounds: Bounds | null
}

/** Rows [rowFrom, rowTo) and the values [valueFrom, valueTo) that lie in them. */
type Span = { rowFrom: number; rowTo: number; valueFrom: number; valueTo: number }
/** How the values of a chunk are written. */
type Form = { kind: 'plain' } | { kind: 'deltas' } | { kind: 'coded'; dictionary: Dictionary }
/** `levelBytes`: of the definition levels in front, their length included; 0 = none. */
type Page = {
  kind: typeof PAGE.DATA | typeof PAGE.DICTIONARY
  values: number
  nulls: number
  encoding: number
  levelBytes: number
  body: Buffer
}
/** A page as it lies in the file; of the second version when it is the one of its chunk that is not compressed. */
type StoredPage = { header: Buffer; body: Buffer; uncompressedBytes: number }

/** What is shared by all columns of one file. */
export type ChunkEncoder = (column: ParquetColumn, span: Span) => ColumnChunk

export function createChunkEncoder(rowGroupRows: number, zstdLevel: number): ChunkEncoder {
  const scratch = createDictionaryScratch(rowGroupRows)
  const sourcesOf = createTextSources()

  function findDistinct(
    values: Exclude<ColumnValues, { physical: 'BOOLEAN' }>,
    from: number,
    to: number,
  ): Dictionary | null {
    if (values.physical !== 'BYTE_ARRAY') return findDistinctWords(values.words, from, to, scratch)
    return values.interned === true
      ? findDistinctPlaces(values.words, values.parts[0]!.bytes.length, from, to, scratch)
      : findDistinctTexts(values.words, sourcesOf(values.parts), from, to, scratch)
  }

  function chooseForm(values: ColumnValues, from: number, to: number): Form {
    const count = to - from
    if (values.physical === 'BOOLEAN' || count < 2) return { kind: 'plain' }
    const deltas = values.physical === 'INT64' ? measureDeltas(values.words, from, to) : null
    if (deltas?.ascending === true && deltas.bytes * 8 <= SURE_DELTA_BITS * count) return { kind: 'deltas' }
    const deltaBytes = deltas?.bytes ?? Number.POSITIVE_INFINITY
    const plainBytes = plainSize(values, from, to)
    const dictionary = findDistinct(values, from, to)
    if (dictionary !== null) {
      const codedBytes = dictionary.plainBytes + (bitWidthOf(dictionary.size - 1) * count) / 8
      if (deltaBytes < codedBytes * MAX_DELTA_SHARE_OF_CODES) return { kind: 'deltas' }
      if (codedBytes < plainBytes * MAX_DICTIONARY_SHARE) return { kind: 'coded', dictionary }
    }
    return deltaBytes < plainBytes * MAX_DELTA_SHARE_OF_VALUES ? { kind: 'deltas' } : { kind: 'plain' }
  }

  function compress(body: Buffer): Buffer {
    // Pages mostly shrink to less than half: one output buffer of that size instead of many of 16 KiB.
    const chunkSize = 1024 + (body.length >> 1)
    return zstdCompressSync(body, { params: { [constants.ZSTD_c_compressionLevel]: zstdLevel }, chunkSize })
  }

  return (column, span) => {
    const form = chooseForm(column.values, span.valueFrom, span.valueTo)
    const pages = form.kind === 'coded' ? [dictionaryPage(column.values, form.dictionary)] : []
    for (const page of splitPages(column, span, form.kind === 'coded')) {
      pages.push(dataPage(column, page, span.valueFrom, form))
    }
    return assemble(column, span, pages, form, compress)
  }
}

function plainSize(values: ColumnValues, from: number, to: number): number {
  if (values.physical === 'BOOLEAN') return Math.ceil((to - from) / 8)
  if (values.physical !== 'BYTE_ARRAY') return 8 * (to - from)
  let bytes = 4 * (to - from)
  for (let i = from; i < to; i++) bytes += values.words[2 * i + 1]!
  return bytes
}

/** Ends a page after PAGE_ROWS rows, or before PAGE_BYTES of text where values are written out. */
function* splitPages(column: ParquetColumn, span: Span, coded: boolean): Generator<Span> {
  const dense = span.valueTo - span.valueFrom === span.rowTo - span.rowFrom
  const lengths = column.values.physical === 'BYTE_ARRAY' && !coded ? column.values.words : null
  let { rowFrom, valueFrom } = span
  while (rowFrom < span.rowTo) {
    const rowLimit = Math.min(rowFrom + PAGE_ROWS, span.rowTo)
    const valueLimit = dense
      ? valueFrom + rowLimit - rowFrom
      : firstAtOrAfter(column.rows, valueFrom, span.valueTo, rowLimit)
    const valueTo = lengths === null ? valueLimit : endOfBytes(lengths, valueFrom, valueLimit)
    const cutShort = valueTo < valueLimit
    const rowTo = !cutShort ? rowLimit : dense ? rowFrom + valueTo - valueFrom : column.rows[valueTo]!
    yield { rowFrom, rowTo, valueFrom, valueTo }
    rowFrom = rowTo
    valueFrom = valueTo
  }
}

/** Number of the first value among from…to that does not fit into a page any more; one always fits. */
function endOfBytes(words: Int32Array, from: number, to: number): number {
  let bytes = 0
  for (let i = from; i < to; i++) {
    bytes += 4 + words[2 * i + 1]!
    if (bytes > PAGE_BYTES && i > from) return i
  }
  return to
}

function dictionaryPage(values: ColumnValues, dictionary: Dictionary): Page {
  const picked = dictionary.firsts.subarray(0, dictionary.size)
  const body = Buffer.allocUnsafe(dictionary.plainBytes)
  if (values.physical === 'BYTE_ARRAY') {
    let at = 0
    let part = 0
    for (let n = 0; n < picked.length; n++) {
      while (part + 1 < values.parts.length && values.parts[part + 1]!.from <= picked[n]!) part++
      const i = picked[n]!
      at = writeText(body, at, values.parts[part]!.bytes, values.words[2 * i]!, values.words[2 * i + 1]!)
    }
  } else if (values.physical !== 'BOOLEAN') {
    for (let n = 0; n < picked.length; n++) {
      body.writeInt32LE(values.words[2 * picked[n]!]!, 8 * n)
      body.writeInt32LE(values.words[2 * picked[n]! + 1]!, 8 * n + 4)
    }
  }
  const head = { kind: PAGE.DICTIONARY, values: dictionary.size, nulls: 0, levelBytes: 0 } as const
  return { ...head, encoding: ENCODING.PLAIN, body }
}

function dataPage(column: ParquetColumn, page: Span, chunkFrom: number, form: Form): Page {
  const rows = page.rowTo - page.rowFrom
  const count = page.valueTo - page.valueFrom
  const levelBytes = column.required ? 0 : LEVEL_LENGTH_BYTES + runCapacity(rows, 1)
  const body = Buffer.allocUnsafe(levelBytes + valueCapacity(column.values, page, form))
  let at = 0
  if (!column.required) {
    at = writePresence(body, LEVEL_LENGTH_BYTES, column.rows, page)
    body.writeUInt32LE(at - LEVEL_LENGTH_BYTES, 0)
  }
  const levels = at
  let encoding: number = ENCODING.PLAIN
  if (form.kind === 'coded') {
    encoding = ENCODING.RLE_DICTIONARY
    at = writeCodes(body, at, form.dictionary, page.valueFrom - chunkFrom, count)
  } else if (form.kind === 'deltas' && count > 0 && column.values.physical === 'INT64') {
    encoding = ENCODING.DELTA_BINARY_PACKED
    at = writeDeltas(body, at, column.values.words, page.valueFrom, page.valueTo)
  } else {
    at = writePlain(body, at, column.values, page.valueFrom, page.valueTo)
  }
  const head = { kind: PAGE.DATA, values: rows, nulls: rows - count, levelBytes: levels } as const
  return { ...head, encoding, body: body.subarray(0, at) }
}

function valueCapacity(values: ColumnValues, { valueFrom, valueTo }: Span, form: Form): number {
  if (form.kind === 'plain') return plainSize(values, valueFrom, valueTo)
  if (form.kind === 'deltas') return deltaCapacity(valueTo - valueFrom)
  return 1 + runCapacity(valueTo - valueFrom, bitWidthOf(form.dictionary.size - 1))
}

function writeCodes(
  out: Uint8Array,
  at: number,
  dictionary: Dictionary,
  from: number,
  count: number,
): number {
  const bitWidth = bitWidthOf(dictionary.size - 1)
  out[at++] = bitWidth
  return dictionary.size === 1
    ? writeRepeated(out, at, 0, count, bitWidth)
    : writePacked(out, at, dictionary.codes, from, from + count, bitWidth)
}

function writePlain(out: Buffer, at: number, values: ColumnValues, from: number, to: number): number {
  if (values.physical === 'BYTE_ARRAY') return writeTexts(out, at, values, from, to)
  if (values.physical === 'BOOLEAN') {
    const end = at + Math.ceil((to - from) / 8)
    out.fill(0, at, end)
    for (let i = from; i < to; i++) out[at + ((i - from) >>> 3)]! |= values.flags[i]! << ((i - from) & 7)
    return end
  }
  const { words } = values
  out.set(new Uint8Array(words.buffer, words.byteOffset + 8 * from, 8 * (to - from)), at)
  return at + 8 * (to - from)
}

function assemble(
  column: ParquetColumn,
  span: Span,
  pages: readonly Page[],
  form: Form,
  compress: (body: Buffer) => Buffer,
): ColumnChunk {
  // The codec belongs to the whole column chunk, not to a page. In bits of differences there is nothing left to find.
  const worthwhile = form.kind !== 'deltas' && pages.some((page) => page.body.length >= MIN_COMPRESSED_BYTES)
  const codec = worthwhile ? CODEC.ZSTD : CODEC.UNCOMPRESSED
  const chunk: ColumnChunk = {
    pieces: [],
    bytes: 0,
    uncompressedBytes: 0,
    dictionaryBytes: 0,
    codec,
    encodings: [ENCODING.RLE, ...new Set(pages.map((page) => page.encoding))],
    rows: span.rowTo - span.rowFrom,
    nulls: span.rowTo - span.rowFrom - (span.valueTo - span.valueFrom),
    bounds: boundsOf(
      column.values,
      span.valueFrom,
      span.valueTo,
      form.kind === 'coded' ? form.dictionary.firsts.subarray(0, form.dictionary.size) : null,
    ),
  }
  for (const page of pages) {
    const { header, body, uncompressedBytes } = storePage(page, codec, compress)
    chunk.pieces.push(header, body)
    chunk.bytes += header.length + body.length
    chunk.uncompressedBytes += header.length + uncompressedBytes
    if (page.kind === PAGE.DICTIONARY) chunk.dictionaryBytes = header.length + body.length
  }
  return chunk
}

function storePage(page: Page, codec: number, compress: (body: Buffer) => Buffer): StoredPage {
  const stored = codec === CODEC.ZSTD ? compress(page.body) : page.body
  const uncompressedBytes = page.body.length
  const small = stored.length <= uncompressedBytes * MAX_COMPRESSED_SHARE
  if (codec === CODEC.UNCOMPRESSED || small || page.kind === PAGE.DICTIONARY)
    return { header: pageHeader(page, stored), body: stored, uncompressedBytes }
  const body = page.levelBytes === 0 ? page.body : page.body.subarray(LEVEL_LENGTH_BYTES)
  return { header: openPageHeader(page, body), body, uncompressedBytes: body.length }
}

/** Of version 2, the only one in which a page says that it is not compressed where its chunk is. */
function openPageHeader(page: Page, body: Buffer): Buffer {
  const header = createThriftWriter()
  header.i32(1, PAGE.DATA_V2)
  header.i32(2, body.length)
  header.i32(3, body.length)
  header.i32(4, crc32(body) | 0)
  header.struct(8, () => {
    header.i32(1, page.values)
    header.i32(2, page.nulls)
    header.i32(3, page.values)
    header.i32(4, page.encoding)
    header.i32(5, page.levelBytes === 0 ? 0 : page.levelBytes - LEVEL_LENGTH_BYTES)
    header.i32(6, 0)
    header.bool(7, false)
  })
  return header.finish()
}

function pageHeader(page: Page, stored: Buffer): Buffer {
  const header = createThriftWriter()
  header.i32(1, page.kind)
  header.i32(2, page.body.length)
  header.i32(3, stored.length)
  header.i32(4, crc32(stored) | 0)
  if (page.kind === PAGE.DICTIONARY) {
    header.struct(7, () => {
      header.i32(1, page.values)
      header.i32(2, page.encoding)
    })
  } else {
    header.struct(5, () => {
      header.i32(1, page.values)
      header.i32(2, page.encoding)
      header.i32(3, ENCODING.RLE)
      header.i32(4, ENCODING.RLE)
    })
  }
  return header.finish()
}

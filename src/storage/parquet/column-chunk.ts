import { constants, crc32, zstdCompressSync } from 'node:zlib'
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
export const ENCODING = { PLAIN: 0, RLE: 3, RLE_DICTIONARY: 8 } as const
export const CODEC = { UNCOMPRESSED: 0, ZSTD: 6 } as const
const PAGE = { DATA: 0, DICTIONARY: 2 } as const

/** Rows and bytes after which a page ends; readers hold a whole page in memory. */
const PAGE_ROWS = 32_768
const PAGE_BYTES = 1 << 20
/** A dictionary must make the values smaller by a fifth before compression. */
const MAX_DICTIONARY_SHARE = 0.8
/** Below this size a zstd frame saves less than its call costs. */
const MIN_COMPRESSED_BYTES = 512

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
type Page = { kind: number; values: number; encoding: number; body: Buffer }

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

  function findDictionary(values: ColumnValues, from: number, to: number): Dictionary | null {
    if (values.physical === 'BOOLEAN' || to - from < 2) return null
    const found = findDistinct(values, from, to)
    if (found === null) return null
    const codedBytes = found.plainBytes + (bitWidthOf(found.size - 1) * (to - from)) / 8
    return codedBytes < plainSize(values, from, to) * MAX_DICTIONARY_SHARE ? found : null
  }

  function compress(body: Buffer): Buffer {
    // Pages mostly shrink to less than half: one output buffer of that size instead of many of 16 KiB.
    const chunkSize = 1024 + (body.length >> 1)
    return zstdCompressSync(body, { params: { [constants.ZSTD_c_compressionLevel]: zstdLevel }, chunkSize })
  }

  return (column, span) => {
    const dictionary = findDictionary(column.values, span.valueFrom, span.valueTo)
    const pages = dictionary === null ? [] : [dictionaryPage(column.values, dictionary)]
    for (const page of splitPages(column, span, dictionary !== null)) {
      pages.push(dataPage(column, page, span.valueFrom, dictionary))
    }
    return assemble(column, span, pages, dictionary, compress)
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
  return { kind: PAGE.DICTIONARY, values: dictionary.size, encoding: ENCODING.PLAIN, body }
}

function dataPage(column: ParquetColumn, page: Span, chunkFrom: number, dictionary: Dictionary | null): Page {
  const rows = page.rowTo - page.rowFrom
  const count = page.valueTo - page.valueFrom
  const levelBytes = column.required ? 0 : 4 + runCapacity(rows, 1)
  const bitWidth = dictionary === null ? 0 : bitWidthOf(dictionary.size - 1)
  const valueBytes =
    dictionary === null
      ? plainSize(column.values, page.valueFrom, page.valueTo)
      : 1 + runCapacity(count, bitWidth)
  const body = Buffer.allocUnsafe(levelBytes + valueBytes)
  let at = 0
  if (!column.required) {
    at = writePresence(body, 4, column.rows, page)
    body.writeUInt32LE(at - 4, 0)
  }
  if (dictionary === null) {
    at = writePlain(body, at, column.values, page.valueFrom, page.valueTo)
  } else {
    body[at++] = bitWidth
    const from = page.valueFrom - chunkFrom
    at =
      dictionary.size === 1
        ? writeRepeated(body, at, 0, count, bitWidth)
        : writePacked(body, at, dictionary.codes, from, from + count, bitWidth)
  }
  const encoding = dictionary === null ? ENCODING.PLAIN : ENCODING.RLE_DICTIONARY
  return { kind: PAGE.DATA, values: rows, encoding, body: body.subarray(0, at) }
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
  dictionary: Dictionary | null,
  compress: (body: Buffer) => Buffer,
): ColumnChunk {
  // The codec belongs to the whole column chunk, not to a page.
  const codec = pages.some((page) => page.body.length >= MIN_COMPRESSED_BYTES)
    ? CODEC.ZSTD
    : CODEC.UNCOMPRESSED
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
      dictionary === null ? null : dictionary.firsts.subarray(0, dictionary.size),
    ),
  }
  for (const page of pages) {
    const stored = codec === CODEC.ZSTD ? compress(page.body) : page.body
    const header = pageHeader(page, stored)
    chunk.pieces.push(header, stored)
    chunk.bytes += header.length + stored.length
    chunk.uncompressedBytes += header.length + page.body.length
    if (page.kind === PAGE.DICTIONARY) chunk.dictionaryBytes = header.length + stored.length
  }
  return chunk
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

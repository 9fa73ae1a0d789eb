import { QueryError } from '../errors.ts'
import { doubleText, floatText } from './texts.ts'

/** How a value is put into text: inside JSON, or as a whole field of a csv or tsv line. */
export type TextStyle = { nullifySpecial: boolean }

/** Thrown inside when the bytes end before the value does; the caller reads on and starts the row again. */
const incomplete = Symbol('incomplete')

/** A position in stored bytes. */
type Cursor = { bytes: Buffer; at: number }

/**
 * Splits concatenated MessagePack rows as they arrive. `render` is called with a cursor at the start of each row's
 * array; it gives the row's text. Yields texts of many rows at a time; memory is bounded by the largest row.
 */
export async function* renderRows(
  source: AsyncIterable<Buffer>,
  render: (cursor: Cursor) => string,
): AsyncIterable<string> {
  let rest: Buffer = Buffer.alloc(0)
  let waitFor = 0
  let waiting: Buffer[] = []
  let waitingBytes = 0
  for await (const piece of source) {
    waiting.push(piece)
    waitingBytes += piece.length
    // A row larger than a piece is tried again only when the bytes have doubled, not for each piece.
    if (rest.length + waitingBytes < waitFor) continue
    const cursor = { bytes: Buffer.concat([rest, ...waiting]), at: 0 }
    waiting = []
    waitingBytes = 0
    const text = renderComplete(cursor, render)
    rest = cursor.bytes.subarray(cursor.at)
    waitFor = cursor.at === 0 ? cursor.bytes.length * 2 : 0
    if (text !== '') yield text
  }
  const cursor = { bytes: Buffer.concat([rest, ...waiting]), at: 0 }
  const text = renderComplete(cursor, render)
  if (text !== '') yield text
  if (cursor.at !== cursor.bytes.length)
    throw new QueryError('GENERIC_INTERNAL_ERROR', 'the stored result ends in the middle of a row')
}

/** Texts of all whole rows from the cursor on; leaves it at the first row that is not whole. */
function renderComplete(cursor: Cursor, render: (cursor: Cursor) => string): string {
  let text = ''
  while (cursor.at < cursor.bytes.length) {
    const start = cursor.at
    try {
      text += render(cursor)
    } catch (error) {
      if (error !== incomplete) throw error
      cursor.at = start
      break
    }
  }
  return text
}

/** Number of elements of the array at the cursor, which must be one. */
export function readArrayHeader(cursor: Cursor): number {
  const tag = readByte(cursor)
  if (tag >= 0x90 && tag <= 0x9f) return tag & 0x0f
  if (tag === 0xdc) return readLength(cursor, 2)
  if (tag === 0xdd) return readLength(cursor, 4)
  throw new QueryError(
    'GENERIC_INTERNAL_ERROR',
    `the stored result holds 0x${tag.toString(16)} where a row begins`,
  )
}

/** The value at the cursor as JSON: whole numbers with all their digits, binary as base64, map keys as strings. */
export function readJson(cursor: Cursor, style: TextStyle): string {
  const value = readValue(cursor, style)
  switch (value.kind) {
    case 'null':
      return 'null'
    case 'plain':
      return value.text
    case 'special':
      return style.nullifySpecial ? 'null' : `"${value.text}"`
    case 'text':
      return JSON.stringify(value.text)
    case 'nested':
      return value.text
  }
}

/** The value at the cursor as the text of a field, null as undefined. */
export function readField(cursor: Cursor, style: TextStyle): string | undefined {
  const value = readValue(cursor, style)
  if (value.kind === 'null' || (value.kind === 'special' && style.nullifySpecial)) return undefined
  return value.text
}

type Value =
  | { kind: 'null' }
  /** Numbers and booleans: the same text everywhere. */
  | { kind: 'plain'; text: string }
  /** NaN and the infinities, which JSON has no numbers for. */
  | { kind: 'special'; text: string }
  | { kind: 'text'; text: string }
  /** Arrays and maps, already JSON. */
  | { kind: 'nested'; text: string }

const NULL: Value = { kind: 'null' }
const TRUE: Value = { kind: 'plain', text: 'true' }
const FALSE: Value = { kind: 'plain', text: 'false' }
const plain = (text: string | number | bigint): Value => ({ kind: 'plain', text: String(text) })

function number(value: number, text: string): Value {
  return Number.isFinite(value) ? plain(text) : { kind: 'special', text }
}

function readValue(cursor: Cursor, style: TextStyle): Value {
  const tag = readByte(cursor)
  if (tag < 0x80) return plain(tag)
  if (tag >= 0xe0) return plain(tag - 0x100)
  if (tag < 0x90) return readMap(cursor, tag & 0x0f, style)
  if (tag < 0xa0) return readArray(cursor, tag & 0x0f, style)
  if (tag < 0xc0) return readText(cursor, tag & 0x1f)
  const { bytes } = cursor
  switch (tag) {
    case 0xc0:
      return NULL
    case 0xc2:
      return FALSE
    case 0xc3:
      return TRUE
    case 0xc4:
      return readBinary(cursor, readLength(cursor, 1))
    case 0xc5:
      return readBinary(cursor, readLength(cursor, 2))
    case 0xc6:
      return readBinary(cursor, readLength(cursor, 4))
    case 0xca: {
      const value = bytes.readFloatBE(take(cursor, 4))
      return number(value, floatText(value))
    }
    case 0xcb: {
      const value = bytes.readDoubleBE(take(cursor, 8))
      return number(value, doubleText(value))
    }
    case 0xcc:
      return plain(readByte(cursor))
    case 0xcd:
      return plain(bytes.readUInt16BE(take(cursor, 2)))
    case 0xce:
      return plain(bytes.readUInt32BE(take(cursor, 4)))
    case 0xcf:
      return plain(bytes.readBigUInt64BE(take(cursor, 8)))
    case 0xd0:
      return plain(bytes.readInt8(take(cursor, 1)))
    case 0xd1:
      return plain(bytes.readInt16BE(take(cursor, 2)))
    case 0xd2:
      return plain(bytes.readInt32BE(take(cursor, 4)))
    case 0xd3:
      return plain(bytes.readBigInt64BE(take(cursor, 8)))
    case 0xd9:
      return readText(cursor, readLength(cursor, 1))
    case 0xda:
      return readText(cursor, readLength(cursor, 2))
    case 0xdb:
      return readText(cursor, readLength(cursor, 4))
    case 0xdc:
      return readArray(cursor, readLength(cursor, 2), style)
    case 0xdd:
      return readArray(cursor, readLength(cursor, 4), style)
    case 0xde:
      return readMap(cursor, readLength(cursor, 2), style)
    case 0xdf:
      return readMap(cursor, readLength(cursor, 4), style)
    default:
      throw new QueryError(
        'GENERIC_INTERNAL_ERROR',
        `the stored result holds the unknown tag 0x${tag.toString(16)}`,
      )
  }
}

/** Where the next `count` bytes begin; the cursor moves behind them. */
function take(cursor: Cursor, count: number): number {
  const { at } = cursor
  if (at + count > cursor.bytes.length) throw incomplete
  cursor.at = at + count
  return at
}

function readByte(cursor: Cursor): number {
  return cursor.bytes[take(cursor, 1)]!
}

function readLength(cursor: Cursor, width: 1 | 2 | 4): number {
  return cursor.bytes.readUIntBE(take(cursor, width), width)
}

function readText(cursor: Cursor, length: number): Value {
  const at = take(cursor, length)
  return { kind: 'text', text: cursor.bytes.toString('utf8', at, at + length) }
}

function readBinary(cursor: Cursor, length: number): Value {
  const at = take(cursor, length)
  return { kind: 'text', text: cursor.bytes.toString('base64', at, at + length) }
}

function readArray(cursor: Cursor, count: number, style: TextStyle): Value {
  const elements: string[] = []
  for (let i = 0; i < count; i++) elements.push(readJson(cursor, style))
  return { kind: 'nested', text: `[${elements.join(',')}]` }
}

function readMap(cursor: Cursor, count: number, style: TextStyle): Value {
  const entries: string[] = []
  for (let i = 0; i < count; i++) {
    const key = readValue(cursor, style)
    const name = JSON.stringify(key.kind === 'null' ? 'null' : key.text)
    entries.push(`${name}:${readJson(cursor, style)}`)
  }
  return { kind: 'nested', text: `{${entries.join(',')}}` }
}

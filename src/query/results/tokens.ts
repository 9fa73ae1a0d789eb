import { QueryError } from '../errors.ts'
import { doubleText, floatText } from './texts.ts'

/** A position in stored bytes. */
export type Cursor = { bytes: Buffer; at: number }

/** Thrown when the bytes end before the value does; whoever reads a stream reads on and starts the row again. */
export const incomplete = Symbol('incomplete')

/** The next value: texts and binaries by their place in the bytes, arrays and maps by their count only. */
export type Token =
  | { kind: 'null' }
  /** Numbers and booleans: the same text everywhere. */
  | { kind: 'plain'; text: string }
  /** NaN and the infinities, which JSON has no numbers for. */
  | { kind: 'special'; text: string }
  | { kind: 'text' | 'binary'; from: number; to: number }
  | { kind: 'array' | 'map'; count: number }

const NULL: Token = { kind: 'null' }
const TRUE: Token = { kind: 'plain', text: 'true' }
const FALSE: Token = { kind: 'plain', text: 'false' }
const plain = (value: number | bigint): Token => ({ kind: 'plain', text: String(value) })

/** Number of elements of the array at the cursor, which must be one. */
export function readArrayHeader(cursor: Cursor): number {
  const token = readToken(cursor)
  if (token.kind === 'array') return token.count
  throw new QueryError('GENERIC_INTERNAL_ERROR', `the stored result holds a ${token.kind} where a row begins`)
}

/** Reads MessagePack as our own writer makes it (and whatever else the format allows, extensions aside). */
export function readToken(cursor: Cursor): Token {
  const { bytes } = cursor
  const tag = bytes[take(cursor, 1)]!
  if (tag < 0x80) return plain(tag)
  if (tag >= 0xe0) return plain(tag - 0x100)
  if (tag < 0x90) return { kind: 'map', count: tag & 0x0f }
  if (tag < 0xa0) return { kind: 'array', count: tag & 0x0f }
  if (tag < 0xc0) return span(cursor, 'text', tag & 0x1f)
  switch (tag) {
    case 0xc0:
      return NULL
    case 0xc2:
      return FALSE
    case 0xc3:
      return TRUE
    case 0xc4:
      return span(cursor, 'binary', readLength(cursor, 1))
    case 0xc5:
      return span(cursor, 'binary', readLength(cursor, 2))
    case 0xc6:
      return span(cursor, 'binary', readLength(cursor, 4))
    case 0xca: {
      const value = bytes.readFloatBE(take(cursor, 4))
      return float(value, floatText(value))
    }
    case 0xcb: {
      const value = bytes.readDoubleBE(take(cursor, 8))
      return float(value, doubleText(value))
    }
    case 0xcc:
      return plain(bytes[take(cursor, 1)]!)
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
      return span(cursor, 'text', readLength(cursor, 1))
    case 0xda:
      return span(cursor, 'text', readLength(cursor, 2))
    case 0xdb:
      return span(cursor, 'text', readLength(cursor, 4))
    case 0xdc:
      return { kind: 'array', count: readLength(cursor, 2) }
    case 0xdd:
      return { kind: 'array', count: readLength(cursor, 4) }
    case 0xde:
      return { kind: 'map', count: readLength(cursor, 2) }
    case 0xdf:
      return { kind: 'map', count: readLength(cursor, 4) }
    default:
      throw new QueryError(
        'GENERIC_INTERNAL_ERROR',
        `the stored result holds the unknown tag 0x${tag.toString(16)}`,
      )
  }
}

function float(value: number, text: string): Token {
  return { kind: Number.isFinite(value) ? 'plain' : 'special', text }
}

/** Where the next `count` bytes begin; the cursor moves behind them. */
function take(cursor: Cursor, count: number): number {
  const { at } = cursor
  if (at + count > cursor.bytes.length) throw incomplete
  cursor.at = at + count
  return at
}

function readLength(cursor: Cursor, width: 1 | 2 | 4): number {
  return cursor.bytes.readUIntBE(take(cursor, width), width)
}

function span(cursor: Cursor, kind: 'text' | 'binary', length: number): Token {
  const from = take(cursor, length)
  return { kind, from, to: from + length }
}

import { QueryError } from '../errors.ts'
import { createSink, drain, makeRoom, type Sink } from './msgpack.ts'
import {
  BACKSLASH,
  COMMA,
  copyPlain,
  FIELD_SPECIAL,
  JSON_SPECIAL,
  NEWLINE,
  putWhole,
  QUOTE,
  RETURN,
  shortText,
  TEXT_8,
} from './short-values.ts'
import { type Cursor, incomplete, readArrayHeader, readToken, type Token } from './tokens.ts'

/** How values are put into text. */
export type TextStyle = {
  /** NaN and the infinities become null. */
  nullifySpecial: boolean
}

/** Puts the text of the row at the cursor behind what the sink holds. */
export type RowRenderer = (cursor: Cursor, out: Sink) => void

/**
 * Splits concatenated MessagePack rows as they arrive and yields their texts, many rows at a time. Memory is bounded by
 * the largest row. From bytes to bytes: no string is made of what is only copied.
 */
export async function* renderRows(source: AsyncIterable<Buffer>, render: RowRenderer): AsyncIterable<Buffer> {
  const out = createSink()
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
    renderComplete(cursor, out, render)
    rest = cursor.bytes.subarray(cursor.at)
    waitFor = cursor.at === 0 ? cursor.bytes.length * 2 : 0
    if (out.at > 0) yield drain(out)
  }
  const cursor = { bytes: Buffer.concat([rest, ...waiting]), at: 0 }
  renderComplete(cursor, out, render)
  if (out.at > 0) yield drain(out)
  if (cursor.at !== cursor.bytes.length)
    throw new QueryError('GENERIC_INTERNAL_ERROR', 'the stored result ends in the middle of a row')
}

/** Renders all whole rows from the cursor on; leaves it at the first row that is not whole. */
function renderComplete(cursor: Cursor, out: Sink, render: RowRenderer): void {
  while (cursor.at < cursor.bytes.length) {
    const start = cursor.at
    const written = out.at
    try {
      render(cursor, out)
    } catch (error) {
      if (error !== incomplete) throw error
      cursor.at = start
      out.at = written
      return
    }
  }
}

/** One JSON array per line: whole numbers with all their digits, binary as base64, map keys as strings. */
export function jsonRows(style: TextStyle): RowRenderer {
  return (cursor, out) => {
    writeJson(cursor, out, style)
    putByte(out, NEWLINE)
  }
}

/**
 * One JSON object per row, by the names of the columns; a column that is NULL is left out, as it was when it was sent. `before`
 * stands in front of the first row, `between` in front of every other one.
 */
export function recordRows(
  columns: readonly string[],
  style: TextStyle,
  { before, between }: { before: string; between: string },
): RowRenderer {
  const names = columns.map((name) => Buffer.from(`${JSON.stringify(name)}:`))
  const [first, other] = [Buffer.from(before), Buffer.from(between)]
  let isFirst = true
  return (cursor, out) => {
    const lead = isFirst ? first : other
    putBytes(out, lead, 0, lead.length)
    putByte(out, 0x7b)
    const count = readArrayHeader(cursor)
    let isEmpty = true
    for (let i = 0; i < count; i++) {
      if (cursor.bytes[cursor.at] === NIL) {
        cursor.at += 1
        continue
      }
      if (!isEmpty) putByte(out, COMMA)
      putBytes(out, names[i]!, 0, names[i]!.length)
      writeJson(cursor, out, style)
      isEmpty = false
    }
    putByte(out, 0x7d)
    isFirst = false
  }
}

/** The value at the cursor as JSON text. */
export function readJson(cursor: Cursor, style: TextStyle): string {
  const out = createSink(256)
  writeJson(cursor, out, style)
  return drain(out).toString()
}

/** One line per row; fields are quoted when a reader would otherwise split them or take an empty text for NULL. */
export function separatedRows(separator: ',' | '\t', style: TextStyle): RowRenderer {
  const separatorByte = separator.charCodeAt(0)
  const nested = createSink(1024)
  return (cursor, out) => {
    const count = readArrayHeader(cursor)
    for (let i = 0; i < count; i++) {
      if (i > 0) putByte(out, separatorByte)
      writeField(cursor, out, style, separatorByte, nested)
    }
    putByte(out, NEWLINE)
  }
}

/** The name of a column as a field of the header line. */
export function quotedField(text: string, separator: ',' | '\t'): string {
  const out = createSink(64)
  const bytes = Buffer.from(text)
  putField(out, bytes, 0, bytes.length, separator.charCodeAt(0))
  return drain(out).toString()
}

const NIL = 0xc0
const NULL_TEXT = Buffer.from('null')
const HEX = Buffer.from('0123456789abcdef')

function writeJson(cursor: Cursor, out: Sink, style: TextStyle): void {
  const { bytes, at } = cursor
  const length = shortText(bytes, at)
  if (length >= 0) {
    const from = at + 1 + Number(bytes[at] === TEXT_8)
    makeRoom(out, length + 2)
    out.bytes[out.at] = QUOTE
    if (copyPlain(bytes, from, from + length, out.bytes, out.at + 1, JSON_SPECIAL)) {
      out.bytes[out.at + 1 + length] = QUOTE
      out.at += length + 2
    } else putJsonText(out, bytes, from, from + length)
    cursor.at = from + length
  } else if (!putWhole(cursor, out)) putJson(readToken(cursor), cursor, out, style)
}

function putJson(token: Token, cursor: Cursor, out: Sink, style: TextStyle): void {
  switch (token.kind) {
    case 'null':
      putBytes(out, NULL_TEXT, 0, 4)
      return
    case 'plain':
      putAscii(out, token.text)
      return
    case 'special':
      putAscii(out, style.nullifySpecial ? 'null' : `"${token.text}"`)
      return
    case 'binary':
      putAscii(out, `"${cursor.bytes.toString('base64', token.from, token.to)}"`)
      return
    case 'text':
      putJsonText(out, cursor.bytes, token.from, token.to)
      return
    case 'array':
      putByte(out, 0x5b)
      for (let i = 0; i < token.count; i++) {
        if (i > 0) putByte(out, COMMA)
        writeJson(cursor, out, style)
      }
      putByte(out, 0x5d)
      return
    case 'map':
      putJsonMap(token.count, cursor, out, style)
      return
  }
}

function putJsonMap(count: number, cursor: Cursor, out: Sink, style: TextStyle): void {
  putByte(out, 0x7b)
  for (let i = 0; i < count; i++) {
    if (i > 0) putByte(out, COMMA)
    putJsonKey(cursor, out, style)
    putByte(out, 0x3a)
    writeJson(cursor, out, style)
  }
  putByte(out, 0x7d)
}

/** Whatever a key is, JSON wants a string. */
function putJsonKey(cursor: Cursor, out: Sink, style: TextStyle): void {
  const token = readToken(cursor)
  if (token.kind === 'text' || token.kind === 'binary') {
    putJson(token, cursor, out, style)
    return
  }
  const key = createSink(256)
  putJson(token, cursor, key, { nullifySpecial: false })
  const bytes = drain(key)
  const quoted = bytes[0] === QUOTE
  putJsonText(out, bytes, quoted ? 1 : 0, bytes.length - (quoted ? 1 : 0))
}

function writeField(cursor: Cursor, out: Sink, style: TextStyle, separator: number, nested: Sink): void {
  const { bytes, at } = cursor
  const length = shortText(bytes, at)
  if (length > 0) {
    const from = at + 1 + Number(bytes[at] === TEXT_8)
    makeRoom(out, length)
    if (copyPlain(bytes, from, from + length, out.bytes, out.at, FIELD_SPECIAL[separator]!)) out.at += length
    else putField(out, bytes, from, from + length, separator)
    cursor.at = from + length
    return
  }
  if (putWhole(cursor, out)) return
  const token = readToken(cursor)
  switch (token.kind) {
    case 'null':
      return
    case 'plain':
      putAscii(out, token.text)
      return
    case 'special':
      if (!style.nullifySpecial) putAscii(out, token.text)
      return
    case 'binary': {
      const text = cursor.bytes.toString('base64', token.from, token.to)
      putAscii(out, text === '' ? '""' : text)
      return
    }
    case 'text':
      putField(out, cursor.bytes, token.from, token.to, separator)
      return
    default:
      nested.at = 0
      putJson(token, cursor, nested, style)
      putField(out, nested.bytes, 0, nested.at, separator)
      return
  }
}

function putByte(out: Sink, byte: number): void {
  makeRoom(out, 1)
  out.bytes[out.at++] = byte
}

function putAscii(out: Sink, text: string): void {
  makeRoom(out, text.length)
  for (let i = 0; i < text.length; i++) out.bytes[out.at + i] = text.charCodeAt(i)
  out.at += text.length
}

/** A call of the native copy costs more than a short loop. */
const SHORT_BYTES = 40

function putBytes(out: Sink, bytes: Buffer, from: number, to: number): void {
  makeRoom(out, to - from)
  if (to - from > SHORT_BYTES) bytes.copy(out.bytes, out.at, from, to)
  else for (let i = from; i < to; i++) out.bytes[out.at + i - from] = bytes[i]!
  out.at += to - from
}

/** UTF-8 as it is; only quotes, backslashes and control characters are escaped. */
function putJsonText(out: Sink, bytes: Buffer, from: number, to: number): void {
  putByte(out, QUOTE)
  let clean = from
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!
    if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) continue
    putBytes(out, bytes, clean, i)
    putEscape(out, byte)
    clean = i + 1
  }
  putBytes(out, bytes, clean, to)
  putByte(out, QUOTE)
}

const SHORT_ESCAPES = new Map(
  [...'btnfr'].map((letter) => ['\b\t\n\f\r'.charCodeAt('btnfr'.indexOf(letter)), letter]),
)

function putEscape(out: Sink, byte: number): void {
  putByte(out, BACKSLASH)
  const letter = byte === QUOTE || byte === BACKSLASH ? String.fromCharCode(byte) : SHORT_ESCAPES.get(byte)
  if (letter !== undefined) {
    putAscii(out, letter)
    return
  }
  putAscii(out, 'u00')
  putByte(out, HEX[byte >> 4]!)
  putByte(out, HEX[byte & 15]!)
}

function putField(out: Sink, bytes: Buffer, from: number, to: number, separator: number): void {
  let quoted = from === to
  for (let i = from; i < to && !quoted; i++) {
    const byte = bytes[i]!
    quoted = byte === separator || byte === QUOTE || byte === NEWLINE || byte === RETURN
  }
  if (!quoted) {
    putBytes(out, bytes, from, to)
    return
  }
  putByte(out, QUOTE)
  let clean = from
  for (let i = from; i < to; i++) {
    if (bytes[i] !== QUOTE) continue
    putBytes(out, bytes, clean, i + 1)
    putByte(out, QUOTE)
    clean = i + 1
  }
  putBytes(out, bytes, clean, to)
  putByte(out, QUOTE)
}

import type { MsgpackWriter } from './msgpack-writer.ts'

/** The line is no JSON value, or holds more than one. */
export class JsonFault extends Error {
  readonly reason: 'json_invalid' | 'record_too_deep'
  constructor(reason: 'json_invalid' | 'record_too_deep') {
    super(reason)
    this.name = 'JsonFault'
    this.reason = reason
  }
}
const INVALID = new JsonFault('json_invalid')
const TOO_DEEP = new JsonFault('record_too_deep')
const MOST_DEPTH = 100
const MOST_UINT64 = 2n ** 64n - 1n
const LEAST_INT64 = -(2n ** 63n)

const QUOTE = 0x22
const BACKSLASH = 0x5c
const MINUS = 0x2d
const OPEN_OBJECT = 0x7b
const OPEN_ARRAY = 0x5b

type Reader = { bytes: Buffer; at: number; end: number; out: MsgpackWriter }

/**
 * Writes the one JSON value in `bytes` as MessagePack, without an object in between: integers keep all their digits, keys
 * that come twice come twice. Bytes that are no UTF-8 pass through; the load rules repair them.
 *
 * @throws JsonFault, with what was written so far behind `out.length` as it was
 */
export function writeJson(bytes: Buffer, out: MsgpackWriter): void {
  const before = out.length
  const reader: Reader = { bytes, at: 0, end: bytes.length, out }
  try {
    value(reader, 0)
    skipSpace(reader)
    if (reader.at < reader.end) throw INVALID
  } catch (error) {
    out.truncate(before)
    throw error
  }
}

function skipSpace(reader: Reader): void {
  const { bytes, end } = reader
  while (reader.at < end) {
    const byte = bytes[reader.at]!
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return
    reader.at++
  }
}

function next(reader: Reader): number {
  skipSpace(reader)
  if (reader.at >= reader.end) throw INVALID
  return reader.bytes[reader.at]!
}

function value(reader: Reader, depth: number): void {
  const byte = next(reader)
  const isObject = byte === OPEN_OBJECT
  if (byte === QUOTE) text(reader)
  else if (isObject || byte === OPEN_ARRAY) {
    if (depth >= MOST_DEPTH) throw TOO_DEEP
    if (isObject) object(reader, depth)
    else array(reader, depth)
  } else if (byte === MINUS || (byte >= 0x30 && byte <= 0x39)) number(reader)
  else word(reader)
}

function object(reader: Reader, depth: number): void {
  const { out } = reader
  const place = out.open('map')
  let count = 0
  reader.at++
  if (next(reader) === 0x7d) reader.at++
  else
    for (;;) {
      if (next(reader) !== QUOTE) throw INVALID
      text(reader)
      if (next(reader) !== 0x3a) throw INVALID
      reader.at++
      value(reader, depth + 1)
      count++
      const byte = next(reader)
      reader.at++
      if (byte === 0x7d) break
      if (byte !== 0x2c) throw INVALID
    }
  out.close(place, count)
}

function array(reader: Reader, depth: number): void {
  const { out } = reader
  const place = out.open('array')
  let count = 0
  reader.at++
  if (next(reader) === 0x5d) reader.at++
  else
    for (;;) {
      value(reader, depth + 1)
      count++
      const byte = next(reader)
      reader.at++
      if (byte === 0x5d) break
      if (byte !== 0x2c) throw INVALID
    }
  out.close(place, count)
}

function text(reader: Reader): void {
  const { bytes, end, out } = reader
  const start = reader.at
  let hasEscapes = false
  for (let at = start + 1; at < end; at++) {
    const byte = bytes[at]!
    if (byte === QUOTE) {
      reader.at = at + 1
      out.text(hasEscapes ? unescaped(bytes.subarray(start, at + 1)) : bytes.subarray(start + 1, at))
      return
    }
    if (byte < 0x20) throw INVALID
    if (byte === BACKSLASH) {
      hasEscapes = true
      at++
    }
  }
  throw INVALID
}

function unescaped(quoted: Buffer): Buffer {
  try {
    return Buffer.from(JSON.parse(quoted.toString('utf8')) as string)
  } catch {
    // An escape that JSON does not know; the line as a whole is what is wrong.
    throw INVALID
  }
}

const NUMBER = /^-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/

function number(reader: Reader): void {
  const { bytes, end, out } = reader
  const start = reader.at
  let at = start + 1
  while (at < end && isNumberByte(bytes[at]!)) at++
  reader.at = at
  const digits = bytes.toString('latin1', start, at)
  const parts = NUMBER.exec(digits)
  if (parts === null) throw INVALID
  if (parts[1] !== undefined || parts[2] !== undefined) out.double(Number(digits))
  else writeInteger(digits, out)
}

function isNumberByte(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x2e ||
    byte === 0x2d ||
    byte === 0x2b ||
    (byte | 0x20) === 0x65
  )
}

/** Beyond 64 bits it is the text of its digits. */
export function writeInteger(digits: string, out: MsgpackWriter): void {
  const value = digits.length <= 15 ? Number(digits) : BigInt(digits)
  if (value > MOST_UINT64 || value < LEAST_INT64) out.text(Buffer.from(digits))
  else out.integer(value)
}

const WORDS: [text: Buffer, write: (out: MsgpackWriter) => void][] = [
  [Buffer.from('true'), (out) => out.boolean(true)],
  [Buffer.from('false'), (out) => out.boolean(false)],
  [Buffer.from('null'), (out) => out.nil()],
]

function word(reader: Reader): void {
  const { bytes, at, end, out } = reader
  for (const [letters, write] of WORDS) {
    if (at + letters.length > end || letters.compare(bytes, at, at + letters.length) !== 0) continue
    reader.at = at + letters.length
    write(out)
    return
  }
  throw INVALID
}

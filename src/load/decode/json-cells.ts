import { setDouble, storeText } from './cells.ts'
import { type Column, clearCell, KIND, setCell } from './column.ts'
import { TOO_DEEP } from './json.ts'
import {
  byteAt,
  CLOSE_OBJECT,
  COMMA,
  found,
  INVALID,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  scanNumber,
  scanScalar,
  scanString,
  scanWord,
  skipColon,
  skipSpace,
  stringAt,
} from './json-text.ts'
import { reserveSide, type ScanState } from './scan-state.ts'
import { isUtf8Range } from './utf8.ts'

const NULL = 0x6e
const TRUE = 0x74
const FALSE = 0x66

/**
 * Stores the JSON value at `at` as the column's cell of the current row; returns the offset behind it. With `asText`
 * numbers and booleans are kept as the text the sender wrote.
 */
export function readJsonCell(state: ScanState, column: Column, at: number, asText: boolean): number {
  const byte = byteAt(state, at)
  if (byte === QUOTE) return readString(state, column, at)
  if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) return readNested(state, column, at)
  if (byte === NULL) {
    clearCell(column, state.row)
    return scanWord(state, at)
  }
  const end = scanScalar(state, at)
  if (asText) storeText(state, column, at, end - at)
  else if (byte === TRUE || byte === FALSE) setCell(column, state.row, KIND.BOOL, byte === TRUE ? 1 : 0, 0)
  else if (found.isInteger) setInteger(state, column, at, end)
  else setFraction(state, column, at, end)
  return end
}

/** Digits that a double holds exactly, whatever they are. */
const EXACT_DIGITS = 15
const INT64_MIN = -(1n << 63n)
const UINT64_MAX = (1n << 64n) - 1n
const MINUS = 0x2d

function setInteger(state: ScanState, column: Column, at: number, end: number): void {
  const { bytes, row } = state
  const isNegative = bytes[at] === MINUS
  const from = isNegative ? at + 1 : at
  if (end - from <= EXACT_DIGITS) {
    let value = 0
    for (let i = from; i < end; i++) value = value * 10 + bytes[i]! - 48
    if (isNegative) value = -value
    setCell(column, row, KIND.INT, value | 0, Math.floor(value / 2 ** 32))
    return
  }
  // More digits than any 64-bit integer has: not worth making a number of.
  const value = end - from > 20 ? undefined : BigInt(bytes.toString('latin1', at, end))
  if (value === undefined || value < INT64_MIN || value > UINT64_MAX) {
    storeText(state, column, at, end - at)
    return
  }
  const kind = value >> 63n > 0n ? KIND.BIG : KIND.INT
  setCell(column, row, kind, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)))
}

/** A number beyond all doubles keeps its text, as an integer beyond 64 bits does. */
function setFraction(state: ScanState, column: Column, at: number, end: number): void {
  const value = Number(state.bytes.toString('latin1', at, end))
  if (Number.isFinite(value)) setDouble(state, column, value)
  else storeText(state, column, at, end - at)
}

function readString(state: ScanState, column: Column, at: number): number {
  const end = scanString(state, at)
  if (found.hasEscapes) {
    const start = state.sideLength
    putDecoded(state, at, end)
    setCell(column, state.row, KIND.SIDE, start, state.sideLength - start)
  } else storeText(state, column, at + 1, end - at - 2)
  return end
}

const REPLACED = '\ufffd'

function putDecoded(state: ScanState, at: number, end: number): void {
  const text = stringAt(state, at, end)
  // A replacement the sender did not write stands for something that could not be kept.
  if (text.includes(REPLACED) && !isWellFormed(state, at, end)) state.counters.invalidUtf8++
  const bytes = Buffer.from(text)
  reserveSide(state, bytes.length)
  bytes.copy(state.side, state.sideLength)
  state.sideLength += bytes.length
}

function isWellFormed(state: ScanState, at: number, end: number): boolean {
  if (!isUtf8Range(state.bytes, at, end - at)) return false
  return (JSON.parse(state.bytes.toString('utf8', at, end)) as string).isWellFormed()
}

function readNested(state: ScanState, column: Column, at: number): number {
  const start = state.sideLength
  const end = putCompactJson(state, at, 0)
  setCell(column, state.row, KIND.JSON, start, state.sideLength - start)
  return end
}

/** Appends the JSON value at `at` without white space, numbers spelled as sent, and returns the offset behind it. */
export function putCompactJson(state: ScanState, at: number, depth: number): number {
  const byte = byteAt(state, at)
  if (byte === QUOTE) return putString(state, at)
  if (byte !== OPEN_OBJECT && byte !== OPEN_ARRAY) {
    const end = byte === MINUS || byte < 0x3a ? scanNumber(state, at) : scanWord(state, at)
    putRaw(state, at, end)
    return end
  }
  if (depth >= state.maxDepth) throw TOO_DEEP
  const close = byte + 2
  putByte(state, byte)
  at = skipSpace(state, at + 1)
  if (byteAt(state, at) !== close) at = putMembers(state, at, close, depth)
  putByte(state, close)
  return at + 1
}

/** Offset of the closing bracket. */
function putMembers(state: ScanState, at: number, close: number, depth: number): number {
  for (;;) {
    if (close === CLOSE_OBJECT) {
      if (byteAt(state, at) !== QUOTE) throw INVALID
      at = skipColon(state, putString(state, at))
      putByte(state, 0x3a)
    }
    at = skipSpace(state, putCompactJson(state, at, depth + 1))
    const behind = byteAt(state, at)
    if (behind === close) return at
    if (behind !== COMMA) throw INVALID
    putByte(state, COMMA)
    at = skipSpace(state, at + 1)
  }
}

/** As sent, unless it holds what is no text. */
function putString(state: ScanState, at: number): number {
  const end = scanString(state, at)
  const { hasEscapes } = found
  if (isUtf8Range(state.bytes, at, end - at) && !(hasEscapes && !isWellFormed(state, at, end))) {
    putRaw(state, at, end)
    return end
  }
  state.counters.invalidUtf8++
  const repaired = Buffer.from(JSON.stringify(stringAt(state, at, end)))
  reserveSide(state, repaired.length)
  repaired.copy(state.side, state.sideLength)
  state.sideLength += repaired.length
  return end
}

function putRaw(state: ScanState, at: number, end: number): void {
  reserveSide(state, end - at)
  state.bytes.copy(state.side, state.sideLength, at, end)
  state.sideLength += end - at
}

function putByte(state: ScanState, byte: number): void {
  reserveSide(state, 1)
  state.side[state.sideLength++] = byte
}

import { type Column, clearCell, copyText, KIND, setCell, setText } from './column.ts'
import { isExtension, putExtensionCell, putJson, putText } from './json.ts'
import { findText, rememberText } from './repeats.ts'
import type { ScanState } from './scan-state.ts'
import { isUtf8Range } from './utf8.ts'
import { INVALID, need, readHeader } from './wire.ts'

/** Stores the value at `at` as the column's cell of the current row; returns the offset behind it. */
export function readCell(state: ScanState, column: Column, at: number): number {
  if (at >= state.end) need(state, at, 1)
  const byte = state.bytes[at]!
  if (byte < 0x80) {
    setCell(column, state.row, KIND.INT, byte, 0)
    return at + 1
  }
  if (byte >= 0xa0 && byte < 0xc0) return storeText(state, column, at + 1, byte & 31)
  if (byte >= 0xe0) {
    setCell(column, state.row, KIND.INT, byte - 256, -1)
    return at + 1
  }
  if (byte < 0xa0) return readNested(state, column, at)
  return readLongForm(state, column, at, byte)
}

/** The formats c0…df: one byte that names the kind, then a length or the value itself. */
function readLongForm(state: ScanState, column: Column, at: number, byte: number): number {
  const { view, row } = state
  switch (byte) {
    case 0xc0:
      clearCell(column, row)
      return at + 1
    case 0xc1:
      throw INVALID
    case 0xc2:
    case 0xc3:
      setCell(column, row, KIND.BOOL, byte & 1, 0)
      return at + 1
    case 0xc4:
    case 0xd9:
      need(state, at, 2)
      return storeText(state, column, at + 2, state.bytes[at + 1]!)
    case 0xc5:
    case 0xda:
      need(state, at, 3)
      return storeText(state, column, at + 3, view.getUint16(at + 1))
    case 0xc6:
    case 0xdb:
      need(state, at, 5)
      return storeText(state, column, at + 5, view.getUint32(at + 1))
    case 0xca:
      need(state, at, 5)
      setDouble(state, column, view.getFloat32(at + 1))
      return at + 5
    case 0xcb:
      need(state, at, 9)
      setDoubleBits(state, column, view.getInt32(at + 5), view.getInt32(at + 1))
      return at + 9
    case 0xcc:
      need(state, at, 2)
      setCell(column, row, KIND.INT, view.getUint8(at + 1), 0)
      return at + 2
    case 0xcd:
      need(state, at, 3)
      setCell(column, row, KIND.INT, view.getUint16(at + 1), 0)
      return at + 3
    case 0xce:
      need(state, at, 5)
      setCell(column, row, KIND.INT, view.getInt32(at + 1), 0)
      return at + 5
    case 0xcf:
      return readUnsigned64(state, column, at)
    case 0xd0:
      need(state, at, 2)
      setSigned(state, column, view.getInt8(at + 1))
      return at + 2
    case 0xd1:
      need(state, at, 3)
      setSigned(state, column, view.getInt16(at + 1))
      return at + 3
    case 0xd2:
      need(state, at, 5)
      setSigned(state, column, view.getInt32(at + 1))
      return at + 5
    case 0xd3:
      need(state, at, 9)
      setCell(column, row, KIND.INT, view.getInt32(at + 5), view.getInt32(at + 1))
      return at + 9
    default:
      return isExtension(byte) ? readExtension(state, column, at) : readNested(state, column, at)
  }
}

function setSigned(state: ScanState, column: Column, value: number): void {
  setCell(column, state.row, KIND.INT, value, value >> 31)
}

function readUnsigned64(state: ScanState, column: Column, at: number): number {
  need(state, at, 9)
  const high = state.view.getInt32(at + 1)
  setCell(column, state.row, high < 0 ? KIND.BIG : KIND.INT, state.view.getInt32(at + 5), high)
  return at + 9
}

const halves = new Int32Array(2)
const asDouble = new Float64Array(halves.buffer)

export function setDouble(state: ScanState, column: Column, value: number): void {
  asDouble[0] = value
  setDoubleBits(state, column, halves[0]!, halves[1]!)
}

const EXPONENT = 0x7ff00000

function setDoubleBits(state: ScanState, column: Column, low: number, high: number): void {
  if ((high & EXPONENT) === EXPONENT) {
    state.counters.nonFinite++
    clearCell(column, state.row)
  } else {
    setCell(column, state.row, KIND.DOUBLE, low, high)
  }
}

/** str and bin alike: text goes to the column's own texts unless it is there already, or repaired to the side buffer where it is not UTF-8. */
export function storeText(state: ScanState, column: Column, at: number, length: number): number {
  if (at + length > state.end) need(state, at, length)
  const isAscii = copyText(column, state.words, at, length)
  const found = column.repeats ? findText(column, length) : -1
  if (found >= 0) {
    setCell(column, state.row, KIND.TEXT, found << 2, length)
  } else if (isAscii || isUtf8Range(state.bytes, at, length)) {
    rememberText(column, length)
    setText(column, state.row, length)
  } else {
    const start = state.sideLength
    putText(state, at, length)
    setCell(column, state.row, KIND.SIDE, start, state.sideLength - start)
  }
  return at + length
}

function readNested(state: ScanState, column: Column, at: number): number {
  const start = state.sideLength
  const end = putJson(state, at, 0)
  setCell(column, state.row, KIND.JSON, start, state.sideLength - start)
  return end
}

function readExtension(state: ScanState, column: Column, at: number): number {
  const header = { at: 0, content: 0, children: 0 }
  readHeader(state, at, header)
  const start = state.sideLength
  const kind = putExtensionCell(state, header) === 'text' ? KIND.SIDE : KIND.JSON
  setCell(column, state.row, kind, start, state.sideLength - start)
  return header.at + header.content
}

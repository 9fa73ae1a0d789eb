import { readCell } from './cells.ts'
import { type Column, KIND, setCell } from './column.ts'
import { putJson, putJsonText } from './json.ts'
import { wireKeyMatches } from './key-index.ts'
import { catalogKey } from './names.ts'
import {
  addColumn,
  columnByText,
  lookUpColumn,
  OVERFLOW_KEY,
  reserveSide,
  ScanFault,
  type ScanState,
  systemColumn,
  TIME_KEY,
  TIME_ORIGINAL_KEY,
} from './scan-state.ts'
import { ABSENT_TIME, readTime } from './time.ts'
import { need, readHeader, skipValue, TRUNCATED } from './wire.ts'

export type RecordOptions = { receivedAtSeconds: number; timeRequired: boolean }

const TIME_MISSING = new ScanFault('time_missing')
const TIME_INVALID = new ScanFault('time_invalid')

/** Number of entries if a map starts at `at`, else -1; `state.keyEnd` is where its first key stands. */
export function readMapHeader(state: ScanState, at: number): number {
  need(state, at, 1)
  const byte = state.bytes[at]!
  if (byte >= 0x80 && byte < 0x90) {
    state.keyEnd = at + 1
    return byte & 15
  }
  if (byte === 0xde) {
    need(state, at, 3)
    state.keyEnd = at + 3
    return state.view.getUint16(at + 1)
  }
  if (byte !== 0xdf) return -1
  need(state, at, 5)
  state.keyEnd = at + 5
  return state.view.getUint32(at + 1)
}

/**
 * Stores one record as the current row and returns the offset behind it. Keys are guessed from the record before and
 * verified byte by byte. Throws a ScanFault with the row half written; the caller takes it back.
 */
export function readRecord(state: ScanState, at: number, entries: number, options: RecordOptions): number {
  const { words, end, time, row } = state
  // Every entry needs two bytes at least: a huge count in a short payload ends here and not after a long loop.
  if (entries * 2 > end - at) throw TRUNCATED
  state.timeValueAt = -1
  let previous = state.root
  for (let i = 0; i < entries; i++) {
    let column: Column | null = previous.next
    if (column !== null && at + column.wireBytes <= end && wireKeyMatches(column, words, at)) {
      at += column.wireBytes
    } else {
      column = readKey(state, at)
      at = state.keyEnd
      if (column !== null) previous.next = column
    }
    if (column === time) at = time.lastRow === row ? readSecondTime(state, at) : readRecordTime(state, at)
    else if (column !== null) at = readCell(state, column, at)
    else at = readUnknown(state, at)
    if (column !== null) previous = column
  }
  if (time.lastRow !== row) setReceiveTime(state, options)
  if (state.timeValueAt >= 0) keepOriginalTime(state)
  if (state.overflow.size > 0) writeOverflow(state)
  return at
}

/** The key's column, or null if it has none yet; then `keyText` says what it is called. */
function readKey(state: ScanState, at: number): Column | null {
  const header = { at: 0, content: 0, children: 0 }
  readHeader(state, at, header)
  const byte = state.bytes[at]!
  state.keyText = null
  if ((byte >= 0xa0 && byte < 0xc0) || (byte >= 0xc4 && byte <= 0xc6) || (byte >= 0xd9 && byte <= 0xdb)) {
    state.keyStart = header.at
    state.keyLength = header.content
    state.keyEnd = header.at + header.content
    return lookUpColumn(state)
  }
  return readOddKey(state, at)
}

/** A key that is not text goes by the text of its JSON: 1 by "1", nil by "null". */
function readOddKey(state: ScanState, at: number): Column | null {
  const start = state.sideLength
  state.keyEnd = putJson(state, at, 0)
  state.keyText = catalogKey(state.side.toString('utf8', start, state.sideLength))
  state.sideLength = start
  return columnByText(state, state.keyText)
}

const NIL = 0xc0
/** How every client sends the seconds of this century. */
const UINT32 = 0xce

/** A key without a column gets one with its first value that is not null, or overflows. */
function readUnknown(state: ScanState, at: number): number {
  need(state, at, 1)
  const key = state.keyText!
  if (state.bytes[at] === NIL) {
    state.overflow.delete(key)
    return at + 1
  }
  const column = key === OVERFLOW_KEY ? null : addColumn(state, key)
  if (column !== null) return readCell(state, column, at)
  state.overflow.set(key, at)
  return skipValue(state, at)
}

function readRecordTime(state: ScanState, at: number): number {
  if (at + 5 <= state.end && state.bytes[at] === UINT32) {
    setSeconds(state, state.view.getUint32(at + 1))
    return at + 5
  }
  const header = { at: 0, content: 0, children: 0 }
  const seconds = readTime(state, at, header)
  if (seconds >= 0) setSeconds(state, seconds)
  else if (seconds !== ABSENT_TIME) state.timeValueAt = at
  return header.children > 0 ? skipValue(state, at) : header.at + header.content
}

/** fluent-bit adds its own `time` in front of the record's: the first is the time, the second a column beside it. */
function readSecondTime(state: ScanState, at: number): number {
  need(state, at, 1)
  const column = state.byKey.get(TIME_KEY) ?? null
  if (column !== null) return readCell(state, column, at)
  state.keyText = TIME_KEY
  return readUnknown(state, at)
}

function setSeconds(state: ScanState, seconds: number): void {
  setCell(state.time, state.row, KIND.INT, seconds | 0, Math.floor(seconds / 2 ** 32))
}

function setReceiveTime(state: ScanState, options: RecordOptions): void {
  if (options.timeRequired) throw state.timeValueAt < 0 ? TIME_MISSING : TIME_INVALID
  setSeconds(state, options.receivedAtSeconds)
  if (state.timeValueAt >= 0) state.counters.timeReplaced++
}

function keepOriginalTime(state: ScanState): void {
  const original = systemColumn(state, TIME_ORIGINAL_KEY)
  // The sender's own value keeps its cell; ours then goes where nothing is lost either.
  if (original.lastRow === state.row) state.overflow.set(TIME_KEY, state.timeValueAt)
  else readCell(state, original, state.timeValueAt)
}

/** Writes the keys without a column as one JSON object. */
function writeOverflow(state: ScanState): void {
  const start = state.sideLength
  let separator = 0x7b
  for (const [key, at] of state.overflow) {
    reserveSide(state, 1)
    state.side[state.sideLength++] = separator
    separator = 0x2c
    putJsonText(state, key)
    reserveSide(state, 1)
    state.side[state.sideLength++] = 0x3a
    putJson(state, at, 0)
  }
  reserveSide(state, 1)
  state.side[state.sideLength++] = 0x7d
  if (!(state.overflow.size === 1 && state.overflow.has(OVERFLOW_KEY))) state.counters.overflowedRecords++
  setCell(systemColumn(state, OVERFLOW_KEY), state.row, KIND.JSON, start, state.sideLength - start)
  state.overflow.clear()
}

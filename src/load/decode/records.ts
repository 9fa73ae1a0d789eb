import { readCell } from './cells.ts'
import type { Column } from './column.ts'
import { putJson } from './json.ts'
import { wireKeyMatches } from './key-index.ts'
import { catalogKey } from './names.ts'
import { endRecord, noteTime, readUnknown, setSeconds, type ValueFormat } from './record-end.ts'
import { columnByText, lookUpColumn, type ScanState, TIME_RANK } from './scan-state.ts'
import { ABSENT_TIME, readTime } from './time.ts'
import { need, readHeader, skipValue, TRUNCATED } from './wire.ts'

export type RecordOptions = { receivedAtSeconds: number; timeRequired: boolean }

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
  const { words, end, time } = state
  // Every entry needs two bytes at least: a huge count in a short payload ends here and not after a long loop.
  if (entries * 2 > end - at) throw TRUNCATED
  state.timeRank = TIME_RANK.NONE
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
    if (column === time) at = readRecordTime(state, at)
    else if (column !== null) at = readCell(state, column, at)
    else at = readUnknown(state, at, MESSAGE_PACK)
    if (column !== null) previous = column
  }
  if (state.timeRank < TIME_RANK.USABLE || state.overflow.size > 0) endRecord(state, options, MESSAGE_PACK)
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
const MESSAGE_PACK: ValueFormat = {
  readCell,
  putJson: (state, at) => putJson(state, at, 0),
  skip: skipValue,
  isNull(state, at) {
    need(state, at, 1)
    return state.bytes[at] === NIL
  },
}
/** How every client sends the seconds of this century. */
const UINT32 = 0xce

function readRecordTime(state: ScanState, at: number): number {
  const isFirst = state.timeRank === TIME_RANK.NONE
  if (isFirst && at + 5 <= state.end && state.bytes[at] === UINT32) {
    const seconds = state.view.getUint32(at + 1)
    state.timeRank = TIME_RANK.INTEGER
    state.timeAt = at
    state.timeSeconds = seconds
    setSeconds(state, seconds)
    return at + 5
  }
  const header = { at: 0, content: 0, children: 0 }
  const seconds = readTime(state, at, header)
  const end = header.children > 0 ? skipValue(state, at) : header.at + header.content
  noteTime(state, at, { seconds, rank: rankOf(seconds, state.bytes[at]!) }, MESSAGE_PACK)
  return end
}

function rankOf(seconds: number, byte: number): number {
  if (seconds === ABSENT_TIME) return TIME_RANK.NONE
  if (seconds < 0) return TIME_RANK.UNUSABLE
  return byte < 0x80 || (byte >= 0xcc && byte <= 0xd3) ? TIME_RANK.INTEGER : TIME_RANK.USABLE
}

import { type Column, KIND, setCell } from './column.ts'
import { putJsonText } from './json.ts'
import {
  addColumn,
  OVERFLOW_KEY,
  reserveSide,
  ScanFault,
  type ScanState,
  systemColumn,
  TIME_KEY,
  TIME_ORIGINAL_KEY,
  TIME_RANK,
} from './scan-state.ts'

/** How the values of a payload are read: the rules about records are the same for every format. */
export type ValueFormat = {
  /** Stores the value at `at` as the column's cell of the current row; returns the offset behind it. */
  readCell(state: ScanState, column: Column, at: number): number
  /** Appends the value at `at` to the side buffer as compact JSON. */
  putJson(state: ScanState, at: number): number
  skip(state: ScanState, at: number): number
  isNull(state: ScanState, at: number): boolean
}

const TIME_MISSING = new ScanFault('time_missing')
const TIME_INVALID = new ScanFault('time_invalid')

/** A key without a column gets one with its first value that is not null, or overflows. `state.keyText` is the key. */
export function readUnknown(state: ScanState, at: number, format: ValueFormat): number {
  const key = state.keyText!
  if (format.isNull(state, at)) {
    state.overflow.delete(key)
    return format.skip(state, at)
  }
  const column = key === OVERFLOW_KEY ? null : addColumn(state, key)
  if (column !== null) return format.readCell(state, column, at)
  state.overflow.set(key, at)
  return format.skip(state, at)
}

/**
 * Takes what stands at `at` as the record's time, unless it has a better or an equal one already; what does not count then is kept in a
 * column beside it (event-collection reference §6.2: fluent-bit adds its own `time` in front of the record's).
 */
export function noteTime(
  state: ScanState,
  at: number,
  { rank, seconds }: { rank: number; seconds: number },
  format: ValueFormat,
): void {
  if (rank === TIME_RANK.NONE) return
  const { timeRank, timeAt } = state
  const isBetter = timeRank < TIME_RANK.INTEGER && rank > timeRank
  if (timeRank !== TIME_RANK.NONE) {
    const says = rank === TIME_RANK.INTEGER && seconds === state.timeSeconds
    if (!isBetter && says) return
    keepSecondTime(state, isBetter ? timeAt : at, format)
    if (!isBetter) return
  }
  state.timeRank = rank
  state.timeAt = at
  state.timeSeconds = seconds
  if (rank > TIME_RANK.UNUSABLE) setSeconds(state, seconds)
}

function keepSecondTime(state: ScanState, at: number, format: ValueFormat): void {
  const column = state.byKey.get(TIME_KEY)
  if (column !== undefined) {
    format.readCell(state, column, at)
    return
  }
  state.keyText = TIME_KEY
  readUnknown(state, at, format)
}

export function setSeconds(state: ScanState, seconds: number): void {
  setCell(state.time, state.row, KIND.INT, seconds | 0, Math.floor(seconds / 2 ** 32))
}

/** Gives the record its time where it has brought none, and writes what has no column. */
export function endRecord(
  state: ScanState,
  options: { receivedAtSeconds: number; timeRequired: boolean },
  format: ValueFormat,
): void {
  if (state.timeRank <= TIME_RANK.UNUSABLE) {
    const isInvalid = state.timeRank === TIME_RANK.UNUSABLE
    if (options.timeRequired) throw isInvalid ? TIME_INVALID : TIME_MISSING
    setSeconds(state, options.receivedAtSeconds)
    if (isInvalid) keepOriginalTime(state, format)
  }
  if (state.overflow.size > 0) writeOverflow(state, format)
}

function keepOriginalTime(state: ScanState, format: ValueFormat): void {
  state.counters.timeReplaced++
  const original = systemColumn(state, TIME_ORIGINAL_KEY)
  // The sender's own value keeps its cell; ours then goes where nothing is lost either.
  if (original.lastRow === state.row) state.overflow.set(TIME_KEY, state.timeAt)
  else format.readCell(state, original, state.timeAt)
}

/** Writes the keys without a column as one JSON object. */
function writeOverflow(state: ScanState, format: ValueFormat): void {
  const start = state.sideLength
  let separator = 0x7b
  for (const [key, at] of state.overflow) {
    putByte(state, separator)
    separator = 0x2c
    putJsonText(state, key)
    putByte(state, 0x3a)
    format.putJson(state, at)
  }
  putByte(state, 0x7d)
  if (!(state.overflow.size === 1 && state.overflow.has(OVERFLOW_KEY))) state.counters.overflowedRecords++
  setCell(systemColumn(state, OVERFLOW_KEY), state.row, KIND.JSON, start, state.sideLength - start)
  state.overflow.clear()
}

function putByte(state: ScanState, byte: number): void {
  reserveSide(state, 1)
  state.side[state.sideLength++] = byte
}

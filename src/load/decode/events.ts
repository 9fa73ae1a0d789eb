import { type Column, clearCell } from './column.ts'
import { eventIdOf } from './event-id.ts'
import { type EventPlan, planEvents, type TailValue } from './event-plan.ts'
import { putCompactJson, readJsonCell } from './json-cells.ts'
import {
  byteAt,
  CLOSE_OBJECT,
  COMMA,
  found,
  INVALID,
  OPEN_OBJECT,
  QUOTE,
  scanString,
  skipColon,
  skipJson,
  skipKey,
  skipSpace,
  stringAt,
} from './json-text.ts'
import { isoSeconds, readJsonTime } from './json-time.ts'
import { keyMatches } from './key-index.ts'
import { catalogKey } from './names.ts'
import { endRecord, noteTime, readUnknown, type ValueFormat } from './record-end.ts'
import {
  columnByText,
  consumedKey,
  expectLateColumns,
  expectRows,
  lookUpColumn,
  ScanFault,
  type ScanState,
  TIME_KEY,
  TIME_RANK,
  truncateRows,
} from './scan-state.ts'
import { SPECIAL, specialOf } from './special-keys.ts'
import { MAX_TIME_SECONDS } from './time.ts'
import type { EventOptions } from './types.ts'

const jsonFormat = (asText: boolean): ValueFormat => ({
  readCell: (state, column, at) => readJsonCell(state, column, at, asText),
  putJson: (state, at) => putCompactJson(state, at, 0),
  skip: skipJson,
  isNull: (state, at) => byteAt(state, at) === 0x6e,
})
const TYPED = jsonFormat(false)
const AS_TEXT = jsonFormat(true)

const NOT_A_MAP = new ScanFault('record_not_a_map')
const TOO_LARGE = new ScanFault('record_too_large')

/** Where the keys stand that the channel takes out of the event; -1 = not there. */
type Taken = { idAt: number; keenAt: number; uploadTimeAt: number; recordTimeAt: number }

export type EventScan = {
  /** Stores the event at `at` as the current row; returns the offset behind it. Throws a ScanFault with the row half written. */
  read(at: number): number
  ids: Set<string>
  repeats: number
}

/**
 * Reads one request's events, one after the other, straight into the columns: no object per event. The payload must be
 * open in `state`, with the collector's own values behind it (`event-plan.ts`).
 */
export function createEventScan(
  state: ScanState,
  options: EventOptions,
  tail: { set: number; replace: number; receivedAt: number; end: number },
): EventScan {
  const plan = planEvents(state, options, tail)
  const format = plan.asText ? AS_TEXT : TYPED
  const ids = new Set<string>()
  const scan: EventScan = {
    ids,
    repeats: 0,
    read(at) {
      if (byteAt(state, at) !== OPEN_OBJECT) throw NOT_A_MAP
      if (state.row === 0) expectRows(state, state.end - at, skipJson(state, at) - at)
      else if (state.row === 1) expectLateColumns(state)
      const taken: Taken = { idAt: -1, keenAt: -1, uploadTimeAt: -1, recordTimeAt: -1 }
      state.timeRank = TIME_RANK.NONE
      const end = readKeys(state, plan, taken, format, at)
      if (end - at > state.limits.maxRecordBytes) throw TOO_LARGE
      const id = taken.idAt < 0 ? undefined : eventIdOf(state, taken.idAt, plan)
      if (id !== undefined && (ids.has(id) || options.isRepeat(id))) {
        scan.repeats++
        truncateRows(state, state.row)
        state.overflow.clear()
        return end
      }
      complete(state, plan, taken, format)
      if (id !== undefined) ids.add(id)
      state.row++
      return end
    },
  }
  return scan
}

/** Offset behind the object that starts at `at`. Keys are guessed from the event before and verified byte by byte. */
function readKeys(state: ScanState, plan: EventPlan, taken: Taken, format: ValueFormat, at: number): number {
  at = skipSpace(state, at + 1)
  if (byteAt(state, at) === CLOSE_OBJECT) return at + 1
  for (let previous = state.root; ; ) {
    let column: Column | null = previous.nextInJson
    if (column !== null && keyStandsAt(state, column, at)) {
      at = skipColon(state, at + column.jsonBytes + 2)
    } else {
      column = readKey(state, plan, at)
      at = state.keyEnd
      if (column !== null) previous.nextInJson = column
    }
    if (column === state.time) at = readTimeValue(state, plan, format, at)
    else if (column !== null && column.special === 0) at = readJsonCell(state, column, at, plan.asText)
    else at = readOther(state, plan, taken, { column, key: column?.key ?? state.keyText!, at, format })
    if (column !== null) previous = column
    at = skipSpace(state, at)
    const behind = byteAt(state, at)
    if (behind === CLOSE_OBJECT) return at + 1
    if (behind !== COMMA) throw INVALID
    at = skipSpace(state, at + 1)
  }
}

function keyStandsAt({ bytes, end }: ScanState, column: Column, at: number): boolean {
  const length = column.jsonBytes
  if (length < 0 || at + length + 2 > end) return false
  return bytes[at] === QUOTE && bytes[at + length + 1] === QUOTE && keyMatches(column, bytes, at + 1, length)
}

/** The key's column, or what stands for a key that is consumed, or null: then `keyText` says what it is called. */
function readKey(state: ScanState, plan: EventPlan, at: number): Column | null {
  if (byteAt(state, at) !== QUOTE) throw INVALID
  const end = scanString(state, at)
  let column: Column | null
  if (found.hasEscapes) {
    state.keyText = catalogKey(stringAt(state, at, end))
    column = columnByText(state, state.keyText)
  } else {
    state.keyStart = at + 1
    state.keyLength = end - at - 2
    column = lookUpColumn(state)
  }
  state.keyEnd = skipColon(state, end)
  if (column === null && plan.consumed.has(state.keyText!)) return consumedKey(state, state.keyText!)
  return column
}

type OtherKey = { column: Column | null; key: string; at: number; format: ValueFormat }

/** A key that means something to some channel, or has no column yet. */
function readOther(state: ScanState, plan: EventPlan, taken: Taken, other: OtherKey): number {
  const { key, at } = other
  switch (specialOf(key) & plan.meaning) {
    case SPECIAL.UUID:
      taken.idAt = at
      return skipJson(state, at)
    case SPECIAL.KEEN:
      taken.keenAt = at
      return skipJson(state, at)
    case SPECIAL.HASH:
      if (key === '#UUID') taken.idAt = at
      if (key === '#SSUT') taken.uploadTimeAt = at
      return skipJson(state, at)
    case SPECIAL.PLACEHOLDER:
      if (isPlaceholder(state, key, at)) return replace(state, plan, other)
      break
    case SPECIAL.RECORD_TIME:
      taken.recordTimeAt = at
      break
  }
  return readOrdinary(state, other)
}

function readOrdinary(state: ScanState, { key, at, format }: OtherKey): number {
  // Not the column found: it may only stand for the key in channels that consume it.
  const column = columnByText(state, key)
  if (column !== null) return format.readCell(state, column, at)
  state.keyText = key
  return readUnknown(state, at, format)
}

function isPlaceholder(state: ScanState, key: string, at: number): boolean {
  return state.bytes[at] === QUOTE && textAt(state, at) === key
}

/** The literal placeholder is never stored (event-collection reference §8.6). */
function replace(state: ScanState, plan: EventPlan, { key, at, format }: OtherKey): number {
  const value = plan.replacements.get(key)
  if (value !== undefined) readTail(state, plan, { key, at: value }, format)
  else {
    const column = columnByText(state, key)
    if (column !== null) clearCell(column, state.row)
    state.overflow.delete(key)
  }
  return skipJson(state, at)
}

/** Stores one of the collector's own values, which stand behind the payload. */
function readTail(state: ScanState, plan: EventPlan, { key, at }: TailValue, format: ValueFormat): void {
  const { end } = state
  state.end = plan.tailEnd
  readOrdinary(state, { column: null, key, at, format })
  state.end = end
}

function readTimeValue(state: ScanState, plan: EventPlan, format: ValueFormat, at: number): number {
  const read = readJsonTime(state, at)
  const isSource = plan.timeSource === 'time' || read.rank === TIME_RANK.NONE
  noteTime(state, at, isSource ? read : { rank: TIME_RANK.UNUSABLE, seconds: 0 }, format)
  return read.end
}

/** What the collector and the channel add to the event's own keys. */
function complete(state: ScanState, plan: EventPlan, taken: Taken, format: ValueFormat): void {
  const seconds = fallbackSeconds(state, plan, taken)
  const uploadColumn = uploadTimeColumn(state, taken.uploadTimeAt)
  if (uploadColumn !== undefined) readTail(state, plan, { key: uploadColumn, at: plan.receivedAt }, TYPED)
  for (const value of plan.set) readTail(state, plan, value, format)
  const { end } = state
  state.end = plan.tailEnd
  endRecord(state, { receivedAtSeconds: seconds, timeRequired: false }, format)
  state.end = end
}

/** The time of an event that has no usable `time` (event-collection reference §8.1). */
function fallbackSeconds(state: ScanState, plan: EventPlan, taken: Taken): number {
  const { receivedAtSeconds, timeSource } = plan
  if (timeSource === 'time') return plan.queryTime ?? receivedAtSeconds
  if (timeSource === 'td_record_time') return recordTime(state, plan, taken.recordTimeAt)
  if (isServerTime(state, taken.uploadTimeAt)) return receivedAtSeconds
  return keenTime(state, taken.keenAt) ?? receivedAtSeconds
}

const DAY_SECONDS = 86_400

/** Older than 7 days or more than 3 days ahead counts as none (event-collection reference §4). */
function recordTime(state: ScanState, { receivedAtSeconds }: EventPlan, at: number): number {
  if (at < 0) return receivedAtSeconds
  const { rank, seconds } = readJsonTime(state, at)
  const ahead = seconds - receivedAtSeconds
  const isUsable = rank >= TIME_RANK.USABLE && ahead >= -7 * DAY_SECONDS && ahead <= 3 * DAY_SECONDS
  return isUsable && seconds <= MAX_TIME_SECONDS ? seconds : receivedAtSeconds
}

/** `#SSUT: true` asks for the server's time, `#SSUT: "column"` for a column with it. */
function isServerTime(state: ScanState, at: number): boolean {
  return at >= 0 && (state.bytes[at] === 0x74 || textAt(state, at) === TIME_KEY)
}

function uploadTimeColumn(state: ScanState, at: number): string | undefined {
  const text = at < 0 ? undefined : textAt(state, at)
  return text === undefined || text === TIME_KEY ? undefined : catalogKey(text)
}

/** Unless it is a text, undefined. */
function textAt(state: ScanState, at: number): string | undefined {
  return state.bytes[at] === QUOTE ? stringAt(state, at, scanString(state, at)) : undefined
}

/** `keen.timestamp`; one that is no instant is kept in `time_original`. */
function keenTime(state: ScanState, keenAt: number): number | undefined {
  if (keenAt < 0) return undefined
  const at = memberAt(state, keenAt, 'timestamp')
  if (at < 0) return undefined
  const seconds = isoSeconds(textAt(state, at) ?? '')
  if (seconds !== null) return seconds
  const rank = state.bytes[at] === 0x6e ? TIME_RANK.NONE : TIME_RANK.UNUSABLE
  noteTime(state, at, { rank, seconds: 0 }, TYPED)
  return undefined
}

/** Where the value of the member stands in the object at `at`; -1 = there is none. The object has been checked. */
function memberAt(state: ScanState, at: number, name: string): number {
  if (state.bytes[at] !== OPEN_OBJECT) return -1
  let value = -1
  at = skipSpace(state, at + 1)
  while (state.bytes[at] !== CLOSE_OBJECT) {
    const isWanted = textAt(state, at) === name
    at = skipKey(state, at)
    if (isWanted) value = at
    at = skipSpace(state, skipJson(state, at))
    if (state.bytes[at] === COMMA) at = skipSpace(state, at + 1)
  }
  return value
}

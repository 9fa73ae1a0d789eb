import { type Column, createColumn, truncateColumn } from './column.ts'
import { addKey, createKeyIndex, findKey, hashKey, type KeyIndex } from './key-index.ts'
import { catalogKey } from './names.ts'
import type { BatchCounters, DecodeLimits, FaultReason, KnownColumn } from './types.ts'

/** Stops the scan of a record (or of a payload, see `faults.ts`); never leaves this folder. */
export class ScanFault extends Error {
  readonly reason: FaultReason
  constructor(reason: FaultReason) {
    super(reason)
    this.name = 'ScanFault'
    this.reason = reason
  }
}

/** Everything the scanner works on; one per batch. `bytes` … `end` describe the payload being read. */
export type ScanState = {
  bytes: Buffer
  view: DataView
  words: Int32Array
  end: number
  row: number
  /** Where the record being read begins, and what the side buffer held before. */
  recordAt: number
  recordSide: number
  limits: DecodeLimits
  /** Of the payload being read. */
  maxDepth: number
  counters: BatchCounters
  /** Texts that had to be made: JSON, replaced UTF-8. */
  side: Buffer
  sideLength: number
  /** Columns in the order of their first appearance. */
  columns: Column[]
  byKey: Map<string, Column>
  keys: KeyIndex
  /** Keys of live known columns: they never count as new. */
  knownKeys: ReadonlySet<string>
  newColumns: number
  /** Cells a new column gets room for. */
  firstCapacity: number
  /** `next` of this one predicts the first key of a record. */
  root: Column
  time: Column
  /** Stand for keys that a channel of events consumes; they never hold a value. */
  consumed: Map<string, Column>
  /** Key found last by the slow path. */
  keyEnd: number
  keyStart: number
  keyLength: number
  keyText: string | null
  /** How far the `time` that counts in this record is one (`TIME_RANK`), and where it stands. */
  timeRank: number
  timeAt: number
  timeSeconds: number
  /** Keys of this record that have no column: text and where the value stands; the last one wins. */
  overflow: Map<string, number>
}

/** A record may bring `time` twice: the better one counts, the first among equals. */
export const TIME_RANK = { NONE: -1, UNUSABLE: 0, USABLE: 1, INTEGER: 2 } as const

export const OVERFLOW_KEY = '_overflow'
export const TIME_ORIGINAL_KEY = 'time_original'
export const TIME_KEY = 'time'
const SYSTEM_KEYS = new Set([OVERFLOW_KEY, TIME_ORIGINAL_KEY])

/** A column that appears late is probably a rare one. */
const LATE_COLUMN_CAPACITY = 64
const MAX_FIRST_CAPACITY = 1 << 16
/** A thousand cold tables get a row each: their columns must not be made for more. */
const LEAST_FIRST_CAPACITY = 8

const NOTHING = Buffer.alloc(0)

export function createScanState(known: readonly KnownColumn[], limits: DecodeLimits): ScanState {
  const timeBytes = Buffer.from(TIME_KEY)
  const time = createColumn(TIME_KEY, timeBytes, hashKey(timeBytes, 0, timeBytes.length), 0)
  const state: ScanState = {
    bytes: NOTHING,
    view: new DataView(NOTHING.buffer, 0, 0),
    words: new Int32Array(0),
    end: 0,
    row: 0,
    recordAt: 0,
    recordSide: 0,
    limits,
    maxDepth: limits.maxDepth,
    counters: { nonFinite: 0, invalidUtf8: 0, timeReplaced: 0, distantTimes: 0, overflowedRecords: 0 },
    side: NOTHING,
    sideLength: 0,
    columns: [],
    byKey: new Map(),
    keys: createKeyIndex(),
    knownKeys: new Set(
      known.filter((column) => !column.removed && !SYSTEM_KEYS.has(column.key)).map((column) => column.key),
    ),
    newColumns: 0,
    firstCapacity: LATE_COLUMN_CAPACITY,
    root: createColumn('', NOTHING, 0, 0),
    time,
    consumed: new Map(),
    keyEnd: 0,
    keyStart: 0,
    keyLength: 0,
    keyText: null,
    timeRank: TIME_RANK.NONE,
    timeAt: -1,
    timeSeconds: 0,
    overflow: new Map(),
  }
  addKey(state.keys, time)
  return state
}

/** The column of the key at keyStart, or null; afterwards `keyText` is set if the bytes were not enough to tell. */
export function lookUpColumn(state: ScanState): Column | null {
  const { bytes, keyStart, keyLength } = state
  const found = findKey(state.keys, hashKey(bytes, keyStart, keyLength), bytes, keyStart, keyLength)
  if (found !== null) return found
  state.keyText = catalogKey(bytes.toString('utf8', keyStart, keyStart + keyLength))
  return columnByText(state, state.keyText)
}

export function columnByText(state: ScanState, key: string): Column | null {
  if (key === TIME_KEY) return state.time
  return state.byKey.get(key) ?? null
}

/** Makes the column of a key seen for the first time, or null when the table has no room for another. */
export function addColumn(state: ScanState, key: string): Column | null {
  const isNew = !state.knownKeys.has(key) && !SYSTEM_KEYS.has(key)
  if (isNew && state.knownKeys.size + state.newColumns >= state.limits.maxColumns) return null
  if (isNew) state.newColumns++
  const keyBytes = Buffer.from(key)
  const column = createColumn(key, keyBytes, hashKey(keyBytes, 0, keyBytes.length), state.firstCapacity)
  state.columns.push(column)
  state.byKey.set(key, column)
  // The second `time` of a record has its own column, which only that rule may find.
  if (key !== TIME_KEY) addKey(state.keys, column)
  return column
}

function forgetJsonOrder({ root, time, consumed }: ScanState): void {
  root.nextInJson = null
  time.nextInJson = null
  for (const column of consumed.values()) column.nextInJson = null
}

/** Stands for a consumed key in the order of keys. */
export function consumedKey(state: ScanState, key: string): Column {
  const known = state.consumed.get(key)
  if (known !== undefined) return known
  const bytes = Buffer.from(key)
  const column = createColumn(key, bytes, hashKey(bytes, 0, bytes.length), 0)
  state.consumed.set(key, column)
  return column
}

/** The column the product itself fills, made at its first use. */
export function systemColumn(state: ScanState, key: string): Column {
  const column = state.byKey.get(key) ?? addColumn(state, key)!
  column.alwaysText = true
  return column
}

/** Forgets `row` and later ones, and every column that then has no value. Their texts keep their room. */
export function truncateRows(state: ScanState, row: number): void {
  state.row = row
  truncateColumn(state.time, row)
  for (const column of state.columns) truncateColumn(column, row)
  state.root.next = null
  state.time.next = null
  forgetJsonOrder(state)
  if (state.columns.every((column) => column.count > 0)) return

  state.columns = state.columns.filter((column) => column.count > 0)
  state.byKey = new Map(state.columns.map((column) => [column.key, column]))
  state.keys = createKeyIndex()
  state.newColumns = 0
  addKey(state.keys, state.time)
  for (const column of state.columns) {
    column.next = null
    column.nextInJson = null
    if (column.key !== TIME_KEY) addKey(state.keys, column)
    if (!state.knownKeys.has(column.key) && !SYSTEM_KEYS.has(column.key)) state.newColumns++
  }
}

/**
 * Guesses how many rows the payload has, from the length of its first record: the columns of that record get the room
 * at once. (A record needs three bytes per column, so the guess costs a small multiple of the payload at most.)
 */
export function expectRows(state: ScanState, payloadBytes: number, firstRecordBytes: number): void {
  const expected = Math.ceil((payloadBytes / firstRecordBytes) * 1.1)
  state.firstCapacity = Math.min(Math.max(expected, LEAST_FIRST_CAPACITY), MAX_FIRST_CAPACITY)
}

export function expectLateColumns(state: ScanState): void {
  state.firstCapacity = LATE_COLUMN_CAPACITY
}

/** Makes room for `count` more bytes in the side buffer. */
export function reserveSide(state: ScanState, count: number): void {
  const needed = state.sideLength + count
  if (needed <= state.side.length) return
  const larger = Buffer.allocUnsafe(Math.max(4096, needed, state.side.length * 2))
  state.side.copy(larger, 0, 0, state.sideLength)
  state.side = larger
}

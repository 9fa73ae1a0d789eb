import { tailOf } from './event-plan.ts'
import { createEventScan, type EventScan } from './events.ts'
import { finishBatch } from './finish.ts'
import { COMMA, skipJson, skipSpace } from './json-text.ts'
import { type RecordOptions, readMapHeader, readRecord } from './records.ts'
import {
  createScanState,
  expectLateColumns,
  expectRows,
  ScanFault,
  type ScanState,
  truncateRows,
} from './scan-state.ts'
import type {
  BatchMark,
  DecodeLimits,
  Fault,
  FaultReason,
  ImportOptions,
  KnownColumn,
  TableBatch,
} from './types.ts'
import { skipValue } from './wire.ts'

export const DEFAULT_LIMITS: DecodeLimits = {
  maxColumns: 512,
  maxRecordBytes: 32 << 20,
  maxDepth: 64,
  maxEventDepth: 1000,
}

/** A fault keeps this much of what it refuses. */
const MAX_FAULT_BYTES = 64 << 10

/** Offsets are kept as signed 32-bit numbers. */
const MAX_PAYLOAD_BYTES = 2 ** 31 - 1

/** The fault of a payload of which nothing is stored, such as one that is not gzip. */
export function refusePayload(payload: Buffer, reason: FaultReason): Fault {
  const bytes = Buffer.from(payload.subarray(0, MAX_FAULT_BYTES))
  return { reason, offset: 0, length: payload.length, bytes }
}

/** Starts a chunk's worth of rows of one table. `known` are the columns the table has, removed ones included. */
export function createTableBatch(setup: {
  known: readonly KnownColumn[]
  limits?: Partial<DecodeLimits>
}): TableBatch {
  const state = createScanState(setup.known, { ...DEFAULT_LIMITS, ...setup.limits })
  let payloadBytes = 0

  return {
    get rows() {
      return state.row
    },
    get bytes() {
      return payloadBytes
    },
    addImport(payload, options) {
      const rowsBefore = state.row
      if (payload.length > MAX_PAYLOAD_BYTES)
        return { rows: 0, faults: [refusePayload(payload, 'expands_too_far')] }
      payloadBytes += payload.length
      open(state, [payload])
      state.maxDepth = state.limits.maxDepth
      const faults = scanPayload(state, options)
      countDistantTimes(state, rowsBefore, options)
      return { rows: state.row - rowsBefore, faults }
    },
    addEvents(payload, options) {
      const rowsBefore = state.row
      if (payload.length > MAX_PAYLOAD_BYTES / 2)
        return { rows: 0, faults: [refusePayload(payload, 'expands_too_far')], ids: [], repeats: 0 }
      payloadBytes += payload.length
      const tail = tailOf(options, payload.length)
      open(state, [payload, ...tail.parts])
      state.end = payload.length
      state.maxDepth = state.limits.maxEventDepth
      const scan = createEventScan(state, options, tail)
      const faults = scanEvents(state, scan)
      countDistantTimes(state, rowsBefore, options)
      return { rows: state.row - rowsBefore, faults, ids: [...scan.ids], repeats: scan.repeats }
    },
    mark: () => ({
      rows: state.row,
      payloadBytes,
      sideBytes: state.sideLength,
      counters: { ...state.counters },
    }),
    rollbackTo(mark: BatchMark) {
      truncateRows(state, mark.rows)
      state.sideLength = mark.sideBytes
      state.counters = { ...mark.counters }
      payloadBytes = mark.payloadBytes
    },
    finish: (known = setup.known) => finishBatch(state, known),
  }
}

/**
 * Makes the payload what the scanner reads, as bytes and as 32-bit words, with two more behind: reading a word too far
 * must not leave the array, which would make every such read slower. Copies the payload unless it lies like that alone.
 */
function open(state: ScanState, parts: Buffer[]): void {
  const payload = parts[0]!
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const count = ((length + 3) >>> 2) + 2
  const isWhole = parts.length === 1
  const fits = (payload.byteOffset & 3) === 0 && payload.byteOffset + 4 * count <= payload.buffer.byteLength
  let bytes = payload
  if (!isWhole || !fits) {
    bytes = Buffer.allocUnsafeSlow(4 * count)
    let at = 0
    for (const part of parts) at += part.copy(bytes, at)
  }
  state.bytes = bytes
  state.view = new DataView(bytes.buffer, bytes.byteOffset, length)
  state.words = new Int32Array(bytes.buffer, bytes.byteOffset, count)
  state.end = length
}

/** Reads records until the end, or until the bytes stop being MessagePack; what stood before stays stored. */
function scanPayload(state: ScanState, options: ImportOptions): Fault[] {
  const { receivedAtSeconds, timeRequired = false } = options
  const recordOptions = { receivedAtSeconds, timeRequired }
  return scanAll(state, skipValue, (from) => {
    for (let at = from; at < state.end; ) {
      noteRecord(state, at)
      at = scanRecord(state, at, recordOptions)
    }
  })
}

/** Likewise with events: one after the other, with white space or commas between them. */
function scanEvents(state: ScanState, scan: EventScan): Fault[] {
  return scanAll(state, skipJson, (from) => {
    for (let at = skipSeparators(state, from); at < state.end; ) {
      noteRecord(state, at)
      at = skipSeparators(state, scan.read(at))
    }
  })
}

/** The values of a body of events, one by one; what cannot be read is one value. */
export function splitEvents(body: Buffer): Buffer[] {
  const state = createScanState([], DEFAULT_LIMITS)
  open(state, [body])
  const values: Buffer[] = []
  for (let at = skipSeparators(state, 0); at < state.end; ) {
    const { end } = refuse(state, at, 'json_invalid', skipJson)
    values.push(body.subarray(at, end))
    at = skipSeparators(state, end)
  }
  return values
}

function skipSeparators(state: ScanState, at: number): number {
  for (at = skipSpace(state, at); at < state.end && state.bytes[at] === COMMA; ) at = skipSpace(state, at + 1)
  return at
}

const DAY_SECONDS = 86_400

/** Such rows are stored like others but lie in odd hours (event-collection reference §8.1): worth counting. */
function countDistantTimes(
  { time, counters }: ScanState,
  fromRow: number,
  { receivedAtSeconds }: { receivedAtSeconds: number },
): void {
  for (let row = fromRow; row < time.count; row++) {
    const ahead = time.words[2 * row + 1]! * 2 ** 32 + (time.words[2 * row]! >>> 0) - receivedAtSeconds
    if (ahead > 3 * DAY_SECONDS || ahead < -7 * DAY_SECONDS) counters.distantTimes++
  }
}

function noteRecord(state: ScanState, at: number): void {
  state.recordAt = at
  state.recordSide = state.sideLength
}

/** `readFrom` reads records from an offset to the end; after one that is refused it is called again for those behind it. */
function scanAll(
  state: ScanState,
  skip: (state: ScanState, at: number) => number,
  readFrom: (at: number) => void,
): Fault[] {
  const faults: Fault[] = []
  const { end } = state
  for (let at = 0; ; ) {
    try {
      readFrom(at)
      return faults
    } catch (error) {
      if (!(error instanceof ScanFault)) throw error
      state.end = end
      truncateRows(state, state.row)
      state.sideLength = state.recordSide
      state.overflow.clear()
      const refused = refuse(state, state.recordAt, error.reason, skip)
      faults.push(faultAt(state, state.recordAt, refused))
      at = refused.end
    }
  }
}

const NOT_A_MAP = new ScanFault('record_not_a_map')
const TOO_LARGE = new ScanFault('record_too_large')

function scanRecord(state: ScanState, at: number, options: RecordOptions): number {
  const entries = readMapHeader(state, at)
  if (entries < 0) throw NOT_A_MAP
  if (state.row === 0) expectRows(state, state.end - at, skipValue(state, at) - at)
  else if (state.row === 1) expectLateColumns(state)
  const end = readRecord(state, state.keyEnd, entries, options)
  if (end - at > state.limits.maxRecordBytes) throw TOO_LARGE
  state.row++
  return end
}

type Refused = { reason: FaultReason; end: number }

/** A record that can be skipped is refused alone; bytes that cannot be read take the rest of the payload with them. */
function refuse(
  state: ScanState,
  at: number,
  reason: FaultReason,
  skip: (state: ScanState, at: number) => number,
): Refused {
  try {
    return { reason, end: skip(state, at) }
  } catch (error) {
    if (!(error instanceof ScanFault)) throw error
    return { reason: error.reason, end: state.end }
  }
}

function faultAt(state: ScanState, at: number, refused: Refused): Fault {
  const kept = state.bytes.subarray(at, Math.min(refused.end, at + MAX_FAULT_BYTES))
  return { reason: refused.reason, offset: at, length: refused.end - at, bytes: Buffer.from(kept) }
}

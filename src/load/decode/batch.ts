import { finishBatch } from './finish.ts'
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

export const DEFAULT_LIMITS: DecodeLimits = { maxColumns: 512, maxRecordBytes: 32 << 20, maxDepth: 64 }

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
      open(state, payload)
      const faults = scanPayload(state, options)
      return { rows: state.row - rowsBefore, faults }
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
 * must not leave the array, which would make every such read slower. Copies the payload unless it lies like that.
 */
function open(state: ScanState, payload: Buffer): void {
  const count = ((payload.length + 3) >>> 2) + 2
  const fits = (payload.byteOffset & 3) === 0 && payload.byteOffset + 4 * count <= payload.buffer.byteLength
  let bytes = payload
  if (!fits) {
    bytes = Buffer.allocUnsafeSlow(4 * count)
    payload.copy(bytes)
  }
  state.bytes = bytes
  state.view = new DataView(bytes.buffer, bytes.byteOffset, payload.length)
  state.words = new Int32Array(bytes.buffer, bytes.byteOffset, count)
  state.end = payload.length
}

/** Reads records until the end, or until the bytes stop being MessagePack; what stood before stays stored. */
function scanPayload(state: ScanState, options: ImportOptions): Fault[] {
  const faults: Fault[] = []
  const { receivedAtSeconds, timeRequired = false } = options
  const recordOptions = { receivedAtSeconds, timeRequired }
  for (let at = 0; at < state.end; ) {
    const sideBefore = state.sideLength
    try {
      at = scanRecord(state, at, recordOptions)
    } catch (error) {
      if (!(error instanceof ScanFault)) throw error
      truncateRows(state, state.row)
      state.sideLength = sideBefore
      state.overflow.clear()
      const refused = refuse(state, at, error.reason)
      faults.push(faultAt(state, at, refused))
      at = refused.end
    }
  }
  return faults
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
function refuse(state: ScanState, at: number, reason: FaultReason): Refused {
  try {
    return { reason, end: skipValue(state, at) }
  } catch (error) {
    if (!(error instanceof ScanFault)) throw error
    return { reason: error.reason, end: state.end }
  }
}

function faultAt(state: ScanState, at: number, refused: Refused): Fault {
  const kept = state.bytes.subarray(at, Math.min(refused.end, at + MAX_FAULT_BYTES))
  return { reason: refused.reason, offset: at, length: refused.end - at, bytes: Buffer.from(kept) }
}

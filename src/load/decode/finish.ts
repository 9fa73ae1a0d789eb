import type { ParquetColumn } from '../../storage/parquet/index.ts'
import { type CellTexts, createCellTexts } from './cell-text.ts'
import { type Column, refreshKinds } from './column.ts'
import { convertValues } from './convert.ts'
import { createNamer } from './names.ts'
import { inferType, keepOrWiden, type Resolved } from './resolve.ts'
import { type ScanState, TIME_KEY } from './scan-state.ts'
import type { BatchColumn, FinishedBatch, KnownColumn } from './types.ts'

/** Decides names and types of all columns that hold a value; the batch itself stays as it is. */
export function finishBatch(state: ScanState, known: readonly KnownColumn[]): FinishedBatch {
  const rows = state.row
  const side = state.side.subarray(0, state.sideLength)
  const texts = createCellTexts(side)
  const knownByKey = new Map(known.map((column) => [column.key, column]))
  const giveName = createNamer(known.map((column) => column.name))
  const bounds = timeBounds(state.time)
  const finished: FinishedBatch = {
    rows,
    columns: [timeColumn(state.time)],
    timeMin: bounds.min,
    timeMax: bounds.max,
    newColumns: [],
    widened: [],
    overflowed: state.counters.overflowedRecords > 0,
    counters: { ...state.counters },
  }
  for (const column of state.columns) {
    if (column.count === 0) continue
    refreshKinds(column)
    const before = knownByKey.get(column.key)
    const resolved = resolveColumn(column, before, texts)
    const name = before?.name ?? giveName(column.key)
    const values = convertValues(column, resolved.form, texts, side)
    const data: ParquetColumn = { name, required: false, count: column.count, rows: column.rows, values }
    finished.columns.push(describe(data, column.key, resolved.type, rows))
    noteChange(finished, { name, key: column.key, type: resolved.type }, before)
  }
  return finished
}

function resolveColumn(column: Column, before: KnownColumn | undefined, texts: CellTexts): Resolved {
  return before === undefined ? inferType(column) : keepOrWiden(column, before.type, texts)
}

function describe(data: ParquetColumn, key: string, type: string, rows: number): BatchColumn {
  return { name: data.name, key, type, physical: data.values.physical, nulls: rows - data.count, data }
}

function noteChange(
  finished: FinishedBatch,
  now: Omit<KnownColumn, 'removed'>,
  before: KnownColumn | undefined,
): void {
  if (before === undefined || before.removed)
    finished.newColumns.push({ ...now, revived: before !== undefined })
  if (before !== undefined && before.type !== now.type) {
    finished.widened.push({ name: now.name, key: now.key, from: before.type, to: now.type })
  }
}

function timeColumn(time: Column): BatchColumn {
  const words = time.words.subarray(0, 2 * time.count)
  const data: ParquetColumn = {
    name: TIME_KEY,
    required: true,
    count: time.count,
    rows: time.rows,
    values: { physical: 'INT64', words },
  }
  return describe(data, TIME_KEY, 'long', time.count)
}

function timeBounds(time: Column): { min: number; max: number } {
  if (time.count === 0) return { min: 0, max: 0 }
  let min = Number.POSITIVE_INFINITY
  let max = 0
  for (let i = 0; i < time.count; i++) {
    const seconds = time.words[2 * i + 1]! * 2 ** 32 + (time.words[2 * i]! >>> 0)
    if (seconds < min) min = seconds
    if (seconds > max) max = seconds
  }
  return { min, max }
}

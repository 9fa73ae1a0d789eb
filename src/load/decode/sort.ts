import type { ColumnValues, ParquetColumn } from '../../storage/parquet/index.ts'
import type { FinishedBatch } from './types.ts'

/**
 * The same rows in the order of their time, those of one second as they came: a reader that wants an hour then skips the
 * other row groups. Makes new buffers, except where the rows are in order already.
 */
export function sortByTime(finished: FinishedBatch): FinishedBatch {
  const order = timeOrder(finished)
  if (order === undefined) return finished
  const columns = finished.columns.map((column) => ({ ...column, data: reorder(column.data, order) }))
  return { ...finished, columns }
}

/** Old row numbers in the new order; undefined when nothing changes. */
function timeOrder({ columns, rows, timeMin }: FinishedBatch): Uint32Array | undefined {
  const time = columns[0]!.data.values
  if (time.physical !== 'INT64') throw new TypeError('the first column is not the time')
  const seconds = new Float64Array(rows)
  let sorted = true
  for (let i = 0; i < rows; i++) {
    seconds[i] = time.words[2 * i + 1]! * 2 ** 32 + (time.words[2 * i]! >>> 0) - timeMin
    if (i > 0 && seconds[i]! < seconds[i - 1]!) sorted = false
  }
  if (sorted) return undefined
  const order = Uint32Array.from({ length: rows }, (_, i) => i)
  return order.sort((a, b) => seconds[a]! - seconds[b]! || a - b)
}

function reorder(column: ParquetColumn, order: Uint32Array): ParquetColumn {
  const isFull = column.count === order.length
  const placeOf = isFull ? undefined : placesByRow(column, order.length)
  const rows = new Uint32Array(column.count)
  const places = new Uint32Array(column.count)
  let count = 0
  for (let row = 0; row < order.length; row++) {
    const place = placeOf === undefined ? order[row]! : placeOf[order[row]!]! - 1
    if (place < 0) continue
    rows[count] = row
    places[count++] = place
  }
  return { ...column, rows, values: pick(column.values, places) }
}

/** 1 + where the value of each row stands; 0 = null. */
function placesByRow({ rows, count }: ParquetColumn, total: number): Uint32Array {
  const places = new Uint32Array(total)
  for (let i = 0; i < count; i++) places[rows[i]!] = i + 1
  return places
}

function pick(values: ColumnValues, places: Uint32Array): ColumnValues {
  if (values.physical === 'BOOLEAN') {
    const { flags } = values
    return { ...values, flags: Uint8Array.from(places, (place) => flags[place]!) }
  }
  if (values.physical === 'BYTE_ARRAY' && values.parts.length > 1)
    throw new TypeError('texts in several parts cannot be put into another order')
  const words = new Int32Array(2 * places.length)
  for (let i = 0; i < places.length; i++) {
    words[2 * i] = values.words[2 * places[i]!]!
    words[2 * i + 1] = values.words[2 * places[i]! + 1]!
  }
  return { ...values, words }
}

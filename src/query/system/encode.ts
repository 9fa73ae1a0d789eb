import { type ParquetColumn, writeParquet } from '../../storage/parquet/index.ts'
import type { SystemColumn } from '../analyze/index.ts'
import type { SystemRow, SystemValue } from './types.ts'

/** Rows as a Parquet file: texts as they are, numbers, instants (milliseconds) and booleans (1 and 0) as INT64. */
export function encodeRows(columns: readonly SystemColumn[], rows: readonly SystemRow[]): Buffer {
  return writeParquet(
    columns.map((column) => encodeColumn(column, rows)),
    rows.length,
  )
}

function encodeColumn({ name, type }: SystemColumn, rows: readonly SystemRow[]): ParquetColumn {
  const present: number[] = []
  const found: Exclude<SystemValue, null>[] = []
  for (const [row, values] of rows.entries()) {
    const value = values[name]
    if (value === undefined) throw new Error(`a row of a system table has no ${name}`)
    if (value === null) continue
    present.push(row)
    found.push(value)
  }
  const common = { name, required: false, count: found.length, rows: Uint32Array.from(present) }
  return { ...common, values: type.kind === 'varchar' ? texts(found) : numbers(found) }
}

function numbers(found: Exclude<SystemValue, null>[]): ParquetColumn['values'] {
  const values = BigInt64Array.from(found, (value) =>
    value instanceof Date ? BigInt(value.getTime()) : BigInt(value),
  )
  return { physical: 'INT64', words: new Int32Array(values.buffer) }
}

function texts(found: Exclude<SystemValue, null>[]): ParquetColumn['values'] {
  const words = new Int32Array(found.length * 2)
  let offset = 0
  const pieces = found.map((value, i) => {
    const bytes = Buffer.from(String(value))
    words[2 * i] = offset
    words[2 * i + 1] = bytes.length
    offset += bytes.length
    return bytes
  })
  return { physical: 'BYTE_ARRAY', words, parts: [{ from: 0, bytes: Buffer.concat(pieces) }] }
}

/** The four kinds of column a chunk can hold; the names are Parquet's own physical types. */
export type PhysicalType = 'BOOLEAN' | 'INT64' | 'DOUBLE' | 'BYTE_ARRAY'

/** A run of values whose bytes lie in one buffer: it starts at value number `from` and ends where the next part does. */
export type TextPart = { from: number; bytes: Uint8Array }

/**
 * Values without nulls, one after the other.
 * - `words` of INT64 and DOUBLE: two 32-bit halves per value, low half first (the layout of a BigInt64Array or
 *   Float64Array on a little-endian machine, and of Parquet's PLAIN encoding).
 * - `words` of BYTE_ARRAY: offset and length of each value within its part. The bytes must be valid UTF-8.
 *   `interned`: there is one part, each value starts at a multiple of four bytes, and equal values start at the same.
 * - `flags` of BOOLEAN: 0 or 1.
 */
export type ColumnValues =
  | { physical: 'INT64' | 'DOUBLE'; words: Int32Array }
  | { physical: 'BYTE_ARRAY'; words: Int32Array; parts: readonly TextPart[]; interned?: boolean }
  | { physical: 'BOOLEAN'; flags: Uint8Array }

/** One column of a file, as buffers; nothing in it is an object per value. */
export type ParquetColumn = {
  name: string
  /** A required column has a value in every row and stores no definition levels. */
  required: boolean
  /** Number of values, which is the number of rows minus the nulls. */
  count: number
  /** Row of each value, ascending; ignored when `count` equals the number of rows. */
  rows: Uint32Array
  values: ColumnValues
}

export type ParquetOptions = {
  /** Rows per row group; 122,880 when absent. */
  rowGroupRows?: number
  /** Key-value metadata of the footer: what rebuilding the catalog needs. */
  metadata?: Readonly<Record<string, string>>
  /** zstd level; 1 when absent. */
  zstdLevel?: number
}

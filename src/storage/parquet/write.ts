import { type ColumnChunk, createChunkEncoder } from './column-chunk.ts'
import { firstAtOrAfter } from './levels.ts'
import { createThriftWriter, type ThriftWriter } from './thrift.ts'
import type { ParquetColumn, ParquetOptions, PhysicalType } from './types.ts'

const MAGIC = Buffer.from('PAR1')
const FORMAT_VERSION = 1
const CREATED_BY = 'millrace version 0.1.0 (build parquet)'
/** DuckDB's own row group size: pruning works on it, and decoding needs no more memory than one. */
const DEFAULT_ROW_GROUP_ROWS = 122_880

/** Numbers of apache/parquet-format src/main/thrift/parquet.thrift. */
const TYPE: Record<PhysicalType, number> = { BOOLEAN: 0, INT64: 2, DOUBLE: 5, BYTE_ARRAY: 6 }
const REPETITION = { REQUIRED: 0, OPTIONAL: 1 } as const
const CONVERTED_UTF8 = 0

type RowGroup = { rows: number; offset: number; chunks: ColumnChunk[] }

/**
 * A whole Parquet file: zstd pages, dictionaries where they pay, bounds of every column chunk. Rows keep their order.
 * The bytes of BYTE_ARRAY columns must be valid UTF-8; that is the caller's promise and not checked here.
 */
export function writeParquet(
  columns: readonly ParquetColumn[],
  rows: number,
  options: ParquetOptions = {},
): Buffer {
  const rowGroupRows = options.rowGroupRows ?? DEFAULT_ROW_GROUP_ROWS
  const encode = createChunkEncoder(Math.min(rowGroupRows, rows), options.zstdLevel ?? 1)
  const pieces: Buffer[] = [MAGIC]
  const groups: RowGroup[] = []
  const valuesWritten = new Array<number>(columns.length).fill(0)
  let offset = MAGIC.length

  for (let rowFrom = 0; rowFrom < rows; rowFrom += rowGroupRows) {
    const rowTo = Math.min(rowFrom + rowGroupRows, rows)
    const group: RowGroup = { rows: rowTo - rowFrom, offset, chunks: [] }
    for (const [i, column] of columns.entries()) {
      const valueFrom = valuesWritten[i]!
      const valueTo = valuesBefore(column, rows, rowTo)
      const chunk = encode(column, { rowFrom, rowTo, valueFrom, valueTo })
      valuesWritten[i] = valueTo
      group.chunks.push(chunk)
      for (const piece of chunk.pieces) pieces.push(piece)
      offset += chunk.bytes
    }
    groups.push(group)
  }

  const footer = writeFooter(columns, rows, groups, options.metadata ?? {})
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32LE(footer.length)
  return Buffer.concat([...pieces, footer, length, MAGIC])
}

/** How many values lie in rows before `row`. */
function valuesBefore(column: ParquetColumn, rows: number, row: number): number {
  return column.count === rows ? row : firstAtOrAfter(column.rows, 0, column.count, row)
}

function writeFooter(
  columns: readonly ParquetColumn[],
  rows: number,
  groups: readonly RowGroup[],
  metadata: Readonly<Record<string, string>>,
): Buffer {
  const footer = createThriftWriter()
  footer.i32(1, FORMAT_VERSION)
  footer.structs<ParquetColumn | null>(2, [null, ...columns], (column) => {
    if (column === null) writeSchemaRoot(footer, columns.length)
    else writeSchemaColumn(footer, column)
  })
  footer.i64(3, rows)
  footer.structs(4, groups, (group) => writeRowGroup(footer, columns, group))
  footer.structs(5, Object.entries(metadata), ([key, value]) => {
    footer.text(1, key)
    footer.text(2, value)
  })
  footer.text(6, CREATED_BY)
  // Column orders: readers must not use min_value and max_value of a file without them.
  footer.structs(7, columns, () => footer.struct(1, () => {}))
  return footer.finish()
}

function writeSchemaRoot(footer: ThriftWriter, children: number): void {
  footer.text(4, 'schema')
  footer.i32(5, children)
}

function writeSchemaColumn(footer: ThriftWriter, column: ParquetColumn): void {
  const { physical } = column.values
  footer.i32(1, TYPE[physical])
  footer.i32(3, column.required ? REPETITION.REQUIRED : REPETITION.OPTIONAL)
  footer.text(4, column.name)
  if (physical !== 'BYTE_ARRAY') return
  footer.i32(6, CONVERTED_UTF8)
  footer.struct(10, () => footer.struct(1, () => {}))
}

function writeRowGroup(footer: ThriftWriter, columns: readonly ParquetColumn[], group: RowGroup): void {
  let offset = group.offset
  const placed = group.chunks.map((chunk, i) => {
    const start = offset
    offset += chunk.bytes
    return { chunk, column: columns[i]!, start }
  })
  footer.structs(1, placed, ({ chunk, column, start }) => {
    // ColumnChunk.file_offset is deprecated; 0 is what the format asks for.
    footer.i64(2, 0)
    footer.struct(3, () => writeColumnMetadata(footer, column, chunk, start))
  })
  footer.i64(
    2,
    group.chunks.reduce((sum, chunk) => sum + chunk.uncompressedBytes, 0),
  )
  footer.i64(3, group.rows)
  footer.i64(5, group.offset)
  footer.i64(6, offset - group.offset)
}

function writeColumnMetadata(
  footer: ThriftWriter,
  column: ParquetColumn,
  chunk: ColumnChunk,
  start: number,
): void {
  footer.i32(1, TYPE[column.values.physical])
  footer.i32s(2, chunk.encodings)
  footer.texts(3, [column.name])
  footer.i32(4, chunk.codec)
  footer.i64(5, chunk.rows)
  footer.i64(6, chunk.uncompressedBytes)
  footer.i64(7, chunk.bytes)
  footer.i64(9, start + chunk.dictionaryBytes)
  if (chunk.dictionaryBytes > 0) footer.i64(11, start)
  footer.struct(12, () => {
    footer.i64(3, chunk.nulls)
    if (chunk.bounds === null) return
    footer.binary(5, chunk.bounds.max)
    footer.binary(6, chunk.bounds.min)
    footer.bool(7, chunk.bounds.maxExact)
    footer.bool(8, chunk.bounds.minExact)
  })
}

import { storageErrors } from '../errors.ts'
import { readThriftStruct, type ThriftStruct } from './thrift-reader.ts'
import type { PhysicalType } from './types.ts'

/** What a file says of one of its columns, summed over its row groups. */
export type FooterColumn = {
  name: string
  /** As Parquet calls it; also kinds that we never write. */
  physical: PhysicalType | 'INT32' | 'INT96' | 'FLOAT' | 'FIXED_LEN_BYTE_ARRAY' | 'group'
  /** undefined when the file does not say. */
  nulls: number | undefined
  /** Of INT64 columns, when every row group says them. */
  min: bigint | undefined
  max: bigint | undefined
}

export type ParquetFooter = {
  rows: number
  columns: FooterColumn[]
  /** Key-value metadata, the last of equal keys. */
  metadata: Map<string, string>
}

/** Bytes from `start` up to, not including, `end`. */
export type ReadRange = (start: number, end: number) => Promise<Buffer>

const MAGIC = 'PAR1'
const TAIL_BYTES = 8
/** One look is enough for most files. */
const FIRST_LOOK_BYTES = 32 * 1024
/** Numbers of apache/parquet-format src/main/thrift/parquet.thrift, as its Type counts. */
const PHYSICAL = [
  'BOOLEAN',
  'INT32',
  'INT64',
  'INT96',
  'FLOAT',
  'DOUBLE',
  'BYTE_ARRAY',
  'FIXED_LEN_BYTE_ARRAY',
] as const

/**
 * Reads the footer of a Parquet file, ours or another writer's, and checks that it fits the file: nothing it names may lie
 * outside, and its row groups have as many rows as it says.
 * @throws parquet_unreadable (500, final)
 */
export async function readParquetFooter(size: number, read: ReadRange): Promise<ParquetFooter> {
  if (size < TAIL_BYTES + MAGIC.length) throw storageErrors.parquet_unreadable(`it has only ${size} bytes`)
  const from = Math.max(0, size - FIRST_LOOK_BYTES)
  const end = await read(from, size)
  if (end.length !== size - from) throw storageErrors.parquet_unreadable('it is shorter than expected')
  if (end.toString('latin1', end.length - 4) !== MAGIC)
    throw storageErrors.parquet_unreadable('it does not end like a Parquet file')
  const length = end.readUInt32LE(end.length - TAIL_BYTES)
  const start = size - TAIL_BYTES - length
  if (start < MAGIC.length) throw storageErrors.parquet_unreadable('its footer would be longer than the file')
  const bytes =
    start >= from
      ? end.subarray(start - from, end.length - TAIL_BYTES)
      : Buffer.concat([await read(start, from), end.subarray(0, end.length - TAIL_BYTES)])
  if (bytes.length !== length) throw storageErrors.parquet_unreadable('it is shorter than expected')
  try {
    return interpret(readThriftStruct(bytes), start)
  } catch (error) {
    throw storageErrors.parquet_unreadable(`its footer makes no sense: ${(error as Error).message}`, error)
  }
}

/** FileMetaData: 2 schema, 3 num_rows, 4 row_groups, 5 key_value_metadata. */
function interpret(file: ThriftStruct, footerStart: number): ParquetFooter {
  const rows = numberOf(file, 3)
  const columns = columnsOf(file)
  const byName = new Map(columns.map((column) => [column.name, column]))
  let counted = 0
  for (const [place, group] of structsOf(file, 4).entries()) {
    counted += numberOf(group, 3)
    for (const chunk of structsOf(group, 1)) addChunk(chunk, byName, { isFirst: place === 0, footerStart })
  }
  if (counted !== rows) throw new Error(`${rows} rows in all, ${counted} in its row groups`)
  const metadata = new Map(structsOf(file, 5).map((pair) => [textOf(pair, 1), textOf(pair, 2)]))
  return { rows, columns, metadata }
}

/** SchemaElement: 1 type, 4 name, 5 num_children. Only what lies directly below the root. */
function columnsOf(file: ThriftStruct): FooterColumn[] {
  const [root, ...elements] = structsOf(file, 2)
  if (root === undefined) throw new Error('there is no schema')
  const columns: FooterColumn[] = []
  let at = 0
  const skip = (count: number) => {
    for (let left = count; left > 0; left--) {
      const element = elements[at++]
      if (element === undefined) throw new Error('its schema is cut off')
      skip(Number(element.get(5) ?? 0))
    }
  }
  for (let left = numberOf(root, 5); left > 0; left--) {
    const element = elements[at++]
    if (element === undefined) throw new Error('its schema is cut off')
    const children = Number(element.get(5) ?? 0)
    skip(children)
    const physical = children > 0 ? 'group' : PHYSICAL[numberOf(element, 1)]
    if (physical === undefined) throw new Error('a column of an unknown type')
    columns.push({ name: textOf(element, 4), physical, nulls: 0, min: undefined, max: undefined })
  }
  return columns
}

/** ColumnMetaData (3 of ColumnChunk): 3 path, 7 bytes, 9 and 11 where its pages begin, 12 statistics. */
function addChunk(
  chunk: ThriftStruct,
  columns: Map<string, FooterColumn>,
  { isFirst, footerStart }: { isFirst: boolean; footerStart: number },
): void {
  const about = chunk.get(3)
  if (!(about instanceof Map)) throw new Error('a column without a description')
  const [name] = (about.get(3) ?? []) as Buffer[]
  const data = numberOf(about, 9)
  const start = Math.min(data, about.has(11) ? numberOf(about, 11) : data)
  if (start < MAGIC.length || start + numberOf(about, 7) > footerStart)
    throw new Error('it describes data that is not in the file')
  const column = columns.get(String(name))
  if (column === undefined) throw new Error(`data of a column that the schema does not have: ${name}`)
  const statistics = about.get(12)
  const known = statistics instanceof Map ? statistics : new Map<number, unknown>()
  const nulls = known.get(3)
  column.nulls =
    nulls === undefined || column.nulls === undefined ? undefined : column.nulls + Number(nulls as bigint)
  if (column.physical !== 'INT64') return
  const max = boundOf(known.get(5))
  const min = boundOf(known.get(6))
  column.max = isFirst
    ? max
    : max === undefined || column.max === undefined
      ? undefined
      : larger(max, column.max)
  column.min = isFirst
    ? min
    : min === undefined || column.min === undefined
      ? undefined
      : smaller(min, column.min)
}

const larger = (a: bigint, b: bigint) => (a > b ? a : b)
const smaller = (a: bigint, b: bigint) => (a < b ? a : b)

function boundOf(bytes: unknown): bigint | undefined {
  return Buffer.isBuffer(bytes) && bytes.length === 8 ? bytes.readBigInt64LE() : undefined
}

function structsOf(struct: ThriftStruct, field: number): ThriftStruct[] {
  const list = struct.get(field) ?? []
  if (!Array.isArray(list) || !list.every((one) => one instanceof Map))
    throw new Error(`field ${field} is not a list`)
  return list as ThriftStruct[]
}

function numberOf(struct: ThriftStruct, field: number): number {
  const value = Number(struct.get(field))
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`field ${field} is not a count`)
  return value
}

function textOf(struct: ThriftStruct, field: number): string {
  const value = struct.get(field)
  if (value === undefined) return ''
  if (!Buffer.isBuffer(value)) throw new Error(`field ${field} is not a text`)
  return value.toString('utf8')
}

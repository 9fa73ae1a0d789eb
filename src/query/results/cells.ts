import {
  DuckDBArrayVector,
  DuckDBBlobVector,
  DuckDBBooleanVector,
  DuckDBDateVector,
  DuckDBIntervalVector,
  DuckDBListVector,
  DuckDBMapVector,
  DuckDBStructVector,
  DuckDBVarCharVector,
  type DuckDBVector,
} from '@duckdb/node-api'
import { QueryError } from '../errors.ts'
import { addressText } from '../ip-address.ts'
import { type PrestoType, typeText } from '../presto-type.ts'
import {
  type Sink,
  writeArrayHeader,
  writeAscii,
  writeBigint,
  writeBinaryHeader,
  writeBoolean,
  writeBytes,
  writeDouble,
  writeFloat,
  writeInteger,
  writeMapHeader,
  writeNil,
  writeText,
  writeTextHeader,
} from './msgpack.ts'
import { readStrings } from './strings.ts'
import {
  dateText,
  dayIntervalText,
  decimalText,
  monthIntervalText,
  picosText,
  timestampText,
  timeText,
  zonedTimestampText,
} from './texts.ts'

/** Writes the value of one row of one vector. */
export type CellWriter = (sink: Sink, row: number) => void

/** What the vectors of the node API hold inside; the binding is pinned, and a test reads every type through it. */
type Inside = {
  items?: BigInt64Array | Int32Array | Int16Array | Int8Array | Float64Array | Float32Array
  dataView: DataView
  validity: { data: BigUint64Array | null; offset: number }
  listVector: DuckDBListVector
}
type DecimalVector = DuckDBVector & { getScaledValue(row: number): bigint | number | null }

/**
 * A writer for the rows of a vector as values of `type`. Built anew for each chunk: it holds the chunk's memory.
 * Throws NUMERIC_VALUE_OUT_OF_RANGE for whole numbers beyond int64, GENERIC_INTERNAL_ERROR when the engine's
 * type does not fit the declared one.
 */
export function cellWriter(type: PrestoType, vector: DuckDBVector): CellWriter {
  const write = presentWriter(type, vector)
  const bits = validityBits(vector)
  if (bits === undefined) return write
  return (sink, row) => {
    if (isSet(bits, row)) write(sink, row)
    else writeNil(sink)
  }
}

type Bits = { bytes: Uint8Array; offset: number }
const isSet = ({ bytes, offset }: Bits, row: number) =>
  (bytes[(offset + row) >> 3]! & (1 << ((offset + row) & 7))) !== 0

/** One bit per row, set = not NULL; undefined when no row is NULL. */
function validityBits(vector: DuckDBVector): Bits | undefined {
  const inside = vector as unknown as Inside
  const { validity } = vector instanceof DuckDBMapVector ? (inside.listVector as unknown as Inside) : inside
  if (!validity?.data) return undefined
  const { buffer, byteOffset, byteLength } = validity.data
  return { bytes: new Uint8Array(buffer, byteOffset, byteLength), offset: validity.offset }
}

function presentWriter(type: PrestoType, vector: DuckDBVector): CellWriter {
  switch (type.kind) {
    case 'unknown':
      return writeNil
    case 'boolean':
      return booleanWriter(vector)
    case 'tinyint':
    case 'smallint':
    case 'integer':
    case 'bigint':
      return integerWriter(type, vector)
    case 'real':
    case 'double':
      return floatWriter(type, vector)
    case 'decimal':
      return decimalWriter(type.scale, vector)
    case 'varchar':
    case 'char':
    case 'json':
    case 'color':
    case 'uuid':
      return textWriter(vector)
    case 'varbinary':
    case 'hyperloglog':
    case 'p4hyperloglog':
    case 'setdigest':
    case 'tdigest':
    case 'qdigest':
      return binaryWriter(type, vector)
    case 'ipaddress':
      return addressWriter(type, vector)
    case 'array':
      return arrayWriter(type, vector)
    case 'map':
      return mapWriter(type, vector)
    case 'row':
      return rowWriter(type, vector)
    default:
      return momentWriter(type, vector)
  }
}

function misfit(type: PrestoType, vector: DuckDBVector): QueryError {
  const message = `the engine returned ${vector.type} for a column of type ${typeText(type)}`
  return new QueryError('GENERIC_INTERNAL_ERROR', message)
}

function booleanWriter(vector: DuckDBVector): CellWriter {
  if (!(vector instanceof DuckDBBooleanVector)) throw misfit({ kind: 'boolean' }, vector)
  const { dataView } = vector as unknown as Inside
  return (sink, row) => writeBoolean(sink, dataView.getUint8(row) !== 0)
}

function integerWriter(type: PrestoType, vector: DuckDBVector): CellWriter {
  const { items } = vector as unknown as Inside
  if (items instanceof BigInt64Array) return bigintWriter(items)
  if (items instanceof Int32Array || items instanceof Int16Array || items instanceof Int8Array)
    return (sink, row) => writeInteger(sink, items[row]!)
  return (sink, row) => {
    const value = vector.getItem(row)
    if (typeof value === 'number' && Number.isSafeInteger(value)) return writeInteger(sink, value)
    if (typeof value !== 'bigint') throw misfit(type, vector)
    if (BigInt.asIntN(64, value) !== value)
      throw new QueryError('NUMERIC_VALUE_OUT_OF_RANGE', `bigint out of range: ${value}`)
    writeBigint(sink, value)
  }
}

/** Reads both halves as numbers: most values need no bigint at all. */
function bigintWriter(items: BigInt64Array): CellWriter {
  const halves = new Int32Array(items.buffer, items.byteOffset, items.length * 2)
  return (sink, row) => {
    const high = halves[row * 2 + 1]!
    if (high >= -0x20_0000 && high < 0x20_0000)
      writeInteger(sink, high * 0x1_0000_0000 + (halves[row * 2]! >>> 0))
    else writeBigint(sink, items[row]!)
  }
}

function floatWriter(type: PrestoType, vector: DuckDBVector): CellWriter {
  const { items } = vector as unknown as Inside
  if (!(items instanceof Float64Array || items instanceof Float32Array)) throw misfit(type, vector)
  const write = type.kind === 'real' ? writeFloat : writeDouble
  return (sink, row) => write(sink, items[row]!)
}

function decimalWriter(scale: number, vector: DuckDBVector): CellWriter {
  const decimal = vector as DecimalVector
  if (typeof decimal.getScaledValue !== 'function')
    throw misfit({ kind: 'decimal', precision: 38, scale }, vector)
  const engineScale = (vector.type as unknown as { scale: number }).scale
  return (sink, row) => writeAscii(sink, decimalText(BigInt(decimal.getScaledValue(row)!), engineScale))
}

function textWriter(vector: DuckDBVector): CellWriter {
  if (!(vector instanceof DuckDBVarCharVector))
    // ENUM, UUID and what else has a text of its own.
    return (sink, row) => writeText(sink, String(vector.getItem(row)))
  const { bytes, starts, lengths } = stringsOf(vector)
  return (sink, row) => {
    const length = lengths[row]!
    writeTextHeader(sink, length)
    writeBytes(sink, bytes, starts[row]!, length)
  }
}

function binaryWriter(type: PrestoType, vector: DuckDBVector): CellWriter {
  if (!(vector instanceof DuckDBBlobVector)) throw misfit(type, vector)
  const { bytes, starts, lengths } = stringsOf(vector)
  return (sink, row) => {
    const length = lengths[row]!
    writeBinaryHeader(sink, length)
    writeBytes(sink, bytes, starts[row]!, length)
  }
}

function addressWriter(type: PrestoType, vector: DuckDBVector): CellWriter {
  if (!(vector instanceof DuckDBBlobVector)) throw misfit(type, vector)
  return (sink, row) => writeAscii(sink, addressText(vector.getItem(row)!.bytes))
}

function stringsOf(vector: DuckDBVector) {
  const bits = validityBits(vector)
  const valid = bits === undefined ? () => true : (row: number) => isSet(bits, row)
  return readStrings((vector as unknown as Inside).dataView, vector.itemCount, valid)
}

function arrayWriter(type: PrestoType & { kind: 'array' }, vector: DuckDBVector): CellWriter {
  if (vector instanceof DuckDBArrayVector) {
    const { childData, arrayType } = vector as unknown as {
      childData: DuckDBVector
      arrayType: { length: number }
    }
    const element = cellWriter(type.element, childData)
    return (sink, row) => writeElements(sink, element, row * arrayType.length, arrayType.length)
  }
  if (!(vector instanceof DuckDBListVector)) throw misfit(type, vector)
  const element = cellWriter(type.element, vector.childVector)
  return (sink, row) => writeElements(sink, element, vector.getEntryOffset(row), vector.getEntryLength(row))
}

function writeElements(sink: Sink, element: CellWriter, from: number, count: number): void {
  writeArrayHeader(sink, count)
  for (let i = from; i < from + count; i++) element(sink, i)
}

function mapWriter(type: PrestoType & { kind: 'map' }, vector: DuckDBVector): CellWriter {
  if (!(vector instanceof DuckDBMapVector)) throw misfit(type, vector)
  const { listVector } = vector as unknown as Inside
  const entries = listVector.childVector as DuckDBStructVector
  const key = cellWriter(type.key, entries.entryVectorAt(0))
  const value = cellWriter(type.value, entries.entryVectorAt(1))
  return (sink, row) => {
    const from = listVector.getEntryOffset(row)
    const count = listVector.getEntryLength(row)
    writeMapHeader(sink, count)
    for (let i = from; i < from + count; i++) {
      key(sink, i)
      value(sink, i)
    }
  }
}

function rowWriter(type: PrestoType & { kind: 'row' }, vector: DuckDBVector): CellWriter {
  if (!(vector instanceof DuckDBStructVector)) throw misfit(type, vector)
  const fields = type.fields.map((field, i) => cellWriter(field.type, vector.entryVectorAt(i)))
  return (sink, row) => {
    writeArrayHeader(sink, fields.length)
    for (const field of fields) field(sink, row)
  }
}

/** Dates, times, timestamps and intervals: all texts. */
function momentWriter(type: PrestoType, vector: DuckDBVector): CellWriter {
  const { items, dataView } = vector as unknown as Inside
  if ('zone' in type && type.zone === null) return ownZoneWriter(type, vector)
  if (isHeldAsPicos(type)) return picosWriter(type, () => type.zone ?? 'UTC', vector)
  if (type.kind === 'date') {
    if (!(vector instanceof DuckDBDateVector && items instanceof Int32Array)) throw misfit(type, vector)
    return (sink, row) => writeAscii(sink, dateText(items[row]!))
  }
  if (vector instanceof DuckDBIntervalVector) return intervalWriter(type.kind, dataView)
  if (!(items instanceof BigInt64Array)) throw misfit(type, vector)
  const scale = microsScale(String(vector.type))
  if (scale === undefined || !('precision' in type) || type.kind === 'decimal') throw misfit(type, vector)
  const { precision } = type
  if (type.kind === 'time')
    return (sink, row) => writeAscii(sink, timeText(Number(scale(items[row]!)), precision))
  if (type.kind === 'timestamp')
    return (sink, row) => writeAscii(sink, timestampText(scale(items[row]!), precision))
  const zone = ('zone' in type ? type.zone : undefined) ?? 'UTC'
  return (sink, row) => writeAscii(sink, zonedTimestampText(scale(items[row]!), precision, zone))
}

type PicosType = Extract<
  PrestoType,
  { kind: 'time' | 'timestamp' | 'time with time zone' | 'timestamp with time zone' }
>

function isHeldAsPicos(type: PrestoType): type is PicosType & { zone?: string } {
  if (type.kind === 'time with time zone') return true
  return (
    (type.kind === 'time' || type.kind === 'timestamp' || type.kind === 'timestamp with time zone') &&
    type.precision > 6
  )
}

/** A moment and the name of the zone it is shown in. */
function ownZoneWriter(
  type: Extract<PrestoType, { zone?: string | null }>,
  vector: DuckDBVector,
): CellWriter {
  if (!(vector instanceof DuckDBStructVector)) throw misfit(type, vector)
  const [moments, zones] = [vector.entryVectorAt(0), vector.entryVectorAt(1)]
  const zoneOf = (row: number) => String(zones.getItem(row))
  if (isHeldAsPicos(type)) return picosWriter(type, zoneOf, moments)
  const { items } = moments as unknown as Inside
  const scale = microsScale(String(moments.type))
  if (!(items instanceof BigInt64Array) || scale === undefined) throw misfit(type, vector)
  return (sink, row) => writeAscii(sink, zonedTimestampText(scale(items[row]!), type.precision, zoneOf(row)))
}

/** Moments that are numbers of picoseconds. */
function picosWriter(type: PicosType, zoneOf: (row: number) => string, vector: DuckDBVector): CellWriter {
  return (sink, row) => {
    const picos = vector.getItem(row)
    if (typeof picos !== 'bigint') throw misfit(type, vector)
    writeAscii(sink, picosText(type.kind, picos, type.precision, zoneOf(row)))
  }
}

function intervalWriter(kind: PrestoType['kind'], view: DataView): CellWriter {
  if (kind === 'interval year to month')
    return (sink, row) => writeAscii(sink, monthIntervalText(view.getInt32(row * 16, true)))
  return (sink, row) =>
    writeAscii(sink, dayIntervalText(view.getInt32(row * 16 + 4, true), view.getBigInt64(row * 16 + 8, true)))
}

/** To microseconds from the unit of the engine's type. */
function microsScale(engineType: string): ((value: bigint) => bigint) | undefined {
  const same = (value: bigint) => value
  const scales: Record<string, (value: bigint) => bigint> = {
    TIME: same,
    TIMESTAMP: same,
    'TIMESTAMP WITH TIME ZONE': same,
    TIMESTAMPTZ: same,
    TIMESTAMP_S: (value) => value * 1_000_000n,
    TIMESTAMP_MS: (value) => value * 1000n,
    TIMESTAMP_NS: (value) => value / 1000n,
  }
  return scales[engineType]
}

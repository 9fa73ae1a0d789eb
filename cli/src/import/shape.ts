import { type ColumnType, FieldFault, typed } from './fields.ts'
import { scalarOf } from './msgpack.ts'
import { Double, Packed, type Packer, Utf8, type Value } from './packer.ts'
import { LATEST_TIME, type TimeReader } from './time.ts'
import { type Key, keyOf, type Row } from './types.ts'

export type ShapeOptions = {
  /** The column that holds the time. */
  timeKey: string
  readTime: TimeReader
  /** For every row, instead of a column. */
  timeValue: number | undefined
  /** By name, for formats whose values have types of their own. */
  types: ReadonlyMap<string, ColumnType>
  emptyAsNullIfNumeric: boolean
}

const TIME = keyOf('time')
const ORIGINAL = keyOf('time_original')

/**
 * Writes a row as the map that the server stores: `time` in unix seconds, nulls left out. A column `time` that is not the time asked for
 * is kept as `time_original`.
 * @returns why the row cannot be stored; then nothing was written
 */
export function writeRow(row: Row, packer: Packer, options: ShapeOptions): string | undefined {
  const { keys } = row
  const time = timeOf(row, options)
  if (typeof time === 'string') return time
  const values = options.types.size === 0 ? row.values : retyped(row, options)
  if (typeof values === 'string') return values
  const isTimeColumn = options.timeValue === undefined && options.timeKey === 'time'
  let count = 1
  for (let i = 0; i < keys.length; i++) if (isKept(keys[i]!, values[i]!, isTimeColumn)) count++
  packer.mapHeader(count)
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!
    const value = values[i]!
    if (!isKept(key, value, isTimeColumn)) continue
    packer.raw(key.name === 'time' ? ORIGINAL.packed : key.packed)
    packer.value(value)
  }
  packer.raw(TIME.packed)
  packer.integer(time)
  return undefined
}

function isKept(key: Key, value: Value, isTimeColumn: boolean): boolean {
  return value !== null && !(isTimeColumn && key.name === 'time')
}

function timeOf({ keys, values }: Row, { timeKey, readTime, timeValue }: ShapeOptions): number | string {
  if (timeValue !== undefined) return timeValue
  const at = keys.findIndex(({ name }) => name === timeKey)
  if (at < 0) return `no column '${timeKey}' (--time-key names another, --time-value sets one for all rows)`
  const value = scalar(values[at]!)
  if (value === undefined || value === '') return `column '${timeKey}' is empty`
  const seconds = readTime(value)
  if (seconds !== undefined) return seconds
  const isMilliseconds = Number(value) > LATEST_TIME
  return `column '${timeKey}': '${String(value).slice(0, 60)}' is no time${isMilliseconds ? " in seconds (--time-format '%Q' reads milliseconds)" : ''}`
}

function scalar(value: Value): number | bigint | string | undefined {
  if (value instanceof Utf8) return Buffer.from(value.bytes).toString('utf8')
  if (value instanceof Double) return value.value
  if (value instanceof Packed) return scalarOf(Buffer.from(value.bytes))
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string') return value
  return undefined
}

function retyped({ keys, values }: Row, { types, emptyAsNullIfNumeric }: ShapeOptions): Value[] | string {
  const result = values.slice()
  for (let i = 0; i < keys.length; i++) {
    const type = types.get(keys[i]!.name)
    const value = type === undefined || values[i] === null ? undefined : textOf(values[i]!)
    if (type === undefined || value === undefined) continue
    try {
      result[i] = typed(Buffer.from(value), type, emptyAsNullIfNumeric)
    } catch (error) {
      if (!(error instanceof FieldFault)) throw error
      return `column ${keys[i]!.name}: ${error.message}`
    }
  }
  return result
}

/** Of a scalar; undefined for what keeps its own type. */
function textOf(value: Value): string | undefined {
  if (typeof value === 'boolean') return String(value)
  const plain = scalar(value)
  if (plain !== undefined) return String(plain)
  return typeof value === 'object' && !(value instanceof Packed) ? JSON.stringify(value) : undefined
}

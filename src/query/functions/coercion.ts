import { MAX_CHAR_LENGTH, type PrestoType, typeText } from '../presto-type.ts'

/**
 * Presto's implicit coercions: only widening. Everything else needs a CAST in the text.
 * Source: prestosql/presto core/trino-main/src/main/java/io/trino/type/TypeCoercion.java
 */

const NUMERIC_RANK = {
  tinyint: 0,
  smallint: 1,
  integer: 2,
  bigint: 3,
  decimal: 4,
  real: 5,
  double: 6,
} as const
const INTEGER_DIGITS = { tinyint: 3, smallint: 5, integer: 10, bigint: 19 } as const
type IntegerKind = keyof typeof INTEGER_DIGITS
type NumericKind = keyof typeof NUMERIC_RANK

export const isInteger = (type: PrestoType): boolean => type.kind in INTEGER_DIGITS
export const isNumeric = (type: PrestoType): boolean => type.kind in NUMERIC_RANK
/** varchar or char. */
export const isText = (type: PrestoType): boolean => type.kind === 'varchar' || type.kind === 'char'

/** Position in tinyint … double; undefined for what is not a number. */
export function numericRank(type: PrestoType): number | undefined {
  return NUMERIC_RANK[type.kind as NumericKind]
}

/** Equal as Presto prints them; the zone of a timestamp with time zone is not part of its type. */
export function sameType(a: PrestoType, b: PrestoType): boolean {
  return a === b || (a.kind === b.kind && typeText(a) === typeText(b))
}

/** Same but for row field names, which do not matter to coercion. */
function sameShape(a: PrestoType, b: PrestoType): boolean {
  return sameType(withoutFieldNames(a), withoutFieldNames(b))
}

function withoutFieldNames(type: PrestoType): PrestoType {
  switch (type.kind) {
    case 'array':
      return { kind: 'array', element: withoutFieldNames(type.element) }
    case 'map':
      return { kind: 'map', key: withoutFieldNames(type.key), value: withoutFieldNames(type.value) }
    case 'row':
      return { kind: 'row', fields: type.fields.map((field) => ({ type: withoutFieldNames(field.type) })) }
    default:
      return type
  }
}

/** Whether a value of type `from` may stand where `to` is wanted without a CAST. */
export function canCoerce(from: PrestoType, to: PrestoType): boolean {
  const common = commonType(from, to)
  return common !== undefined && sameShape(common, to)
}

/** The narrowest type both can be widened to; undefined when there is none (`varchar`, `bigint`). */
export function commonType(a: PrestoType, b: PrestoType): PrestoType | undefined {
  if (a.kind === 'unknown') return b
  if (b.kind === 'unknown') return a
  if (isNumeric(a) && isNumeric(b)) return commonNumber(a, b)
  if (isText(a) && isText(b)) return commonText(a, b)
  if (isMoment(a) && isMoment(b)) return commonMoment(a, b)
  if (isTime(a) && isTime(b)) return commonTime(a, b)
  if (a.kind === 'array' && b.kind === 'array') {
    const element = commonType(a.element, b.element)
    return element && { kind: 'array', element }
  }
  if (a.kind === 'map' && b.kind === 'map') {
    const key = commonType(a.key, b.key)
    const value = commonType(a.value, b.value)
    return key && value && { kind: 'map', key, value }
  }
  if (a.kind === 'row' && b.kind === 'row') return commonRow(a.fields, b.fields)
  if (a.kind === 'p4hyperloglog' && b.kind === 'hyperloglog') return b
  if (a.kind === 'hyperloglog' && b.kind === 'p4hyperloglog') return a
  return sameType(a, b) ? a : undefined
}

/** The common type of many; undefined when some two have none, `unknown` of none. */
export function commonTypeOf(types: readonly PrestoType[]): PrestoType | undefined {
  let common: PrestoType | undefined = { kind: 'unknown' }
  for (const type of types) common = common && commonType(common, type)
  return common
}

function commonNumber(a: PrestoType, b: PrestoType): PrestoType {
  const [low, high] = (numericRank(a) ?? 0) <= (numericRank(b) ?? 0) ? [a, b] : [b, a]
  if (high.kind !== 'decimal') return high
  const other = asDecimal(low)
  const scale = Math.max(high.scale, other.scale)
  const whole = Math.max(high.precision - high.scale, other.precision - other.scale)
  return { kind: 'decimal', precision: Math.min(38, whole + scale), scale }
}

/** An integer or decimal type as the decimal that holds all its values. */
export function asDecimal(type: PrestoType): { kind: 'decimal'; precision: number; scale: number } {
  if (type.kind === 'decimal') return type
  const precision = INTEGER_DIGITS[type.kind as IntegerKind]
  if (precision === undefined) throw new TypeError(`${typeText(type)} is not a decimal`)
  return { kind: 'decimal', precision, scale: 0 }
}

function commonText(a: PrestoType, b: PrestoType): PrestoType {
  const lengths = [a, b].map((type) => ('length' in type ? type.length : undefined))
  const length = lengths.includes(undefined) ? undefined : Math.max(...(lengths as number[]))
  if (a.kind === 'char' || b.kind === 'char') {
    return { kind: 'char', length: Math.min(length ?? MAX_CHAR_LENGTH, MAX_CHAR_LENGTH) }
  }
  return length === undefined ? { kind: 'varchar' } : { kind: 'varchar', length }
}

type Time = Extract<PrestoType, { kind: 'time' } | { kind: 'time with time zone' }>
const isTime = (type: PrestoType): type is Time => type.kind === 'time' || type.kind === 'time with time zone'

function commonTime(a: Time, b: Time): PrestoType {
  const precision = Math.max(a.precision, b.precision)
  const zoned = [a, b].filter((type) => type.kind === 'time with time zone')
  return zoned.length === 0
    ? { kind: 'time', precision }
    : { kind: 'time with time zone', precision, ...commonZone(zoned) }
}

/** The zone that all show; null when they differ, so that each value has to carry its own. */
function commonZone(types: { zone?: string | null }[]): { zone?: string | null } {
  const [zone, ...others] = new Set(types.map((type) => type.zone))
  if (others.length > 0) return { zone: null }
  return zone === undefined ? {} : { zone }
}

type Moment =
  | Extract<PrestoType, { kind: 'timestamp' } | { kind: 'timestamp with time zone' }>
  | { kind: 'date' }
const isMoment = (type: PrestoType): type is Moment =>
  type.kind === 'date' || type.kind === 'timestamp' || type.kind === 'timestamp with time zone'

function commonMoment(a: Moment, b: Moment): PrestoType {
  if (a.kind === 'date' && b.kind === 'date') return a
  const precision = Math.max('precision' in a ? a.precision : 0, 'precision' in b ? b.precision : 0)
  const zoned = [a, b].filter((type) => type.kind === 'timestamp with time zone')
  if (zoned.length === 0) return { kind: 'timestamp', precision }
  return { kind: 'timestamp with time zone', precision, ...commonZone(zoned) }
}

type Fields = Extract<PrestoType, { kind: 'row' }>['fields']

function commonRow(a: Fields, b: Fields): PrestoType | undefined {
  if (a.length !== b.length) return undefined
  const fields: Fields = []
  for (const [i, left] of a.entries()) {
    const right = b[i]!
    const type = commonType(left.type, right.type)
    if (type === undefined) return undefined
    const name = left.name?.toLowerCase() === right.name?.toLowerCase() ? left.name : undefined
    fields.push(name === undefined ? { type } : { name, type })
  }
  return { kind: 'row', fields }
}

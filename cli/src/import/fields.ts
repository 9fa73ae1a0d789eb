import type { Field } from './delimited.ts'
import { Double, Utf8, type Value } from './packer.ts'

/** The field is not of its column's type. */
export class FieldFault extends Error {}

export const COLUMN_TYPES = ['string', 'int', 'long', 'float', 'double', 'boolean'] as const
export type ColumnType = (typeof COLUMN_TYPES)[number]

export type FieldOptions = {
  /** By place; undefined = what the field reads as. */
  types: (ColumnType | undefined)[]
  allString: boolean
  emptyAsNullIfNumeric: boolean
  /** Texts that mean null where they stand without quotes. */
  nullTexts: string[]
}

const INTEGER = /^-?(?:0|[1-9]\d{0,30})$/
const DECIMAL = /^-?(?:(?:0|[1-9]\d*)?\.\d+|(?:0|[1-9]\d*)(?:\.|(?=[eE])))(?:[eE][+-]?\d{1,3})?$/
/** Longer ones are text in any case. */
const LONGEST_NUMBER = 40
const LEAST_INT64 = -(2n ** 63n)
const MOST_INT64 = 2n ** 63n - 1n

/**
 * What a field becomes. Without a type: as bulk import reads CSV on the server, so that both ways give the same table; a bare field that
 * is empty or \N is null, one that reads as a number is that number, `007` and everything in quotes is text.
 */
export function fieldConverter({ types, allString, emptyAsNullIfNumeric, nullTexts }: FieldOptions) {
  const nulls = nullTexts.map((text) => Buffer.from(text))
  const isNull = (bytes: Buffer) =>
    nulls.some((text) => text.length === bytes.length && text[0] === bytes[0] && text.equals(bytes))
  return ({ bytes, quoted }: Field, column: number): Value => {
    if (!quoted && isNull(bytes)) return null
    const type = types[column]
    if (type !== undefined) return typed(bytes, type, emptyAsNullIfNumeric)
    if (bytes.length === 0 && !quoted) return null
    if (quoted || allString || bytes.length > LONGEST_NUMBER || !mayBeNumber(bytes[0]!))
      return new Utf8(bytes)
    const text = bytes.toString('latin1')
    if (INTEGER.test(text)) return integerOf(text)
    return DECIMAL.test(text) ? new Double(Number(text)) : new Utf8(bytes)
  }
}

/** A text as a number where it reads as one, for the formats of log files. */
export function readText(text: string): Value {
  if (INTEGER.test(text)) return integerOf(text)
  return DECIMAL.test(text) && text.length <= LONGEST_NUMBER ? new Double(Number(text)) : text
}

/** All digits are kept; beyond 64 bits the packer writes them as text. */
export function integerOf(digits: string): number | bigint {
  return digits.length <= 15 ? Number(digits) : BigInt(digits)
}

/** @throws FieldFault */
export function typed(bytes: Buffer, type: ColumnType, emptyAsNullIfNumeric: boolean): Value {
  if (type === 'string') return new Utf8(bytes)
  const text = bytes.toString('utf8').trim()
  if (text === '') {
    if (emptyAsNullIfNumeric || type === 'boolean') return null
    throw new FieldFault(`an empty text is no ${type} (--empty-as-null-if-numeric makes it null)`)
  }
  switch (type) {
    case 'int':
    case 'long': {
      const value = /^[+-]?\d{1,30}$/.test(text) ? BigInt(text.replace(/^\+/, '')) : undefined
      if (value === undefined || value < LEAST_INT64 || value > MOST_INT64) throw fault(text, type)
      return value
    }
    case 'float':
    case 'double':
      if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) throw fault(text, type)
      return new Double(Number(text))
    case 'boolean':
      if (/^(?:true|t|yes|1)$/i.test(text)) return true
      if (/^(?:false|f|no|0)$/i.test(text)) return false
      throw fault(text, type)
  }
}

function fault(text: string, type: string): FieldFault {
  return new FieldFault(`'${text.length > 60 ? `${text.slice(0, 60)}…` : text}' is no ${type}`)
}

function mayBeNumber(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x2e
}

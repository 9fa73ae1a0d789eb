import { type CellTexts, canonicalDouble, canonicalLong } from './cell-text.ts'
import { type Column, KIND } from './column.ts'

/** What a column becomes: its type in the catalog and the form its values take in the file. */
export type Resolved = { type: string; form: 'INT64' | 'DOUBLE' | 'BYTE_ARRAY' }

const TEXT: Resolved = { type: 'string', form: 'BYTE_ARRAY' }
const TEXT_KINDS = KIND.TEXT | KIND.SIDE

/** The type of a column the table does not have yet, from all its values in the batch. */
export function inferType(column: Column): Resolved {
  const { kindMask } = column
  if (column.alwaysText || kindMask & (TEXT_KINDS | KIND.JSON | KIND.BIG)) return TEXT
  if (!(kindMask & KIND.DOUBLE)) return { type: 'long', form: 'INT64' }
  return fitsDouble(column, null) ? { type: 'double', form: 'DOUBLE' } : TEXT
}

/**
 * The type of a column the table has: its own while every value converts without loss, else string; `int` grows to
 * `long` first.
 */
export function keepOrWiden(column: Column, known: string, texts: CellTexts): Resolved {
  if (known === 'string') return TEXT
  if (column.alwaysText) return TEXT
  if (known === 'long' || known === 'int') {
    if (!fitsLong(column, texts)) return TEXT
    return { type: known === 'int' && !fitsInt(column, texts) ? 'long' : known, form: 'INT64' }
  }
  if (known === 'double' || known === 'float')
    return fitsDouble(column, texts) ? { type: known, form: 'DOUBLE' } : TEXT
  // array<…> and map<…> hold JSON text; anything else has no place in them.
  const onlyNested = (column.kindMask & ~(KIND.JSON | TEXT_KINDS)) === 0
  return onlyNested ? { type: known, form: 'BYTE_ARRAY' } : TEXT
}

function doublesOf(column: Column): Float64Array {
  return new Float64Array(column.words.buffer, column.words.byteOffset, column.count)
}

const INT64_LIMIT = 2 ** 63

function fitsLong(column: Column, texts: CellTexts): boolean {
  if (column.kindMask & (KIND.BIG | KIND.JSON)) return false
  if (!(column.kindMask & (KIND.DOUBLE | TEXT_KINDS))) return true
  const doubles = doublesOf(column)
  for (let i = 0; i < column.count; i++) {
    const kind = column.kinds[i]!
    if (kind === KIND.DOUBLE) {
      const value = doubles[i]!
      if (!Number.isInteger(value) || value < -INT64_LIMIT || value >= INT64_LIMIT) return false
    } else if (kind & TEXT_KINDS && canonicalLong(texts.text(column, i)) === null) return false
  }
  return true
}

function fitsInt(column: Column, texts: CellTexts): boolean {
  const doubles = doublesOf(column)
  for (let i = 0; i < column.count; i++) {
    const kind = column.kinds[i]!
    if (kind & (KIND.INT | KIND.BOOL)) {
      if (column.words[2 * i + 1] !== column.words[2 * i]! >> 31) return false
    } else {
      const value = kind === KIND.DOUBLE ? doubles[i]! : Number(texts.text(column, i))
      if (value !== (value | 0)) return false
    }
  }
  return true
}

/** Without `texts` the column must not hold any. */
function fitsDouble(column: Column, texts: CellTexts | null): boolean {
  if (column.kindMask & KIND.JSON) return false
  if (!(column.kindMask & ~(KIND.DOUBLE | KIND.BOOL))) return true
  for (let i = 0; i < column.count; i++) {
    const kind = column.kinds[i]!
    if (kind & (KIND.INT | KIND.BIG)) {
      if (!exactAsDouble(column.words[2 * i]!, column.words[2 * i + 1]!, kind === KIND.BIG)) return false
    } else if (kind & TEXT_KINDS && canonicalDouble(texts!.text(column, i)) === null) return false
  }
  return true
}

/** True when the 64-bit integer has at most 53 significant bits. */
export function exactAsDouble(low: number, high: number, unsigned: boolean): boolean {
  if (high === low >> 31 || (high & 0xffe00000) === 0) return true
  const value = join(low, high, unsigned)
  return BigInt(Number(value)) === value
}

/** The integer of two halves. */
export function join(low: number, high: number, unsigned: boolean): bigint {
  return (BigInt(unsigned ? high >>> 0 : high) << 32n) | BigInt(low >>> 0)
}

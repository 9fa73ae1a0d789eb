import { type Column, KIND } from './column.ts'
import { doubleText } from './json.ts'

/** Reads cells as text, in whatever form they are held. */
export type CellTexts = {
  /** The text a cell has in a string column: digits of integers, shortest form of doubles, true and false. */
  text(column: Column, i: number): string
  /** Where the bytes of a TEXT, SIDE or JSON cell lie. */
  bytesOf(column: Column, i: number): Buffer
}

/** The column's own texts as bytes. */
export function textBytes(column: Column): Buffer {
  return Buffer.from(column.texts.buffer, column.texts.byteOffset, 4 * column.textsUsed)
}

export function createCellTexts(side: Buffer): CellTexts {
  const opened = new Map<Column, Buffer>()
  function ownTexts(column: Column): Buffer {
    const bytes = opened.get(column) ?? textBytes(column)
    opened.set(column, bytes)
    return bytes
  }
  const bytesOf = (column: Column, i: number): Buffer =>
    column.kinds[i] === KIND.TEXT ? ownTexts(column) : side

  return {
    bytesOf,
    text(column, i) {
      const low = column.words[2 * i]!
      const high = column.words[2 * i + 1]!
      switch (column.kinds[i]) {
        case KIND.INT:
          return high === low >> 31 ? String(low) : String((BigInt(high) << 32n) | BigInt(low >>> 0))
        case KIND.BIG:
          return String((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0))
        case KIND.DOUBLE:
          return doubleText(new Float64Array(column.words.buffer, column.words.byteOffset + 8 * i, 1)[0]!)
        case KIND.BOOL:
          return low === 1 ? 'true' : 'false'
        default:
          return bytesOf(column, i).toString('utf8', low, low + high)
      }
    },
  }
}

const CANONICAL_LONG = /^(?:0|-?[1-9][0-9]{0,18})$/
const INT64_MIN = -(1n << 63n)
const INT64_MAX = (1n << 63n) - 1n

/** The integer this text stands for, if writing it gives the same text again. */
export function canonicalLong(text: string): bigint | null {
  if (!CANONICAL_LONG.test(text)) return null
  const value = BigInt(text)
  return value >= INT64_MIN && value <= INT64_MAX ? value : null
}

/** The double this text stands for, if writing it gives the same text again. */
export function canonicalDouble(text: string): number | null {
  if (text.length > 32) return null
  const value = Number(text)
  return Number.isFinite(value) && doubleText(value) === text ? value : null
}

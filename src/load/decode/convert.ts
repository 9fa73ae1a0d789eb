import type { ColumnValues } from '../../storage/parquet/index.ts'
import { type CellTexts, canonicalDouble, canonicalLong, textBytes } from './cell-text.ts'
import { type Column, KIND } from './column.ts'
import { join, type Resolved } from './resolve.ts'

/** The column's values in the form decided for it; the buffers themselves where they already have it. */
export function convertValues(
  column: Column,
  form: Resolved['form'],
  texts: CellTexts,
  side: Buffer,
): ColumnValues {
  if (form === 'INT64') return { physical: 'INT64', words: longWords(column, texts) }
  if (form === 'DOUBLE') return { physical: 'DOUBLE', words: doubleWords(column, texts) }
  return textValues(column, texts, side)
}

function longWords(column: Column, texts: CellTexts): Int32Array {
  const words = column.words.subarray(0, 2 * column.count)
  if ((column.kindMask & ~(KIND.INT | KIND.BOOL)) === 0) return words
  const converted = Int32Array.from(words)
  const longs = new BigInt64Array(converted.buffer)
  const doubles = new Float64Array(converted.buffer)
  for (let i = 0; i < column.count; i++) {
    const kind = column.kinds[i]!
    if (kind === KIND.DOUBLE) longs[i] = BigInt(doubles[i]!)
    else if (kind & (KIND.TEXT | KIND.SIDE)) longs[i] = canonicalLong(texts.text(column, i))!
  }
  return converted
}

function doubleWords(column: Column, texts: CellTexts): Int32Array {
  const words = column.words.subarray(0, 2 * column.count)
  if (column.kindMask === KIND.DOUBLE) return words
  const converted = Int32Array.from(words)
  const doubles = new Float64Array(converted.buffer)
  for (let i = 0; i < column.count; i++) {
    const kind = column.kinds[i]!
    const low = words[2 * i]!
    const high = words[2 * i + 1]!
    // Most integers among doubles are small: no BigInt for those.
    if (kind & (KIND.INT | KIND.BOOL) && high === low >> 31) {
      doubles[i] = low
    } else if (kind & (KIND.INT | KIND.BOOL | KIND.BIG)) {
      doubles[i] = Number(join(low, high, kind === KIND.BIG))
    } else if (kind !== KIND.DOUBLE) doubles[i] = canonicalDouble(texts.text(column, i))!
  }
  return converted
}

function textValues(column: Column, texts: CellTexts, side: Buffer): ColumnValues {
  const words = column.words.subarray(0, 2 * column.count)
  if (column.kindMask === KIND.TEXT)
    return {
      physical: 'BYTE_ARRAY',
      words,
      parts: [{ from: 0, bytes: textBytes(column) }],
      interned: column.repeats,
    }
  if ((column.kindMask & ~(KIND.SIDE | KIND.JSON)) === 0) {
    return { physical: 'BYTE_ARRAY', words, parts: [{ from: 0, bytes: side }] }
  }
  return copyTexts(column, texts)
}

/** Mixed kinds: writes all texts into one buffer. */
function copyTexts(column: Column, texts: CellTexts): ColumnValues {
  const words = new Int32Array(2 * column.count)
  let out = Buffer.allocUnsafe(Math.max(1024, column.count * 16))
  let at = 0
  for (let i = 0; i < column.count; i++) {
    const isText = (column.kinds[i]! & (KIND.TEXT | KIND.SIDE | KIND.JSON)) !== 0
    const text = isText ? '' : texts.text(column, i)
    const length = isText ? column.words[2 * i + 1]! : text.length
    if (at + length > out.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * out.length, at + length))
      out.copy(larger, 0, 0, at)
      out = larger
    }
    if (isText) {
      const from = column.words[2 * i]!
      texts.bytesOf(column, i).copy(out, at, from, from + length)
    } else out.write(text, at, 'latin1')
    words[2 * i] = at
    words[2 * i + 1] = length
    at += length
  }
  return { physical: 'BYTE_ARRAY', words, parts: [{ from: 0, bytes: out }] }
}

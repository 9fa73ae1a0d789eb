import { findPart } from './texts.ts'
import type { ColumnValues, TextPart } from './types.ts'

/** Bounds of one column chunk as Parquet stores them; absent where they would mislead. */
export type Bounds = { min: Buffer; max: Buffer; minExact: boolean; maxExact: boolean }

/** Longer texts are cut: bounds need to tell values apart, not to repeat them. */
const MAX_TEXT_BOUND = 64

/** Smallest and largest of the values numbered in `pick` (or of all from…to when absent). */
export function boundsOf(
  values: ColumnValues,
  from: number,
  to: number,
  pick: Int32Array | null,
): Bounds | null {
  if (from === to) return null
  switch (values.physical) {
    case 'BOOLEAN':
      return flagBounds(values.flags, from, to)
    case 'INT64':
      return integerBounds(values.words, from, to, pick)
    case 'DOUBLE':
      return doubleBounds(values.words, from, to, pick)
    case 'BYTE_ARRAY':
      return textBounds(values.words, values.parts, from, to, pick)
  }
}

function exact(min: Buffer, max: Buffer): Bounds {
  return { min, max, minExact: true, maxExact: true }
}

function flagBounds(flags: Uint8Array, from: number, to: number): Bounds {
  let min = 1
  let max = 0
  for (let i = from; i < to; i++) {
    if (flags[i]! < min) min = flags[i]!
    if (flags[i]! > max) max = flags[i]!
  }
  return exact(Buffer.from([min]), Buffer.from([max]))
}

function wordPair(words: Int32Array, value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeInt32LE(words[2 * value]!, 0)
  bytes.writeInt32LE(words[2 * value + 1]!, 4)
  return bytes
}

function integerBounds(words: Int32Array, from: number, to: number, pick: Int32Array | null): Bounds {
  const count = pick === null ? to - from : pick.length
  let min = pick === null ? from : pick[0]!
  let max = min
  let minHigh = words[2 * min + 1]!
  let maxHigh = minHigh
  let minLow = words[2 * min]! >>> 0
  let maxLow = minLow
  for (let n = 1; n < count; n++) {
    const i = pick === null ? from + n : pick[n]!
    const low = words[2 * i]! >>> 0
    const high = words[2 * i + 1]!
    if (high < minHigh || (high === minHigh && low < minLow)) {
      min = i
      minLow = low
      minHigh = high
    } else if (high > maxHigh || (high === maxHigh && low > maxLow)) {
      max = i
      maxLow = low
      maxHigh = high
    }
  }
  return exact(wordPair(words, min), wordPair(words, max))
}

/** A NaN makes bounds useless; a zero bound must cover both zeros (parquet-format, Statistics of DOUBLE). */
function doubleBounds(words: Int32Array, from: number, to: number, pick: Int32Array | null): Bounds | null {
  const doubles = new Float64Array(words.buffer, words.byteOffset, words.length >>> 1)
  const count = pick === null ? to - from : pick.length
  let min = Number.POSITIVE_INFINITY
  let max = Number.NEGATIVE_INFINITY
  for (let n = 0; n < count; n++) {
    const value = doubles[pick === null ? from + n : pick[n]!]!
    if (Number.isNaN(value)) return null
    if (value < min) min = value
    if (value > max) max = value
  }
  const bytes = Buffer.allocUnsafe(16)
  bytes.writeDoubleLE(min === 0 ? -0 : min, 0)
  bytes.writeDoubleLE(max === 0 ? 0 : max, 8)
  return exact(bytes.subarray(0, 8), bytes.subarray(8))
}

function compareTexts(
  a: Uint8Array,
  aOffset: number,
  aLength: number,
  b: Uint8Array,
  bOffset: number,
  bLength: number,
): number {
  const shared = aLength < bLength ? aLength : bLength
  for (let i = 0; i < shared; i++) {
    const difference = a[aOffset + i]! - b[bOffset + i]!
    if (difference !== 0) return difference
  }
  return aLength - bLength
}

function textBounds(
  words: Int32Array,
  parts: readonly TextPart[],
  from: number,
  to: number,
  pick: Int32Array | null,
): Bounds | null {
  const count = pick === null ? to - from : pick.length
  let part = findPart(parts, pick === null ? from : pick[0]!)
  let [min, max] = [pick === null ? from : pick[0]!, pick === null ? from : pick[0]!]
  let minBytes = parts[part]!.bytes
  let maxBytes = minBytes
  for (let n = 1; n < count; n++) {
    const i = pick === null ? from + n : pick[n]!
    while (part + 1 < parts.length && parts[part + 1]!.from <= i) part++
    const bytes = parts[part]!.bytes
    const offset = words[2 * i]!
    const length = words[2 * i + 1]!
    if (compareTexts(bytes, offset, length, minBytes, words[2 * min]!, words[2 * min + 1]!) < 0) {
      min = i
      minBytes = bytes
    } else if (compareTexts(bytes, offset, length, maxBytes, words[2 * max]!, words[2 * max + 1]!) > 0) {
      max = i
      maxBytes = bytes
    }
  }
  return cutTextBounds(
    Buffer.from(minBytes.subarray(words[2 * min]!, words[2 * min]! + words[2 * min + 1]!)),
    Buffer.from(maxBytes.subarray(words[2 * max]!, words[2 * max]! + words[2 * max + 1]!)),
  )
}

/** Cuts long bounds so that they stay bounds: the lower by dropping its end, the upper by raising what is left. */
export function cutTextBounds(min: Buffer, max: Buffer): Bounds | null {
  const upper =
    max.length <= MAX_TEXT_BOUND ? max : raisePrefix(max.subarray(0, characterStart(max, MAX_TEXT_BOUND)))
  if (upper === null) return null
  return {
    min: min.length <= MAX_TEXT_BOUND ? min : min.subarray(0, characterStart(min, MAX_TEXT_BOUND)),
    max: upper,
    minExact: min.length <= MAX_TEXT_BOUND,
    maxExact: max.length <= MAX_TEXT_BOUND,
  }
}

/** The largest offset not beyond `limit` at which a character starts. */
function characterStart(text: Buffer, limit: number): number {
  let at = limit
  while (at > 0 && (text[at]! & 0xc0) === 0x80) at--
  return at
}

/** The shortest text above everything that starts with this prefix, found at its last ASCII character. */
function raisePrefix(prefix: Buffer): Buffer | null {
  for (let at = prefix.length - 1; at >= 0; at--) {
    if (prefix[at]! >= 0x7f) continue
    const raised = Buffer.from(prefix.subarray(0, at + 1))
    raised[at]! += 1
    return raised
  }
  return null
}

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

function compareTexts(bytes: Uint8Array, offset: number, length: number, bound: TextBound): number {
  const shared = length < bound.length ? length : bound.length
  for (let i = 0; i < shared; i++) {
    const difference = bytes[offset + i]! - bound.bytes[bound.offset + i]!
    if (difference !== 0) return difference
  }
  return length - bound.length
}

/** The first four bytes as a number that orders as they do. */
function prefixOf(bytes: Uint8Array, offset: number, length: number): number {
  if (length >= 4) {
    const low = (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!
    return bytes[offset]! * 0x1000000 + low
  }
  let prefix = 0
  for (let i = 0; i < 4; i++) prefix = prefix * 256 + (i < length ? bytes[offset + i]! : 0)
  return prefix
}

type TextBound = { bytes: Uint8Array; offset: number; length: number; prefix: number }

function textBounds(
  words: Int32Array,
  parts: readonly TextPart[],
  from: number,
  to: number,
  pick: Int32Array | null,
): Bounds | null {
  const count = pick === null ? to - from : pick.length
  let min: TextBound | null = null
  let max: TextBound | null = null
  let part = findPart(parts, pick === null ? from : pick[0]!)
  for (let n = 0; n < count; n++) {
    const i = pick === null ? from + n : pick[n]!
    while (part + 1 < parts.length && parts[part + 1]!.from <= i) part++
    const bytes = parts[part]!.bytes
    const offset = words[2 * i]!
    const length = words[2 * i + 1]!
    const prefix = prefixOf(bytes, offset, length)
    if (min === null || max === null) {
      min = { bytes, offset, length, prefix }
      max = min
    } else if (prefix <= min.prefix && compareTexts(bytes, offset, length, min) < 0) {
      min = { bytes, offset, length, prefix }
    } else if (prefix >= max.prefix && compareTexts(bytes, offset, length, max) > 0) {
      max = { bytes, offset, length, prefix }
    }
  }
  return cutTextBounds(textOf(min!), textOf(max!))
}

function textOf({ bytes, offset, length }: TextBound): Buffer {
  return Buffer.from(bytes.subarray(offset, offset + length))
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

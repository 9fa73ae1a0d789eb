/**
 * Parquet's DELTA_BINARY_PACKED (apache/parquet-format Encodings.md, "Delta Encoding"): blocks of 128 differences, each above the
 * smallest of its block, in four groups with a bit width of their own. Times and counters take a few bits each, and a reader
 * has neither a dictionary to build nor a zstd frame to open, which for a small file is most of its work.
 */
const BLOCK = 128
const GROUPS = 4
const GROUP = BLOCK / GROUPS
/** Values below 2^51: every difference and its zigzag form are whole numbers that a double holds. */
const MOST_HIGH = 1 << 19
const HIGH = 2 ** 32

/** How many bytes the values take, and whether they ascend. */
export type DeltaFacts = { bytes: number; ascending: boolean }

/** What words[from…to) would take, or null when a value is too large or the differences lie too far apart. */
export function measureDeltas(words: Int32Array, from: number, to: number): DeltaFacts | null {
  if (to - from < 2 || !isSmall(words[2 * from + 1]!)) return null
  let bytes = 12
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  let before = valueAt(words, from)
  for (let i = from + 1; i < to; ) {
    const groupEnd = Math.min(i + GROUP, to)
    let low = Number.POSITIVE_INFINITY
    let high = Number.NEGATIVE_INFINITY
    for (; i < groupEnd; i++) {
      if (!isSmall(words[2 * i + 1]!)) return null
      const value = valueAt(words, i)
      const delta = value - before
      before = value
      if (delta < low) low = delta
      if (delta > high) high = delta
    }
    if (low < least) least = low
    if (high > most) most = high
    if (most - least >= HIGH) return null
    // A group's width and its share of the block's head; the block's least difference may be below the group's.
    bytes += 3 + (GROUP / 8) * widthOf(high - low)
  }
  return { bytes, ascending: least >= 0 }
}

/** Bytes that `writeDeltas` may need for so many values. */
export function deltaCapacity(count: number): number {
  return 32 + Math.ceil(count / BLOCK) * (8 + GROUPS + BLOCK * 4)
}

/** Writes words[from…to), at least one value, as `measureDeltas` allowed for all of them; returns the offset behind it. */
export function writeDeltas(
  out: Uint8Array,
  at: number,
  words: Int32Array,
  from: number,
  to: number,
): number {
  at = writeVarint(out, at, BLOCK)
  at = writeVarint(out, at, GROUPS)
  at = writeVarint(out, at, to - from)
  at = writeVarint(out, at, zigzag(valueAt(words, from)))
  const deltas = new Float64Array(BLOCK)
  for (let i = from + 1; i < to; i += BLOCK) {
    const count = Math.min(BLOCK, to - i)
    at = writeBlock(out, at, deltas.subarray(0, fill(deltas, words, i, count)))
  }
  return at
}

function fill(deltas: Float64Array, words: Int32Array, first: number, count: number): number {
  let before = valueAt(words, first - 1)
  for (let n = 0; n < count; n++) {
    const value = valueAt(words, first + n)
    deltas[n] = value - before
    before = value
  }
  return count
}

function writeBlock(out: Uint8Array, at: number, deltas: Float64Array): number {
  let least = deltas[0]!
  for (const delta of deltas) if (delta < least) least = delta
  at = writeVarint(out, at, zigzag(least))
  let widthAt = at
  at += GROUPS
  // Groups without values have width 0 and no bytes.
  out.fill(0, widthAt, at)
  for (let from = 0; from < deltas.length; from += GROUP) {
    const to = Math.min(from + GROUP, deltas.length)
    let largest = 0
    for (let n = from; n < to; n++) if (deltas[n]! - least > largest) largest = deltas[n]! - least
    const width = widthOf(largest)
    out[widthAt++] = width
    at = writeGroup(out, at, deltas, least, from, to, width)
  }
  return at
}

/** Bit-packed from the lowest bit up, padded with zeros to a whole group. */
function writeGroup(
  out: Uint8Array,
  at: number,
  deltas: Float64Array,
  least: number,
  from: number,
  to: number,
  width: number,
): number {
  const end = at + (GROUP / 8) * width
  // In halves: what is pending and half a value fit into 32 bits.
  const lowWidth = Math.min(width, 16)
  let pending = 0
  let pendingBits = 0
  for (let n = from; n < to; n++) {
    const value = deltas[n]! - least
    pending |= (value & 0xffff) << pendingBits
    for (pendingBits += lowWidth; pendingBits >= 8; pendingBits -= 8) {
      out[at++] = pending
      pending >>>= 8
    }
    if (width <= 16) continue
    pending |= (value >>> 16) << pendingBits
    for (pendingBits += width - 16; pendingBits >= 8; pendingBits -= 8) {
      out[at++] = pending
      pending >>>= 8
    }
  }
  if (pendingBits > 0) out[at++] = pending
  out.fill(0, at, end)
  return end
}

const isSmall = (high: number) => high < MOST_HIGH && high >= -MOST_HIGH
const valueAt = (words: Int32Array, i: number) => words[2 * i + 1]! * HIGH + (words[2 * i]! >>> 0)
const widthOf = (largest: number) => 32 - Math.clz32(largest)
const zigzag = (value: number) => (value < 0 ? -2 * value - 1 : 2 * value)

function writeVarint(out: Uint8Array, at: number, value: number): number {
  while (value >= 128) {
    out[at++] = (value % 128) | 128
    value = Math.floor(value / 128)
  }
  out[at++] = value
  return at
}

import type { TextPart } from './types.ts'

/** A part of a text column whose bytes can also be read as little-endian words. */
export type TextSource = { from: number; bytes: Uint8Array; words: Int32Array }

/** The bytes as 32-bit words, the last one padded; copies them only if they lie across word boundaries. */
export function wordsOf(bytes: Uint8Array): Int32Array {
  const count = (bytes.length + 3) >>> 2
  if ((bytes.byteOffset & 3) === 0 && bytes.byteOffset + 4 * count <= bytes.buffer.byteLength) {
    return new Int32Array(bytes.buffer, bytes.byteOffset, count)
  }
  const copy = new Int32Array(count)
  new Uint8Array(copy.buffer).set(bytes)
  return copy
}

/** Turns the parts of columns into sources; columns of one file share their buffers, so each is looked at once. */
export function createTextSources(): (parts: readonly TextPart[]) => TextSource[] {
  const seen = new Map<Uint8Array, Int32Array>()
  return (parts) =>
    parts.map(({ from, bytes }) => {
      const words = seen.get(bytes) ?? wordsOf(bytes)
      seen.set(bytes, words)
      return { from, bytes, words }
    })
}

/** Number of the part that holds value number `value`. */
export function findPart(parts: readonly { from: number }[], value: number): number {
  let low = 0
  let high = parts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (parts[middle]!.from <= value) low = middle
    else high = middle - 1
  }
  return low
}

/** Most are shorter than this, and below it a loop is faster than a call into native code. */
const SHORT_BYTES = 40

/** Writes length and bytes of one value as PLAIN encoding wants them; returns the offset behind them. */
export function writeText(
  out: Uint8Array,
  at: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
): number {
  out[at] = length & 255
  out[at + 1] = (length >>> 8) & 255
  out[at + 2] = (length >>> 16) & 255
  out[at + 3] = length >>> 24
  at += 4
  if (length < SHORT_BYTES) for (let i = 0; i < length; i++) out[at + i] = bytes[offset + i]!
  else out.set(bytes.subarray(offset, offset + length), at)
  return at + length
}

/** Writes the values from…to one after the other; returns the offset behind them. */
export function writeTexts(
  out: Uint8Array,
  at: number,
  values: { words: Int32Array; parts: readonly TextPart[] },
  from: number,
  to: number,
): number {
  const { words, parts } = values
  let part = findPart(parts, from)
  for (let i = from; i < to; part++) {
    const partEnd = part + 1 < parts.length ? Math.min(to, parts[part + 1]!.from) : to
    const bytes = parts[part]!.bytes
    for (; i < partEnd; i++) at = writeText(out, at, bytes, words[2 * i]!, words[2 * i + 1]!)
  }
  return at
}

import type { TextPart } from './types.ts'

/** Distinct values of one column within a row group, in the order of their first appearance. */
export type Dictionary = {
  size: number
  /** Number of the first value that has each entry's content. */
  firsts: Int32Array
  /** Entry of each value, counted from the first value of the row group. */
  codes: Int32Array
  /** Bytes of the entries in PLAIN encoding. */
  plainBytes: number
}

/** Beyond this many entries codes cost nearly as much as values, and readers keep dictionaries in memory. */
const MAX_ENTRIES = 1 << 16
const MAX_DICTIONARY_BYTES = 1 << 20
/** After so many values it is clear whether they repeat. */
const TRIAL_VALUES = 1024

/** Memory for building dictionaries, used again for every column of one file. */
export type DictionaryScratch = {
  codes: Int32Array
  firsts: Int32Array
  hashes: Int32Array
  slots: Int32Array
}

export function createDictionaryScratch(values: number): DictionaryScratch {
  const entries = Math.min(MAX_ENTRIES, Math.max(values, 1))
  return {
    codes: new Int32Array(values),
    firsts: new Int32Array(entries),
    hashes: new Int32Array(entries),
    slots: new Int32Array(1 << (32 - Math.clz32(entries * 2 - 1))),
  }
}

/** True while too few values repeat for a dictionary to be worth its codes. */
function hopeless(entries: number, seen: number): boolean {
  return seen >= TRIAL_VALUES && entries * 10 > seen * 6
}

/** Finds the distinct 64-bit values words[from…to), or null when a dictionary would not pay. */
export function findDistinctWords(
  words: Int32Array,
  from: number,
  to: number,
  scratch: DictionaryScratch,
): Dictionary | null {
  const { codes, firsts, hashes, slots } = scratch
  const mask = slots.length - 1
  slots.fill(0)
  let size = 0
  for (let i = from; i < to; i++) {
    const low = words[2 * i]!
    const high = words[2 * i + 1]!
    let hash = Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1)
    hash ^= hash >>> 15
    let slot = hash & mask
    let entry = slots[slot]!
    while (entry !== 0) {
      const first = 2 * firsts[entry - 1]!
      if (words[first] === low && words[first + 1] === high) break
      slot = (slot + 1) & mask
      entry = slots[slot]!
    }
    if (entry === 0) {
      if (size === firsts.length || hopeless(size, i - from)) return null
      firsts[size] = i
      hashes[size] = hash
      slots[slot] = entry = ++size
    }
    codes[i - from] = entry - 1
  }
  return { size, firsts, codes, plainBytes: size * 8 }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function hashText(view: DataView, offset: number, length: number): number {
  let hash = length | 0
  const end = offset + length
  let at = offset
  for (; at + 4 <= end; at += 4) {
    hash = Math.imul(hash ^ view.getInt32(at, true), 0x9e3779b1)
    hash ^= hash >>> 15
  }
  let tail = 0
  for (; at < end; at++) tail = (tail << 8) | view.getUint8(at)
  hash = Math.imul(hash ^ tail, 0x85ebca6b)
  return hash ^ (hash >>> 13)
}

function sameText(a: DataView, aOffset: number, b: DataView, bOffset: number, length: number): boolean {
  let i = 0
  for (; i + 4 <= length; i += 4) {
    if (a.getInt32(aOffset + i, true) !== b.getInt32(bOffset + i, true)) return false
  }
  for (; i < length; i++) if (a.getUint8(aOffset + i) !== b.getUint8(bOffset + i)) return false
  return true
}

/** Number of the part that holds value number `value`. */
export function partOf(parts: readonly TextPart[], value: number): number {
  let low = 0
  let high = parts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (parts[middle]!.from <= value) low = middle
    else high = middle - 1
  }
  return low
}

/** Finds the distinct texts among the values from…to, or null when a dictionary would not pay. */
export function findDistinctTexts(
  words: Int32Array,
  parts: readonly TextPart[],
  from: number,
  to: number,
  scratch: DictionaryScratch,
): Dictionary | null {
  const { codes, firsts, hashes, slots } = scratch
  const mask = slots.length - 1
  slots.fill(0)
  const views = parts.map((part) => viewOf(part.bytes))
  /** Part of each entry's first value; only looked at when there are several parts. */
  const entryParts: number[] = []
  let size = 0
  let plainBytes = 0
  let part = partOf(parts, from)
  for (let i = from; i < to; ) {
    const partEnd = part + 1 < parts.length ? Math.min(to, parts[part + 1]!.from) : to
    const view = views[part]!
    for (; i < partEnd; i++) {
      const offset = words[2 * i]!
      const length = words[2 * i + 1]!
      const hash = hashText(view, offset, length)
      let slot = hash & mask
      let entry = slots[slot]!
      while (entry !== 0) {
        if (hashes[entry - 1] === hash) {
          const first = 2 * firsts[entry - 1]!
          const other = views[entryParts[entry - 1]!]!
          if (words[first + 1] === length && sameText(view, offset, other, words[first]!, length)) break
        }
        slot = (slot + 1) & mask
        entry = slots[slot]!
      }
      if (entry === 0) {
        plainBytes += 4 + length
        if (size === firsts.length || plainBytes > MAX_DICTIONARY_BYTES || hopeless(size, i - from))
          return null
        firsts[size] = i
        hashes[size] = hash
        entryParts.push(part)
        slots[slot] = entry = ++size
      }
      codes[i - from] = entry - 1
    }
    part++
  }
  return { size, firsts, codes, plainBytes }
}

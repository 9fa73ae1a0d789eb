import { findPart, type TextSource } from './texts.ts'

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
/** A text longer than this is not worth a place in a dictionary. */
const MAX_ENTRY_BYTES = 1 << 16
/** After so many values it is clear whether they repeat. */
const TRIAL_VALUES = 1024

/**
 * Memory for building dictionaries, used again for every column of one file. `arena` holds the content of text
 * entries, each from a word boundary on and padded with zeros.
 */
export type DictionaryScratch = {
  codes: Int32Array
  firsts: Int32Array
  hashes: Int32Array
  lengths: Int32Array
  starts: Int32Array
  slots: Int32Array
  arena: Int32Array
  places: Int32Array
}

export function createDictionaryScratch(values: number): DictionaryScratch {
  const entries = Math.min(MAX_ENTRIES, Math.max(values, 1))
  return {
    codes: new Int32Array(values),
    firsts: new Int32Array(entries),
    hashes: new Int32Array(entries),
    lengths: new Int32Array(entries),
    starts: new Int32Array(entries),
    slots: new Int32Array(1 << (32 - Math.clz32(entries * 2 - 1))),
    // Grows with its first text: most files of a few rows have none that repeat.
    arena: new Int32Array(Math.min(8192, 16 * entries)),
    places: new Int32Array(0),
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
  const { codes, firsts, slots } = scratch
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
      slots[slot] = entry = ++size
    }
    codes[i - from] = entry - 1
  }
  return { size, firsts, codes, plainBytes: size * 8 }
}

/** Copies a text of any alignment to `at` in the arena, padded with zeros to whole words. */
function copyAligned(
  source: Int32Array,
  offset: number,
  length: number,
  arena: Int32Array,
  at: number,
): void {
  if (length === 0) return
  const shift = (offset & 3) << 3
  const backShift = 31 - shift
  const last = at + ((length - 1) >> 2)
  let from = offset >> 2
  for (; at < last; at++, from++)
    arena[at] = (source[from]! >>> shift) | ((source[from + 1]! << 1) << backShift)
  // Behind the last word of a buffer there is none; its bits do not survive the mask.
  const word = (source[from]! >>> shift) | ((source[from + 1]! << 1) << backShift)
  arena[at] = word & lastWordMask(length)
}

/** The bits of a text's last word that belong to it. */
function lastWordMask(length: number): number {
  return -1 >>> ((-length & 3) << 3)
}

/** Hash of a text that starts at a word boundary; two chains, because each step waits for the one before. */
function hashWords(words: Int32Array, at: number, length: number): number {
  if (length === 0) return 0
  const last = at + ((length - 1) >> 2)
  let odd = length
  let even = 0x85ebca6b
  for (; at + 1 < last; at += 2) {
    even = Math.imul(even ^ words[at]!, 0x9e3779b1)
    odd = Math.imul(odd ^ words[at + 1]!, 0x85ebca6b)
    even ^= even >>> 15
    odd ^= odd >>> 15
  }
  if (at < last) {
    odd = Math.imul(odd ^ words[at]!, 0x85ebca6b)
    odd ^= odd >>> 15
  }
  even = Math.imul(even ^ (words[last]! & lastWordMask(length)), 0x9e3779b1)
  const hash = Math.imul(even ^ (even >>> 15) ^ Math.imul(odd, 0xc2b2ae35), 0x9e3779b1)
  return hash ^ (hash >>> 15)
}

/** Compares the text at a word boundary of `words` with one of the arena, which is padded with zeros. */
function sameText(words: Int32Array, at: number, arena: Int32Array, entry: number, length: number): boolean {
  if (length === 0) return true
  const last = (length - 1) >> 2
  for (let i = 0; i < last; i++) if (words[at + i] !== arena[entry + i]) return false
  return (words[at + last]! & lastWordMask(length)) === arena[entry + last]
}

function enlargeArena(scratch: DictionaryScratch, wordsNeeded: number): Int32Array {
  const larger = new Int32Array(Math.max(scratch.arena.length * 2, wordsNeeded))
  larger.set(scratch.arena)
  scratch.arena = larger
  return larger
}

/** Finds the distinct texts among the values from…to, or null when a dictionary would not pay. */
export function findDistinctTexts(
  words: Int32Array,
  sources: readonly TextSource[],
  from: number,
  to: number,
  scratch: DictionaryScratch,
): Dictionary | null {
  const { codes, firsts, hashes, lengths, starts, slots } = scratch
  const mask = slots.length - 1
  slots.fill(0)
  let arena = scratch.arena
  let arenaUsed = 0
  let size = 0
  let plainBytes = 0
  let part = findPart(sources, from)
  for (let i = from; i < to; part++) {
    const partEnd = part + 1 < sources.length ? Math.min(to, sources[part + 1]!.from) : to
    const source = sources[part]!.words
    for (; i < partEnd; i++) {
      const length = words[2 * i + 1]!
      const wordCount = (length + 3) >> 2
      if (length > MAX_ENTRY_BYTES) return null
      if (arenaUsed + wordCount > arena.length) arena = enlargeArena(scratch, arenaUsed + wordCount)
      // A text across word boundaries is looked at where a new entry would stand.
      const offset = words[2 * i]!
      const aligned = (offset & 3) === 0
      if (!aligned) copyAligned(source, offset, length, arena, arenaUsed)
      const texts = aligned ? source : arena
      const at = aligned ? offset >> 2 : arenaUsed
      const hash = hashWords(texts, at, length)
      let slot = hash & mask
      let entry = slots[slot]!
      while (entry !== 0) {
        const n = entry - 1
        if (hashes[n] === hash && lengths[n] === length && sameText(texts, at, arena, starts[n]!, length))
          break
        slot = (slot + 1) & mask
        entry = slots[slot]!
      }
      if (entry === 0) {
        plainBytes += 4 + length
        if (size === firsts.length || plainBytes > MAX_DICTIONARY_BYTES || hopeless(size, i - from))
          return null
        firsts[size] = i
        hashes[size] = hash
        lengths[size] = length
        starts[size] = arenaUsed
        if (aligned) copyAligned(source, offset, length, arena, arenaUsed)
        arenaUsed += wordCount
        slots[slot] = entry = ++size
      }
      codes[i - from] = entry - 1
    }
  }
  return { size, firsts, codes, plainBytes }
}

/** As `findDistinctTexts`, where equal texts start at the same place and all of them at a multiple of four bytes. */
export function findDistinctPlaces(
  words: Int32Array,
  textBytes: number,
  from: number,
  to: number,
  scratch: DictionaryScratch,
): Dictionary | null {
  const { codes, firsts } = scratch
  const places = clearedPlaces(scratch, textBytes >> 2)
  let size = 0
  let plainBytes = 0
  for (let i = from; i < to; i++) {
    const place = words[2 * i]! >> 2
    let entry = places[place]!
    if (entry === 0) {
      const length = words[2 * i + 1]!
      plainBytes += 4 + length
      if (length > MAX_ENTRY_BYTES || plainBytes > MAX_DICTIONARY_BYTES) return null
      if (size === firsts.length || hopeless(size, i - from)) return null
      firsts[size] = i
      places[place] = entry = ++size
    }
    codes[i - from] = entry - 1
  }
  return { size, firsts, codes, plainBytes }
}

function clearedPlaces(scratch: DictionaryScratch, count: number): Int32Array {
  if (scratch.places.length < count) scratch.places = new Int32Array(count)
  else scratch.places.fill(0, 0, count)
  return scratch.places
}

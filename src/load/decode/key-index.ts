import type { Column } from './column.ts'

/** Columns by their key's bytes, without making a string. A miss is not proof: the caller then asks by text. */
export type KeyIndex = { slots: (Column | null)[]; mask: number; entries: number }

/** Keys chosen to collide cost at most so many comparisons; what finds no slot is found by text instead. */
const MAX_PROBES = 8

export function createKeyIndex(): KeyIndex {
  return { slots: new Array<Column | null>(256).fill(null), mask: 255, entries: 0 }
}

export function hashKey(bytes: Uint8Array, offset: number, length: number): number {
  let hash = 0x811c9dc5 ^ length
  for (let i = 0; i < length; i++) hash = Math.imul(hash ^ bytes[offset + i]!, 0x01000193)
  return hash ^ (hash >>> 15)
}

export function keyMatches(column: Column, bytes: Uint8Array, offset: number, length: number): boolean {
  const { keyBytes } = column
  if (keyBytes.length !== length) return false
  for (let i = 0; i < length; i++) if (keyBytes[i] !== bytes[offset + i]) return false
  return true
}

/**
 * True when the column's key, header included, stands at `at`; `words` are the payload's bytes as 32-bit words, with one
 * to spare. The caller has made sure that as many bytes are there. No branch depends on the alignment, which would be
 * guessed wrong every second time; most keys are two words.
 */
export function wireKeyMatches(column: Column, words: Int32Array, at: number): boolean {
  const shift = (at & 3) << 3
  const backShift = 31 - shift
  const from = at >> 2
  const second = words[from + 1]!
  const first = (words[from]! >>> shift) | ((second << 1) << backShift)
  if (column.wireWords > 2) return longKeyMatches(column, words, at)
  const next = (second >>> shift) | ((words[from + 2]! << 1) << backShift)
  return (
    (first & column.wireFirstMask) === column.wireFirst &&
    (next & column.wireSecondMask) === column.wireSecond
  )
}

function longKeyMatches({ wireKey, wireLastMask }: Column, words: Int32Array, at: number): boolean {
  const last = wireKey.length - 1
  const shift = (at & 3) << 3
  const backShift = 31 - shift
  let from = at >> 2
  let word = words[from]!
  for (let i = 0; i < last; i++) {
    const next = words[++from]!
    if (((word >>> shift) | ((next << 1) << backShift)) !== wireKey[i]) return false
    word = next
  }
  return (((word >>> shift) | ((words[from + 1]! << 1) << backShift)) & wireLastMask) === wireKey[last]
}

export function findKey(
  index: KeyIndex,
  hash: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
): Column | null {
  for (let probe = 0; probe < MAX_PROBES; probe++) {
    const column = index.slots[(hash + probe) & index.mask]!
    if (column === null) return null
    if (column.keyHash === hash && keyMatches(column, bytes, offset, length)) return column
  }
  return null
}

export function addKey(index: KeyIndex, column: Column): void {
  if (index.entries * 2 > index.mask) enlarge(index)
  index.entries++
  place(index, column)
}

function place(index: KeyIndex, column: Column): void {
  for (let probe = 0; probe < MAX_PROBES; probe++) {
    const slot = (column.keyHash + probe) & index.mask
    if (index.slots[slot] !== null) continue
    index.slots[slot] = column
    return
  }
}

function enlarge(index: KeyIndex): void {
  const columns = index.slots.filter((column) => column !== null)
  const size = index.slots.length * 2
  index.slots = new Array<Column | null>(size).fill(null)
  index.mask = size - 1
  for (const column of columns) place(index, column)
}

import { specialOf } from './special-keys.ts'

/** What a cell holds, as bits, so that a column can say in one number what it has seen. */
export const KIND = {
  /** Within int64: two halves. */
  INT: 1,
  /** Above int64: the halves of an unsigned 64-bit integer. */
  BIG: 2,
  /** Never NaN or infinite. */
  DOUBLE: 4,
  /** Stored like INT, 0 or 1. */
  BOOL: 8,
  /** Offset and length within the column's own `texts`; valid UTF-8. */
  TEXT: 16,
  /** Offset and length within the side buffer; valid UTF-8. */
  SIDE: 32,
  /** As SIDE, holding the JSON of an array, a map or an extension value. */
  JSON: 64,
} as const

/**
 * The values one key had, in row order, without nulls: memory grows with the cells that exist, not with rows times
 * columns. `words` holds two 32-bit halves per cell; their meaning depends on its kind.
 */
export type Column = {
  key: string
  keyBytes: Uint8Array
  keyHash: number
  /** The key as MessagePack writes it, header included, in 32-bit words padded with zeros. */
  wireKey: Int32Array
  wireBytes: number
  /** Bits of the last word that belong to the key. */
  wireLastMask: number
  /** The first two words of `wireKey` and their masks by themselves: most keys are no longer. */
  wireWords: number
  wireFirst: number
  wireFirstMask: number
  wireSecond: number
  wireSecondMask: number
  /** The column that followed this one in the record before: the best guess for the next key. */
  next: Column | null
  /** As `next`, for records that come as JSON: they have other keys that stand for no column. */
  nextInJson: Column | null
  /** Bytes between the quotes when JSON writes the key without escapes, else -1. */
  jsonBytes: number
  /** What the key may mean to some channel of events besides naming a column (`SPECIAL`). */
  special: number
  count: number
  lastRow: number
  rows: Uint32Array
  kinds: Uint8Array
  words: Int32Array
  /**
   * Copies of the texts, each from a word boundary on. They are copied while they are read, because the payload is
   * then in the cache and never again: whoever works column by column would wait for memory at every value.
   */
  texts: Int32Array
  /** Words in use. */
  textsUsed: number
  /** Equal texts stand in `texts` once; false when they have turned out to repeat too seldom to look for it. */
  repeats: boolean
  /** Where each distinct text stands, by its hash (`repeats.ts`). */
  slots: Int32Array
  distinct: number
  /** Hash of the text looked for last, and the slot that is free for it. */
  textHash: number
  textSlot: number
  /** Kinds seen, or-ed; may name kinds that are no longer there while `kindsChanged` is set. */
  kindMask: number
  kindsChanged: boolean
  /** The product itself keeps texts here, whatever they look like. */
  alwaysText: boolean
}

const NO_TEXTS = new Int32Array(0)
const MAX_FIRST_TEXT_WORDS = 1 << 18
/** Up to here room grows fourfold: what is not written to costs no memory, but each step copies. */
const QUICK_GROWTH_CELLS = 1 << 16

/** Small pieces are cut from slabs: a buffer of its own costs more to make and to collect than a small column to fill. */
const SLAB_BYTES = 1 << 16
const MOST_SLAB_PIECE_BYTES = 1 << 12
let slab = Buffer.allocUnsafeSlow(SLAB_BYTES).buffer
let slabUsed = 0

/**
 * Memory that is not cleared first: nothing here is read that was not written, and clearing costs as much as filling. It
 * begins at `at`, a multiple of eight.
 */
function allocate(bytes: number): { memory: ArrayBuffer; at: number } {
  if (bytes > MOST_SLAB_PIECE_BYTES) return { memory: Buffer.allocUnsafeSlow(bytes).buffer, at: 0 }
  if (slabUsed + bytes > SLAB_BYTES) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES).buffer
    slabUsed = 0
  }
  const at = slabUsed
  slabUsed += (bytes + 7) & -8
  return { memory: slab, at }
}

export function createColumn(key: string, keyBytes: Uint8Array, keyHash: number, capacity: number): Column {
  // No spread here: objects made with it get a shape that is several times slower to work with.
  const { words, rows, kinds } = allocateCells(capacity)
  const wire = Buffer.concat([keyHeader(keyBytes.length), keyBytes])
  const wireKey = new Int32Array((wire.length + 3) >> 2)
  new Uint8Array(wireKey.buffer).set(wire)
  return {
    key,
    keyBytes,
    keyHash,
    wireKey,
    wireBytes: wire.length,
    wireLastMask: -1 >>> ((4 * wireKey.length - wire.length) << 3),
    wireWords: wireKey.length,
    wireFirst: wireKey[0]!,
    wireFirstMask: maskOf(wire.length),
    wireSecond: wireKey[1] ?? 0,
    wireSecondMask: maskOf(wire.length - 4),
    next: null,
    nextInJson: null,
    jsonBytes: keyBytes.every((byte) => byte >= 0x20 && byte !== 0x22 && byte !== 0x5c)
      ? keyBytes.length
      : -1,
    special: specialOf(key),
    count: 0,
    lastRow: -1,
    rows,
    kinds,
    words,
    texts: NO_TEXTS,
    textsUsed: 0,
    repeats: true,
    slots: NO_TEXTS,
    distinct: 0,
    textHash: 0,
    textSlot: 0,
    kindMask: 0,
    kindsChanged: false,
    alwaysText: false,
  }
}

/** The bits that the next bytes, `left` of them, take in a word. */
function maskOf(left: number): number {
  return left <= 0 ? 0 : left >= 4 ? -1 : -1 >>> ((4 - left) << 3)
}

/** The shortest header of a text; keys stay far below 64 KiB. */
function keyHeader(length: number): Uint8Array {
  if (length < 32) return Uint8Array.of(0xa0 | length)
  return length < 256 ? Uint8Array.of(0xd9, length) : Uint8Array.of(0xda, length >> 8, length & 255)
}

function allocateCells(capacity: number): Pick<Column, 'rows' | 'kinds' | 'words'> {
  // One allocation for all three: 8 bytes of words, 4 of row, 1 of kind per cell.
  const { memory, at } = allocate(13 * capacity)
  return {
    words: new Int32Array(memory, at, 2 * capacity),
    rows: new Uint32Array(memory, at + 8 * capacity, capacity),
    kinds: new Uint8Array(memory, at + 12 * capacity, capacity),
  }
}

function grow(column: Column): void {
  const larger = allocateCells(
    Math.max(column.rows.length * (column.rows.length < QUICK_GROWTH_CELLS ? 4 : 2), 16),
  )
  larger.words.set(column.words)
  larger.rows.set(column.rows)
  larger.kinds.set(column.kinds)
  column.words = larger.words
  column.rows = larger.rows
  column.kinds = larger.kinds
}

/** The first time, room for as many texts of this length as the column has cells; afterwards twice as much. */
function growTexts(column: Column, words: number): void {
  const guessed = column.textsUsed === 0 ? Math.min(words * column.rows.length, MAX_FIRST_TEXT_WORDS) : 0
  const wanted = Math.max(guessed, column.texts.length * 2, column.textsUsed + words, 64)
  const { memory, at } = allocate(4 * wanted)
  const larger = new Int32Array(memory, at, wanted)
  larger.set(column.texts.subarray(0, column.textsUsed))
  column.texts = larger
}

/**
 * Copies a text of any alignment behind the column's others without taking the room yet, padded with zeros; true when it is ASCII.
 * `source` holds the payload's bytes as little-endian words. No branch depends on the alignment, which would be guessed
 * wrong every second time.
 */
export function copyText(column: Column, source: Int32Array, offset: number, length: number): boolean {
  const count = textWords(length)
  if (column.textsUsed + count > column.texts.length) growTexts(column, count)
  const { texts } = column
  if (length === 0) return true
  const shift = (offset & 3) << 3
  const backShift = 31 - shift
  let to = column.textsUsed
  const last = to + count - 1
  let from = offset >> 2
  let current = source[from]!
  let seen = 0
  for (; to < last; to++) {
    const next = source[++from]!
    const word = (current >>> shift) | ((next << 1) << backShift)
    current = next
    texts[to] = word
    seen |= word
  }
  // The bits of the word behind do not survive the mask.
  const word = ((current >>> shift) | ((source[from + 1]! << 1) << backShift)) & (-1 >>> ((-length & 3) << 3))
  texts[last] = word
  return ((seen | word) & 0x80808080) === 0
}

/** Words a text takes; an empty one takes a place as well, so that no other text starts at the same. */
function textWords(length: number): number {
  return length === 0 ? 1 : (length + 3) >> 2
}

/** Makes the text just copied the cell of this row. */
export function setText(column: Column, row: number, length: number): void {
  setCell(column, row, KIND.TEXT, column.textsUsed << 2, length)
  column.textsUsed += textWords(length)
}

/** Sets the cell of this row, which is the last one or a new one; a key that comes twice keeps its last value. */
export function setCell(column: Column, row: number, kind: number, low: number, high: number): void {
  let i = column.count
  if (column.lastRow === row) {
    i--
    column.kindsChanged = true
  } else {
    if (i === column.rows.length) grow(column)
    column.rows[i] = row
    column.lastRow = row
    column.count = i + 1
  }
  column.kinds[i] = kind
  column.kindMask |= kind
  column.words[2 * i] = low
  column.words[2 * i + 1] = high
}

/** Makes the cell of this row null. */
export function clearCell(column: Column, row: number): void {
  if (column.lastRow === row) truncateColumn(column, row)
}

/** Forgets the cells of `row` and later ones. */
export function truncateColumn(column: Column, row: number): void {
  if (column.lastRow < row) return
  let count = column.count
  while (count > 0 && column.rows[count - 1]! >= row) count--
  column.count = count
  column.lastRow = count === 0 ? -1 : column.rows[count - 1]!
  column.kindsChanged = true
}

/** Makes `kindMask` exact; once at the end, because a sender may overwrite or take back cells as often as it likes. */
export function refreshKinds(column: Column): void {
  if (!column.kindsChanged) return
  column.kindMask = 0
  for (let i = 0; i < column.count; i++) column.kindMask |= column.kinds[i]!
  column.kindsChanged = false
}

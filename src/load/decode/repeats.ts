import type { Column } from './column.ts'

/** Words per slot: 1 + where the text starts among the column's texts (0 = free), its hash, its length. */
const SLOT_WORDS = 3
const FIRST_SLOTS = 16
/**
 * With more distinct texts their table leaves the cache, and looking costs more than it saves: the writer, which works
 * column by column, is then quicker.
 */
const MAX_DISTINCT = 1024
/** After so many texts it is clear whether they repeat. */
const TRIAL_TEXTS = 1024
/** Texts chosen to collide cost at most so many comparisons; slots are half empty, so that others never come near. */
const MAX_PROBES = 64
const NO_SLOTS = new Int32Array(0)

/** Hash of a text that starts at a word boundary, padded with zeros; two chains, because each step waits for the one before. */
export function hashText(texts: Int32Array, at: number, length: number): number {
  const end = at + ((length + 3) >> 2)
  let odd = length
  let even = 0x85ebca6b
  for (; at + 1 < end; at += 2) {
    even = Math.imul(even ^ texts[at]!, 0x9e3779b1)
    odd = Math.imul(odd ^ texts[at + 1]!, 0x85ebca6b)
    even ^= even >>> 15
    odd ^= odd >>> 15
  }
  if (at < end) even = Math.imul(even ^ texts[at]!, 0x9e3779b1)
  const hash = Math.imul(even ^ (even >>> 15) ^ Math.imul(odd, 0xc2b2ae35), 0x9e3779b1)
  return hash ^ (hash >>> 15)
}

function sameTexts(texts: Int32Array, one: number, other: number, length: number): boolean {
  const count = (length + 3) >> 2
  for (let i = 0; i < count; i++) if (texts[one + i] !== texts[other + i]) return false
  return true
}

/**
 * Looks for the text just copied (see `copyText`) among the column's earlier ones: where it starts, in words, or -1.
 * Call `rememberText` after a -1 if the text stays. Looking right after copying costs little, because the text is in
 * the cache; the writer of the chunk, which wants a dictionary, then only compares numbers.
 */
export function findText(column: Column, length: number): number {
  if (column.slots.length === 0) enlarge(column)
  const { slots, texts, textsUsed } = column
  const hash = hashText(texts, textsUsed, length)
  const last = slots.length - SLOT_WORDS
  const mask = slots.length / SLOT_WORDS - 1
  column.textHash = hash
  let slot = (hash & mask) * SLOT_WORDS
  for (let probe = 0; probe < MAX_PROBES; probe++) {
    const start = slots[slot]! - 1
    if (start < 0) {
      column.textSlot = slot
      return -1
    }
    if (slots[slot + 1] === hash && slots[slot + 2] === length && sameTexts(texts, start, textsUsed, length))
      return start
    slot = slot === last ? 0 : slot + SLOT_WORDS
  }
  forgetTexts(column)
  return -1
}

/** Keeps the text that `findText` has just not found, unless the column's texts repeat too seldom. */
export function rememberText(column: Column, length: number): void {
  if (!column.repeats) return
  const { slots, textSlot } = column
  slots[textSlot] = column.textsUsed + 1
  slots[textSlot + 1] = column.textHash
  slots[textSlot + 2] = length
  column.distinct++
  if (column.distinct > MAX_DISTINCT || hopeless(column)) forgetTexts(column)
  else if (column.distinct * 2 * SLOT_WORDS > slots.length) enlarge(column)
}

function hopeless({ distinct, count }: Column): boolean {
  return count >= TRIAL_TEXTS && distinct * 10 > count * 6
}

function forgetTexts(column: Column): void {
  column.repeats = false
  column.slots = NO_SLOTS
}

function enlarge(column: Column): void {
  const { slots } = column
  const larger = new Int32Array(Math.max(slots.length * 4, FIRST_SLOTS * SLOT_WORDS))
  const last = larger.length - SLOT_WORDS
  const mask = larger.length / SLOT_WORDS - 1
  for (let from = 0; from < slots.length; from += SLOT_WORDS) {
    if (slots[from] === 0) continue
    let slot = (slots[from + 1]! & mask) * SLOT_WORDS
    while (larger[slot] !== 0) slot = slot === last ? 0 : slot + SLOT_WORDS
    larger[slot] = slots[from]!
    larger[slot + 1] = slots[from + 1]!
    larger[slot + 2] = slots[from + 2]!
  }
  column.slots = larger
}

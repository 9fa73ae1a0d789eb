import { createHash } from 'node:crypto'

const OWN_NAME = /^[a-z_][a-z0-9_]*$/
/** A run of characters outside A-Za-z0-9_; a digit in front counts as one of them. */
const FOREIGN_RUN = /^[0-9][^A-Za-z0-9_]*|[^A-Za-z0-9_]+/g
const MAX_NAME_BYTES = 128
/** A key and its table must fit into one entry of a PostgreSQL index (a third of a page). */
const MAX_KEY_BYTES = 1024
/** Every table has `time`; `v` stands for the whole record in the vendor's older tables. */
const RESERVED = ['time', 'v']

/**
 * The name a key asks for, before others are considered (treasure-data/embulk-output-td
 * src/main/java/org/embulk/output/td/TdOutputPlugin.java). An empty key becomes `_`.
 */
export function aliasOf(key: string): string {
  if (key === '') return '_'
  const name = OWN_NAME.test(key) ? key : key.replace(FOREIGN_RUN, '_').toLowerCase()
  // A name is ASCII by now: characters are bytes.
  return name.slice(0, MAX_NAME_BYTES)
}

/** Gives out names that are free in one table; the first to ask gets the plain one, the next `_1`, `_2` … */
export function createNamer(taken: Iterable<string>): (key: string) => string {
  const names = new Set([...RESERVED, ...taken])
  /** Where to go on trying, so that thousands of keys with one alias do not try all numbers again. */
  const nextSuffix = new Map<string, number>()
  return (key) => {
    const alias = aliasOf(key)
    let name = alias
    let suffix = nextSuffix.get(alias) ?? 1
    while (names.has(name)) name = `${alias}_${suffix++}`
    nextSuffix.set(alias, suffix)
    names.add(name)
    return name
  }
}

/**
 * A key as the catalog keeps it: NUL, which PostgreSQL cannot store, becomes U+FFFD; a very long one keeps its start
 * and a hash, so that two of them stay two.
 */
export function catalogKey(text: string): string {
  const key = text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text
  const bytes = Buffer.byteLength(key)
  if (bytes <= MAX_KEY_BYTES) return key
  const hash = createHash('sha256').update(key).digest('hex').slice(0, 16)
  let start = Buffer.from(key)
    .subarray(0, MAX_KEY_BYTES - 24)
    .toString()
  while (start.endsWith('\ufffd')) start = start.slice(0, -1)
  return `${start}…${hash}`
}

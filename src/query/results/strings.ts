import bindings from '@duckdb/node-bindings'

/** DuckDB's string_t: 4 bytes length, then up to 12 bytes in place, or 4 bytes prefix and an 8 byte pointer. */
const ENTRY_BYTES = 16
const INLINE_BYTES = 12
/** Memory that holds one readable byte may be read to the ends of its page. */
const PAGE_BYTES = 4096
/** Fetched at a time: giant strings must not stand in memory twice. */
const RUN_PAGES = 256

/** The bytes of all strings of one vector: that of a row that is not NULL begins at `starts[row]`. */
export type StringVector = { bytes: Buffer; starts: Int32Array; lengths: Int32Array }

/**
 * Reads the strings of a VARCHAR or BLOB vector. Asking the native side for each long string costs 2 µs each; strings
 * of one vector lie close together (heap blocks, Parquet pages, dictionaries), so the pages they lie on are fetched in runs.
 * `valid` tells NULL rows, whose entries are garbage.
 */
export function readStrings(entries: DataView, count: number, valid: (row: number) => boolean): StringVector {
  const buffer = entries.buffer as ArrayBuffer
  const words = new Uint32Array(buffer, entries.byteOffset, entries.byteLength / 4)
  const starts = new Int32Array(count)
  const lengths = new Int32Array(count)
  const pages = new PageSet()
  for (let row = 0; row < count; row++) {
    if (!valid(row)) continue
    const length = words[row * 4]!
    lengths[row] = length
    if (length <= INLINE_BYTES) starts[row] = row * ENTRY_BYTES + 4
    else pages.add(addressAt(words, row), length)
  }
  const inline = Buffer.from(buffer, entries.byteOffset, entries.byteLength)
  if (pages.isEmpty()) return { bytes: inline, starts, lengths }
  const fetched = pages.fetchBehind(inline)
  for (let row = 0; row < count; row++)
    if (lengths[row]! > INLINE_BYTES) starts[row] = fetched.offsetOf(addressAt(words, row))
  return { bytes: fetched.bytes, starts, lengths }
}

/** Addresses are below 2^48 and so exact as numbers. */
const addressAt = (words: Uint32Array, row: number): number =>
  words[row * 4 + 2]! + words[row * 4 + 3]! * 0x1_0000_0000

/** The pages of memory on which strings lie, by number. */
class PageSet {
  private readonly pages = new Set<number>()
  private last = -1

  isEmpty(): boolean {
    return this.last === -1
  }

  add(address: number, length: number): void {
    const first = Math.floor(address / PAGE_BYTES)
    const end = Math.floor((address + length - 1) / PAGE_BYTES)
    // Neighbours mostly lie on one page.
    if (first === this.last && end === first) return
    for (let page = first; page <= end; page++) this.pages.add(page)
    this.last = end
  }

  /** The bytes of all pages behind those given, and where in them an address is. */
  fetchBehind(before: Buffer): { bytes: Buffer; offsetOf(address: number): number } {
    const offsets = new Map<number, number>()
    const numbers = Float64Array.from(this.pages).sort()
    const bytes = Buffer.allocUnsafeSlow(before.length + numbers.length * PAGE_BYTES)
    bytes.set(before)
    for (let i = 0; i < numbers.length; ) {
      const at = before.length + i * PAGE_BYTES
      const first = numbers[i]!
      let count = 0
      while (count < RUN_PAGES && numbers[i + count] === first + count) {
        offsets.set(first + count, at + count * PAGE_BYTES)
        count++
      }
      bytes.set(fetchAt(first * PAGE_BYTES, count * PAGE_BYTES), at)
      i += count
    }
    let page = -1
    let offset = 0
    return {
      bytes,
      offsetOf(address) {
        const on = Math.floor(address / PAGE_BYTES)
        if (on !== page) {
          page = on
          offset = offsets.get(on)!
        }
        return offset + (address - on * PAGE_BYTES)
      },
    }
  }
}

function fetchAt(address: number, length: number): Uint8Array {
  const pointer = new BigUint64Array([BigInt(address)])
  return bindings.get_data_from_pointer(pointer.buffer, 0, length)
}

import bindings from '@duckdb/node-bindings'

/** DuckDB's string_t: 4 bytes length, then up to 12 bytes in place, or 4 bytes prefix and an 8 byte pointer. */
const ENTRY_BYTES = 16
const INLINE_BYTES = 12
/** Between two addresses that may be read, a gap smaller than a memory page holds nothing that may not. */
const GAP_BYTES = 4096
/** What one run may waste on gaps, so that sparse strings are not paid for with large copies. */
const RUN_BYTES = 4 << 20

/** The bytes of the strings of one vector: `of(row)` is valid for rows that are not NULL, until the next `of`. */
export type StringVector = {
  copyTo(target: Buffer, at: number, row: number): void
  length(row: number): number
}

type Run = { start: number; end: number; bytes: Uint8Array }

/**
 * Reads the strings of a VARCHAR or BLOB vector. Asking the native side for each long string costs 2 µs each; strings
 * of one vector lie close together (heap blocks, Parquet pages, dictionaries), so neighbours are fetched in runs.
 * `valid` tells NULL rows, whose entries are garbage.
 */
export function readStrings(entries: DataView, count: number, valid: (row: number) => boolean): StringVector {
  const inline = Buffer.from(entries.buffer as ArrayBuffer, entries.byteOffset, entries.byteLength)
  const runs = fetchRuns(entries, longRows(entries, count, valid))
  let current: Run | undefined = runs[0]
  const find = (address: number): Run => {
    if (current && address >= current.start && address < current.end) return current
    let low = 0
    let high = runs.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (runs[middle]!.start <= address) low = middle
      else high = middle - 1
    }
    current = runs[low]!
    return current
  }
  return {
    length: (row) => entries.getUint32(row * ENTRY_BYTES, true),
    copyTo: (target, at, row) => {
      const entry = row * ENTRY_BYTES
      const length = entries.getUint32(entry, true)
      if (length <= INLINE_BYTES) {
        for (let i = 0; i < length; i++) target[at + i] = inline[entry + 4 + i]!
        return
      }
      const address = addressAt(entries, entry)
      const run = find(address)
      const from = address - run.start
      target.set(run.bytes.subarray(from, from + length), at)
    },
  }
}

/** Addresses are below 2^48 and so exact as numbers. */
function addressAt(entries: DataView, entry: number): number {
  return entries.getUint32(entry + 8, true) + entries.getUint32(entry + 12, true) * 0x1_0000_0000
}

/** Rows with strings kept elsewhere, in order of address. */
function longRows(entries: DataView, count: number, valid: (row: number) => boolean): number[] {
  const rows: number[] = []
  let ascending = true
  let previous = 0
  for (let row = 0; row < count; row++) {
    if (!valid(row) || entries.getUint32(row * ENTRY_BYTES, true) <= INLINE_BYTES) continue
    const address = addressAt(entries, row * ENTRY_BYTES)
    if (address < previous) ascending = false
    previous = address
    rows.push(row)
  }
  if (ascending) return rows
  const addresses = new Map(rows.map((row) => [row, addressAt(entries, row * ENTRY_BYTES)]))
  return rows.sort((a, b) => addresses.get(a)! - addresses.get(b)!)
}

function fetchRuns(entries: DataView, rows: number[]): Run[] {
  const runs: Run[] = []
  let first = -1
  let start = 0
  let end = 0
  const close = () => {
    if (first < 0) return
    const pointerAt = entries.byteOffset + first * ENTRY_BYTES + 8
    const bytes = bindings.get_data_from_pointer(entries.buffer as ArrayBuffer, pointerAt, end - start)
    runs.push({ start, end, bytes })
  }
  for (const row of rows) {
    const address = addressAt(entries, row * ENTRY_BYTES)
    const length = entries.getUint32(row * ENTRY_BYTES, true)
    if (first >= 0 && address - end < GAP_BYTES && address + length - start < RUN_BYTES) {
      end = Math.max(end, address + length)
      continue
    }
    close()
    first = row
    start = address
    end = address + length
  }
  close()
  return runs
}

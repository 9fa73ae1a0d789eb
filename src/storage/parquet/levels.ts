/**
 * Parquet's hybrid of run-length and bit-packed integers (apache/parquet-format Encodings.md, "RLE"), written as one
 * run per page: zstd behind it finds the longer repetitions.
 */

/** Bytes that `writeRun` may need for `count` values of `bitWidth` bits. */
export function runCapacity(count: number, bitWidth: number): number {
  return 8 + Math.ceil(count / 8) * bitWidth
}

/** Bits needed for values 0…largest; at least 1, because some readers stumble over width 0. */
export function bitWidthOf(largest: number): number {
  return Math.max(1, 32 - Math.clz32(largest))
}

function writeVarint(out: Uint8Array, at: number, value: number): number {
  while (value >= 128) {
    out[at++] = (value & 127) | 128
    value >>>= 7
  }
  out[at++] = value
  return at
}

/** Writes `count` times the same value; returns the offset behind it. */
export function writeRepeated(
  out: Uint8Array,
  at: number,
  value: number,
  count: number,
  bitWidth: number,
): number {
  at = writeVarint(out, at, count << 1)
  for (let bits = 0; bits < bitWidth; bits += 8) out[at++] = (value >>> bits) & 255
  return at
}

/** Writes codes[from…to) bit-packed, padded with zeros to a multiple of eight; returns the offset behind it. */
export function writePacked(
  out: Uint8Array,
  at: number,
  codes: Int32Array,
  from: number,
  to: number,
  bitWidth: number,
): number {
  const groups = Math.ceil((to - from) / 8)
  at = writeVarint(out, at, (groups << 1) | 1)
  const end = at + groups * bitWidth
  let pending = 0
  let pendingBits = 0
  for (let i = from; i < to; i++) {
    pending |= codes[i]! << pendingBits
    pendingBits += bitWidth
    while (pendingBits >= 8) {
      out[at++] = pending & 255
      pending >>>= 8
      pendingBits -= 8
    }
  }
  if (pendingBits > 0) out[at++] = pending & 255
  out.fill(0, at, end)
  return end
}

/**
 * Definition levels of the rows [rowFrom, rowTo): 1 where the column has a value. `rows` lists the rows that have
 * one, [valueFrom, valueTo) of them lie in this page. Returns the offset behind it.
 */
export function writePresence(
  out: Uint8Array,
  at: number,
  rows: Uint32Array,
  span: { rowFrom: number; rowTo: number; valueFrom: number; valueTo: number },
): number {
  const rowCount = span.rowTo - span.rowFrom
  const valueCount = span.valueTo - span.valueFrom
  if (valueCount === 0 || valueCount === rowCount)
    return writeRepeated(out, at, valueCount === 0 ? 0 : 1, rowCount, 1)
  const groups = Math.ceil(rowCount / 8)
  at = writeVarint(out, at, (groups << 1) | 1)
  out.fill(0, at, at + groups)
  for (let i = span.valueFrom; i < span.valueTo; i++) {
    const row = rows[i]! - span.rowFrom
    out[at + (row >>> 3)]! |= 1 << (row & 7)
  }
  return at + groups
}

/** Position of the first of the ascending rows[from…to) that is `row` or later; `to` if there is none. */
export function firstAtOrAfter(rows: Uint32Array, from: number, to: number, row: number): number {
  while (from < to) {
    const middle = (from + to) >>> 1
    if (rows[middle]! < row) from = middle + 1
    else to = middle
  }
  return from
}

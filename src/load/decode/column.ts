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
  /** Offset and length within the row's payload; valid UTF-8. */
  SLICE: 16,
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
  /** The key as it stands in the payload, for comparison; its header byte when it is a fixstr, else -1. */
  keyBytes: Uint8Array
  keyHeader: number
  keyHash: number
  /** The column that followed this one in the record before: the best guess for the next key. */
  next: Column | null
  count: number
  lastRow: number
  rows: Uint32Array
  kinds: Uint8Array
  words: Int32Array
  /** Kinds seen, or-ed. */
  kindMask: number
  /** The product itself keeps texts here, whatever they look like. */
  alwaysText: boolean
}

const FIRST_CAPACITY = 64

export function createColumn(key: string, keyBytes: Uint8Array, keyHash: number): Column {
  return {
    key,
    keyBytes,
    keyHeader: keyBytes.length < 32 ? 0xa0 | keyBytes.length : -1,
    keyHash,
    next: null,
    count: 0,
    lastRow: -1,
    rows: new Uint32Array(FIRST_CAPACITY),
    kinds: new Uint8Array(FIRST_CAPACITY),
    words: new Int32Array(2 * FIRST_CAPACITY),
    kindMask: 0,
    alwaysText: false,
  }
}

function grow(column: Column): void {
  const capacity = column.rows.length * 2
  const rows = new Uint32Array(capacity)
  rows.set(column.rows)
  column.rows = rows
  const kinds = new Uint8Array(capacity)
  kinds.set(column.kinds)
  column.kinds = kinds
  const words = new Int32Array(2 * capacity)
  words.set(column.words)
  column.words = words
}

/** Sets the cell of this row, which is the last one or a new one; a key that comes twice keeps its last value. */
export function setCell(column: Column, row: number, kind: number, low: number, high: number): void {
  let i = column.count
  if (column.lastRow === row) {
    i--
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
  column.kindMask = 0
  for (let i = 0; i < count; i++) column.kindMask |= column.kinds[i]!
}

/** Number of the first value whose row is `row` or later. */
export function valueAtRow(column: Column, row: number): number {
  let low = 0
  let high = column.count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (column.rows[middle]! < row) low = middle + 1
    else high = middle
  }
  return low
}

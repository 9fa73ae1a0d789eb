import { Double, Packed, Utf8, type Value } from './packer.ts'
import type { Row, Sink } from './types.ts'

export type Found = {
  rows: Record<string, unknown>[]
  rejected: { line: number; reason: string; source: string }[]
}

/** A sink that keeps everything, as plain values. */
export function collected(): { sink: Sink; found: Found } {
  const found: Found = { rows: [], rejected: [] }
  const sink: Sink = {
    row: (row) => void found.rows.push({ line: row.line, ...plainRow(row) }),
    reject: ({ line, reason, source }) =>
      void found.rejected.push({ line, reason, source: source.toString() }),
  }
  return { sink, found }
}

export function plainRow({ keys, values }: Pick<Row, 'keys' | 'values'>): Record<string, unknown> {
  return Object.fromEntries(keys.map(({ name }, i) => [name, plain(values[i]!)]))
}

export function plain(value: Value): unknown {
  if (value instanceof Utf8) return Buffer.from(value.bytes).toString()
  if (value instanceof Double) return value.value
  if (value instanceof Packed) return { packed: Buffer.from(value.bytes).toString('hex') }
  return value
}

import { overlaps, type TimeRange } from '../prune/index.ts'

/** Sums over chunks. `timeMin` and `timeMax` (both inclusive) are missing when there are none. */
export type ChunkSums = { chunks: number; rows: number; bytes: number; timeMin?: bigint; timeMax?: bigint }
/** What is stored of a table, and how much of it the times of a statement leave. */
export type MeasuredTable = { whole: ChunkSums; chosen: ChunkSums }

type Head = { tableId: bigint; timeMin: bigint; timeMax: bigint; rows: number; bytes: number }

/** Sums by table over its live chunks; a table without any has zeros. */
export function measureTables(
  tables: readonly { tableId: bigint; ranges: readonly TimeRange[] }[],
  heads: readonly Head[],
): Map<bigint, MeasuredTable> {
  const byTable = Map.groupBy(heads, ({ tableId }) => tableId)
  return new Map(
    tables.map(({ tableId, ranges }) => {
      const all = byTable.get(tableId) ?? []
      const chosen = all.filter(({ timeMin, timeMax }) => overlaps(ranges, timeMin, timeMax))
      return [tableId, { whole: sum(all), chosen: sum(chosen) }]
    }),
  )
}

function sum(heads: readonly Head[]): ChunkSums {
  const sums: ChunkSums = { chunks: heads.length, rows: 0, bytes: 0 }
  for (const { rows, bytes, timeMin, timeMax } of heads) {
    sums.rows += rows
    sums.bytes += bytes
    if (sums.timeMin === undefined || timeMin < sums.timeMin) sums.timeMin = timeMin
    if (sums.timeMax === undefined || timeMax > sums.timeMax) sums.timeMax = timeMax
  }
  return sums
}

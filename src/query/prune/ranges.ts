/** Half-open ranges of `time` in unix seconds; null is open. A list is sorted, its ranges do not touch; empty = no time at all. */
export type TimeRange = { from: bigint | null; to: bigint | null }

export const EVERYTHING: readonly TimeRange[] = [{ from: null, to: null }]
export const NOTHING: readonly TimeRange[] = []

/** At most so many ranges are kept apart; beyond that their hull is taken. */
const MAX_RANGES = 1000

export function range(from: bigint | null, to: bigint | null): readonly TimeRange[] {
  return from !== null && to !== null && from >= to ? NOTHING : [{ from, to }]
}

function startsBefore(a: TimeRange, b: TimeRange): number {
  if (a.from === b.from) return 0
  if (a.from === null) return -1
  if (b.from === null) return 1
  return a.from < b.from ? -1 : 1
}

export function union(lists: readonly (readonly TimeRange[])[]): readonly TimeRange[] {
  const sorted = lists.flat().sort(startsBefore)
  const merged: TimeRange[] = []
  for (const next of sorted) {
    const last = merged.at(-1)
    if (last === undefined || (last.to !== null && next.from !== null && last.to < next.from))
      merged.push({ ...next })
    else if (last.to !== null && (next.to === null || next.to > last.to)) last.to = next.to
  }
  return merged.length <= MAX_RANGES ? merged : [{ from: merged[0]!.from, to: merged.at(-1)!.to }]
}

export function intersect(left: readonly TimeRange[], right: readonly TimeRange[]): readonly TimeRange[] {
  const result: TimeRange[] = []
  for (const a of left) {
    for (const b of right) {
      const from = a.from === null ? b.from : b.from === null || a.from > b.from ? a.from : b.from
      const to = a.to === null ? b.to : b.to === null || a.to < b.to ? a.to : b.to
      result.push(...range(from, to))
    }
  }
  return union([result])
}

/** True when all times in [min, max] lie in one of the ranges. */
export function lieWithin(ranges: readonly TimeRange[], min: bigint, max: bigint): boolean {
  return ranges.some(({ from, to }) => (to === null || max < to) && (from === null || min >= from))
}

/** True when rows with times in [min, max] may lie in one of the ranges. */
export function overlaps(ranges: readonly TimeRange[], min: bigint, max: bigint): boolean {
  return ranges.some(({ from, to }) => (to === null || min < to) && (from === null || max >= from))
}

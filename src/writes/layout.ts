import { type Cut, cutSpan, MERGE_LIMITS, TOP_LEVEL } from '../archive/index.ts'
import type { FileCut, HourCount } from '../query/index.ts'

/**
 * How new rows are laid out: as merging would leave them. An hour with rows enough has a file of its own, the others share one with
 * their day, their month and so on; no file has more rows than a merge would make.
 */
export function layOut(
  hours: readonly HourCount[],
  { leastRows, mostRows = MERGE_LIMITS.settledRows }: { leastRows: number; mostRows?: number },
): FileCut[] {
  const before = rowsBefore(hours)
  return cutSpan(hours, TOP_LEVEL, leastRows).flatMap((cut) => pieces(cut, hours, before, mostRows))
}

function rowsBefore(hours: readonly HourCount[]): Map<bigint, number> {
  const before = new Map<bigint, number>()
  let rows = 0
  for (const { start, rows: count } of hours) {
    before.set(start, rows)
    rows += count
  }
  return before
}

/** One file; or several where it would be too large: whole hours as long as they fit, an hour that does not by the number of the row. */
function pieces(
  { ranges, rows }: Cut,
  hours: readonly HourCount[],
  before: ReadonlyMap<bigint, number>,
  mostRows: number,
): FileCut[] {
  if (rows <= mostRows) return [{ ranges, rows }]
  const mine = hours.filter(({ start }) => ranges.some(({ from, to }) => start >= from && start < to))
  const files: FileCut[] = []
  let gathered: HourCount[] = []
  const flush = () => {
    if (gathered.length > 0) files.push(fileOf(gathered))
    gathered = []
  }
  for (const hour of mine) {
    if (sum(gathered) + hour.rows > mostRows) flush()
    if (hour.rows <= mostRows) gathered.push(hour)
    else files.push(...windows(hour, before.get(hour.start)!, mostRows))
  }
  flush()
  return files
}

const HOUR_SECONDS = 3600n
const sum = (hours: readonly HourCount[]) => hours.reduce((rows, hour) => rows + hour.rows, 0)
const rangeOf = ({ start }: HourCount) => ({ from: start, to: start + HOUR_SECONDS })

function fileOf(hours: readonly HourCount[]): FileCut {
  const ranges: FileCut['ranges'] = []
  for (const hour of hours) {
    const last = ranges.at(-1)
    if (last?.to === hour.start) last.to += HOUR_SECONDS
    else ranges.push(rangeOf(hour))
  }
  return { ranges, rows: sum(hours) }
}

function windows(hour: HourCount, first: number, mostRows: number): FileCut[] {
  const count = Math.ceil(hour.rows / mostRows)
  return Array.from({ length: count }, (_, i) => {
    const from = first + Math.floor((i * hour.rows) / count)
    const to = first + Math.floor(((i + 1) * hour.rows) / count)
    return { ranges: [rangeOf(hour)], rows: to - from, window: { from, to } }
  })
}

import type { SpanContent } from './types.ts'

/**
 * Seconds of the spans that chunks are merged within, by level: hour, day, 32 days, 1,024 days; the level after them is all of
 * time. The migration 0005 says the same in SQL.
 */
export const SPAN_SECONDS: readonly bigint[] = [3_600n, 86_400n, 2_764_800n, 88_473_600n]
export const TOP_LEVEL = SPAN_SECONDS.length
/** Never merged again. */
export const SETTLED = 9

export const startOf = (level: number, at: bigint): bigint => {
  const seconds = SPAN_SECONDS[level]
  if (seconds === undefined) return 0n
  const rest = ((at % seconds) + seconds) % seconds
  return at - rest
}

/** Half-open; null on both sides for all of time. */
export function rangeOf({ level, start }: { level: number; start: bigint }): {
  from: bigint | null
  to: bigint | null
} {
  const seconds = SPAN_SECONDS[level]
  return seconds === undefined ? { from: null, to: null } : { from: start, to: start + seconds }
}

export type MergeRules = {
  /** Chunks of one size class that an open span gathers before they are merged: see `fanInOf`. */
  fanIn: number
  /** Rows of a span below which its chunk is carried on to the next wider span. */
  leastRows: number
  /** No chunk for so long: nobody is writing there at the moment. */
  quietSeconds: number
  /** Unmerged chunks in one span beyond which it goes before everything else. */
  mostChunks: number
}

/**
 * merge: chunks up to that size class; `closes` when nothing more is expected and all of the span's chunks are meant ·
 * carry: the one chunk belongs to the next wider span, or is settled.
 */
export type Decision =
  | { kind: 'merge'; upToSize: number; closes: boolean; urgent: boolean }
  | { kind: 'carry' }
  | { kind: 'leave' }

/** A client's wrong clock writes into the future: such a span counts as over when nobody writes there. */
const FUTURE_SECONDS = 86_400n
export const LARGEST_SIZE = 4
/** Classes of less than 1,024 rows: reading many costs little, and a thousand cold tables fill them all the time. */
const SMALL_SIZES = 2

/** What to do with one span now. Pure: the whole policy of merging. */
export function decide(content: SpanContent, nowSeconds: bigint, rules: MergeRules): Decision {
  const { to } = rangeOf(content)
  const isOver = to !== null && (to <= nowSeconds || content.start > nowSeconds + FUTURE_SECONDS)
  const urgent = content.chunks > rules.mostChunks
  const isQuiet = content.quietSeconds >= rules.quietSeconds
  const needsSorting = content.only?.sorted === false && content.rows >= rules.leastRows
  if (isQuiet && (needsSorting || (isOver && content.chunks > 1)))
    return { kind: 'merge', upToSize: LARGEST_SIZE, closes: isOver, urgent }
  if (isQuiet && isOver) return { kind: 'carry' }
  const full = content.sizes
    .filter(({ size, chunks }) => chunks >= fanInOf(content.level, size, rules))
    .map(({ size }) => size)
  if (full.length === 0) return { kind: 'leave' }
  return { kind: 'merge', upToSize: Math.max(...full), closes: false, urgent }
}

/** Wide spans collect what comes late: fewer at a time there, so that a table with few rows keeps few chunks. */
function fanInOf(level: number, size: number, { fanIn }: MergeRules): number {
  if (level > 0) return fanIn / 2
  return size < SMALL_SIZES ? 4 * fanIn : fanIn
}

/** Where a chunk that came out of a merge belongs. */
export function levelAfter(
  { rows, bytes }: { rows: number; bytes: number },
  { level, closes }: { level: number; closes: boolean },
  limits: { leastRows: number; settledRows: number; settledBytes: number },
): number {
  if (rows >= limits.settledRows || bytes >= limits.settledBytes) return SETTLED
  if (!closes) return level
  if (rows >= limits.leastRows) return SETTLED
  return Math.min(level + 1, TOP_LEVEL)
}

/** `time` of each hour with its rows, ascending. */
export type Hours = readonly { start: bigint; rows: number }[]
/** One file: the times it takes, as half-open ranges that do not touch. */
export type Cut = { ranges: { from: bigint; to: bigint }[]; rows: number; level: number }

/**
 * How the rows of a wide span are cut: each narrower span that has rows enough gets a file of its own, what remains goes
 * together into one. So an hour of a busy table stands alone, and a few rows spread over years make one file.
 */
export function cutSpan(hours: Hours, level: number, leastRows: number): Cut[] {
  const { cuts, rest } = cutWithRest(hours, level, leastRows)
  return rest.length === 0 ? cuts : [...cuts, cutOf(rest, level)]
}

/** `rest`: hours too few to make a file at this level. */
function cutWithRest(hours: Hours, level: number, leastRows: number): { cuts: Cut[]; rest: Hours } {
  if (level === 0) return { cuts: [], rest: hours }
  const inner = [...Map.groupBy(hours, ({ start }) => startOf(level - 1, start)).values()].map((span) => {
    const { cuts, rest } = cutWithRest(span, level - 1, leastRows)
    if (sum(rest) < leastRows) return { cuts, rest }
    return { cuts: [...cuts, cutOf(rest, level - 1)], rest: [] }
  })
  return { cuts: inner.flatMap(({ cuts }) => cuts), rest: inner.flatMap(({ rest }) => rest) }
}

const sum = (hours: Hours) => hours.reduce((rows, hour) => rows + hour.rows, 0)

function cutOf(hours: Hours, level: number): Cut {
  const ranges: { from: bigint; to: bigint }[] = []
  for (const { start } of hours) {
    const last = ranges.at(-1)
    if (last?.to === start) last.to += SPAN_SECONDS[0]!
    else ranges.push({ from: start, to: start + SPAN_SECONDS[0]! })
  }
  return { ranges, rows: sum(hours), level }
}

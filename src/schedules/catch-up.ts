import type { Clock } from '../kernel/index.ts'

const MOST_STEP_MS = 2_000

/**
 * Gives missed slots their starts, in the order asked for, as milliseconds from now: about two seconds apart with jitter, closer when
 * so many are missed that the last ones would start later than the time given for catching up. Counts time that no clock jump moves.
 */
export function createCatchUp({
  clock,
  random,
  catchUpSeconds,
}: {
  clock: Pick<Clock, 'monotonicMs'>
  /** 0 … 1 */
  random: () => number
  catchUpSeconds: number
}) {
  let lastMs = Number.NEGATIVE_INFINITY
  let endMs = Number.NEGATIVE_INFINITY
  let stepMs = MOST_STEP_MS
  return {
    /** Says how many are missed, as far as is known: before a number of calls of `nextStartInMs`. */
    expect(missed: number): void {
      stepMs = Math.min(MOST_STEP_MS, (catchUpSeconds * 1000) / Math.max(1, missed))
    },
    nextStartInMs(): number {
      const nowMs = clock.monotonicMs()
      if (nowMs > lastMs) endMs = nowMs + catchUpSeconds * 1000
      lastMs = Math.min(Math.max(nowMs, lastMs) + random() * 2 * stepMs, endMs)
      return Math.max(0, lastMs - nowMs)
    },
  }
}

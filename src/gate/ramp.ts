import type { Clock } from '../kernel/index.ts'

/** An absence up to this long is let go without a ramp: what waited is a moment's work. */
export const LONG_ABSENCE_MS = 30_000
const STEP_EVERY_MS = 10_000
const FIRST = 0.1

/** How the database bears the admission it has: unknown counts as good, there is nobody to slow down for. */
export type Bearing = 'good' | 'bad' | 'unknown'

/** The next share of admission: half as much again while it bears it, otherwise half. */
export function nextAdmission(admission: number, bearing: Bearing): number {
  return bearing === 'bad' ? Math.max(FIRST, admission / 2) : Math.min(1, admission * 1.5)
}

/** Remembers when the gate was shut and when the last step of the ramp was taken, in monotonic time. */
export function createRampTimer(clock: Clock) {
  let shutSinceMs: number | undefined
  let lastStepMs = Number.NEGATIVE_INFINITY
  return {
    /** `earlierMs`: how long it had been shut already when this process started. */
    shut(earlierMs = 0) {
      shutSinceMs ??= clock.monotonicMs() - Math.max(0, earlierMs)
    },
    opened() {
      shutSinceMs = undefined
      lastStepMs = clock.monotonicMs()
    },
    wasLong: () => shutSinceMs !== undefined && clock.monotonicMs() - shutSinceMs > LONG_ABSENCE_MS,
    stepIsDue: () => clock.monotonicMs() - lastStepMs >= STEP_EVERY_MS,
    stepped() {
      lastStepMs = clock.monotonicMs()
    },
  }
}

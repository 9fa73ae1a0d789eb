import type { Clock } from '../kernel/index.ts'
import type { GateMode } from './types.ts'

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

const BASELINE_PROBES = 60
const GAUGE_PROBES = 10
/** Below this nobody suffers, whatever the baseline. */
const HARMLESS_MS = 100

/**
 * How long probes take: while serving they make the baseline, while recovering they are compared with it. Twice the
 * baseline at the 95th percentile is bad.
 */
export function createProbeTimes() {
  const baseline: number[] = []
  const recent: number[] = []
  const keep = (list: number[], value: number, most: number) => {
    list.push(value)
    if (list.length > most) list.shift()
  }
  const p95 = (list: number[]) => list.toSorted((a, b) => a - b)[Math.ceil(list.length * 0.95) - 1] ?? 0
  return {
    note(mode: GateMode, ms: number) {
      if (mode === 'serving') {
        recent.length = 0
        keep(baseline, ms, BASELINE_PROBES)
      } else if (mode === 'recovering') keep(recent, ms, GAUGE_PROBES)
    },
    bearing(): Bearing {
      if (recent.length === 0) return 'unknown'
      return p95(recent) > Math.max(HARMLESS_MS, 2 * p95(baseline)) ? 'bad' : 'good'
    },
  }
}

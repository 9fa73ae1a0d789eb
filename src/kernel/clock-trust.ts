import type { Clock } from './clock.ts'

const MOST_DRIFT_MS = 3_600_000
const DISTRUST_MS = 6 * 3_600_000

/**
 * A wall clock that ran away from the monotonic one was set, or the machine slept: for some hours nothing ends by it. What a
 * wrong clock has retired stays on disk for the backup horizon.
 */
export function createClockTrust(clock: Pick<Clock, 'now' | 'monotonicMs'>) {
  let wallMs = clock.now().getTime()
  let monotonicMs = clock.monotonicMs()
  let distrustedUntilMs = Number.NEGATIVE_INFINITY
  return {
    isTrusted(): boolean {
      const nowMs = clock.monotonicMs()
      const driftMs = clock.now().getTime() - wallMs - (nowMs - monotonicMs)
      if (Math.abs(driftMs) > MOST_DRIFT_MS) {
        distrustedUntilMs = nowMs + DISTRUST_MS
      }
      wallMs = clock.now().getTime()
      monotonicMs = nowMs
      return nowMs >= distrustedUntilMs
    },
  }
}

import type { Clock } from '../kernel/index.ts'

/** A clock that stands still until it is moved; wall clock and monotonic clock move apart when asked to. */
export function createStillClock() {
  let monotonicMs = 1_000
  let wallMs = Date.parse('2026-03-11T18:00:00Z')
  const sleepers = new Set<{ atMs: number; wake: () => void }>()

  const clock: Clock = {
    now: () => new Date(wallMs),
    monotonicMs: () => monotonicMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve()
        const wake = () => {
          sleepers.delete(sleeper)
          resolve()
        }
        const sleeper = { atMs: monotonicMs + ms, wake }
        sleepers.add(sleeper)
        signal?.addEventListener('abort', wake, { once: true })
      }),
  }
  /** Lets everything run that only waits for promises, file writes included. */
  const settle = async () => {
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
  }
  return {
    ...clock,
    settle,
    jumpWall: (ms: number) => {
      wallMs += ms
    },
    /** Time passes; sleepers wake in the order of their times. */
    async pass(ms: number) {
      const endMs = monotonicMs + ms
      for (;;) {
        const next = [...sleepers].sort((a, b) => a.atMs - b.atMs)[0]
        if (next === undefined || next.atMs > endMs) break
        wallMs += next.atMs - monotonicMs
        monotonicMs = next.atMs
        next.wake()
        await settle()
      }
      wallMs += endMs - monotonicMs
      monotonicMs = endMs
      await settle()
    },
    /** The process is stopped: time passes and nobody wakes. */
    stopFor(ms: number) {
      monotonicMs += ms
      wallMs += ms
    },
  }
}

import type { Lease } from './claim-store.ts'

/**
 * Notices workers that have gone, by their leases standing still: a lease is a counter, so neither an absence of the
 * database nor a jump of any clock can expire one. Only time of this process counts, and only while the gate serves.
 */
export type LeaseWatch = {
  /** Takes what is running now; returns the leases that have not moved for the whole patience. */
  observe(leases: readonly Lease[], nowMs: number): Lease[]
  /** The gate did not serve: everything seen so far is forgotten. */
  interrupt(): void
}

type Sight = { lease: bigint; attempt: number; stillMs: number }

/**
 * @param mostStepMs credit for the time between two looks is capped at this: a watcher that was itself stopped
 * (SIGSTOP, a sleeping laptop) must not conclude from its own absence that everybody else has gone.
 */
export function createLeaseWatch({
  patienceMs,
  mostStepMs,
}: {
  patienceMs: number
  mostStepMs: number
}): LeaseWatch {
  let seen = new Map<bigint, Sight>()
  let lastLookMs: number | undefined

  return {
    observe(leases, nowMs) {
      const stepMs = lastLookMs === undefined ? 0 : Math.min(nowMs - lastLookMs, mostStepMs)
      lastLookMs = nowMs
      const now = new Map<bigint, Sight>()
      for (const { id, attempt, lease } of leases) {
        const before = seen.get(id)
        const isSame = before?.lease === lease && before.attempt === attempt
        now.set(id, { lease, attempt, stillMs: isSame ? before.stillMs + stepMs : 0 })
      }
      seen = now
      return leases.filter(({ id }) => now.get(id)!.stillMs >= patienceMs)
    },
    interrupt() {
      seen = new Map()
      lastLookMs = undefined
    },
  }
}

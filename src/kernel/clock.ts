/** Time comes in as an argument. `monotonicMs` never jumps; use it for deadlines and leases. */
export type Clock = {
  now(): Date
  monotonicMs(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** Resolves after `ms`, or early (it never rejects) when the signal aborts. */
function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done, { once: true })
  })
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  sleep,
}

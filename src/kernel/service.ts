import type { Clock } from './clock.ts'
import type { Log } from './log.ts'

/** Something that runs on its own until it is told to stop. */
export type Service = {
  readonly name: string
  /** Runs until `stop`; a rejection means "start me again", which `keepRunning` does with backoff. */
  run(signal: AbortSignal): Promise<void>
}

/** Waits grow 1, 2, 4 … times `firstMs` up to `mostMs`; the caller adds no state but the count of failures. */
export function backoffMs(failures: number, { firstMs = 100, mostMs = 10_000 } = {}): number {
  return Math.min(mostMs, firstMs * 2 ** Math.max(0, failures - 1))
}

/** Runs the service, again after each failure with growing waits, until the signal aborts. */
export async function keepRunning(
  service: Service,
  { clock, log, signal }: { clock: Clock; log: Log; signal: AbortSignal },
): Promise<void> {
  let failures = 0
  while (!signal.aborted) {
    const startedMs = clock.monotonicMs()
    try {
      await service.run(signal)
      if (signal.aborted) return
      failures = 0
    } catch (error) {
      if (signal.aborted) return
      failures = clock.monotonicMs() - startedMs > 60_000 ? 1 : failures + 1
      log.warn({ service: service.name, failures, err: error }, 'service failed, starting it again')
    }
    await clock.sleep(backoffMs(Math.max(1, failures)), signal)
  }
}

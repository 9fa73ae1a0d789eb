import { type Clock, keepRunning, type Log, type Service } from '../../kernel/index.ts'

/** Services of one process: started together, stopped together. */
export function runInBackground(services: Service[], { clock, log }: { clock: Clock; log: Log }) {
  const stopping = new AbortController()
  const { signal } = stopping
  const running = services.map((service) => keepRunning(service, { clock, log, signal }))
  return {
    signal,
    /** Resolves when all have ended, or after `withinMs`: one may stand before a shut gate for a minute. */
    async stop({ withinMs }: { withinMs?: number } = {}): Promise<void> {
      stopping.abort()
      const ended = Promise.all(running)
      if (withinMs === undefined) return void (await ended)
      const waiting = new AbortController()
      await Promise.race([ended, clock.sleep(withinMs, waiting.signal)])
      waiting.abort()
    },
  }
}

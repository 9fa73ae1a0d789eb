import { type Clock, keepRunning, type Log, type Service } from '../../kernel/index.ts'

/** Services of one process: started together, stopped together. */
export function runInBackground(services: Service[], { clock, log }: { clock: Clock; log: Log }) {
  const stopping = new AbortController()
  const { signal } = stopping
  const running = services.map((service) => keepRunning(service, { clock, log, signal }))
  return {
    signal,
    async stop(): Promise<void> {
      stopping.abort()
      await Promise.all(running)
    },
  }
}

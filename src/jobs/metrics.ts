import { Gauge, type Registry } from '../kernel/index.ts'
import type { JobLoad } from './load-store.ts'

export type JobMetrics = {
  /** Undefined while the main database cannot be asked: the figures of it are left out then. */
  load(load: JobLoad | undefined): void
}

/** What core says of jobs. The local queue is asked when somebody looks, the rest is what `load` was given last. */
export function jobMetrics(
  registry: Registry,
  queue: { waitingJobs(): readonly unknown[]; readonly reserved: { readonly left: number } },
): JobMetrics {
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `millrace_jobs_${name}`, help, labelNames: [], registers: [registry] })
  const queued = gauge('queued', 'Jobs that wait for a worker; absent while the main database is away')
  const running = gauge('running', 'Jobs that run, on all nodes; absent while the main database is away')
  const oldest = gauge(
    'oldest_due_seconds',
    'How long the job waits that has been due longest; absent while the main database is away',
  )
  new Gauge({
    name: 'millrace_jobs_local_waiting',
    help: 'Jobs accepted while the main database was away that have not entered it yet',
    registers: [registry],
    collect() {
      this.set(queue.waitingJobs().length)
    },
  })
  new Gauge({
    name: 'millrace_jobs_reserved_ids_left',
    help: 'How many more jobs can be accepted if the main database goes away now',
    registers: [registry],
    collect() {
      this.set(queue.reserved.left)
    },
  })
  return {
    load(load) {
      for (const one of [queued, running, oldest]) one.remove()
      if (load === undefined) return
      queued.set(load.queued)
      running.set(load.running)
      oldest.set(load.oldestDueSeconds)
    },
  }
}

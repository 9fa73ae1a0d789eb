import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

export { Counter, Gauge, Histogram, Registry }

/**
 * One registry per process; every metric is called `millrace_…` and gets a `process` label, so that the
 * supervisor can concatenate what its children report on one `/metrics` page.
 */
export function createRegistry(process: string): Registry {
  const registry = new Registry()
  registry.setDefaultLabels({ process })
  return registry
}

const SAMPLE_MS = 20
const WINDOW_MS = 15_000

/** How the process itself does. Reading costs two system calls; event-loop lag is gathered by a timer of its own. */
export function processMetrics(registry: Registry): void {
  const registers = [registry]
  const lag = eventLoopLag()
  new Gauge({
    name: 'millrace_process_event_loop_lag_seconds',
    help: 'By how much the event loop was late: the 99th percentile and the most of the last 15 to 30 seconds',
    labelNames: ['of'],
    registers,
    collect() {
      const { p99Seconds, mostSeconds } = lag()
      this.set({ of: 'p99' }, p99Seconds)
      this.set({ of: 'most' }, mostSeconds)
    },
  })
  new Gauge({
    name: 'millrace_process_resident_bytes',
    help: 'Memory of the process that is in use',
    registers,
    collect() {
      this.set(process.memoryUsage.rss())
    },
  })
  new Counter({
    name: 'millrace_process_cpu_seconds_total',
    help: 'Processor time the process has used, user and system',
    registers,
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
  new Gauge({
    name: 'millrace_process_start_time_seconds',
    help: 'When the process started, in seconds since 1970',
    registers,
  }).set(Math.round(performance.timeOrigin / 1000))
}

/** Windows that follow each other, so that two readers do not take the figures from each other. */
function eventLoopLag(): () => { p99Seconds: number; mostSeconds: number } {
  const delays = monitorEventLoopDelay({ resolution: SAMPLE_MS })
  delays.enable()
  const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - SAMPLE_MS / 1000)
  const now = () => ({
    p99Seconds: delays.count === 0 ? 0 : late(delays.percentile(99)),
    mostSeconds: delays.count === 0 ? 0 : late(delays.max),
  })
  let last = { p99Seconds: 0, mostSeconds: 0 }
  setInterval(() => {
    last = now()
    delays.reset()
  }, WINDOW_MS).unref()
  return () => {
    const present = now()
    return {
      p99Seconds: Math.max(last.p99Seconds, present.p99Seconds),
      mostSeconds: Math.max(last.mostSeconds, present.mostSeconds),
    }
  }
}

import { Counter, Gauge, Histogram, type Registry } from '../kernel/index.ts'
import type { SpoolDamage, SpoolObserver, SpoolUsage } from './types.ts'

/**
 * The figures of one process's spool. `watch` is given the writer once it is open; `onDamage` goes to the reader (of
 * another process, with its own registry).
 */
export function spoolMetrics(registry: Registry): SpoolObserver & {
  watch(writer: { usage(): SpoolUsage }, nowMs: () => number): void
  onDamage(damage: SpoolDamage): void
} {
  const registers = [registry]
  const records = new Histogram({
    name: 'millrace_spool_batch_records',
    help: 'Requests made durable by one sync',
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
    registers,
  })
  const bytes = new Counter({
    name: 'millrace_spool_written_bytes_total',
    help: 'Bytes written to the spool, records with their frames',
    registers,
  })
  const seconds = new Histogram({
    name: 'millrace_spool_commit_seconds',
    help: 'Time of one write and sync',
    buckets: [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2],
    registers,
  })
  const damages = new Counter({
    name: 'millrace_spool_damaged_ranges_total',
    help: 'Ranges of acknowledged bytes that could not be read and were quarantined: look at it at once',
    labelNames: ['reason'],
    registers,
  })
  return {
    committed(count, size, took) {
      records.observe(count)
      bytes.inc(size)
      seconds.observe(took)
    },
    onDamage: ({ reason }) => damages.inc({ reason }),
    watch(writer, nowMs) {
      new Gauge({
        name: 'millrace_spool_pending_bytes',
        help: 'Bytes accepted and not yet loaded',
        registers,
        collect() {
          this.set(writer.usage().pendingBytes)
        },
      })
      new Gauge({
        name: 'millrace_spool_quota_bytes',
        help: 'Most bytes that may wait to be loaded; beyond it the answer is 503',
        registers,
        collect() {
          this.set(writer.usage().quotaBytes)
        },
      })
      new Gauge({
        name: 'millrace_spool_oldest_pending_seconds',
        help: 'Age of the oldest accepted and not yet loaded request',
        registers,
        collect() {
          const { oldestPendingAtMs } = writer.usage()
          this.set(oldestPendingAtMs === null ? 0 : Math.max(0, (nowMs() - oldestPendingAtMs) / 1000))
        },
      })
    },
  }
}

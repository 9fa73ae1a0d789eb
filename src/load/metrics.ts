import { Counter, Histogram, type Registry } from '../kernel/index.ts'
import type { BuiltBatch } from './types.ts'

export type LoadMetrics = {
  committed(batch: BuiltBatch, times: { seconds: number; commitSeconds: number; oldestSeconds: number }): void
  /** Batches that had to be built again because of another loader. */
  conflict(): void
}

/** What a loader counts; kept in the process's registry. */
export function loadMetrics(registry: Registry): LoadMetrics {
  const registers = [registry]
  const rows = new Counter({ name: 'millrace_load_rows_total', help: 'Rows committed', registers })
  const batches = new Counter({ name: 'millrace_load_batches_total', help: 'Commits', registers })
  const chunks = new Counter({ name: 'millrace_load_chunks_total', help: 'Chunk files committed', registers })
  const repeats = new Counter({
    name: 'millrace_load_repeats_total',
    help: 'Accepted requests dropped because their id was stored already',
    registers,
  })
  const conflicts = new Counter({
    name: 'millrace_load_conflicts_total',
    help: 'Batches built again because another loader changed the same tables or stored the same ids',
    registers,
  })
  const errors = new Counter({
    name: 'millrace_load_error_records_total',
    help: 'Records and requests that went to the error store, by reason',
    labelNames: ['reason'],
    registers,
  })
  const changed = new Counter({
    name: 'millrace_load_changed_values_total',
    help: 'Values that could not be kept exactly: nonFinite, invalidUtf8, timeReplaced, overflowedRecords',
    labelNames: ['change'],
    registers,
  })
  const buckets = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30]
  const commit = new Histogram({
    name: 'millrace_load_commit_seconds',
    help: 'The transaction of a batch, the wait at the gate included',
    buckets,
    registers,
  })
  const whole = new Histogram({
    name: 'millrace_load_batch_seconds',
    help: 'A batch from reading to commit',
    buckets,
    registers,
  })
  const lag = new Histogram({
    name: 'millrace_load_lag_seconds',
    help: 'Age of the oldest request of a batch when it was committed',
    buckets: [0.1, 0.3, 0.5, 1, 2, 5, 10, 60, 600, 3600],
    registers,
  })
  return {
    committed(batch, { seconds, commitSeconds, oldestSeconds }) {
      rows.inc(batch.rows)
      batches.inc()
      chunks.inc(batch.chunks.length)
      repeats.inc(batch.repeatedPayloads)
      for (const { reason, records } of batch.errors) errors.inc({ reason }, records)
      for (const [change, count] of Object.entries(batch.counters)) changed.inc({ change }, count)
      commit.observe(commitSeconds)
      whole.observe(seconds)
      lag.observe(Math.max(0, oldestSeconds))
    },
    conflict: () => conflicts.inc(),
  }
}

import { Counter, Gauge, Histogram, type Registry } from '../kernel/index.ts'
import type { BuiltBatch } from './types.ts'

/** A series each: more would be a burden on whoever collects them. */
const MOST_TABLES = 100
/** What the last commit of a table says about it is true no longer than this. */
const DELAY_KEPT_MS = 3_600_000
/** Remembered at once; beyond it the oldest are forgotten. */
const MOST_REMEMBERED = 100_000

/** How long the oldest request in the last commit of a table had waited. */
export type TableDelay = { table: string; delaySeconds: number; committedAtMs: number }

export type LoadMetrics = {
  /** The most delayed tables of the last hour of loading, the worst first. */
  delays(most: number): TableDelay[]
  committed(
    batch: BuiltBatch,
    times: { seconds: number; commitSeconds: number; oldestSeconds: number; nowMs: number },
  ): void
  /** Batches that had to be built again because of another loader. */
  conflict(): void
}

/** What a loader counts; kept in the process's registry. */
export function loadMetrics(
  registry: Registry,
  now: () => Date,
  isStranded: () => boolean = () => false,
): LoadMetrics {
  const registers = [registry]
  const rows = new Counter({
    name: 'millrace_load_rows_total',
    help: 'Rows committed into tables',
    registers,
  })
  const batches = new Counter({ name: 'millrace_load_batches_total', help: 'Batches committed', registers })
  const chunks = new Counter({ name: 'millrace_load_chunks_total', help: 'Chunk files committed', registers })
  const repeats = new Counter({
    name: 'millrace_load_repeats_total',
    help: 'Accepted requests dropped because their id was stored already',
    registers,
  })
  const repeatedEvents = new Counter({
    name: 'millrace_load_repeated_events_total',
    help: 'Single events dropped because their id was stored already',
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
    help: 'Values that could not be kept exactly (nonFinite, invalidUtf8, timeReplaced, overflowedRecords) or are unusual (distantTimes: a week old or days ahead)',
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
  new Gauge({
    name: 'millrace_load_table_delay_seconds',
    help: `From acceptance to commit, of the oldest request in the last commit of each table; the ${MOST_TABLES} most delayed of those with a commit within the hour`,
    labelNames: ['table'],
    registers,
    collect() {
      this.reset()
      for (const { table, delaySeconds } of delays(MOST_TABLES)) this.set({ table }, delaySeconds)
    },
  })
  new Gauge({
    name: 'millrace_load_stranded',
    help: '1 while all that the spool holds lies before the position of its loader: then nothing of it is loaded',
    registers,
    collect() {
      this.set(isStranded() ? 1 : 0)
    },
  })
  /** The most recent commits last. */
  const latest = new Map<string, { delaySeconds: number; committedAtMs: number }>()
  const delays = (most: number): TableDelay[] =>
    [...latest]
      .filter(([, { committedAtMs }]) => now().getTime() - committedAtMs < DELAY_KEPT_MS)
      .map(([table, one]) => ({ table, ...one }))
      .sort((a, b) => b.delaySeconds - a.delaySeconds)
      .slice(0, most)
  return {
    delays,
    committed(batch, { seconds, commitSeconds, oldestSeconds, nowMs: committedAtMs }) {
      for (const [table, receivedAtMs] of batch.oldest) {
        latest.delete(table)
        latest.set(table, { delaySeconds: Math.max(0, committedAtMs - receivedAtMs) / 1000, committedAtMs })
      }
      for (const table of latest.keys()) {
        if (latest.size <= MOST_REMEMBERED) break
        latest.delete(table)
      }
      rows.inc(batch.rows)
      batches.inc()
      chunks.inc(batch.chunks.length)
      repeats.inc(batch.repeatedPayloads)
      repeatedEvents.inc(batch.repeatedEvents)
      for (const { reason, records } of batch.errors) errors.inc({ reason }, records)
      for (const [change, count] of Object.entries(batch.counters)) changed.inc({ change }, count)
      commit.observe(commitSeconds)
      whole.observe(seconds)
      lag.observe(Math.max(0, oldestSeconds))
    },
    conflict: () => conflicts.inc(),
  }
}

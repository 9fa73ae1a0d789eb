import { Counter, Gauge, Histogram, type Registry } from '../kernel/index.ts'
import type { Merged } from './merge.ts'

export type Backlog = {
  chunks: number
  /** Unmerged chunks of the fullest hour of a table. */
  mostInOneSpan: number
  /** How long the oldest span that is over waits. */
  oldestSeconds: number
  /** Some hour has too many: fewer, larger chunks would help. */
  isCrowded: boolean
  /** Crowded, or something waits too long: an alarm. */
  isBehind: boolean
}
export type ArchiveMetrics = {
  merged(merged: Merged, seconds: number): void
  abandoned(): void
  failed(): void
  backlog(backlog: Backlog): void
  swept(what: 'retired' | 'orphans' | 'expired' | 'dropped', count: number): void
}

/** What the archivist counts; kept in the process's registry. */
export function archiveMetrics(registry: Registry): ArchiveMetrics {
  const registers = [registry]
  const counter = (name: string, help: string) =>
    new Counter({ name: `millrace_merge_${name}`, help, registers })
  const gauge = (name: string, help: string) => new Gauge({ name: `millrace_merge_${name}`, help, registers })
  const merges = counter('merges_total', 'Merges committed')
  const rows = counter('rows_total', 'Rows written by merges; over rows loaded it is the write amplification')
  const chunksIn = counter('chunks_in_total', 'Chunks retired by merges')
  const chunksOut = counter('chunks_out_total', 'Chunks written by merges')
  const abandoned = counter('abandoned_total', 'Merges given up because somebody else changed the chunks')
  const failed = counter('failed_total', 'Merges that failed; each is tried again with growing waits')
  const seconds = new Histogram({
    name: 'millrace_merge_seconds',
    help: 'A merge from claim to commit',
    buckets: [0.03, 0.1, 0.3, 1, 3, 10, 30, 100],
    registers,
  })
  const unmerged = gauge('backlog_chunks', 'Live chunks that are not settled yet')
  const most = gauge('backlog_chunks_of_one_span', 'Unmerged chunks in the fullest hour of a table')
  const oldest = gauge('backlog_seconds', 'How long the oldest span that is over waits to be merged')
  const behind = gauge('behind', '1 while merging is behind its limits: an alarm')
  const swept = new Counter({
    name: 'millrace_archive_swept_total',
    help: 'Files of retired chunks and orphans removed; chunks retired because expired or of a dropped table',
    labelNames: ['what'],
    registers,
  })
  return {
    merged(merged, took) {
      merges.inc()
      rows.inc(merged.rows)
      chunksIn.inc(merged.chunksIn)
      chunksOut.inc(merged.chunksOut)
      seconds.observe(took)
    },
    abandoned: () => abandoned.inc(),
    failed: () => failed.inc(),
    backlog({ chunks, mostInOneSpan, oldestSeconds, isBehind }) {
      unmerged.set(chunks)
      most.set(mostInOneSpan)
      oldest.set(oldestSeconds)
      behind.set(isBehind ? 1 : 0)
    },
    swept: (what, count) => swept.inc({ what }, count),
  }
}

import { Gauge, type Registry } from '../kernel/index.ts'
import type { DiskState } from './stages.ts'
import { rankOf } from './stages.ts'
import type { DiskUsage } from './usage.ts'

/** What the watch saw last: reading it looks at no disk. */
export function diskMetrics(registry: Registry, watch: { current(): DiskState }): void {
  const gauge = (name: string, help: string, value: (state: DiskState) => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value(watch.current()))
      },
    })
  gauge(
    'millrace_disk_free_bytes',
    'Bytes free to Millrace on the disk of the data directory, or of the objects where that is another one and fuller; -1 while unknown',
    ({ freeBytes }) => freeBytes ?? -1,
  )
  gauge(
    'millrace_disk_stage',
    'What goes without for want of disk: 0 nothing, 1 engine temp, 2 results too, 3 compaction too, 4 imports too',
    ({ stage }) => rankOf(stage),
  )
  gauge(
    'millrace_disk_reserve_bytes',
    'Bytes held back for the database and the journals; 0 when they have been released',
    ({ reserveBytes }) => reserveBytes,
  )
}

/** The last count by kind. */
export function diskUsageMetrics(registry: Registry, usage: { last(): DiskUsage }): void {
  new Gauge({
    name: 'millrace_disk_used_bytes',
    help: 'Bytes of the data directory by kind: database (the embedded one), spool, objects, results, engine-temp; counted every few minutes',
    labelNames: ['kind'],
    registers: [registry],
    collect() {
      this.reset()
      for (const { kind, bytes } of usage.last()) this.set({ kind }, bytes)
    },
  })
}

import type { Database } from '../database/index.ts'
import {
  type Clock,
  Counter,
  Gauge,
  isRetryable,
  type Log,
  type Registry,
  type Service,
} from '../kernel/index.ts'
import { SWEPT_TABLES, type SweptTable } from './id-sweep-store.ts'

/** Small transactions: a drain never waits for one, and a commit that needs the same pages hardly. */
const PORTION = 2_000
const EVERY_MS = 60_000
/** Short: a process that is told to end must not wait long before a shut gate. */
const ADMISSION = { class: 'background', deadlineMs: 5_000 } as const
/** Rests between portions, as a multiple of what one took: four fifths of the time belong to the commits. */
const REST = 4
/** A sweep that is so far behind takes half of the time: what is not removed makes every later look-up slower. */
const FAR_BEHIND_SECONDS = 3600
const FAR_BEHIND_REST = 1

export type IdSweepOptions = {
  database: Database
  clock: Clock
  log: Log
  metrics: Registry
  portion?: number
  /** Called before each sweep: says how far this process's own spool is loaded, which the sweep waits for. */
  noteIdle?(): Promise<void>
  /** How long ids of single events are kept; 24 when not given. */
  eventIdHours?: number
}

/**
 * Removes ids whose promise has ended, in small portions with rests between, as background work: it waits while the gate
 * is not serving. Any number of them may run: one at a time works on a table.
 */
export function createIdSweep(
  options: IdSweepOptions,
): Service & { sweepOnce(signal: AbortSignal): Promise<void> } {
  const { clock, log } = options
  const counters = sweepMetrics(options.metrics)
  const tables = SWEPT_TABLES.map((table) =>
    table.name === 'event_ids' ? { ...table, keptHours: options.eventIdHours ?? table.keptHours } : table,
  )
  const sweepOnce = async (signal: AbortSignal) => {
    await options.noteIdle?.()
    for (const table of tables) await sweepTable(options, table, counters, signal)
  }
  return {
    name: 'id sweep',
    sweepOnce,
    async run(signal) {
      while (!signal.aborted) {
        await sweepOnce(signal).catch((error: unknown) => {
          if (!isRetryable(error)) throw error
          log.debug({ err: error }, 'ids are swept later')
        })
        await clock.sleep(EVERY_MS, signal)
      }
    },
  }
}

type SweepMetrics = ReturnType<typeof sweepMetrics>

async function sweepTable(
  { database, clock, portion = PORTION }: IdSweepOptions,
  table: SweptTable,
  { removed, overdue }: SweepMetrics,
  signal: AbortSignal,
): Promise<void> {
  const behind = await database.read(ADMISSION, (sql) => table.overdueSeconds(sql))
  overdue.set({ table: table.name }, behind)
  const rest = behind > FAR_BEHIND_SECONDS ? FAR_BEHIND_REST : REST
  for (let from = new Date(0); !signal.aborted; ) {
    const startedMs = clock.monotonicMs()
    const { rows, last } = await database.write(ADMISSION, (sql) => table.sweep(sql, { from, most: portion }))
    removed.inc({ table: table.name }, rows)
    if (last === null || rows < portion) return
    from = last
    await clock.sleep(rest * (clock.monotonicMs() - startedMs), signal)
  }
}

function sweepMetrics(registry: Registry) {
  const common = { labelNames: ['table'] as const, registers: [registry] }
  return {
    removed: new Counter({
      name: 'millrace_load_swept_ids_total',
      help: 'Ids removed because nobody needs to know them any more',
      ...common,
    }),
    overdue: new Gauge({
      name: 'millrace_load_ids_overdue_seconds',
      help: 'By how much the oldest id has outlived its promise: how far the sweep is behind',
      ...common,
    }),
  }
}

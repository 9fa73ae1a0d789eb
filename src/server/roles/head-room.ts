import { type Database, readHeadRoom } from '../../database/index.ts'
import { type JobMetrics, readJobLoad } from '../../jobs/index.ts'
import { type Clock, Gauge, isRetryable, type Log, type Registry, type Service } from '../../kernel/index.ts'

const EVERY_MS = 30_000
const ADMISSION = { class: 'background', deadlineMs: 10_000 } as const

/** One gauge for everything that may run out: one alarm rule watches all of it. */
export function headRoomMetrics(registry: Registry, reservedShare: () => number = () => 1): Gauge<'of'> {
  return new Gauge({
    name: 'millrace_head_room_ratio',
    help: 'Share that is still free, 1 to 0, of what may run out: ids (of the sequence that has gone furthest), job-partitions (made ahead), connections (of the database server), transaction-ids, table-size (largest table or partition against the limit of PostgreSQL), account-queue (the fullest), reserved-job-ids; all but the last are absent while the main database is away',
    labelNames: ['of'],
    registers: [registry],
    collect() {
      // Known without the database, and most wanted while that is away.
      this.set({ of: 'reserved-job-ids' }, reservedShare())
    },
  })
}

/** Looks twice a minute how far everything is from its end. While nobody can say, the figures are left out. */
export function createHeadRoomWatch({
  database,
  metrics,
  jobs,
  accountQueue,
  clock,
  log,
}: {
  database: Database
  metrics: Gauge<'of'>
  jobs: JobMetrics
  accountQueue: number
  clock: Clock
  log: Log
}): Service {
  const look = async () => {
    const load = await database.read({ ...ADMISSION, prepared: true }, readJobLoad)
    const room = await readHeadRoom(database)
    jobs.load(load)
    for (const [of, share] of Object.entries(room)) metrics.set({ of }, share)
    const queueRoom = accountQueue === 0 ? 1 : 1 - load.mostQueuedOfAccount / accountQueue
    metrics.set({ of: 'account-queue' }, Math.max(0, queueRoom))
  }
  return {
    name: 'head-room',
    async run(signal) {
      while (!signal.aborted) {
        try {
          await look()
        } catch (error) {
          metrics.reset()
          jobs.load(undefined)
          if (!isRetryable(error)) throw error
          log.debug({ err: error }, 'head-room is not known while the main database is away')
        }
        await clock.sleep(EVERY_MS, signal)
      }
    },
  }
}

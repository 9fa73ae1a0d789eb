import type { Database } from '../database/index.ts'
import type { Gate } from '../gate/index.ts'
import type { Clock, Log } from '../kernel/index.ts'
import { listLeases, renewLeases, saveProgress } from './claim-store.ts'
import { takeOverJob } from './end-store.ts'
import type { EndsReader } from './ends.ts'
import { createLeaseWatch } from './lease-watch.ts'
import type { LocalWork } from './local-work.ts'
import type { RunningJob } from './running-job.ts'
import type { EndRecord } from './types.ts'

/** What a worker does every few seconds for its running jobs, and for those of workers that have gone. */
export type Upkeep = {
  /** Advances its leases; learns of kills that no message brought, and of jobs taken from it. */
  renew(): Promise<void>
  /** Saves logs and progress that have changed. */
  flush(): Promise<void>
  /** Takes over jobs whose leases stand still. */
  watch(): Promise<void>
  /** The main database was not there: leases seen so far mean nothing. */
  interrupt(): void
}

export type UpkeepOptions = {
  database: Database
  gate: Pick<Gate, 'current'>
  clock: Clock
  log: Log
  takeoverSeconds: number
  /** Ends that the workers of this machine have written down. */
  ends?: EndsReader
  /** Tells the main database of an end that another worker has written down. */
  report(end: EndRecord): Promise<void>
}

export const RENEW_MS = 5_000
const REPORTING = { class: 'job-report', deadlineMs: 4_000, prepared: true } as const

export function createUpkeep(
  options: UpkeepOptions,
  running: ReadonlyMap<string, RunningJob>,
  local: LocalWork,
): Upkeep {
  const { database, gate, clock, log, takeoverSeconds } = options
  const stored = () => [...running.values()].filter((one) => !local.isLocal(one.job.id))
  const leases = createLeaseWatch({ patienceMs: takeoverSeconds * 1000, mostStepMs: 2 * RENEW_MS })
  return {
    async renew() {
      await local.refresh()
      await renew(database, stored())
    },
    flush: () => flush(database, stored()),
    interrupt: leases.interrupt,
    async watch() {
      if (gate.current().mode !== 'serving') return leases.interrupt()
      const seen = await database.read(REPORTING, listLeases)
      const stand = leases.observe(seen, clock.monotonicMs())
      const ends = stand.length === 0 ? undefined : await options.ends?.all()
      for (const still of stand) {
        const known = ends?.get(still.id)?.end
        // It ended before its worker went, which wrote that down and told nobody: it is not run again.
        if (known?.attempt === still.attempt) {
          await options.report(known)
          continue
        }
        const status = await database.write(REPORTING, (sql) => takeOverJob(sql, still))
        if (status !== undefined)
          log.warn({ job: String(still.id), status }, 'job taken from a worker that has gone')
      }
    },
  }
}

async function renew(database: Database, mine: readonly RunningJob[]): Promise<void> {
  if (mine.length === 0) return
  const renewed = await database.write(REPORTING, (sql) =>
    renewLeases(
      sql,
      mine.map((one) => one.job),
    ),
  )
  const answers = new Map(renewed.map((one) => [`${one.id}:${one.attempt}`, one]))
  for (const one of mine) {
    const answer = answers.get(`${one.job.id}:${one.job.attempt}`)
    if (answer === undefined) one.stop('lost')
    else if (answer.killRequested) one.stop('kill')
  }
}

async function flush(database: Database, mine: readonly RunningJob[]): Promise<void> {
  const changed = mine.filter((one) => one.takeChanged())
  if (changed.length === 0) return
  const reports = changed.map((one) => {
    const { id, attempt } = one.job
    return { id, attempt, log: one.log(), percent: one.percent() }
  })
  await database.write(REPORTING, (sql) => saveProgress(sql, reports))
}

import type { Database } from '../database/index.ts'
import type { Gate } from '../gate/index.ts'
import { type Channel, type Clock, isRetryable, type Log, type Service } from '../kernel/index.ts'
import { createAccountTurns } from './account-turns.ts'
import { anyJobDue, claimJobs } from './claim-store.ts'
import { releaseJob } from './end-store.ts'
import type { EndsJournal, EndsReader } from './ends.ts'
import type { KillAnswer } from './kill.ts'
import { createLocalWork } from './local-work.ts'
import { isOpen, isShut } from './patience.ts'
import { createReporter } from './reporter.ts'
import type { CommitEnd, Runner } from './runner.ts'
import { type RunningJob, startJob } from './running-job.ts'
import type { Job } from './types.ts'
import { createUpkeep, RENEW_MS } from './upkeep.ts'

export type WorkerOptions = {
  database: Database
  gate: Pick<Gate, 'current'>
  channel: Channel
  clock: Clock
  log: Log
  runners: readonly Runner[]
  /** The ends journal of this worker's own name; replayed when it starts. */
  journal: EndsJournal
  /** Those of all workers of this machine: a job is not run again that one of them has ended before it went. */
  ends?: EndsReader
  /** Unique among all workers and starts; shown to operators only. Fencing is by attempt. */
  worker: string
  /** Jobs this worker runs at once. */
  concurrency: number
  /** Jobs of one account at once, on all workers. */
  accountConcurrency: number
  takeoverSeconds: number
  drainSeconds: number
  /** False while no job may begin, for want of disk; always true when not given. */
  mayBegin?(): boolean
}

export type Worker = Service & { running(): number }

const MOST_KILLS_REMEMBERED = 10_000
const POLL_MS = 1_000
const FLUSH_MS = 1_000
const CLAIM_DEADLINE_MS = 2_000
const REPORT_DEADLINE_MS = 4_000
const LAST_REPORTS_MS = 5_000
const NEEDS_DATABASE_WAIT_SECONDS = 5

/**
 * Runs jobs until told to stop, then drains: what runs may finish for `drainSeconds`, the rest goes back into the queue.
 * With the main database away it goes on with what it has, and with jobs of core's local queue that only read; its journal
 * keeps how they ended.
 */
export function createWorker(options: WorkerOptions): Worker {
  const { clock, log, channel, gate } = options
  const running = new Map<string, RunningJob>()
  const runnerOf = new Map(
    options.runners.flatMap((runner) => runner.types.map((type) => [type, runner] as const)),
  )
  const types = [...runnerOf.keys()]
  const commits = Object.assign({}, ...options.runners.map((runner) => runner.commits)) as Record<
    string,
    CommitEnd
  >
  const local = createLocalWork({ ...options, types })
  for (const end of options.journal.pending()) if (end.local) local.add(end.id)
  const reporter = createReporter({
    ...options,
    local,
    commits,
    onEnded: (id) => channel.notify('job-ended', { id: String(id) }, 'core'),
  })
  const upkeep = createUpkeep({ ...options, report: reporter.reportFor }, running, local)
  let wake: () => void = () => undefined
  let isWoken = false
  /** The next claim need not look first whether there is something to claim. */
  let isSure = false
  const turns = createAccountTurns()
  const killed = new Set<string>()
  /** Resolves when what became of a run has been written down. */
  const settling = new Map<RunningJob, Promise<void>>()

  const wakeUp = () => {
    isWoken = true
    wake()
  }
  channel.on('job-queued', () => {
    isSure = true
    wakeUp()
  })
  channel.on('kill', async (body): Promise<KillAnswer> => {
    const { id } = body as { id: string }
    const mine = [...running.values()].find((one) => String(one.job.id) === id)
    if (mine === undefined) {
      remember(id)
      return 'not-mine'
    }
    if (mine.stop('kill')) return 'taken'
    // Whoever hears "late" looks into the journal for the end.
    await settling.get(mine)
    return 'late'
  })

  /** Its claim may be under way: a job somebody wants dead never runs again, whoever brings it. */
  const remember = (id: string) => {
    killed.add(id)
    for (const oldest of killed) {
      if (killed.size <= MOST_KILLS_REMEMBERED) break
      killed.delete(oldest)
    }
  }

  const start = (job: Job) => {
    const key = `${job.id}:${job.attempt}`
    const one = startJob(job, runnerOf.get(job.type)!, options)
    running.set(key, one)
    if (killed.has(String(job.id))) one.stop('kill')
    log.info({ job: String(job.id), attempt: job.attempt, type: job.type }, 'job started')
    const settled = settle(one)
      .catch((error: unknown) =>
        log.error({ job: String(job.id), err: error }, 'the end of a job could not be kept'),
      )
      .finally(() => {
        running.delete(key)
        settling.delete(one)
        wakeUp()
      })
    settling.set(one, settled)
  }

  const settle = async (one: RunningJob) => {
    const { id, attempt } = one.job
    const end = await one.ended
    if (end === 'lost') return log.info({ job: String(id), attempt }, 'job given up: it is not ours any more')
    if (end === 'released' || end === 'needs-database') return giveBack(one, end === 'needs-database')
    await reporter.record(one.job, {
      id,
      attempt,
      endAt: clock.now(),
      end,
      log: one.log(),
      ...(local.isLocal(id) && { local: true }),
    })
  }

  /** What cannot be given back now is taken over later: its lease stands still, or core misses it. */
  const giveBack = async (one: RunningJob, needsDatabase: boolean) => {
    const { id, attempt } = one.job
    const how = { log: one.log(), waitSeconds: needsDatabase ? NEEDS_DATABASE_WAIT_SECONDS : 0 }
    const admission = { class: 'job-report', deadlineMs: REPORT_DEADLINE_MS } as const
    if (local.isLocal(id) && (await local.putBack(one.job, { log: one.log(), needsDatabase })))
      return log.info({ job: String(id), attempt, needsDatabase }, 'job put back into the local queue')
    await local.refresh()
    if (local.isLocal(id))
      return log.warn({ job: String(id), attempt }, 'job could not be put back into the local queue')
    await options.database.write(admission, (sql) => releaseJob(sql, { id, attempt }, how))
    log.info({ job: String(id), attempt }, 'job put back into the queue')
  }

  const claim = async () => {
    const free = options.mayBegin?.() === false ? 0 : options.concurrency - running.size
    if (isShut(gate)) return claimLocally(free)
    if (free > 0 && isOpen(gate)) await claimStored(free)
  }

  /** Also with nothing free: core learns from it that this worker lives and what it runs. */
  const claimLocally = async (free: number) => {
    const mine = [...running.values()].filter((one) => local.isLocal(one.job.id))
    const held = [...mine.map((one) => one.job), ...reporter.unwritten()]
    const { start: jobs, lost, killed } = await local.claim(free, held)
    for (const job of jobs) start(job)
    for (const one of mine) {
      if (lost.includes(String(one.job.id))) one.stop('lost')
      else if (killed.includes(String(one.job.id))) one.stop('kill')
    }
  }

  const claimStored = async (limit: number) => {
    const admission = { class: 'write', deadlineMs: CLAIM_DEADLINE_MS, prepared: true } as const
    const { worker, accountConcurrency } = options
    const mustLook = !isSure
    isSure = false
    if (mustLook && !(await options.database.read(admission, (sql) => anyJobDue(sql, types)))) return
    const jobs = await options.database.write(admission, (sql) =>
      claimJobs(sql, { worker, types, limit, accountConcurrency, turns }),
    )
    for (const job of jobs) start(job)
    // Some account may have had less than its share: what it left is for the others.
    isSure = jobs.length > 0
    isWoken ||= isSure && jobs.length < limit
  }

  /** Does something again and again; while the database is away it just waits for the next time. */
  const repeat = async (work: () => Promise<void>, signal: AbortSignal, pause: () => Promise<void>) => {
    while (!signal.aborted) {
      try {
        await work()
      } catch (error) {
        if (!isRetryable(error)) throw error
        upkeep.interrupt()
        log.debug({ err: error }, 'the worker waits for the main database')
      }
      await pause()
    }
  }

  const untilWokenOr = async (ms: number, signal: AbortSignal) => {
    const waking = new AbortController()
    wake = () => waking.abort()
    if (isWoken) waking.abort()
    isWoken = false
    await clock.sleep(ms, AbortSignal.any([signal, waking.signal]))
  }

  const drain = async () => {
    const waiting = new AbortController()
    const allEnded = Promise.all([...running.values()].map((one) => one.ended))
    await Promise.race([allEnded, clock.sleep(options.drainSeconds * 1000, waiting.signal)])
    waiting.abort()
    for (const one of running.values()) one.stop('drain')
    await allEnded
    const giveUpMs = clock.monotonicMs() + LAST_REPORTS_MS
    while ((running.size > 0 || reporter.pending() > 0) && clock.monotonicMs() < giveUpMs)
      await clock.sleep(20)
  }

  return {
    name: 'worker',
    running: () => running.size,
    async run(signal) {
      const finishing = new AbortController()
      const every = (ms: number) => () => clock.sleep(ms, finishing.signal)
      const side = [
        reporter.run(finishing.signal),
        repeat(upkeep.renew, finishing.signal, every(RENEW_MS)),
        repeat(upkeep.flush, finishing.signal, every(FLUSH_MS)),
        repeat(upkeep.watch, finishing.signal, every(RENEW_MS)),
      ]
      const claiming = repeat(claim, signal, () => untilWokenOr(POLL_MS, signal))
      try {
        await Promise.race([claiming, ...side])
        await drain()
      } finally {
        finishing.abort()
        await Promise.allSettled([claiming, ...side])
      }
    },
  }
}

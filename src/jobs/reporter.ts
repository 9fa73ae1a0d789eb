import type { Database } from '../database/index.ts'
import { backoffMs, type Clock, isRetryable, type Log } from '../kernel/index.ts'
import { type Finish, finishJob, finishJobs } from './end-store.ts'
import type { EndsJournal } from './ends.ts'
import type { LocalWork } from './local-work.ts'
import type { CommitEnd } from './runner.ts'
import type { EndRecord, Job } from './types.ts'

/** Tells the main database how jobs ended, as soon as it listens; every end is in the journal before. */
export type Reporter = {
  /** Writes the end down durably; the report follows. */
  record(job: Job, end: EndRecord): Promise<void>
  /** Reports until the signal aborts; what is left stays in the journal for the next start. */
  run(signal: AbortSignal): Promise<void>
  /** Tells of an end in the journal of a worker that has gone; its own start tells it again, which changes nothing. */
  reportFor(end: EndRecord): Promise<void>
  /** Ends not reported yet. */
  pending(): number
  /** Ends that are only in memory: their jobs are still this worker's. */
  unwritten(): readonly EndRecord[]
}

const ADMISSION = { class: 'job-report', deadlineMs: 10_000 } as const
const IDLE_MS = 1_000
/** Ends told in one transaction: they share its round trips and its sync. */
const AT_ONCE = 16

export function createReporter({
  database,
  journal,
  local,
  commits = {},
  onEnded = () => undefined,
  clock,
  log,
}: {
  database: Database
  journal: EndsJournal
  local: Pick<LocalWork, 'isLocal' | 'refresh'>
  /** What the runners commit with the ends of their jobs, by kind. */
  commits?: Readonly<Record<string, CommitEnd>>
  /** Somebody may wait for the job: its end can be seen now. */
  onEnded?: (id: bigint) => void
  clock: Clock
  log: Log
}): Reporter {
  let wake: () => void = () => undefined
  /** Ends the disk refused: told from memory, and lost with this process, whose jobs then run again. */
  const unwritten = new Set<EndRecord>()

  const finish = (end: EndRecord) =>
    database.write({ ...ADMISSION, prepared: isPlain(end) }, (sql) => finishJob(sql, end, commits))

  /** A commit that certainly failed, and would again: the job ends as an error that says so, instead of losing its worker. */
  const failing = async (end: EndRecord, cause: unknown) => {
    const { commit, cpuMs } = end.end.kind === 'success' ? end.end : { cpuMs: null }
    if (isRetryable(cause) || commit === undefined || commits[commit.kind] === undefined) throw cause
    log.error({ job: String(end.id), err: cause }, 'what a job changed cannot be stored; it ends as an error')
    const message = `what the job changed could not be stored, and nothing of it was: ${(cause as Error).message}`
    const name = 'GENERIC_INTERNAL_ERROR'
    return finish({ ...end, end: { kind: 'error', cpuMs, name, message, retryable: false } })
  }

  const report = async (end: EndRecord) => {
    await told(end, await finish(end).catch((error: unknown) => failing(end, error)))
  }

  const told = async (end: EndRecord, finished: Finish) => {
    if (!unwritten.delete(end)) await journal.reported(end)
    noteFinished(end, finished)
  }

  const noteFinished = (end: EndRecord, finished: Finish) => {
    onEnded(end.id)
    const fields = { job: String(end.id), attempt: end.attempt, kind: end.end.kind }
    if (finished.kind === 'ended') log.info({ ...fields, status: finished.status }, 'job ended')
    else log.info(fields, 'the end of a job came too late: it is not ours any more')
  }

  /** In one transaction; false when that is not possible, and nothing was told. */
  const reportTogether = async (ends: readonly EndRecord[]): Promise<boolean> => {
    if (ends.length < 2 || !ends.every((end) => isPlain(end) && !end.local)) return false
    try {
      const finished = await database.write({ ...ADMISSION, prepared: true }, (sql) => finishJobs(sql, ends))
      await Promise.all(ends.map((end, i) => told(end, finished[i]!)))
      return true
    } catch (error) {
      if (isRetryable(error)) throw error
      log.warn({ err: error }, 'the ends of some jobs cannot be reported together; one by one')
      return false
    }
  }

  const reportEach = async (ends: readonly EndRecord[]): Promise<boolean> => {
    let isComplete = true
    for (const end of ends) if (!(await tryToReport(end))) isComplete = false
    return isComplete
  }

  /** False when it could not be told; rejects when nothing can be told at the moment. */
  const tryToReport = async (end: EndRecord): Promise<boolean> => {
    // Before core has entered it the main database would take it for somebody else's.
    if (end.local && local.isLocal(end.id)) return false
    try {
      await report(end)
      return true
    } catch (error) {
      if (isRetryable(error)) throw error
      // One that cannot be stored must not hold up the others; it stays in the journal.
      log.error({ job: String(end.id), err: error }, 'the end of a job cannot be reported')
      return false
    }
  }

  /** Tries every pending end once; false when the database is away or one could not be told yet. */
  const reportAll = async (): Promise<boolean> => {
    await local.refresh()
    const ends = [...journal.pending(), ...unwritten]
    let isComplete = true
    for (let at = 0; at < ends.length; at += AT_ONCE) {
      const some = ends.slice(at, at + AT_ONCE)
      try {
        const isDone = (await reportTogether(some)) || (await reportEach(some))
        isComplete &&= isDone
      } catch (error) {
        if (isRetryable(error)) return false
        throw error
      }
    }
    return isComplete
  }

  return {
    async record(job, end) {
      try {
        await journal.record(job, end)
      } catch (error) {
        log.error(
          { job: String(end.id), err: error },
          'the end of a job cannot be written down, reporting it at once',
        )
        unwritten.add(end)
      }
      // While the main database is away the journal tells it.
      if (end.local) onEnded(end.id)
      wake()
    },
    async reportFor(end) {
      const finished = await finish(end).catch((error: unknown) => failing(end, error))
      noteFinished(end, finished)
    },
    unwritten: () => [...unwritten],
    pending: () => journal.pending().length + unwritten.size,
    async run(signal) {
      for (let failures = 0; !signal.aborted; ) {
        const waking = new AbortController()
        wake = () => waking.abort()
        failures = (await reportAll()) ? 0 : failures + 1
        if (signal.aborted) return
        const waitMs = failures === 0 ? IDLE_MS : backoffMs(failures, { firstMs: 100, mostMs: 2_000 })
        await clock.sleep(waitMs, AbortSignal.any([signal, waking.signal]))
      }
    },
  }
}

/** Nothing commits with it but statements of our own, which are planned once. */
function isPlain({ end }: EndRecord): boolean {
  return end.kind !== 'success' || end.commit === undefined
}

import { type Clock, isRetryable, type Log } from '../kernel/index.ts'
import type { Runner, RunOutcome } from './runner.ts'
import type { Job, JobEnd } from './types.ts'

/** Why a run is stopped before its own end: kill = somebody wants it dead · lost = it is not ours any more · drain = we stop. */
export type StopReason = 'kill' | 'lost' | 'drain'

/** One attempt at a job on this worker. */
export type RunningJob = {
  readonly job: Job
  /** The whole log, as the job's row shall have it. */
  log(): string
  percent(): number | null
  /** True since the last call when log or progress have changed. */
  takeChanged(): boolean
  /** Asks it to stop; false when its end was already decided. A kill outweighs the other reasons. */
  stop(reason: StopReason): boolean
  /** Resolves, never rejects, with how it ended. */
  readonly ended: Promise<RunEnd>
}

/** Not at all: released = it goes back into the queue · needs-database = likewise, and waits there · lost = nobody's business. */
export type RunEnd = JobEnd | 'released' | 'needs-database' | 'lost'

const MOST_LOG_CHARACTERS = 256 * 1024
const MOST_BEFORE_THE_END = 99
const CUT = '(the log was cut here)\n'
/** A runner that does not stop when told to is left behind after so long; its engine is a process of its own. */
const STOP_GRACE_MS = 10_000

export function startJob(job: Job, runner: Runner, { clock, log }: { clock: Clock; log: Log }): RunningJob {
  const aborting = new AbortController()
  let text = job.log
  let percent: number | null = null
  let isChanged = false
  let reason: StopReason | undefined
  let isDecided = false

  const report = {
    log(line: string) {
      if (text.endsWith(CUT)) return
      text += `${line.replace(/\n+$/, '')}\n`
      if (text.length > MOST_LOG_CHARACTERS) text = text.slice(0, MOST_LOG_CHARACTERS) + CUT
      isChanged = true
    },
    // Estimates grow better and sometimes smaller; a bar does not go back. The last step is the commit of the end.
    progress(value: number) {
      percent = Math.max(percent ?? 0, Math.min(MOST_BEFORE_THE_END, value))
      isChanged = true
    },
  }
  const runnable = {
    id: job.id,
    attempt: job.attempt,
    type: job.type,
    accountId: job.accountId,
    userId: job.userId,
    database: job.database,
    query: job.query,
    scheduledTime: BigInt(Math.floor((job.scheduledAt ?? job.createdAt).getTime() / 1000)),
  }
  const settled = new AbortController()
  /** Resolves to undefined some time after it was told to stop. */
  const abandoned = new Promise<undefined>((resolve) => {
    aborting.signal.addEventListener('abort', async () => {
      await clock.sleep(STOP_GRACE_MS, settled.signal)
      if (!settled.signal.aborted)
        log.error({ job: String(job.id) }, 'the runner of a job did not stop when told to')
      resolve(undefined)
    })
  })

  const run = async (): Promise<RunOutcome | undefined> => {
    try {
      return await Promise.race([runner.run(runnable, report, aborting.signal), abandoned])
    } catch (error) {
      if (reason !== undefined) return undefined
      log.error({ job: String(job.id), attempt: job.attempt, err: error }, 'a job failed unexpectedly')
      const message = error instanceof Error ? error.message : String(error)
      return { kind: 'error', name: 'GENERIC_INTERNAL_ERROR', message, retryable: isRetryable(error) }
    } finally {
      settled.abort()
    }
  }
  const decide = (outcome: RunOutcome | undefined): RunEnd => {
    isDecided = true
    const cpuMs = outcome?.cpuMs ?? null
    if (reason === 'kill') return { kind: 'killed', cpuMs }
    if (reason === 'lost') return 'lost'
    if (outcome === undefined) return 'released'
    if (outcome.kind === 'needs-database') return 'needs-database'
    if (outcome.kind === 'success') {
      const { result = null, commit } = outcome
      return { kind: 'success', cpuMs, result, ...(commit && { commit }) }
    }
    return {
      kind: 'error',
      cpuMs,
      name: outcome.name,
      message: outcome.message,
      retryable: outcome.retryable,
    }
  }

  return {
    job,
    ended: run().then(decide),
    log: () => text,
    percent: () => percent,
    takeChanged() {
      const was = isChanged
      isChanged = false
      return was
    },
    stop(why) {
      if (isDecided) return false
      if (reason === undefined || why === 'kill') reason = why
      aborting.abort()
      return true
    },
  }
}

import type { Database } from '../database/index.ts'
import { type Channel, isRetryable, type Log } from '../kernel/index.ts'
import { requestKill } from './end-store.ts'
import { jobErrors } from './errors.ts'
import { isFinished, type JobStatus } from './life.ts'
import { type JobSources, rememberedJob, settleJob } from './lookup.ts'
import { patientUpTo } from './patience.ts'
import type { WaitingJob } from './queue.ts'
import type { QueueService } from './queue-service.ts'
import { endOfWaiting, withEnd } from './with-end.ts'

/** What a worker says to a kill of a job it runs: taken = it will end killed, late = it had just ended by itself. */
export type KillAnswer = 'taken' | 'late' | 'not-mine'

export type KillDeps = JobSources & {
  database: Database
  channel: Channel
  log: Log
  submitWaitMs: number
  queueService: Pick<QueueService, 'entering'>
}

const WORKER_DEADLINE_MS = 2_000

/**
 * Kills a job and says what it was: a queued job never starts, a running one ends killed, a finished one stays as it is.
 * While the main database is away the kill is kept durably and carried to the workers of this machine at once.
 *
 * @throws job_unknown (404, final) · job_away (503, retry)
 */
export async function killJob(deps: KillDeps, accountId: bigint, id: bigint): Promise<JobStatus> {
  // A job on its way into the database is killed there, not here.
  await deps.queueService.entering(id)
  const waiting = await deps.queue.killWaiting(accountId, id, look(deps))
  if (waiting !== undefined) {
    // The kill stands whatever they answer: how the run ends, it ends killed.
    if (waiting.status === 'running') deps.channel.notify('kill', { id: String(id) }, 'worker')
    return waiting.status
  }
  let former: JobStatus | undefined
  try {
    const admission = patientUpTo(deps.gate, 'submit', deps.submitWaitMs)
    await settleJob(deps, accountId, id)
    former = await deps.database.write(admission, (sql) => requestKill(sql, accountId, id))
  } catch (error) {
    if (!isRetryable(error)) throw error
    return killWhileAway(deps, accountId, id, error)
  }
  if (former === undefined) return killUnstored(deps, accountId, id)
  if (!isFinished(former)) deps.channel.notify('kill', { id: String(id) }, 'worker')
  return former
}

const look = (deps: KillDeps) => async (waiting: WaitingJob) =>
  withEnd(waiting.job, endOfWaiting(waiting, await deps.ends.all()))

/** The main database does not have it: a job that waits here because nobody said whether it was stored, and it was not. */
async function killUnstored(deps: KillDeps, accountId: bigint, id: bigint): Promise<JobStatus> {
  if (deps.queue.find(accountId, id) === undefined) throw jobErrors.job_unknown(String(id))
  const waiting = await deps.queue.killWaiting(accountId, id, look(deps), { isNotStored: true })
  // It has entered the database in between.
  return waiting?.status ?? killJob(deps, accountId, id)
}

async function killWhileAway(
  deps: KillDeps,
  accountId: bigint,
  id: bigint,
  cause: unknown,
): Promise<JobStatus> {
  const { value: job } = await rememberedJob(deps, accountId, id, cause)
  if (isFinished(job.status)) return job.status
  await deps.queue.kill(accountId, id)
  if ((await askWorkers(deps, id)) !== 'late') return job.status
  // It had ended by itself: the worker's journal tells how, and the kept kill will find it finished.
  const { value: ended } = await rememberedJob(deps, accountId, id, cause)
  return ended.status
}

async function askWorkers({ channel, log }: KillDeps, id: bigint): Promise<KillAnswer> {
  try {
    const answers = await channel.ask(
      'kill',
      { id: String(id) },
      { to: 'worker', timeoutMs: WORKER_DEADLINE_MS },
    )
    const all = [answers].flat() as (KillAnswer | undefined)[]
    return all.find((answer) => answer === 'taken' || answer === 'late') ?? 'not-mine'
  } catch (error) {
    log.warn({ job: String(id), err: error }, 'workers could not be told of a kill; it is kept for later')
    return 'not-mine'
  }
}

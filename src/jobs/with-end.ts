import type { KnownEnd } from './ends.ts'
import { attemptsThatCount, isFinished, LIFE, stepOfEnd } from './life.ts'
import type { WaitingJob } from './queue.ts'
import type { Job } from './types.ts'

/** The head with an end that has happened but may not have reached the main database. */
export function withEnd(job: Job, known: KnownEnd | undefined): Job {
  if (known === undefined || isFinished(job.status) || known.end.attempt < job.attempt) return job
  const { end, attempt, endAt, log } = known.end
  // What commits with the end may still be refused: until then the job is not done.
  if (end.kind === 'success' && end.commit !== undefined) return job
  const retriesLeft = attemptsThatCount({ ...job, attempt }) <= job.retryLimit
  const step = stepOfEnd(end, { killRequested: job.killRequested, retriesLeft })
  const status = LIFE[job.status][step] ?? job.status
  const startAt = job.startAt ?? known.job.startAt
  const base: Job = { ...job, status, attempt, log, startAt, updatedAt: endAt }
  if (status === 'queued') return { ...base, startAt: null }
  const cpuMs = end.cpuMs === null ? null : BigInt(Math.round(end.cpuMs))
  const ended: Job = { ...base, cpuMs, endAt: startAt !== null && endAt < startAt ? startAt : endAt }
  if (status === 'error' && end.kind === 'error')
    return { ...ended, errorName: end.name, errorMessage: end.message }
  if (status !== 'success' || end.kind !== 'success' || end.result === null) return ended
  const { schema, rows, bytes, path } = end.result
  return { ...ended, resultSchema: schema, resultRows: rows, resultBytes: bytes, resultPath: path }
}

/** Its end, as its worker wrote it down or, when that one is lost, as the queue did. */
export function endOfWaiting(
  { job, end }: WaitingJob,
  ends: ReadonlyMap<bigint, KnownEnd>,
): KnownEnd | undefined {
  return end === undefined ? ends.get(job.id) : { job, end }
}

import { jobErrors } from './errors.ts'

/** The states the REST API shows (treasure-data/td-client-java model/TDJob.java knows exactly these). */
export const JOB_STATUSES = ['queued', 'booting', 'running', 'success', 'error', 'killed'] as const
export type JobStatus = (typeof JOB_STATUSES)[number]

/**
 * claim: a worker takes it · ask_kill: somebody wants it dead · succeed, fail, die: its attempt ended (die = after a
 * kill) · requeue: its attempt is over without an end (failed but may be retried, worker lost, worker draining).
 */
export const JOB_STEPS = ['claim', 'ask_kill', 'succeed', 'fail', 'die', 'requeue'] as const
export type JobStep = (typeof JOB_STEPS)[number]

/**
 * The whole life of a job. A step missing from a row is refused; nothing else decides.
 *
 *      ┌──────── requeue ────────┐
 *      ▼                         │
 *   queued ── claim ──► running ─┴─► success | error | killed
 *      └── ask_kill ──► killed
 *
 * A queued job may still end as its last attempt did: the worker was taken for lost while it could not report, and nobody
 * has claimed the job since (its attempt number is unchanged). A kill of a running job changes nothing at once: it sets
 * `kill_requested`, and from then on every end is `die`.
 */
export const LIFE: Record<JobStatus, Partial<Record<JobStep, JobStatus>>> = {
  queued: {
    claim: 'running',
    ask_kill: 'killed',
    succeed: 'success',
    fail: 'error',
    die: 'killed',
    requeue: 'queued',
  },
  booting: {
    ask_kill: 'booting',
    succeed: 'success',
    fail: 'error',
    die: 'killed',
    requeue: 'queued',
  },
  running: { ask_kill: 'running', succeed: 'success', fail: 'error', die: 'killed', requeue: 'queued' },
  success: {},
  error: {},
  killed: {},
}

/** @throws step_refused (409, final) naming state and step */
export function advance(status: JobStatus, step: JobStep): JobStatus {
  const next = LIFE[status][step]
  if (next === undefined) throw jobErrors.step_refused(`${step} while ${status}`)
  return next
}

export function isFinished(status: JobStatus): boolean {
  return status === 'success' || status === 'error' || status === 'killed'
}

/** How often a job may lose its worker before it is taken for the cause. */
export const WORKERS_LOST_ALLOWED = 5

/**
 * The attempts that count towards `retry_limit`. One that ended because its worker was drained, waited for the main database
 * or died says nothing about the job: it costs no retry.
 */
export function attemptsThatCount(job: { attempt: number; givenBack: number; workersLost: number }): number {
  return job.attempt - job.givenBack - job.workersLost
}

/** The step an end means for a job in this situation; a job asked to die dies, however its attempt ended. */
export function stepOfEnd(
  end: { kind: 'success' } | { kind: 'killed' } | { kind: 'error'; retryable: boolean },
  { killRequested, retriesLeft }: { killRequested: boolean; retriesLeft: boolean },
): JobStep {
  if (killRequested || end.kind === 'killed') return 'die'
  if (end.kind === 'success') return 'succeed'
  return end.retryable && retriesLeft ? 'requeue' : 'fail'
}

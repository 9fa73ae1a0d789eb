import type { Sql } from '../kernel/index.ts'
import type { Held, Lease } from './claim-store.ts'
import { advance, isFinished, type JobStatus, type JobStep, LIFE, stepOfEnd } from './life.ts'
import type { CommitEnd } from './runner.ts'
import type { EndRecord, JobEnd } from './types.ts'

/** How often a job may lose its worker, beyond the retries it was given, before it is taken for the cause. */
export const LOST_WORKERS_ALLOWED = 5
const LONGEST_RETRY_WAIT_SECONDS = 60
/** How often a job whose changes could not be stored beside those of others is begun again, beyond its retries. */
const REFUSALS_ALLOWED = 1

type Situation = {
  account_id: string
  status: JobStatus
  attempt: number
  kill_requested: boolean
  retry_limit: number
  lease: string
}

/** Reads and locks the row: whoever changes a job's life does it one after the other. */
async function lockJob(sql: Sql, id: bigint): Promise<Situation | undefined> {
  const [row] = await sql<Situation>`
    SELECT account_id::text AS account_id, status, attempt, kill_requested, retry_limit, lease::text AS lease
      FROM jobs WHERE id = ${id} FOR UPDATE`
  return row
}

/** `fenced`: the attempt is not the job's any more, or the job has ended; nothing was changed, the result is an orphan. */
export type Finish = { kind: 'ended'; status: JobStatus } | { kind: 'fenced' }

/**
 * Records how an attempt ended: result, commit part and status in one transaction. A job that was asked to die ends killed,
 * without its result and its part; one whose part is refused ends as an error. Repeating it changes nothing.
 */
export async function finishJob(
  sql: Sql,
  told: EndRecord,
  commits: Readonly<Record<string, CommitEnd>> = {},
): Promise<Finish> {
  const job = await lockJob(sql, told.id)
  if (job === undefined || job.attempt !== told.attempt || isFinished(job.status)) return { kind: 'fenced' }
  const record = job.kill_requested ? told : await withPart(sql, told, commits)
  const step = stepOfEnd(record.end, {
    killRequested: job.kill_requested,
    retriesLeft: job.attempt <= job.retry_limit + (record === told ? 0 : REFUSALS_ALLOWED),
  })
  const status = advance(job.status, step)
  if (step === 'requeue') await requeue(sql, record.id, record.log, retryWaitSeconds(job.attempt))
  else if (step === 'succeed') await succeed(sql, record)
  else await endWithout(sql, record, status)
  return { kind: 'ended', status }
}

/** Stores what commits with a success; the end that the job then has. */
async function withPart(
  sql: Sql,
  record: EndRecord,
  commits: Readonly<Record<string, CommitEnd>>,
): Promise<EndRecord> {
  const { id, attempt, end } = record
  if (end.kind !== 'success' || end.commit === undefined) return record
  const commit = commits[end.commit.kind]
  if (commit === undefined)
    throw new Error(`nothing here can commit what job ${id} has done: ${end.commit.kind}`)
  const refusal = await commit(sql, { id, attempt }, end.commit.data)
  if (refusal === undefined) return record
  const { name, message, again = false } = refusal
  const error: JobEnd = { kind: 'error', cpuMs: end.cpuMs, name, message, retryable: again }
  return { ...record, end: error, log: `${record.log}${name}: ${message}\n` }
}

/** How long a failed attempt waits for the next one. */
export function retryWaitSeconds(attempt: number): number {
  return Math.min(LONGEST_RETRY_WAIT_SECONDS, 2 ** Math.min(attempt, 6))
}

async function succeed(sql: Sql, { id, attempt, endAt, end, log }: EndRecord): Promise<void> {
  const result = end.kind === 'success' ? end.result : null
  await sql`
    UPDATE jobs SET status = 'success', end_at = greatest(start_at, ${endAt}::timestamptz), updated_at = clock_timestamp(),
                    cpu_ms = ${end.cpuMs}, log = ${log}, worker = NULL, progress = '{"percent": 100}',
                    result_schema = ${result && JSON.stringify(result.schema)}::jsonb, result_rows = ${result?.rows ?? null},
                    result_bytes = ${result?.bytes ?? null}, result_path = ${result?.path ?? null},
                    error_name = NULL, error_message = NULL
     WHERE id = ${id}`
  if (result === null) return
  await sql`
    INSERT INTO job_results (job_id, attempt, path, rows, bytes)
    VALUES (${id}, ${attempt}, ${result.path}, ${result.rows}, ${result.bytes})`
}

async function endWithout(sql: Sql, { id, endAt, end, log }: EndRecord, status: JobStatus): Promise<void> {
  const error = end.kind === 'error' && status === 'error' ? end : null
  await sql`
    UPDATE jobs SET status = ${status}, end_at = greatest(start_at, ${endAt}::timestamptz), updated_at = clock_timestamp(),
                    cpu_ms = ${end.cpuMs}, log = ${log}, worker = NULL,
                    error_name = ${error?.name ?? null}, error_message = ${error?.message ?? null}
     WHERE id = ${id}`
}

/** Back into the queue; the attempt number stays, the next claim raises it. */
async function requeue(sql: Sql, id: bigint, log: string | null, waitSeconds: number): Promise<void> {
  await sql`
    UPDATE jobs SET status = 'queued', worker = NULL, start_at = NULL, updated_at = clock_timestamp(), progress = NULL,
                    log = coalesce(${log}::text, log), due_at = clock_timestamp() + make_interval(secs => ${waitSeconds})
     WHERE id = ${id}`
}

/** A worker gives back what it has not finished. Returns false when it was not its own any more. */
export async function releaseJob(
  sql: Sql,
  { id, attempt }: Held,
  { log, waitSeconds = 0 }: { log: string; waitSeconds?: number },
): Promise<boolean> {
  const job = await lockJob(sql, id)
  if (job === undefined || job.attempt !== attempt || LIFE[job.status].requeue === undefined) return false
  if (job.kill_requested) await killNow(sql, id)
  else await requeue(sql, id, log, waitSeconds)
  return true
}

/**
 * Takes a job from a worker whose lease was seen standing still. Nothing happens if it has moved since. A job
 * that keeps losing its workers ends as an error: it is what kills them.
 */
export async function takeOverJob(sql: Sql, seen: Lease): Promise<JobStatus | undefined> {
  const job = await lockJob(sql, seen.id)
  if (job === undefined || job.attempt !== seen.attempt || BigInt(job.lease) !== seen.lease) return undefined
  if (job.status !== 'running' && job.status !== 'booting') return undefined
  if (job.kill_requested) {
    await killNow(sql, seen.id)
    return 'killed'
  }
  if (job.attempt < job.retry_limit + LOST_WORKERS_ALLOWED) {
    await requeue(sql, seen.id, null, 0)
    return 'queued'
  }
  const message = `the job lost its worker ${job.attempt} times`
  await sql`
    UPDATE jobs SET status = 'error', end_at = clock_timestamp(), updated_at = clock_timestamp(), worker = NULL,
                    error_name = 'WORKER_LOST', error_message = ${message}, log = log || ${`${message}\n`}
     WHERE id = ${seen.id}`
  return 'error'
}

async function killNow(sql: Sql, id: bigint): Promise<void> {
  await sql`
    UPDATE jobs SET status = 'killed', kill_requested = true, end_at = clock_timestamp(), updated_at = clock_timestamp(),
                    worker = NULL
     WHERE id = ${id}`
}

/**
 * Kills a queued job at once and asks a running one to die; leaves a finished one alone.
 * Returns what it was, or undefined when the account has no such job.
 */
export async function requestKill(sql: Sql, accountId: bigint, id: bigint): Promise<JobStatus | undefined> {
  const job = await lockJob(sql, id)
  if (job === undefined || BigInt(job.account_id) !== accountId) return undefined
  const next: JobStatus | undefined = LIFE[job.status]['ask_kill' satisfies JobStep]
  if (next === 'killed') await killNow(sql, id)
  else if (next !== undefined)
    await sql`UPDATE jobs SET kill_requested = true, updated_at = clock_timestamp() WHERE id = ${id}`
  return job.status
}

import type { Sql } from '../kernel/index.ts'
import type { Held, Lease } from './claim-store.ts'
import {
  advance,
  attemptsThatCount,
  isFinished,
  type JobStatus,
  type JobStep,
  LIFE,
  stepOfEnd,
  WORKERS_LOST_ALLOWED,
} from './life.ts'
import type { CommitEnd } from './runner.ts'
import type { EndRecord, JobEnd } from './types.ts'

const LONGEST_RETRY_WAIT_SECONDS = 60
/** How often a job whose changes could not be stored beside those of others is begun again, beyond its retries. */
const REFUSALS_ALLOWED = 1

type Situation = {
  account_id: string
  status: JobStatus
  attempt: number
  given_back: number
  workers_lost: number
  kill_requested: boolean
  retry_limit: number
  lease: string
}

/** Reads and locks the row: whoever changes a job's life does it one after the other. */
async function lockJob(sql: Sql, id: bigint): Promise<Situation | undefined> {
  const [row] = await sql<Situation>`
    SELECT account_id::text AS account_id, status, attempt, given_back, workers_lost, kill_requested, retry_limit,
           lease::text AS lease
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
    retriesLeft: countedAttempts(job) <= job.retry_limit + (record === told ? 0 : REFUSALS_ALLOWED),
  })
  const status = advance(job.status, step)
  if (step === 'requeue') {
    const waitSeconds = retryWaitSeconds(countedAttempts(job))
    await requeue(sql, record.id, { log: record.log, waitSeconds, because: 'failed' })
  }
  if (step === 'succeed') await succeed(sql, record)
  if (step === 'fail' || step === 'die') await endWithout(sql, record, status)
  return { kind: 'ended', status }
}

/** Several ends that commit nothing else, in one transaction; what became of each, in the order given. */
export async function finishJobs(sql: Sql, ends: readonly EndRecord[]): Promise<Finish[]> {
  const finished = new Map<EndRecord, Finish>()
  // Rows are locked in one order, so that two such transactions never wait for each other in a circle.
  for (const end of ends.toSorted((a, b) => (a.id < b.id ? -1 : 1)))
    finished.set(end, await finishJob(sql, end))
  return ends.map((end) => finished.get(end)!)
}

/** With the one that ends now: a job that is queued was taken for lost, and has its end after all. */
function countedAttempts({ status, attempt, given_back, workers_lost }: Situation): number {
  const workersLost = status === 'queued' ? Math.max(0, workers_lost - 1) : workers_lost
  return attemptsThatCount({ attempt, givenBack: given_back, workersLost })
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

type Requeue = { log: string | null; waitSeconds: number; because: 'failed' | 'given back' | 'worker lost' }

/** Back into the queue; the attempt number stays, the next claim raises it. */
async function requeue(sql: Sql, id: bigint, { log, waitSeconds, because }: Requeue): Promise<void> {
  const [givenBack, workersLost] = [because === 'given back' ? 1 : 0, because === 'worker lost' ? 1 : 0]
  // The end of a job that is queued: its worker had been taken for lost, and was not.
  const hasReported = because === 'failed'
  await sql`
    UPDATE jobs SET status = 'queued', worker = NULL, start_at = NULL, updated_at = clock_timestamp(), progress = NULL,
                    given_back = given_back + ${givenBack}::int,
                    workers_lost = CASE WHEN ${hasReported} AND status = 'queued' THEN greatest(0, workers_lost - 1)
                                        ELSE workers_lost + ${workersLost}::int END,
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
  else await requeue(sql, id, { log, waitSeconds, because: 'given back' })
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
  const workersLost = job.workers_lost + 1
  if (workersLost < WORKERS_LOST_ALLOWED) {
    await requeue(sql, seen.id, { log: null, waitSeconds: 0, because: 'worker lost' })
    return 'queued'
  }
  const message = `the job lost its worker ${workersLost} times`
  await sql`
    UPDATE jobs SET status = 'error', end_at = clock_timestamp(), updated_at = clock_timestamp(), worker = NULL,
                    workers_lost = ${workersLost}, error_name = 'WORKER_LOST', error_message = ${message}, log = log || ${`${message}\n`}
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

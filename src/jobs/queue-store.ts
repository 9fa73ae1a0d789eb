import { AppError, type Sql } from '../kernel/index.ts'
import { finishJob, requestKill } from './end-store.ts'
import type { KnownEnd } from './ends.ts'
import type { WaitingJob } from './queue.ts'
import { insertConflictingJob, insertJob } from './store.ts'

/**
 * Stores a job of the local queue as it stands: queued, killed, or run by a worker, with its end if that is known, so that
 * nobody who saw the end sees the job running again. Repeating it changes nothing. Must run inside one transaction.
 * @throws id_taken (500, final)
 */
export async function storeWaiting(
  sql: Sql,
  waiting: WaitingJob,
  known: KnownEnd | undefined,
): Promise<void> {
  const { job, request } = waiting
  const { id, createdAt, accountId, attempt } = job
  try {
    await insertJob(sql, request, { id, createdAt })
  } catch (error) {
    const holder = holderOf(error)
    if (holder === undefined) throw error
    if (attempt === 0 && !job.killRequested) return insertConflictingJob(sql, id, request, createdAt, holder)
    // It was killed, or answered from a snapshot that did not know of the other: that happened, and is told as it was.
    await insertJob(sql, { ...request, domainKey: null }, { id, createdAt })
  }
  if (attempt > 0) await storeAttempt(sql, waiting)
  if (job.killRequested) await requestKill(sql, accountId, id)
  if (known !== undefined && known.end.attempt === attempt) await finishJob(sql, known.end)
}

/** Only a row that was inserted just now is changed: later the job is the main database's. */
async function storeAttempt(sql: Sql, { job, run }: WaitingJob): Promise<void> {
  const { id, attempt, givenBack, workersLost, startAt, log } = job
  const status = run === undefined ? 'queued' : 'running'
  await sql`
    UPDATE jobs SET status = ${status}, attempt = ${attempt}, given_back = ${givenBack},
                    workers_lost = ${workersLost}, worker = ${run?.worker ?? null}, start_at = ${startAt},
                    log = ${log}, lease = lease + 1, updated_at = clock_timestamp()
     WHERE id = ${id} AND status = 'queued' AND attempt = 0`
}

/** The job that already used the domain key, when that is what the error says. */
function holderOf(error: unknown): bigint | undefined {
  if (!(error instanceof AppError) || error.code !== 'domain_key_used') return undefined
  return BigInt(String(error.details?.conflicts_with))
}

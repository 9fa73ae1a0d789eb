import type { Database } from '../database/index.ts'
import { type Channel, isRetryable, type Log } from '../kernel/index.ts'
import { isOutcomeUnknown } from './outcome.ts'
import { type GateView, patientUpTo } from './patience.ts'
import type { LocalQueue } from './queue.ts'
import type { QueueRoom } from './queue-room.ts'
import { domainKeyUsed, findDomainKey, insertJob } from './store.ts'
import type { JobHeads, NewJob } from './types.ts'

const NAME_HOLDER_MS = 2_000

export type IssueDeps = {
  database: Database
  gate: GateView
  queue: LocalQueue
  heads: JobHeads
  channel: Channel
  log: Log
  /** How long a new job waits for the main database before it goes into the local queue. */
  submitWaitMs: number
  /** How many jobs the account may have queued; no limit when absent. */
  room?: QueueRoom
}

/**
 * Takes a job. Once this resolves, the job survives kill -9 and power loss and will run: it is in the main
 * database or, while that is away, in the local queue, from where it enters the database exactly once.
 *
 * @throws domain_key_used (409, final) with details.conflicts_with · account_queue_full (429, retry) · queue_full (503, retry)
 */
export async function issueJob(deps: IssueDeps, job: NewJob): Promise<bigint> {
  await refuseWaitingDomainKey(deps, job)
  await requireRoom(deps, job)
  const id = await acceptJob(deps, job)
  deps.room?.accepted(job.accountId)
  return id
}

/** A job that was accepted before is named even when there is no room for another: its client lost the answer. */
async function requireRoom(
  { room, database, gate }: IssueDeps,
  { accountId, domainKey }: NewJob,
): Promise<void> {
  try {
    await room?.require(accountId)
  } catch (refusal) {
    if (domainKey === null) throw refusal
    const admission = patientUpTo(gate, 'read', NAME_HOLDER_MS)
    const holder = await database.read(admission, (sql) => findDomainKey(sql, accountId, domainKey))
    throw holder === undefined ? refusal : domainKeyUsed(holder)
  }
}

async function acceptJob(deps: IssueDeps, job: NewJob): Promise<bigint> {
  // When the reply to COMMIT was lost, the queue goes on with the id that was tried, and leaves the job to the database.
  let tried: bigint | undefined
  try {
    const admission = patientUpTo(deps.gate, 'submit', deps.submitWaitMs)
    const id = await deps.database.write({ ...admission, prepared: true }, async (sql) => {
      tried = await insertJob(sql, job)
      return tried
    })
    announceJob(deps.channel)
    return id
  } catch (error) {
    if (!isRetryable(error)) throw error
    // Of a refused write the main database has nothing: the job is new, and may run here.
    const given = isOutcomeUnknown(error) ? tried : undefined
    refuseRememberedDomainKey(deps, job, given)
    const id = await deps.queue.accept(job, given)
    announceJob(deps.channel)
    deps.log.info({ job: String(id), err: error }, 'job accepted into the local queue')
    return id
  }
}

/** Wakes the workers: the first row need not wait for the next poll. */
export function announceJob(channel: Channel): void {
  channel.notify('job-queued', undefined, 'worker')
}

async function refuseWaitingDomainKey({ queue }: IssueDeps, { accountId, domainKey }: NewJob): Promise<void> {
  if (domainKey === null) return
  const holder = await queue.findDomainKey(accountId, domainKey)
  if (holder !== undefined) throw domainKeyUsed(holder)
}

function refuseRememberedDomainKey({ heads }: IssueDeps, job: NewJob, tried: bigint | undefined): void {
  if (job.domainKey === null) return
  const head = heads.jobByDomainKey(job.accountId, job.domainKey)
  if (head.kind === 'found' && head.value.id !== tried) throw domainKeyUsed(head.value.id)
}

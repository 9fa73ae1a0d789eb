import { join } from 'node:path'
import type { Clock, Log } from '../kernel/index.ts'
import { jobErrors } from './errors.ts'
import { openJournal } from './journal.ts'
import { openReservedIds, type ReservedIds } from './reserved-ids.ts'
import { type JobRow, jobFromRow, queuedJob, rowFromJob } from './row.ts'
import { domainKeyUsed } from './store.ts'
import type { Job, NewJob } from './types.ts'

/** A job that was answered for and has not reached the main database yet. */
export type WaitingJob = { job: Job; request: NewJob }
/** A kill of a job the main database has; to be applied there when it is back. */
export type WaitingKill = { id: bigint; accountId: bigint }

type QueueLine =
  | { op: 'issue'; row: JobRow; databaseId: string | null; dueAt: string | null }
  | { op: 'kill'; id: string; accountId: string }
  | { op: 'entered'; id: string }
  | { op: 'killed'; id: string }

/**
 * What was accepted while the main database was away: new jobs, with ids from a block reserved beforehand, and kills.
 * `<dataDir>/jobs/queue.jsonl`, fsynced before the answer. One process writes it.
 */
export type LocalQueue = {
  /**
   * Accepts a job; durable when it resolves. `id` is given when the main database may already have the job under that id.
   * @throws domain_key_used (409, final) · queue_full (503, retry)
   */
  accept(request: NewJob, id?: bigint): Promise<bigint>
  find(accountId: bigint, id: bigint): Job | undefined
  /** Waiting jobs of an account, newest first. */
  list(accountId: bigint): Job[]
  findDomainKey(accountId: bigint, key: string): Promise<bigint | undefined>
  /** Remembers a kill; durable when it resolves. A waiting job is killed by it at once. */
  kill(accountId: bigint, id: bigint): Promise<void>
  waitingJobs(): WaitingJob[]
  waitingKills(): WaitingKill[]
  /** The main database has the job now; a kill of it stays until it is applied as well. */
  entered(id: bigint): Promise<void>
  /** The kill has been applied in the main database. */
  killed(id: bigint): Promise<void>
  /** Once nothing waits, the files are made small again. */
  tidy(): Promise<void>
  readonly reserved: ReservedIds
  close(): Promise<void>
}

export async function openLocalQueue({
  dataDir,
  clock,
  log,
}: {
  dataDir: string
  clock: Clock
  log: Log
}): Promise<LocalQueue> {
  const directory = join(dataDir, 'jobs')
  const { journal, bodies } = await openJournal<QueueLine>(join(directory, 'queue.jsonl'), { log })
  const jobs = new Map<bigint, WaitingJob>()
  const kills = new Map<bigint, WaitingKill>()
  const used = new Set<bigint>()
  for (const line of bodies) {
    if (line.op === 'issue') used.add(jobFromRow(line.row).id)
    apply(line, jobs, kills)
  }
  const reserved = await openReservedIds(join(directory, 'reserved-ids.json'), used)
  /** Jobs by domain key, from the moment their acceptance begins: two requests at once must not both succeed. */
  const domainKeys = new Map<string, Promise<bigint>>()
  for (const { job } of jobs.values()) {
    if (job.domainKey !== null) domainKeys.set(keyName(job.accountId, job.domainKey), Promise.resolve(job.id))
  }
  const write = async (line: QueueLine) => {
    await journal.append(line)
    apply(line, jobs, kills)
  }

  const accept = async (request: NewJob, given?: bigint): Promise<bigint> => {
    const id = given ?? reserved.take()
    if (id === undefined) throw jobErrors.queue_full('the reserved job ids are used up')
    const job = queuedJob(id, request, clock.now())
    const line: QueueLine = {
      op: 'issue',
      row: rowFromJob(job),
      databaseId: request.databaseId === null ? null : String(request.databaseId),
      dueAt: request.dueAt?.toISOString() ?? null,
    }
    try {
      await write(line)
    } catch (error) {
      throw jobErrors.queue_full((error as Error).message, error)
    }
    return id
  }

  /** The holder of a key, or undefined; waits for an acceptance that is under way. */
  const holderOf = async (name: string): Promise<bigint | undefined> => {
    try {
      return await domainKeys.get(name)
    } catch {
      // The acceptance under way failed and was answered so: the key is free again.
      return undefined
    }
  }

  const acceptWithKey = async (request: NewJob, name: string, given?: bigint): Promise<bigint> => {
    while (domainKeys.has(name)) {
      const holder = await holderOf(name)
      if (holder !== undefined && holder === given) return holder
      if (holder !== undefined) throw domainKeyUsed(holder)
    }
    const acceptance = accept(request, given)
    domainKeys.set(name, acceptance)
    try {
      return await acceptance
    } catch (error) {
      domainKeys.delete(name)
      throw error
    }
  }

  return {
    reserved,
    accept: (request, id) =>
      request.domainKey === null
        ? accept(request, id)
        : acceptWithKey(request, keyName(request.accountId, request.domainKey), id),
    find(accountId, id) {
      const job = jobs.get(id)?.job
      return job?.accountId === accountId ? job : undefined
    },
    list: (accountId) =>
      [...jobs.values()]
        .map((waiting) => waiting.job)
        .filter((job) => job.accountId === accountId)
        .sort((a, b) => (a.id < b.id ? 1 : -1)),
    findDomainKey: (accountId, key) => holderOf(keyName(accountId, key)),
    kill: (accountId, id) => write({ op: 'kill', id: String(id), accountId: String(accountId) }),
    waitingJobs: () => [...jobs.values()],
    waitingKills: () => [...kills.values()],
    async entered(id) {
      const domainKey = jobs.get(id)?.job.domainKey
      const accountId = jobs.get(id)?.job.accountId
      await write({ op: 'entered', id: String(id) })
      if (domainKey && accountId !== undefined) domainKeys.delete(keyName(accountId, domainKey))
    },
    killed: (id) => write({ op: 'killed', id: String(id) }),
    async tidy() {
      if (journal.bytes === 0 || jobs.size > 0 || kills.size > 0) return
      // First the ids, then the lines that prove them used: a crash in between loses no proof.
      await reserved.save()
      await journal.rewrite(stillWaiting)
    },
    close: () => journal.close(),
  }
}

const keyName = (accountId: bigint, key: string) => `${accountId}:${key}`

/** State is a fold over the lines. */
function apply(line: QueueLine, jobs: Map<bigint, WaitingJob>, kills: Map<bigint, WaitingKill>): void {
  if (line.op === 'issue') {
    const job = jobFromRow(line.row)
    jobs.set(job.id, { job, request: requestOf(job, line) })
    return
  }
  const id = BigInt(line.id)
  if (line.op === 'entered') return void jobs.delete(id)
  if (line.op === 'killed') return void kills.delete(id)
  const waiting = jobs.get(id)
  if (waiting !== undefined) waiting.job = { ...waiting.job, status: 'killed', killRequested: true }
  kills.set(id, { id, accountId: BigInt(line.accountId) })
}

function requestOf(job: Job, line: { databaseId: string | null; dueAt: string | null }): NewJob {
  const { accountId, userId, userName, type, database, query, priority, retryLimit } = job
  const { poolName, engineVersion, domainKey, scheduleId, scheduledAt } = job
  return {
    accountId,
    userId,
    userName,
    type,
    database,
    databaseId: line.databaseId === null ? null : BigInt(line.databaseId),
    query,
    priority,
    retryLimit,
    poolName,
    engineVersion,
    domainKey,
    scheduleId,
    scheduledAt,
    dueAt: line.dueAt === null ? null : new Date(line.dueAt),
  }
}

function stillWaiting(lines: QueueLine[]): QueueLine[] {
  const idsOf = (op: QueueLine['op']) =>
    new Set(lines.flatMap((line) => (line.op === op && 'id' in line ? [line.id] : [])))
  const entered = idsOf('entered')
  const killed = idsOf('killed')
  return lines.filter((line) => {
    if (line.op === 'issue') return !entered.has(String(line.row.id))
    return line.op === 'kill' && !killed.has(line.id)
  })
}

import { join } from 'node:path'
import { type Clock, isRetryable, type Log } from '../kernel/index.ts'
import { jobErrors } from './errors.ts'
import { openJournal } from './journal.ts'
import { isFinished } from './life.ts'
import { isOutcomeUnknown } from './outcome.ts'
import {
  applyLine,
  type LocalRun,
  type QueueLine,
  stillWaiting,
  type WaitingJob,
  type WaitingKill,
} from './queue-lines.ts'
import { openReservedIds, type ReservedIds } from './reserved-ids.ts'
import { endToJson, jobFromRow, queuedJob, rowFromJob } from './row.ts'
import { domainKeyUsed } from './store.ts'
import { createTurns } from './turns.ts'
import type { EndRecord, Job, NewJob } from './types.ts'

export type { LocalRun, WaitingJob, WaitingKill } from './queue-lines.ts'

/**
 * What was accepted while the main database was away: new jobs, with ids from a block reserved beforehand, and kills; and
 * which of the jobs a worker runs on the snapshot. `<dataDir>/jobs/queue.jsonl`, fsynced before the answer. One process
 * writes it.
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
  waitingJob(id: bigint): WaitingJob | undefined
  waitingJobs(): WaitingJob[]
  waitingKills(): WaitingKill[]
  /**
   * Kills a waiting job unless it is over by then, durably; resolves to what it was, or undefined when it does not wait here, or
   * when the main database may have it, unless it said just now that it has not.
   * `look` says what the job is with all that is known of its end; nobody is told of an end while it is being asked.
   */
  killWaiting(
    accountId: bigint,
    id: bigint,
    look: (job: WaitingJob) => Promise<Job>,
    known?: { isNotStored: boolean },
  ): Promise<Job | undefined>
  /** Remembers a kill of a job the main database has; durable when it resolves. */
  kill(accountId: bigint, id: bigint): Promise<void>
  /** Resolves when no waiting job is being killed; what is read of ends must be used before one is again: `isSteady`. */
  steady(): Promise<void>
  isSteady(): boolean
  /** One worker's, as the next attempt; durable when it resolves. Undefined when it is not to be had at this moment. */
  start(id: bigint, run: LocalRun, how: { log: string; afterLoss: boolean }): Promise<Job | undefined>
  /** An attempt is over without an end; false when it is another's by now, or may be the main database's. */
  putBack(id: bigint, attempt: number, how: { log: string; needsDatabase: boolean }): Promise<boolean>
  /** Writes down an end that no worker will. */
  end(record: EndRecord): Promise<void>
  /**
   * Takes a job into the main database by `store`, once; nobody starts, gives back or kills it meanwhile. When it rejects,
   * the job goes on waiting, and is not handed out here unless it is certain that the main database does not have it.
   */
  enter(id: bigint, store: (waiting: WaitingJob) => Promise<void>): Promise<void>
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
  const state = { jobs: new Map<bigint, WaitingJob>(), kills: new Map<bigint, WaitingKill>() }
  const { jobs, kills } = state
  const used = new Set<bigint>()
  for (const line of bodies) {
    if (line.op === 'issue') used.add(jobFromRow(line.row).id)
    applyLine(state, line)
  }
  /** Whoever changes a waiting job does it one after the other. */
  const turns = createTurns()
  const killing = new Set<Promise<unknown>>()
  const reserved = await openReservedIds(join(directory, 'reserved-ids.json'), used)
  /** Jobs by domain key, from the moment their acceptance begins: two requests at once must not both succeed. */
  const domainKeys = new Map<string, Promise<bigint>>()
  for (const { job } of jobs.values()) {
    if (job.domainKey !== null) domainKeys.set(keyName(job.accountId, job.domainKey), Promise.resolve(job.id))
  }
  const write = async (line: QueueLine) => {
    await journal.append(line)
    applyLine(state, line)
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
      mayBeStored: given !== undefined,
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

  const killWaiting = async (
    accountId: bigint,
    id: bigint,
    look: (job: WaitingJob) => Promise<Job>,
    { isNotStored = false } = {},
  ) => {
    const waiting = jobs.get(id)
    if (waiting === undefined || waiting.job.accountId !== accountId) return undefined
    if (waiting.mayBeStored && !isNotStored) return undefined
    const kill = async () => {
      const former = await look(waiting)
      if (!isFinished(former.status))
        await write({ op: 'kill', id: String(id), accountId: String(accountId) })
      return former
    }
    const decision = kill()
    killing.add(decision)
    try {
      return await decision
    } finally {
      killing.delete(decision)
    }
  }

  const start = async (id: bigint, run: LocalRun, how: { log: string; afterLoss: boolean }) => {
    const waiting = jobs.get(id)
    if (waiting === undefined || waiting.mayBeStored || waiting.job.killRequested) return undefined
    const attempt = waiting.job.attempt + 1
    await write({ op: 'started', id: String(id), attempt, at: clock.now().toISOString(), ...how, run })
    return waiting.job
  }

  const enter = async (id: bigint, store: (waiting: WaitingJob) => Promise<void>) => {
    const waiting = jobs.get(id)
    if (waiting === undefined) return
    const wasCertain = !waiting.mayBeStored
    if (wasCertain) await write({ op: 'entering', id: String(id) })
    try {
      await store(waiting)
    } catch (error) {
      if (wasCertain && isCertainlyNotStored(error)) await write({ op: 'not-entered', id: String(id) })
      throw error
    }
    await write({ op: 'entered', id: String(id) })
    const { domainKey, accountId } = waiting.job
    if (domainKey !== null) domainKeys.delete(keyName(accountId, domainKey))
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
    waitingJob: (id) => jobs.get(id),
    waitingJobs: () => [...jobs.values()],
    waitingKills: () => [...kills.values()],
    killWaiting: (accountId, id, ...how) => turns.take(id, () => killWaiting(accountId, id, ...how)),
    kill: (accountId, id) => write({ op: 'kill', id: String(id), accountId: String(accountId) }),
    async steady() {
      while (killing.size > 0) await Promise.allSettled(killing)
    },
    isSteady: () => killing.size === 0,
    start: async (id, run, how) =>
      turns.isTaken(id) ? undefined : turns.take(id, () => start(id, run, how)),
    putBack: (id, attempt, how) =>
      turns.take(id, async () => {
        const waiting = jobs.get(id)
        if (waiting?.run === undefined || waiting.job.attempt !== attempt || waiting.mayBeStored) return false
        await write({ op: 'put-back', id: String(id), ...how })
        return true
      }),
    end: (record) =>
      turns.take(record.id, () => write({ op: 'ended', id: String(record.id), end: endToJson(record) })),
    enter: (id, store) => turns.take(id, () => enter(id, store)),
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

/** A refused one may still be handed out here; one whose COMMIT nobody answered may be in the main database. */
function isCertainlyNotStored(error: unknown): boolean {
  return isRetryable(error) && !isOutcomeUnknown(error)
}

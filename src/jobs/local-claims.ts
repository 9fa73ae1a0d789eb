import type { Channel, Clock, Log } from '../kernel/index.ts'
import { type AccountTurns, createAccountTurns } from './account-turns.ts'
import { retryWaitSeconds } from './end-store.ts'
import type { EndsReader, KnownEnd } from './ends.ts'
import { attemptsThatCount, isFinished, WORKERS_LOST_ALLOWED } from './life.ts'
import type { GateView } from './patience.ts'
import { isShut } from './patience.ts'
import type { LocalQueue, LocalRun, WaitingJob } from './queue.ts'
import { type JobRow, rowFromJob } from './row.ts'
import type { EndRecord, Job, JobEnd } from './types.ts'
import { endOfWaiting, withEnd } from './with-end.ts'

/** `claim-local`: what a worker says of itself while the main database is away. One at a time per worker. */
export type LocalClaim = {
  worker: string
  types: string[]
  /** How many more it can run. */
  free: number
  /** What it runs of the local queue, and what it could not write down the end of. */
  held: { id: string; attempt: number }[]
}
/** Jobs to start, with their attempt; of those it holds, which are another's by now, and which somebody wants dead. */
export type LocalGrant = { start: JobRow[]; lost: string[]; killed: string[] }

/** `local-waiting`: which of these jobs has the main database not got yet. */
export type LocalQuestion = { ids: string[] }
export type LocalAnswer = { waiting: string[] }

/** `local-put-back`: an attempt is over without an end. False: it is the main database's business by now, or another's. */
export type LocalPutBack = { id: string; attempt: number; log: string; needsDatabase: boolean }

export type LocalClaimsDeps = {
  queue: LocalQueue
  ends: EndsReader
  gate: GateView
  channel: Channel
  clock: Clock
  log: Log
  /** Whether a job only reads, and may therefore run on the snapshot; everything else waits for the main database. */
  readsOnly(job: Pick<Job, 'type' | 'query'>): boolean
  /** Most jobs of one account that run on the snapshot at once. */
  accountConcurrency: number
  /** A worker that has said nothing for so long has gone. */
  takeoverSeconds: number
}

/**
 * Hands the jobs of the local queue to the workers of this machine while the main database is away: each to one, durably
 * before the answer, to each account in turn, of each the highest priority first. An attempt whose worker does not know of it any more (it was killed, or the
 * answer was lost) is followed by the next one; ends of an earlier attempt then count for nothing.
 */
export function addLocalClaims(deps: LocalClaimsDeps): void {
  const { queue, channel, clock, log } = deps
  const startedMs = clock.monotonicMs()
  const turns = createAccountTurns()
  /** When a worker's process last told what it runs. */
  const heardMs = new Map<string, number>()
  let last: Promise<unknown> = Promise.resolve()

  const hasGone = ({ run }: WaitingJob): boolean => {
    if (run === undefined) return false
    const silentMs = clock.monotonicMs() - (heardMs.get(run.process) ?? startedMs)
    return silentMs >= deps.takeoverSeconds * 1000
  }

  const claim = async (request: LocalClaim, process: string): Promise<LocalGrant> => {
    heardMs.set(process, clock.monotonicMs())
    // The worker writes an end down before it lets go of a job, so what is read now has every end it does not hold any more.
    const ends = await deps.ends.all()
    const holds = new Set(request.held.map(({ id, attempt }) => `${id}:${attempt}`))
    const isLost = (waiting: WaitingJob) =>
      (waiting.run?.process === process && !holds.has(`${waiting.job.id}:${waiting.job.attempt}`)) ||
      hasGone(waiting)
    const start: JobRow[] = []
    if (isShut(deps.gate)) {
      const situations = queue.waitingJobs().map((waiting) => situationOf(waiting, ends, isLost))
      await endTheLost(deps, situations)
      const chosen = choose(deps, situations, request, turns)
      const run = { worker: request.worker, process }
      const begun = await Promise.all(
        chosen.map(({ waiting, log, isLost }) => begin(waiting.job.id, run, { log, afterLoss: isLost })),
      )
      for (const job of begun) if (job !== undefined) start.push(rowFromJob(job))
    }
    return { start, ...wordOf(queue, request) }
  }

  const begin = async (id: bigint, ...how: [LocalRun, { log: string; afterLoss: boolean }]) => {
    try {
      return await queue.start(id, ...how)
    } catch (error) {
      log.error({ job: String(id), err: error }, 'a waiting job cannot be started: it is not written down')
      return undefined
    }
  }

  channel.on('claim-local', (body, from): Promise<LocalGrant> => {
    const turn = last.then(() => claim(body as LocalClaim, from))
    last = turn.catch(() => undefined)
    return turn
  })
  channel.on('local-waiting', (body): LocalAnswer => {
    const { ids } = body as LocalQuestion
    return { waiting: ids.filter((id) => queue.waitingJob(BigInt(id)) !== undefined) }
  })
  channel.on('local-put-back', (body): Promise<boolean> => {
    const { id, attempt, ...how } = body as LocalPutBack
    return queue.putBack(BigInt(id), attempt, how)
  })
}

/** Of what the worker holds. A job that has entered the main database is not spoken of: the lease decides there. */
function wordOf(queue: LocalQueue, { held }: LocalClaim): Pick<LocalGrant, 'lost' | 'killed'> {
  const known = held.flatMap((one) => {
    const waiting = queue.waitingJob(BigInt(one.id))
    return waiting === undefined ? [] : [{ ...one, waiting }]
  })
  const isLost = ({ attempt, waiting }: (typeof known)[number]) =>
    waiting.job.attempt !== attempt || waiting.run === undefined || waiting.end !== undefined
  return {
    lost: known.filter(isLost).map(({ id }) => id),
    killed: known.filter(({ waiting }) => waiting.job.killRequested).map(({ id }) => id),
  }
}

type Situation = {
  waiting: WaitingJob
  /** With its end, if it has one. */
  seen: Job
  isLost: boolean
  /** What the next attempt's log begins with. */
  log: string
  /** The last attempt failed and may be repeated, not before this instant. */
  notBefore: Date | null
}

function situationOf(
  waiting: WaitingJob,
  ends: ReadonlyMap<bigint, KnownEnd>,
  isLost: (waiting: WaitingJob) => boolean,
): Situation {
  const seen = withEnd(waiting.job, endOfWaiting(waiting, ends))
  const { job } = waiting
  const hasEnded = seen.status !== job.status
  const notBefore = new Date(seen.updatedAt.getTime() + retryWaitSeconds(attemptsThatCount(job)) * 1000)
  return {
    waiting,
    seen,
    isLost: !hasEnded && isLost(waiting),
    log: seen.log,
    notBefore: hasEnded ? notBefore : null,
  }
}

/** A killed job whose worker has gone is dead; one that keeps losing its workers is what kills them. */
async function endTheLost({ queue, clock, log }: LocalClaimsDeps, situations: Situation[]): Promise<void> {
  for (const { waiting, isLost } of situations) {
    const { id, attempt, killRequested, workersLost } = waiting.job
    if (!isLost) continue
    const message = `the job lost its worker ${workersLost + 1} times`
    const lost: JobEnd = { kind: 'error', cpuMs: null, name: 'WORKER_LOST', message, retryable: false }
    const isHopeless = workersLost + 1 >= WORKERS_LOST_ALLOWED
    if (!killRequested && !isHopeless) continue
    const end: JobEnd = killRequested ? { kind: 'killed', cpuMs: null } : lost
    const record: EndRecord = { id, attempt, endAt: clock.now(), end, log: waiting.job.log }
    await queue.end(record)
    log.warn({ job: String(id), kind: end.kind }, 'a job whose worker has gone was ended')
  }
}

function choose(
  { readsOnly, accountConcurrency, clock }: LocalClaimsDeps,
  situations: Situation[],
  { types, free }: LocalClaim,
  turns: AccountTurns,
): Situation[] {
  const now = clock.now()
  const running = new Map<bigint, number>()
  const add = ({ waiting: { job } }: Situation) =>
    running.set(job.accountId, (running.get(job.accountId) ?? 0) + 1)
  for (const one of situations) if (one.seen.status === 'running' && !one.isLost) add(one)

  const isDue = ({ waiting: { request }, notBefore }: Situation) =>
    (request.dueAt === null || request.dueAt <= now) && (notBefore === null || notBefore <= now)
  const isToBeHad = ({ waiting, seen, isLost }: Situation) =>
    !waiting.mayBeStored &&
    !waiting.needsDatabase &&
    waiting.end === undefined &&
    !seen.killRequested &&
    (seen.status === 'queued' || (isLost && !isFinished(seen.status)))
  const candidates = situations
    .filter((one) => isToBeHad(one) && isDue(one))
    .filter(({ waiting: { job } }) => types.includes(job.type) && readsOnly(job))
    .sort(byPriorityThenAge)
  const ofAccount = Map.groupBy(candidates, ({ waiting }) => waiting.job.accountId)
  const chosen: Situation[] = []
  while (chosen.length < free) {
    const waiting = [...ofAccount].filter(([, list]) => list.length > 0)
    const loads = waiting.map(([account]) => ({ account, running: running.get(account) ?? 0 }))
    const [next] = turns.share(loads, { slots: 1, most: accountConcurrency })
    if (next === undefined) break
    const one = ofAccount.get(next.account)!.shift()!
    turns.served(next.account)
    add(one)
    chosen.push(one)
  }
  return chosen
}

function byPriorityThenAge({ waiting: a }: Situation, { waiting: b }: Situation): number {
  const dueMs = ({ job, request }: WaitingJob) => (request.dueAt ?? job.createdAt).getTime()
  return b.job.priority - a.job.priority || dueMs(a) - dueMs(b) || (a.job.id < b.job.id ? -1 : 1)
}

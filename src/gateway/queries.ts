import type { Readable } from 'node:stream'
import { isFinished, type Job } from '../jobs/index.ts'
import type { Principal } from '../kernel/http/index.ts'
import { AppError, type Clock, isRetryable, type Log } from '../kernel/index.ts'
import { jobIdOf, queryIdOf } from '../query/index.ts'
import { type AnswerParts, answerText, type QueryFailure, type State } from './answer.ts'
import type { ClientSession } from './client-session.ts'
import { refusals } from './errors.ts'
import type { OpenStatements } from './open-statements.ts'
import { type PageOptions, pageReply } from './page-reply.ts'
import {
  abandoned,
  failureOf,
  formOf,
  heldTooLong,
  newQuery,
  type Place,
  partsOf,
  pathOf,
  type Query,
  type Reply,
  tooManyOpen,
  type Wish,
} from './query.ts'
import { scriptOf } from './script-text.ts'
import { isSegmentMac, readSlug, type SlugFacts, slugOf } from './slug.ts'
import { describeStatement } from './statements.ts'
import type { Absence } from './types.ts'

export type GatewayOptions = PageOptions & {
  absence: Absence
  open: OpenStatements
  clock: Clock
  log: Log
  /** Without a look at it for so long a statement is given up. */
  abandonedMs: number
  /** How long a statement that needs the main database waits for it. */
  holdMs: number
  /** Of one user. */
  mostOpen: number
}

export type Queries = {
  /** Takes a statement. @throws what `identify` and issuing a job throw and is final · Refusal 503 */
  submit(
    identify: () => Promise<Principal>,
    text: string,
    session: ClientSession,
    baseUrl: string,
  ): Promise<Reply>
  /** The answer to a question for the next page. @throws Refusal 404, 410, 503 */
  next(place: Place, wish: Wish): Promise<Reply>
  /** Ends a statement, running or not. @throws Refusal 404 */
  cancel(queryId: string, account: bigint | { slug: string }): Promise<void>
  /** Rows that stand beside their page. @throws Refusal 404, 410 */
  segment(place: SegmentPlace): Promise<{ bytes: number; body: Readable }>
  /** The client has read them. @throws Refusal 404 */
  acknowledge(place: SegmentPlace): Promise<void>
  /** Gives up what nobody asks for any more; to be called now and then. */
  sweep(): Promise<void>
  close(): Promise<void>
}

export type SegmentPlace = { queryId: string; index: number; mac: string }

/** What was read to its end stays known for so long: a client may ask for its last page again. */
const KEPT_MS = 60_000
/** Statements whose key nobody can check at the moment. */
const MOST_UNADMITTED = 100
/** Numbers from here on are no jobs'. */
const UNADMITTED = 2n ** 62n

/** A statement that the process before has left, until its client asks for it. */
type Left = { slug: string; accountId: bigint; jobId: bigint; seenAtMs: number }

/**
 * Statements of clients of the Presto and the Trino protocol. Each is a job; what is kept here is only how far its client has
 * read, and can be made anew from the job when core was started again in between.
 */
export function createQueries(options: GatewayOptions): Queries {
  const { jobs, absence, segments, open, clock, log, secret, abandonedMs, holdMs, mostOpen } = options
  const queries = new Map<string, Query>()
  const nowMs = () => clock.now().getTime()
  const left = new Map(
    open.left.map(({ query, slug, account, job }): [string, Left] => [
      query,
      { slug, accountId: BigInt(account), jobId: BigInt(job), seenAtMs: nowMs() },
    ]),
  )
  let unadmitted = 0n

  async function submit(
    identify: () => Promise<Principal>,
    text: string,
    session: ClientSession,
    baseUrl: string,
  ): Promise<Reply> {
    const facts = describeStatement(text)
    const script = scriptOf(text, session, facts)
    const form = formOf(session, script.linesBefore)
    // A name that no job has, for as long as there is none.
    const id = queryIdOf(UNADMITTED + ++unadmitted, clock.now())
    const slug = slugOf(id, { accountId: 0n, form }, secret)
    const seen = { startedAtMs: nowMs(), seenAtMs: nowMs() }
    const query = newQuery({ id, slug, accountId: 0n, form, facts, ...seen })
    const admit = async () => {
      const principal = await identify()
      const { accountId, userId } = principal
      const isOneTooMany = isFull(userId, query)
      Object.assign(query, { accountId, userId })
      if (isOneTooMany) return end(query, tooManyOpen(mostOpen))
      const job = await issued(query, principal, session, script.text)
      if (job === undefined) return undefined
      Object.assign(query, { jobId: job.id, admit: undefined })
      // It was cancelled while it was being issued: what its client was told failed must not take effect.
      if (query.isOver) await jobs.kill(accountId, job.id)
      return job
    }
    // Known from here on, so that those of one user that come at once are counted.
    queries.set(id, query)
    try {
      const job = await admit()
      if (job !== undefined) {
        queries.delete(id)
        query.id = queryIdOf(job.id, job.createdAt)
        query.slug = slugOf(query.id, { accountId: query.accountId, form }, secret)
        queries.set(query.id, query)
        note(query)
      }
    } catch (error) {
      // Nobody can say whether the key is good: the client waits in the queue, as for a busy server.
      if (!isRetryable(error) || countUnadmitted() >= MOST_UNADMITTED) {
        queries.delete(id)
        throw isRetryable(error) ? refusals.crowded() : error
      }
      query.admit = async () => {
        if ((await admit()) !== undefined) note(query)
      }
    }
    return firstReply(query, baseUrl)
  }

  function countUnadmitted(): number {
    let count = 0
    for (const query of queries.values()) if (query.admit !== undefined && !query.isOver) count++
    return count
  }

  /** It is not, and will not be, a job. */
  function end(query: Query, failure: QueryFailure): undefined {
    query.admit = undefined
    tell(query, failure)
  }

  /** undefined when there is no room for it: then the query says so. */
  async function issued(query: Query, principal: Principal, session: ClientSession, text: string) {
    try {
      return await jobs.issue(principal, {
        type: session.family === 'Presto' ? 'presto' : 'trino',
        database: session.schema ?? '',
        query: text,
        priority: priorityOf(session),
      })
    } catch (error) {
      if (!(error instanceof AppError && error.status === 429)) throw error
      return end(query, { name: 'QUERY_QUEUE_FULL', message: error.message, linesBefore: 0 })
    }
  }

  function isFull(userId: bigint, besides: Query): boolean {
    let count = 0
    for (const query of queries.values())
      if (query.userId === userId && query !== besides && !query.isOver) count++
    return count >= mostOpen
  }

  /** Nobody waits for it: a crash within that moment costs that this statement runs to its end. */
  function note({ id, slug, accountId, jobId }: Query): void {
    void open.add({ query: id, slug, account: String(accountId), job: String(jobId) })
  }

  /** Some clients take an answer without a next page for a failure, so the first one always has one. */
  function firstReply(query: Query, baseUrl: string): Reply {
    const nextPath = pathOf(query, 'queued', 1)
    return {
      body: answerText({ ...partsAbout(query, baseUrl, undefined), state: 'QUEUED', nextPath }, undefined),
      headers: {},
    }
  }

  const partsAbout = (query: Query, baseUrl: string, job: Job | undefined) =>
    partsOf(query, { baseUrl, job, absence, nowMs: nowMs() })

  async function next(place: Place, wish: Wish): Promise<Reply> {
    const query = await find(place)
    query.seenAtMs = nowMs()
    const reply = query.turn.then(() => nextInTurn(query, place, wish))
    query.turn = reply.catch(() => undefined)
    return reply
  }

  async function nextInTurn(query: Query, place: Place, wish: Wish): Promise<Reply> {
    const { last } = query
    if (last !== undefined && last.phase === place.phase) {
      if (last.token === place.token) return last
      if (place.token < last.token) throw refusals.pageGone()
      if (place.token > last.token + 1) throw refusals.unknownQuery()
    }
    if (last?.phase === 'executing' && place.phase === 'queued') throw refusals.pageGone()
    const reply = await answer(query, place, wish)
    query.last = { phase: place.phase, token: place.token, ...reply }
    return reply
  }

  /** The query of a place, from memory or from its job. */
  async function find({ queryId, slug }: Pick<Place, 'queryId' | 'slug'>): Promise<Query> {
    const facts = readSlug(slug, queryId, secret)
    if (facts === undefined) throw refusals.unknownQuery()
    const query = queries.get(queryId) ?? (await foundAnew(queryId, slug, facts))
    // Two may have looked for it at once.
    const known = queries.get(queryId) ?? query
    queries.set(queryId, known)
    left.delete(queryId)
    return known
  }

  async function foundAnew(queryId: string, slug: string, facts: SlugFacts): Promise<Query> {
    const before = left.get(queryId)
    const jobId = before?.jobId ?? jobIdOf(queryId)
    if (jobId === undefined) throw refusals.unknownQuery()
    const { form } = facts
    const accountId = before?.accountId ?? facts.accountId
    if (jobId >= UNADMITTED) {
      const seen = { startedAtMs: nowMs(), seenAtMs: nowMs() }
      const lost = newQuery({ id: queryId, slug, accountId, form, facts: describeStatement(''), ...seen })
      return { ...lost, isOver: true, failure: LOST }
    }
    const job = await lookAt(accountId, jobId)
    const seen = { startedAtMs: job.createdAt.getTime(), seenAtMs: nowMs() }
    const query = newQuery({
      id: queryId,
      slug,
      accountId,
      form,
      facts: describeStatement(job.query),
      ...seen,
    })
    return { ...query, jobId, userId: job.userId }
  }

  async function lookAt(accountId: bigint, jobId: bigint): Promise<Job> {
    try {
      return (await jobs.look(accountId, jobId)).value
    } catch (error) {
      // The job is not lost, and neither is the query: clients ask again.
      if (isRetryable(error)) throw refusals.away(1, error)
      if (error instanceof AppError && error.status === 404) throw refusals.unknownQuery()
      throw error
    }
  }

  async function answer(query: Query, { phase, token }: Place, wish: Wish): Promise<Reply> {
    const { baseUrl } = wish
    const only = (parts: Partial<AnswerParts> & { state: State }, job?: Job): Reply => ({
      body: answerText({ ...partsAbout(query, baseUrl, job), ...parts }, undefined),
      headers: {},
    })
    const nextPath = pathOf(query, 'queued', phase === 'queued' ? token + 1 : 1)
    if (!(await isAdmitted(query, wish))) return only({ state: 'QUEUED', nextPath })
    const job =
      query.failure === undefined ? (query.done ?? (await waitFor(query, wish.maxWaitMs))) : undefined
    const failure = failureOf(query, job)
    query.isOver = failure !== undefined || isFinished(job!.status)
    if (failure !== undefined) return only({ state: 'FAILED', failure }, job)
    if (!query.isOver) return only({ state: job!.status === 'queued' ? 'QUEUED' : 'RUNNING', nextPath }, job)
    query.done = job
    const parts = partsAbout(query, baseUrl, job)
    return pageReply(options, { query, job: job!, index: phase === 'queued' ? 0 : token, parts })
  }

  /** Whether there is a job; asks again whose key it is. @throws Refusal 401 when it turns out to be nobody's */
  async function isAdmitted(query: Query, { maxWaitMs }: Wish): Promise<boolean> {
    if (query.admit === undefined) return true
    try {
      await query.admit()
      return true
    } catch (error) {
      if (!isRetryable(error)) {
        // However often it is asked for.
        query.isOver = true
        query.admit = () => Promise.reject(error)
        throw error
      }
      if (nowMs() - query.startedAtMs > holdMs) query.failure = heldTooLong(absence)
      else await clock.sleep(maxWaitMs)
      return query.failure !== undefined
    }
  }

  /** The job when it has ended, or as it is after that time. */
  async function waitFor(query: Query, maxWaitMs: number): Promise<Job> {
    const untilMs = clock.monotonicMs() + maxWaitMs
    for (let pauseMs = 5; ; pauseMs = Math.min(200, pauseMs * 2)) {
      const job = await lookAt(query.accountId, query.jobId!)
      if (isFinished(job.status)) return job
      if (isHeldTooLong(query, job)) {
        await giveUp(query, heldTooLong(absence))
        return lookAt(query.accountId, query.jobId!)
      }
      const leftMs = untilMs - clock.monotonicMs()
      if (leftMs <= 0) return job
      await jobs.ended(query.jobId!, Math.min(pauseMs, leftMs))
    }
  }

  function isHeldTooLong({ startedAtMs }: Query, job: Job): boolean {
    if (job.status !== 'queued' || !absence.isAway()) return false
    return nowMs() > startedAtMs + holdMs
  }

  /** Ends the job first: what its client was told failed must not take effect later. */
  async function giveUp(query: Query, failure: QueryFailure): Promise<void> {
    if (await jobs.kill(query.accountId, query.jobId!)) tell(query, failure)
  }

  async function cancel(queryId: string, account: bigint | { slug: string }): Promise<void> {
    const query = queries.get(queryId)
    const before = left.get(queryId)
    const jobId = query?.jobId ?? before?.jobId ?? jobIdOf(queryId)
    const given = typeof account === 'bigint' ? account : readSlug(account.slug, queryId, secret)?.accountId
    if (given === undefined || jobId === undefined) throw refusals.unknownQuery()
    // A slug was made before anybody knew whose key it was: it opens its query all the same.
    const accountId = typeof account === 'bigint' ? account : (query?.accountId ?? before?.accountId ?? given)
    if (query !== undefined && query.accountId !== accountId) throw refusals.unknownQuery()
    if (query?.admit !== undefined) {
      end(query, CANCELED)
      return
    }
    // It was never a job.
    if (jobId >= UNADMITTED) return
    await segments.removeAll(queryId)
    try {
      if (!(await jobs.kill(accountId, jobId))) return
    } catch (error) {
      if (isRetryable(error)) throw refusals.away(1, error)
      if (error instanceof AppError && error.status === 404) throw refusals.unknownQuery()
      throw error
    }
    if (query !== undefined) tell(query, CANCELED)
  }

  /** Whatever page is asked for next, the client hears how it ended. */
  function tell(query: Query, failure: QueryFailure): void {
    query.failure = failure
    query.isOver = true
    query.last = undefined
    closeReader(query)
  }

  function closeReader(query: Query): void {
    query.reader?.close()
    query.reader = undefined
  }

  async function segment({ queryId, index, mac }: SegmentPlace) {
    if (!isSegmentMac(mac, queryId, index, secret)) throw refusals.unknownSegment()
    const found = await segments.open(queryId, index)
    if (found === undefined) throw refusals.segmentGone()
    const query = queries.get(queryId)
    if (query !== undefined) query.seenAtMs = nowMs()
    return found
  }

  async function acknowledge({ queryId, index, mac }: SegmentPlace): Promise<void> {
    if (!isSegmentMac(mac, queryId, index, secret)) throw refusals.unknownSegment()
    await segments.remove(queryId, index)
  }

  async function sweep(): Promise<void> {
    await segments.sweep()
    // While nobody can look one up, nobody can look up the others.
    for (const [queryId, { slug, seenAtMs }] of [...left])
      if (nowMs() - seenAtMs >= abandonedMs && !(await isDone(queryId, () => findLeft(queryId, slug)))) break
    for (const query of [...queries.values()]) {
      const idleMs = nowMs() - query.seenAtMs
      if (idleMs < KEPT_MS) continue
      // Pages can be read again from the stored result; an open one costs memory.
      closeReader(query)
      if (idleMs >= abandonedMs && !(await isDone(query.id, () => abandon(query)))) break
    }
    await open.tidy((id) => left.has(id) || queries.get(id)?.isOver === false)
  }

  /** Nobody has asked for it since this process began: it is known again, and as long unseen. */
  async function findLeft(queryId: string, slug: string): Promise<void> {
    const { seenAtMs } = left.get(queryId)!
    try {
      const query = await find({ queryId, slug })
      query.seenAtMs = seenAtMs
    } catch (error) {
      // Its job is not kept any more.
      if (!isUnknown(error)) throw error
      left.delete(queryId)
    }
  }

  async function abandon(query: Query): Promise<void> {
    if (query.jobId !== undefined && !query.isOver) {
      const { value: job } = await jobs.look(query.accountId, query.jobId)
      if (!isFinished(job.status)) {
        log.info(
          { query: query.id, job: String(job.id) },
          'nobody asks for the answer of a query: it is ended',
        )
        await giveUp(query, abandoned(abandonedMs))
        // Its client shall hear of it, should it come back.
        query.seenAtMs = nowMs()
        return
      }
    }
    queries.delete(query.id)
  }

  async function isDone(queryId: string, act: () => Promise<void>): Promise<boolean> {
    try {
      await act()
    } catch (error) {
      if (!isUnknown(error)) {
        log.warn(
          { query: queryId, err: error },
          'a query that was abandoned could not be ended; trying again',
        )
        return false
      }
      queries.delete(queryId)
    }
    return true
  }

  return {
    submit,
    next,
    cancel,
    segment,
    acknowledge,
    sweep,
    async close() {
      for (const query of queries.values()) closeReader(query)
      await open.close()
    },
  }
}

/** Said of a statement whose key could not be checked before core was started again: it was kept in memory only. */
const LOST: QueryFailure = {
  name: 'SERVER_STARTING_UP',
  message:
    'The server was started again before the API key of this statement could be checked; it was not run. Send it again.',
  linesBefore: 0,
}

const CANCELED: QueryFailure = { name: 'USER_CANCELED', message: 'Query was canceled', linesBefore: 0 }

const isUnknown = (error: unknown) => (error as { status?: number }).status === 404

/** Trino's numbers begin at 1, those of jobs go from -2 to 2. What is no number is an error of the job. */
function priorityOf({ properties }: ClientSession): number {
  const number = Number(properties.get('query_priority') ?? '1')
  return Number.isInteger(number) ? Math.max(-2, Math.min(2, number - 1)) : 0
}

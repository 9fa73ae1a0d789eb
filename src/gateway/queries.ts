import { isFinished, type Job } from '../jobs/index.ts'
import type { Principal } from '../kernel/http/index.ts'
import { AppError, type Clock, type Ids, isRetryable, type Log } from '../kernel/index.ts'
import { type AnswerParts, answerText, type Column, type QueryFailure, type State } from './answer.ts'
import type { ClientSession, Family } from './client-session.ts'
import { effectHeaders } from './effects.ts'
import { refusals } from './errors.ts'
import { legacyTimes } from './legacy-times.ts'
import { createPageReader, type PageReader } from './pages.ts'
import { accountOfSlug, jobIdOf, queryIdOf, slugOf } from './query-id.ts'
import { scriptOf } from './script-text.ts'
import { describeStatement, type StatementFacts } from './statements.ts'
import type { FieldForm } from './type-signature.ts'
import type { Absence, GatewayJobs } from './types.ts'

export type GatewayOptions = {
  jobs: GatewayJobs
  absence: Absence
  clock: Clock
  ids: Ids
  log: Log
  /** Signs what lets a client ask for its next page. */
  secret: Buffer
  pageBytes: number
  /** Without a look at it for so long a statement is given up. */
  abandonedMs: number
  /** How long a statement that needs the main database waits for it. */
  holdMs: number
}

/** A body, and headers for the one who asked. */
export type Reply = { body: Buffer; headers: Record<string, string> }
/** Where a client asks for the next page: which phase, and the number in it. */
export type Place = { queryId: string; slug: string; phase: 'queued' | 'executing'; token: number }
/** How a page is wanted. */
export type Wish = { baseUrl: string; maxWaitMs: number }

/** A statement as long as somebody reads its answer. */
type Query = {
  id: string
  slug: string
  accountId: bigint
  family: Family
  /** Times with their precision: newer clients. */
  isParametric: boolean
  fields: FieldForm
  /** undefined as long as nobody could say whose key it came with. */
  jobId: bigint | undefined
  /** Tries to find out, and then issues the job. */
  admit: (() => Promise<void>) | undefined
  startedAtMs: number
  seenAtMs: number
  linesBefore: number
  facts: StatementFacts
  /** Of START TRANSACTION, and the same each time its page is read. */
  transactionId: string
  /** Decided here, whatever the job says: cancelled, abandoned, held too long. */
  failure: QueryFailure | undefined
  reader: PageReader | undefined
  last: ({ phase: Place['phase']; token: number } & Reply) | undefined
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
  /** Gives up what nobody asks for any more; to be called now and then. */
  sweep(): Promise<void>
  close(): void
}

/** What was read to its end stays known for so long: a client may ask for its last page again. */
const KEPT_MS = 60_000
/** Statements whose key nobody can check at the moment. */
const MOST_UNADMITTED = 100
/** Numbers from here on are no jobs'. */
const UNADMITTED = 2n ** 62n

/**
 * Statements of clients of the Presto and the Trino protocol. Each is a job; what is kept here is only how far its client has
 * read, and can be made anew from the job when core was started again in between.
 */
export function createQueries(options: GatewayOptions): Queries {
  const { jobs, absence, clock, ids, log, secret, pageBytes, abandonedMs, holdMs } = options
  const queries = new Map<string, Query>()
  const nowMs = () => clock.now().getTime()
  let unadmitted = 0n

  async function submit(
    identify: () => Promise<Principal>,
    text: string,
    session: ClientSession,
    baseUrl: string,
  ): Promise<Reply> {
    const facts = describeStatement(text)
    const script = scriptOf(text, session, facts)
    const query: Query = {
      // Names that no job has, for as long as there is none.
      ...named(UNADMITTED + ++unadmitted, 0n),
      family: session.family,
      isParametric: session.capabilities.has('PARAMETRIC_DATETIME'),
      fields: session.fields,
      jobId: undefined,
      admit: undefined,
      startedAtMs: nowMs(),
      seenAtMs: nowMs(),
      linesBefore: script.linesBefore,
      facts,
      transactionId: ids.hex128(),
      failure: undefined,
      reader: undefined,
      last: undefined,
    }
    const admit = async () => {
      const principal = await identify()
      const jobId = await jobs.issue(principal, {
        type: session.family === 'Presto' ? 'presto' : 'trino',
        database: session.schema ?? '',
        query: script.text,
      })
      Object.assign(query, { jobId, accountId: principal.accountId, admit: undefined })
    }
    try {
      await admit()
      Object.assign(query, named(query.jobId!, query.accountId))
    } catch (error) {
      // Nobody can say whether the key is good: the client waits in the queue, as for a busy server.
      if (!isRetryable(error)) throw error
      if ([...queries.values()].filter((one) => one.admit !== undefined).length >= MOST_UNADMITTED)
        throw refusals.crowded()
      query.admit = admit
    }
    queries.set(query.id, query)
    return firstReply(query, baseUrl)
  }

  function named(number: bigint, accountId: bigint) {
    const id = queryIdOf(number, clock.now())
    return { id, slug: slugOf({ queryId: id, accountId }, secret), accountId }
  }

  /** Some clients take an answer without a next page for a failure, so the first one always has one. */
  function firstReply(query: Query, baseUrl: string): Reply {
    const nextPath = pathOf(query, 'queued', 1)
    return {
      body: answerText({ ...partsOf(query, baseUrl, undefined), state: 'QUEUED', nextPath }, undefined),
      headers: {},
    }
  }

  async function next(place: Place, wish: Wish): Promise<Reply> {
    const query = await find(place)
    query.seenAtMs = nowMs()
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
  async function find({ queryId, slug }: Place): Promise<Query> {
    const accountId = accountOfSlug(slug, queryId, secret)
    if (accountId === undefined) throw refusals.unknownQuery()
    const known = queries.get(queryId)
    if (known !== undefined) return known
    const jobId = jobIdOf(queryId)
    if (jobId === undefined || jobId >= UNADMITTED) throw refusals.unknownQuery()
    const job = await lookAt(accountId, jobId)
    const query: Query = {
      id: queryId,
      slug,
      accountId,
      family: job.type === 'presto' ? 'Presto' : 'Trino',
      // What the client said with its statement is gone: this is right for all but the oldest of that family.
      isParametric: job.type !== 'presto',
      fields: 'structured',
      jobId,
      admit: undefined,
      startedAtMs: job.createdAt.getTime(),
      seenAtMs: nowMs(),
      linesBefore: 0,
      facts: describeStatement(job.query),
      transactionId: ids.hex128(),
      failure: undefined,
      reader: undefined,
      last: undefined,
    }
    queries.set(queryId, query)
    return query
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
      body: answerText({ ...partsOf(query, baseUrl, job), ...parts }, undefined),
      headers: {},
    })
    const nextPath = pathOf(query, 'queued', phase === 'queued' ? token + 1 : 1)
    if (!(await isAdmitted(query, wish))) return only({ state: 'QUEUED', nextPath })
    const job = query.failure === undefined ? await waitFor(query, wish.maxWaitMs) : undefined
    const failure = failureOf(query, job)
    if (failure !== undefined) return only({ state: 'FAILED', failure }, job)
    if (!isFinished(job!.status))
      return only({ state: job!.status === 'queued' ? 'QUEUED' : 'RUNNING', nextPath }, job)
    return pageReply(query, job!, phase === 'queued' ? 0 : token, baseUrl)
  }

  /** Whether there is a job; asks again whose key it is. @throws Refusal 401 when it turns out to be nobody's */
  async function isAdmitted(query: Query, { maxWaitMs }: Wish): Promise<boolean> {
    if (query.admit === undefined) return true
    try {
      await query.admit()
      return true
    } catch (error) {
      if (!isRetryable(error)) {
        queries.delete(query.id)
        throw error
      }
      if (nowMs() - query.startedAtMs > holdMs)
        query.failure = { name: 'GENERIC_INSUFFICIENT_RESOURCES', message: awayMessage(), linesBefore: 0 }
      else await clock.sleep(maxWaitMs)
      return query.failure !== undefined
    }
  }

  /** The job when it has ended, or as it is after that time. */
  async function waitFor(query: Query, maxWaitMs: number): Promise<Job> {
    const untilMs = clock.monotonicMs() + maxWaitMs
    for (let pauseMs = 5; ; pauseMs = Math.min(200, pauseMs * 2)) {
      const job = await lookAt(query.accountId, query.jobId!)
      const leftMs = untilMs - clock.monotonicMs()
      if (isFinished(job.status) || leftMs <= 0) return job
      if (isHeldTooLong(query, job)) {
        await giveUp(query, { name: 'GENERIC_INSUFFICIENT_RESOURCES', message: awayMessage() })
        return job
      }
      await jobs.ended(query.jobId!, Math.min(pauseMs, leftMs))
    }
  }

  function isHeldTooLong({ startedAtMs }: Query, job: Job): boolean {
    if (job.status !== 'queued' || !absence.isAway()) return false
    return nowMs() > startedAtMs + holdMs
  }

  const awayMessage = () =>
    `The main database is away${absence.isPlanned() ? ' for maintenance' : ''}; this statement needs it and was not run. Send it again when it is back.`

  /** Ends the job first: what its client was told failed must not take effect later. */
  async function giveUp(query: Query, failure: Omit<QueryFailure, 'linesBefore'>): Promise<void> {
    if (await jobs.kill(query.accountId, query.jobId!)) query.failure = { ...failure, linesBefore: 0 }
  }

  function failureOf(query: Query, job: Job | undefined): QueryFailure | undefined {
    if (query.failure !== undefined) return query.failure
    const { linesBefore } = query
    if (job?.status === 'error') {
      const { errorName, errorMessage } = job
      return { name: errorName ?? '', message: errorMessage ?? 'The query failed', linesBefore }
    }
    if (job?.status === 'killed')
      return { name: 'ADMINISTRATIVELY_KILLED', message: 'Query killed: its job was killed', linesBefore }
    return undefined
  }

  async function pageReply(query: Query, job: Job, index: number, baseUrl: string): Promise<Reply> {
    const { facts, family, transactionId } = query
    const { columns, adjust } = columnsOf(query, job)
    const parts = { ...partsOf(query, baseUrl, job), columns, updateType: facts.updateType }
    const effect = effectHeaders(facts.effect, family, transactionId)
    if (columns === undefined)
      return { body: answerText({ ...parts, state: 'FINISHED' }, undefined), headers: effect }
    query.reader ??= createPageReader({ open: () => jobs.rows(job), pageBytes, adjust })
    const page = await query.reader.page(index)
    if (page.index !== index) throw refusals.unknownQuery()
    if (page.isLast) {
      query.reader.close()
      query.reader = undefined
    }
    const updateCount = facts.countsRows ? countOf(page.data) : undefined
    const nextPath = page.isLast ? undefined : pathOf(query, 'executing', index + 1)
    const state: State = page.isLast ? 'FINISHED' : 'RUNNING'
    // No rows are told by no data at all.
    const rows = page.data.length <= 2 ? undefined : page.data
    return { body: answerText({ ...parts, state, nextPath, updateCount }, rows), headers: effect }
  }

  function columnsOf({ isParametric }: Query, { resultSchema }: Job) {
    const schema = resultSchema ?? []
    const types = schema.map(([, type]) => type)
    const shown = isParametric ? { types, adjust: undefined } : legacyTimes(types)
    const columns: Column[] = schema.map(([name], i) => ({ name, type: shown.types[i]! }))
    return { columns: columns.length === 0 ? undefined : columns, adjust: shown.adjust }
  }

  function partsOf(query: Query, baseUrl: string, job: Job | undefined): Omit<AnswerParts, 'state'> {
    return {
      queryId: query.id,
      baseUrl,
      nextPath: undefined,
      job,
      startedAtMs: query.startedAtMs,
      nowMs: nowMs(),
      columns: undefined,
      fields: query.fields,
      failure: undefined,
      warnings: absence.isAway()
        ? [
            `The main database is away${absence.isPlanned() ? ' for maintenance' : ''}: what is read is as it was before; writes wait for it.`,
          ]
        : [],
      updateType: undefined,
      updateCount: undefined,
    }
  }

  async function cancel(queryId: string, account: bigint | { slug: string }): Promise<void> {
    const accountId = typeof account === 'bigint' ? account : accountOfSlug(account.slug, queryId, secret)
    const query = queries.get(queryId)
    const jobId = query?.jobId ?? jobIdOf(queryId)
    if (accountId === undefined || jobId === undefined) throw refusals.unknownQuery()
    // A slug was made before anybody knew whose key it was: it opens its query all the same.
    if (typeof account === 'bigint' && query !== undefined && query.accountId !== account)
      throw refusals.unknownQuery()
    if (query?.admit !== undefined) {
      queries.delete(queryId)
      return
    }
    try {
      if (!(await jobs.kill(query?.accountId ?? accountId, jobId))) return
    } catch (error) {
      if (isRetryable(error)) throw refusals.away(1, error)
      if (error instanceof AppError && error.status === 404) throw refusals.unknownQuery()
      throw error
    }
    if (query === undefined) return
    query.failure = { name: 'USER_CANCELED', message: 'Query was canceled', linesBefore: 0 }
    query.last = undefined
    query.reader?.close()
    query.reader = undefined
  }

  async function sweep(): Promise<void> {
    for (const query of [...queries.values()]) {
      const idleMs = nowMs() - query.seenAtMs
      if (idleMs < KEPT_MS) continue
      // Pages can be read again from the stored result; an open one costs memory.
      query.reader?.close()
      query.reader = undefined
      if (idleMs < abandonedMs) continue
      queries.delete(query.id)
      if (query.jobId === undefined || query.failure !== undefined) continue
      try {
        const { value: job } = await jobs.look(query.accountId, query.jobId)
        if (isFinished(job.status)) continue
        log.info(
          { query: query.id, job: String(job.id) },
          'nobody asks for the answer of a query: it is ended',
        )
        await giveUp(query, { name: 'ABANDONED_QUERY', message: abandonedMessage(abandonedMs) })
        queries.set(query.id, query)
        query.seenAtMs = nowMs()
      } catch (error) {
        log.warn(
          { query: query.id, err: error },
          'a query that was abandoned could not be ended; trying again',
        )
        queries.set(query.id, query)
      }
    }
  }

  return {
    submit,
    next,
    cancel,
    sweep,
    close() {
      for (const { reader } of queries.values()) reader?.close()
    },
  }
}

const abandonedMessage = (afterMs: number) =>
  `Query was abandoned by the client: it has not asked for the answer for ${Math.round(afterMs / 60_000)} minutes`

function pathOf({ id, slug }: Query, phase: Place['phase'], token: number): string {
  return `/v1/statement/${phase}/${id}/${slug}/${token}`
}

/** The one number of an answer that counts rows. */
function countOf(rows: Buffer): bigint | undefined {
  const [, count] = /^\[\[(\d+)\]\]$/.exec(rows.toString()) ?? []
  return count === undefined ? undefined : BigInt(count)
}

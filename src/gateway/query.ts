import { randomUUID } from 'node:crypto'
import type { Job } from '../jobs/index.ts'
import type { AnswerParts, Column, QueryFailure } from './answer.ts'
import type { ClientSession } from './client-session.ts'
import { chosenEncoding } from './encodings.ts'
import { legacyTimes } from './legacy-times.ts'
import type { PageReader, PagesOptions } from './pages.ts'
import type { AnswerForm } from './slug.ts'
import type { StatementFacts } from './statements.ts'
import type { Absence } from './types.ts'

/** A body, and headers for the one who asked. */
export type Reply = { body: Buffer; headers: Record<string, string> }
/** Where a client asks for the next page: which phase, and the number in it. */
export type Place = { queryId: string; slug: string; phase: 'queued' | 'executing'; token: number }
/** How a page is wanted. */
export type Wish = { baseUrl: string; maxWaitMs: number }

/** A statement as long as somebody reads its answer. */
export type Query = {
  id: string
  slug: string
  accountId: bigint
  /** undefined as long as nobody could say whose key it came with. */
  userId: bigint | undefined
  form: AnswerForm
  jobId: bigint | undefined
  /** Tries to find out whose key it is, and then issues the job. */
  admit: (() => Promise<void>) | undefined
  startedAtMs: number
  seenAtMs: number
  facts: StatementFacts
  /** Of START TRANSACTION, and the same each time its page is read. */
  transactionId: string
  /** Decided here, whatever the job says: cancelled, abandoned, held too long, one too many. */
  failure: QueryFailure | undefined
  /** It is known to have ended. */
  isOver: boolean
  /** Its job once that has succeeded: it does not change any more, and need not be looked up for every page. */
  done: Job | undefined
  reader: PageReader | undefined
  last: ({ phase: Place['phase']; token: number } & Reply) | undefined
  /** The question that is being answered: one after the other, also when a client asks the same twice. */
  turn: Promise<unknown>
}

type Given = Pick<Query, 'id' | 'slug' | 'accountId' | 'form' | 'startedAtMs' | 'seenAtMs' | 'facts'>

export function newQuery(given: Given): Query {
  return {
    ...given,
    userId: undefined,
    jobId: undefined,
    admit: undefined,
    transactionId: randomUUID().replaceAll('-', ''),
    failure: undefined,
    isOver: false,
    done: undefined,
    reader: undefined,
    last: undefined,
    turn: Promise.resolve(),
  }
}

export function formOf(session: ClientSession, linesBefore: number): AnswerForm {
  return {
    family: session.family,
    isParametric: session.capabilities.has('PARAMETRIC_DATETIME'),
    fields: session.fields,
    encoding: chosenEncoding(session.encodings),
    linesBefore,
  }
}

export function pathOf({ id, slug }: Query, phase: Place['phase'], token: number): string {
  return `/v1/statement/${phase}/${id}/${slug}/${token}`
}

/** What every answer about a query says. */
export function partsOf(
  { id, startedAtMs, form }: Query,
  {
    baseUrl,
    job,
    absence,
    nowMs,
  }: { baseUrl: string; job: Job | undefined; absence: Absence; nowMs: number },
): Omit<AnswerParts, 'state'> {
  return {
    queryId: id,
    baseUrl,
    nextPath: undefined,
    job,
    startedAtMs,
    nowMs,
    columns: undefined,
    fields: form.fields,
    failure: undefined,
    warnings: absence.isAway()
      ? [`${awayWords(absence)}: what is read is as it was before; writes wait for it.`]
      : [],
    updateType: undefined,
    updateCount: undefined,
  }
}

const awayWords = (absence: Absence) =>
  `The main database is away${absence.isPlanned() ? ' for maintenance' : ''}`

const UNCHECKED = 'The API key of this statement could not be checked in time; it was not run. Send it again.'

/** What is told of a statement that waited for the main database, or for its key to be checked, as long as it may. */
export function heldTooLong(absence: Absence): QueryFailure {
  if (!absence.isAway()) return { name: 'GENERIC_INSUFFICIENT_RESOURCES', message: UNCHECKED, linesBefore: 0 }
  const back = absence.isPlanned()
    ? ` after ${absence.expectedBack().toISOString().slice(11, 16)} UTC`
    : ' when it is back'
  const message = `${awayWords(absence)}; this statement needs it and was not run. Send it again${back}.`
  return { name: 'GENERIC_INSUFFICIENT_RESOURCES', message, linesBefore: 0 }
}

export function abandoned(afterMs: number): QueryFailure {
  const message = `Query was abandoned by the client: it has not asked for the answer for ${Math.round(afterMs / 60_000)} minutes`
  return { name: 'ABANDONED_QUERY', message, linesBefore: 0 }
}

export function tooManyOpen(most: number): QueryFailure {
  const message = `Too many queries of this user are open (${most}); read or cancel some of them`
  return { name: 'QUERY_QUEUE_FULL', message, linesBefore: 0 }
}

/** How the query ended other than well; undefined when it has not, or well. */
export function failureOf({ failure, form }: Query, job: Job | undefined): QueryFailure | undefined {
  if (failure !== undefined) return failure
  const { linesBefore } = form
  if (job?.status === 'error') {
    const { errorName, errorMessage } = job
    return { name: errorName ?? '', message: errorMessage ?? 'The query failed', linesBefore }
  }
  if (job?.status === 'killed')
    return { name: 'ADMINISTRATIVELY_KILLED', message: 'Query killed: its job was killed', linesBefore }
  return undefined
}

/** The columns as the client reads them, and what that makes of the rows. */
export function columnsOf(
  { form }: Query,
  { resultSchema }: Job,
): { columns: Column[] | undefined; adjust: PagesOptions['adjust'] } {
  const schema = resultSchema ?? []
  const types = schema.map(([, type]) => type)
  const shown = form.isParametric ? { types, adjust: undefined } : legacyTimes(types)
  const columns: Column[] = schema.map(([name], i) => ({ name, type: shown.types[i]! }))
  return { columns: columns.length === 0 ? undefined : columns, adjust: shown.adjust }
}

import { buffer } from 'node:stream/consumers'
import { type CliError, failure } from '../errors.ts'
import { away, interrupted, outcomeUnknown, type Refused } from './errors.ts'
import type { Message, Sent, Transport } from './transport.ts'
import { type Verdict, verdictOf } from './verdict.ts'

/**
 * What may be done after a write was sent and its answer was lost.
 * `same`: send it again, it has the same effect once more (it sets something, or carries a key of its own).
 * a status: send it again; refused so, it has taken effect. `never`: a second one would do something else.
 */
export type Repeat = 'same' | 'never' | 404 | 409

export type Query = Record<string, string | number | boolean | undefined>

/** A request that changes nothing. */
export type Read = {
  does: string
  path: string
  query?: Query
  headers?: Record<string, string>
  /** Asks again for as long as a write would: somebody waits for the end of something. */
  isPatient?: boolean
}

/** A request that changes something. */
export type Write = {
  /** In words, for progress and errors: `create the database 'shop'`. */
  does: string
  method?: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  query?: Query
  form?: Query
  json?: unknown
  body?: Uint8Array
  headers?: Record<string, string>
  repeat: Repeat
  /** The command that shows whether it was done. */
  look: string
  /** Goes to the import host, where there is one. */
  isImport?: boolean
}

export type Answer = {
  status: number
  headers: Record<string, string>
  /** The refusal of a repetition, by which the write is known to have taken effect; there is no body then. */
  settledBy: Refused | undefined
}

/** Told what is waited for, so that it can be shown. */
export type Waiting = { does: string; reason: string; untilMs: number; nextTryMs: number; isWrite: boolean }

export type CallDeps = {
  transport: Transport
  endpoint: URL
  importEndpoint: URL
  headers: Record<string, string>
  /** How long to wait for a server that is away; undefined: reads briefly, writes to the announced end. */
  waitMs: number | undefined
  nowMs(): number
  /** Resolves early, never rejects, when the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
  signal: AbortSignal
  onWaiting(waiting: Waiting): void
  onWaitingOver(): void
  /** An answer came from the snapshot, so many seconds old. */
  onSnapshot(ageSeconds: number): void
  trace(line: string): void
}

export type Call = ReturnType<typeof createCall>

/** Reads that are refused come again soon; they are answered from a snapshot during an absence. */
const READ_WAIT_MS = 30_000
/** As long as a maintenance may last that announces no end. */
const WRITE_WAIT_MS = 15 * 60_000
/** A server that does not listen is no server in maintenance: that one answers. */
const UNREACHABLE_WAIT_MS = 10_000
/** Beyond the announced end: a maintenance may be a little late. */
const GRACE_MS = 120_000
const BACKOFF_MS = [1_000, 2_000, 4_000, 8_000, 15_000]

/**
 * Sends requests until they are answered for good: reads briefly, writes for as long as a maintenance takes, by the
 * server's own Retry-After. A write whose answer was lost is sent again only where that cannot double it.
 */
export function createCall(deps: CallDeps) {
  /** It has answered: when nothing listens there now, it is being started again. */
  let hasAnswered = false

  return {
    /** @throws Refused · away (3) · interrupted (130) */
    async json<T>(read: Read): Promise<T> {
      const text = await readText(read)
      try {
        return JSON.parse(text === '' ? '{}' : text) as T
      } catch (error) {
        throw failure(
          `could not ${read.does}: the answer of ${deps.endpoint.origin} is no JSON (${(error as Error).message})`,
          'Is it a Millrace, or something before it?',
        )
      }
    },
    text: readText,
    /** The body as it comes; an error of the stream is a cut connection. */
    stream: (read: Read) => attemptRead(read, (sent) => Promise.resolve(sent.body)),
    /**
     * @returns the answer, without a body when a repetition only showed that it was done
     * @throws Refused · away (3) · outcomeUnknown (4) · interrupted (130)
     */
    async write<T = Record<string, unknown>>(write: Write): Promise<Answer & { body: T | undefined }> {
      const { answer, content } = await sendWrite(write)
      if (content === undefined || content.length === 0) return { ...answer, body: undefined }
      try {
        return { ...answer, body: JSON.parse(content.toString('utf8')) as T }
      } catch {
        throw outcomeUnknown(write.does, `the answer of ${deps.endpoint.origin} is no JSON`, write.look)
      }
    },
  }

  async function readText(read: Read): Promise<string> {
    const { body } = await attemptRead(read, bodyOf)
    return body.toString('utf8')
  }

  /** `take` gives what is wanted of the body, undefined when the connection broke: then it is asked for again. */
  async function attemptRead<T>(
    read: Read,
    take: (sent: Answered) => Promise<T | undefined>,
  ): Promise<{ status: number; headers: Record<string, string>; body: T }> {
    const patience = createPatience(deps, {
      does: read.does,
      isWrite: read.isPatient === true,
      hasAnswered: () => hasAnswered,
    })
    for (;;) {
      const sent = await send(messageOf(deps, { ...read, method: 'GET' }), read.does)
      if (sent.kind === 'answered' && sent.status >= 200 && sent.status < 300) {
        const body = await take(sent)
        if (body !== undefined) {
          patience.over()
          noteAge(sent.headers)
          return { status: sent.status, headers: sent.headers, body }
        }
      }
      if (deps.signal.aborted) throw interrupted(read.does, 'not done')
      const verdict = judge(sent, sent.kind === 'answered' ? await bodyOf(sent) : undefined)
      if (verdict.kind === 'refused') throw verdict.error
      const fault = verdict.kind === 'done' ? cut : verdict
      await patience.wait(fault, (fault) => awayFor(read.does, fault, deps))
    }
  }

  async function sendWrite(write: Write): Promise<{ answer: Answer; content: Buffer | undefined }> {
    const patience = createPatience(deps, { does: write.does, isWrite: true, hasAnswered: () => hasAnswered })
    /** Why it is not known whether an earlier attempt took effect. */
    let doubt: string | undefined
    const givenUp = (fault: Fault) =>
      doubt === undefined ? awayFor(write.does, fault, deps) : outcomeUnknown(write.does, doubt, write.look)
    for (;;) {
      const sent = await send(messageOf(deps, { method: 'POST', ...write }), write.does)
      const content = sent.kind === 'answered' ? await bodyOf(sent) : undefined
      if (deps.signal.aborted && !(sent.kind === 'answered' && content !== undefined)) {
        const isUnknown = doubt !== undefined || sent.kind !== 'unsent'
        throw interrupted(write.does, isUnknown ? 'unknown' : 'not done', write.look)
      }
      const verdict = judge(sent, content)
      if (verdict.kind === 'done') {
        patience.over()
        const { status, headers } = sent as Answered
        return { answer: { status, headers, settledBy: undefined }, content }
      }
      if (verdict.kind === 'refused') {
        if (doubt === undefined) throw verdict.error
        if (verdict.error.status !== write.repeat)
          throw outcomeUnknown(write.does, `${doubt}; then: ${verdict.error.message}`, write.look)
        return {
          answer: { status: verdict.error.status, headers: {}, settledBy: verdict.error },
          content: undefined,
        }
      }
      if (verdict.kind === 'unclear') {
        doubt = verdict.reason
        if (write.repeat === 'never') throw outcomeUnknown(write.does, verdict.reason, write.look)
      }
      await patience.wait(verdict, givenUp, () =>
        interrupted(write.does, doubt === undefined ? 'not done' : 'unknown', write.look),
      )
    }
  }

  function judge(sent: Sent, content: Buffer | undefined): Verdict | Fault {
    if (sent.kind !== 'answered') return faultOf(sent)
    // What it would have said is unknown, whatever its status was to be.
    if (content === undefined) return cut
    return verdictOf(sent.status, sent.headers, content.toString('utf8'), deps.nowMs())
  }

  async function send(message: Message, does: string): Promise<Sent> {
    const startedMs = deps.nowMs()
    const sent = await deps.transport(message, deps.signal)
    if (sent.kind !== 'unsent') hasAnswered = true
    const came = sent.kind === 'answered' ? sent.status : `${sent.kind}: ${sent.reason}`
    deps.trace(
      `${message.method} ${message.origin.origin}${message.target} → ${came} in ${Math.round(deps.nowMs() - startedMs)} ms (${does})`,
    )
    return sent
  }

  function noteAge(headers: Record<string, string>): void {
    const isOld =
      (headers.warning ?? '').startsWith('110') || headers['x-millrace-snapshot-age'] !== undefined
    const seconds = Number(headers['x-millrace-snapshot-age'] ?? headers.age)
    if (isOld && Number.isFinite(seconds)) deps.onSnapshot(seconds)
  }
}

/** A connection that was not made, or broke: `Verdict` without an answer. */
type Fault = Extract<Verdict, { kind: 'later' | 'unclear' }> & {
  isUnreachable?: boolean
  isPermanent?: boolean
}
type Answered = Extract<Sent, { kind: 'answered' }>

const cut: Fault = {
  kind: 'unclear',
  reason: 'the answer was cut',
  retryAfterMs: undefined,
  untilMs: undefined,
}

function faultOf(sent: Exclude<Sent, { kind: 'answered' }>): Fault {
  const timing = { reason: sent.reason, retryAfterMs: undefined, untilMs: undefined }
  if (sent.kind === 'unanswered') return { kind: 'unclear', ...timing }
  return { kind: 'later', ...timing, isUnreachable: true, isPermanent: sent.permanent }
}

/** How long one request has waited and may wait on. */
function createPatience(
  deps: CallDeps,
  { does, isWrite, hasAnswered }: { does: string; isWrite: boolean; hasAnswered: () => boolean },
) {
  const startedMs = deps.nowMs()
  let tries = 0
  let isWaiting = false
  const limitMs = (fault: Fault): number => {
    if (fault.isPermanent) return startedMs
    if (deps.waitMs !== undefined) return startedMs + deps.waitMs
    if (fault.isUnreachable && !hasAnswered()) return startedMs + UNREACHABLE_WAIT_MS
    if (!isWrite) return startedMs + READ_WAIT_MS
    return fault.untilMs === undefined
      ? startedMs + WRITE_WAIT_MS
      : Math.max(fault.untilMs, startedMs) + GRACE_MS
  }
  const over = () => {
    if (isWaiting) deps.onWaitingOver()
    isWaiting = false
  }
  return {
    over,
    /** Waits for the next try. @throws what `givenUp` makes when there is none, what `cancelled` makes on Ctrl-C */
    async wait(
      fault: Fault,
      givenUp: (fault: Fault) => CliError,
      cancelled: () => CliError = () => interrupted(does, 'not done'),
    ): Promise<void> {
      const nowMs = deps.nowMs()
      const untilMs = limitMs(fault)
      const step = BACKOFF_MS[Math.min(tries++, BACKOFF_MS.length - 1)]!
      // Half of it by chance, so that many who wait do not come back at once.
      const pauseMs = fault.retryAfterMs ?? step / 2 + Math.random() * (step / 2)
      if (nowMs >= untilMs) {
        over()
        throw givenUp(fault)
      }
      // One try more at the very end, even when the server asked for a longer pause.
      const nextTryMs = Math.min(nowMs + pauseMs, untilMs)
      deps.onWaiting({ does, reason: fault.reason, untilMs, nextTryMs, isWrite })
      isWaiting = true
      await deps.sleep(nextTryMs - nowMs, deps.signal)
      if (deps.signal.aborted) {
        over()
        throw cancelled()
      }
    },
  }
}

function awayFor(does: string, { reason, isPermanent }: Fault, { endpoint }: CallDeps): CliError {
  const next = isPermanent
    ? "--endpoint URL names another; 'millrace help --options' says where it is read."
    : "'millrace server:status' asks it; --wait DURATION waits longer."
  return away(
    `could not ${does}: ${reason}`,
    `Nothing was changed. The server is ${endpoint.origin}: ${next}`,
    {
      outcome: 'not done',
    },
  )
}

function messageOf(
  deps: CallDeps,
  request: Omit<Write, 'repeat' | 'look' | 'does' | 'method'> & { method: string },
): Message {
  const origin = request.isImport ? deps.importEndpoint : deps.endpoint
  const search = encoded(request.query)
  const target = `${request.path}${search === '' ? '' : `?${search}`}`
  const headers: Record<string, string> = { 'accept-encoding': 'gzip, deflate', ...deps.headers }
  let body = request.body
  if (request.json !== undefined) {
    headers['content-type'] = 'application/json; charset=utf-8'
    body = Buffer.from(JSON.stringify(request.json))
  } else if (request.form !== undefined) {
    headers['content-type'] = 'application/x-www-form-urlencoded'
    body = Buffer.from(encoded(request.form))
  } else if (body !== undefined) headers['content-type'] = 'application/octet-stream'
  return { method: request.method, origin, target, headers: { ...headers, ...request.headers }, body }
}

function encoded(values: Query | undefined): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(values ?? {}))
    if (value !== undefined) search.set(name, String(value))
  return search.toString()
}

/** undefined when the connection broke in the middle. */
async function bodyOf(sent: Answered): Promise<Buffer | undefined> {
  try {
    return await buffer(sent.body)
  } catch {
    // Said as what it is by the caller: an answer that was cut.
    return undefined
  }
}

/** The job that a request with a domain key has started; after a lost answer the refusal of its repetition names it. */
export function jobNumber({
  body,
  settledBy,
}: {
  body?: { job_id: string | number }
  settledBy: Refused | undefined
}): string {
  return String(body?.job_id ?? settledBy?.bodyDetails.conflicts_with)
}

/** The segments of a path, each percent-encoded: path`/v3/table/show/${database}/${table}`. */
export function path(parts: TemplateStringsArray, ...values: (string | number)[]): string {
  return parts.reduce((left, right, i) => `${left}${segment(String(values[i - 1]))}${right}`)
}

/** The dot too, as td-client-ruby does: whoever resolves paths on the way must not find `..` in a name. */
function segment(value: string): string {
  return encodeURIComponent(value).replaceAll('.', '%2E')
}

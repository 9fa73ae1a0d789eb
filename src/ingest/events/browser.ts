import type { IncomingMessage, ServerResponse } from 'node:http'
import { ingestErrors } from '../errors.ts'
import type { Acceptor } from './accept.ts'
import { answerEvent, answerScript, CREATED, callbackOf } from './answer.ts'
import { replaceAll } from './placeholders.ts'
import { MOST_EVENT_BYTES, type RefusalReason, reasonToRefuse, type Sorted } from './receipts.ts'
import { brokenAt, type RecordsParts } from './records.ts'
import { requireNames } from './routes.ts'
import { HAS_PLACEHOLDER, scanBody } from './scan.ts'
import { queryOf } from './sender.ts'
import { asUtf8 } from './sender-body.ts'
import { type EventTarget, WRITE_KEY_RULES } from './target.ts'
import type { UserAgentParser } from './user-agent.ts'

export type BrowserParts = RecordsParts & { parseUserAgent: UserAgentParser }

/**
 * `/js/v3/event/{db}/{table}`: JSONP of td-js-sdk 1.x and 2.x with the record in the query, a POST of the same with an empty
 * body (2.3–2.5, clicked links and unloads), one bare record posted by 3.x, or a beacon, which has no headers to
 * put a key into.
 *
 * @throws write_key_missing, write_key_refused, not_authorized (403), event_name_invalid, event_callback_invalid,
 *   event_body_invalid (400), event_body_too_large (413), what appending throws (503, retry)
 * @see event-collection reference §2.1, §2.2; treasure-data/td-js-sdk lib/record.js at 1.5.2, 2.5.3 and 3.1.4
 */
export async function acceptBrowserEvent(
  parts: BrowserParts,
  place: { database: string; table: string },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { acceptor, findTarget, readBody, senderOf, parseUserAgent, nowMs } = parts
  requireNames(place)
  const url = request.url ?? ''
  const sender = senderOf(request)
  const query = queryOf(url)
  const callback = request.method === 'GET' ? callbackOf(query) : undefined
  const sentKey = (request.headers['x-td-write-key'] as string | undefined) ?? request.headers.authorization
  const body = request.method === 'GET' ? EMPTY : await readBody(request)
  const form = formOf(request, body) ?? query
  const key = sentKey ?? query.get('api_key') ?? form.get('api_key') ?? undefined
  const target = await findTarget(key, place.database, place.table, WRITE_KEY_RULES)

  const isInText = body.length === 0 || form !== query
  const record = isInText ? await dataOf(parts, target, form, response) : body
  const { sorted, hasPlaceholder } = oneEvent(record)
  const time = query.get('time') ?? form.get('time')
  const facts: Record<string, string> = {}
  if (hasPlaceholder) facts.replace = replaceAll(sender, parseUserAgent)
  if (time !== null && /^\d{1,18}$/.test(time)) facts['query-time'] = time

  const channel = isInText ? 'js-legacy' : 'js'
  const sameness = { url, body, address: sender.address }
  await acceptor.accept([{ channel, target, sorted, facts }], nowMs(), response, sameness)
  if (request.method === 'GET') answerScript(request, response, callback, CREATED)
  else answerEvent(request, response, CREATED)
}

const EMPTY = Buffer.alloc(0)

/** The fields of a form, unless the body is JSON under its name: `sendBeacon` of a text says `text/plain`, of fields this. */
function formOf(request: IncomingMessage, body: Buffer): URLSearchParams | undefined {
  if (body.length === 0 || /^\s*\{/.test(body.toString('latin1', 0, 100))) return undefined
  if (!request.headers['content-type']?.toLowerCase().startsWith('application/x-www-form-urlencoded'))
    return undefined
  return new URLSearchParams(body.toString('utf8'))
}

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/

/**
 * The record of `data`: base64 of JSON. What cannot be read is kept as an error record, because nobody
 * sees the 400: a script element has no status.
 */
async function dataOf(
  { acceptor, nowMs }: { acceptor: Acceptor; nowMs(): number },
  target: EventTarget,
  form: URLSearchParams,
  response: ServerResponse,
): Promise<Buffer> {
  const data = form.get('data')
  if (data === null) throw ingestErrors.event_body_invalid('data is missing')
  // A plus that was not percent-encoded arrives as a space.
  const base64 = data.replaceAll(' ', '+').replace(/=+$/, '')
  if (BASE64.test(base64) && base64.length % 4 !== 1) {
    const record = asUtf8(Buffer.from(base64, 'base64'))
    if (scanBody(record).kind === 'object') return record
  }
  if (target.keyId !== 0n) {
    const refused = [
      { reason: 'not-json' as RefusalReason, text: Buffer.from(JSON.stringify(data)), count: 1 },
    ]
    const sorted = { good: undefined, goodCount: 0, refused }
    await acceptor.accept([{ channel: 'js-legacy', target, sorted, facts: {} }], nowMs(), response)
  }
  throw ingestErrors.event_body_invalid('data is not base64 of a JSON object')
}

/** A body that is one record. @throws event_body_invalid (400), event_body_too_large (413) */
export function oneEvent(body: Buffer): {
  sorted: Pick<Sorted, 'good' | 'goodCount' | 'refused'>
  hasPlaceholder: boolean
} {
  const scanned = scanBody(body)
  if (scanned.kind === 'malformed') throw ingestErrors.event_body_invalid(brokenAt(body, scanned.at))
  const { scan } = scanned
  const reason = reasonToRefuse(scan, 0)
  if (reason === 'too-large') throw ingestErrors.event_body_too_large(String(MOST_EVENT_BYTES))
  if (reason !== undefined) throw ingestErrors.event_body_invalid('nested deeper than 1000 levels')
  const good = body.subarray(scan.start[0], scan.end[0])
  const hasPlaceholder = (scan.flags[0]! & HAS_PLACEHOLDER) !== 0
  return { sorted: { good, goodCount: 1, refused: [] }, hasPlaceholder }
}

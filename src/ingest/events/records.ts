import type { IncomingMessage, ServerResponse } from 'node:http'
import { ingestErrors } from '../errors.ts'
import type { Acceptor } from './accept.ts'
import { answerEvent } from './answer.ts'
import { replaceGlobalId, replaceNothing, type SenderFacts } from './placeholders.ts'
import { type Sorted, sortEvents } from './receipts.ts'
import { requireNames } from './routes.ts'
import { type Member, type Scan, scanBody } from './scan.ts'
import { queryOf } from './sender.ts'
import { type EventTargetFinder, RECORDS_RULES } from './target.ts'

export type RecordsParts = {
  acceptor: Acceptor
  findTarget: EventTargetFinder
  readBody(request: IncomingMessage): Promise<Buffer>
  senderOf(request: IncomingMessage): SenderFacts
  makeUuid(): string
  nowMs(): number
}

/** The service documents 500; iOS SDK 1.0.0 sends its whole buffer and would repeat it for ever (reference §3.1). */
export const MOST_EVENTS = 10_000
const EVENTS_KEY = Buffer.from('events')

/**
 * `POST /{db}/{table}`: `{"events":[…]}` of td-js-sdk ≥ 3.1, the SDKs for devices and the ingestion API, or one bare record. A
 * receipt for each event, in order; what is certain to be no event is refused with a receipt at which a device deletes it,
 * and becomes an error record.
 *
 * @throws failed_to_login (401), not_authorized (403), event_name_invalid, event_body_invalid (400), event_too_many,
 *   event_body_too_large (413), what appending throws (503, retry)
 * @see event-collection reference §3.1, §3.3, §5; treasure-data/td-js-sdk lib/record.js
 */
export async function acceptRecords(
  parts: RecordsParts,
  place: { database: string; table: string },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const receipts = await storeRecords(parts, place, request, response)
  answerEvent(request, response, receipts)
}

/**
 * `POST /public/{db}/{table}`, or `/{db}/{table}` with the token of a personalisation: the event is collected, and there are no
 * offers. Refusals are `{code, message}`.
 */
export async function acceptPersonalization(
  parts: RecordsParts,
  place: { database: string; table: string },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  await storeRecords(parts, place, request, response)
  answerEvent(request, response, '{"offers":{}}')
}

async function storeRecords(
  { acceptor, findTarget, readBody, senderOf, makeUuid, nowMs }: RecordsParts,
  place: { database: string; table: string },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<string> {
  requireNames(place)
  const url = request.url ?? ''
  // Now: the address of a connection that has ended is not known any more.
  const sender = senderOf(request)
  const found = findTarget(keyOf(request), place.database, place.table, RECORDS_RULES)
  const target = found instanceof Promise ? await found : found
  const body = await readBody(request)
  const { json, sorted } = sortBody(body, makeUuid)
  const facts = factsOf(request, sorted.hasPlaceholder, sender)
  const accepted = [{ channel: 'records', target, sorted, facts } as const]
  // Only td-js-sdk writes the time of sending into the query; others number their events.
  const sameness = url.includes('modified=') ? { url, body, address: sender.address } : undefined
  await acceptor.accept(accepted, nowMs(), response, sameness)
  return json
}

/** Beacons can have no headers: their key is in the query. */
function keyOf({ headers, url = '' }: IncomingMessage): string | undefined {
  const sent = headers.authorization ?? (headers['x-td-write-key'] as string | undefined)
  if (sent !== undefined || !url.includes('?')) return sent
  const query = queryOf(url)
  return query.get('api_key') ?? query.get('td_write_key') ?? undefined
}

/** The events of the body and the answer they get. @throws event_body_invalid (400), event_too_many (413) */
function sortBody(body: Buffer, makeUuid: () => string): { json: string; sorted: Sorted } {
  const scanned = scanBody(body)
  if (scanned.kind === 'malformed') throw ingestErrors.event_body_invalid(brokenAt(body, scanned.at))
  const { scan, members } = scanned
  const events = members.findLast(({ keyStart, keyEnd }) => EVENTS_KEY.compare(body, keyStart, keyEnd) === 0)
  if (events === undefined) {
    const sorted = sortEvents(body, scan, wholeOf(scan), makeUuid)
    // Members of the one receipt at the top as well: which of both a sender of one record reads is not documented.
    return { sorted, json: `${sorted.receipts.slice(0, -1)},"receipts":[${sorted.receipts}]}` }
  }
  if (events.count === 0) throw ingestErrors.event_body_invalid('events is empty')
  const lastEvent = events.firstEvent + events.count - 1
  if (events.count > MOST_EVENTS || lastEvent >= scan.start.length)
    throw ingestErrors.event_too_many(String(MOST_EVENTS))
  const sorted = sortEvents(body, scan, events, makeUuid)
  return { sorted, json: `{"receipts":[${sorted.receipts}]}` }
}

/** The body as the only event of a list. */
export function wholeOf(scan: Scan): Member {
  const [insideStart, insideEnd] = [scan.start[0]!, scan.end[0]!]
  return { keyStart: 0, keyEnd: 0, insideStart, insideEnd, firstEvent: 0, count: 1 }
}

export function brokenAt(body: Buffer, at: number): string {
  if (body.length === 0) return 'the body is empty'
  return at >= body.length ? 'the JSON breaks off' : `no JSON object, from byte ${at} on`
}

/** The content type is a switch: who wants columns of the server says so with it (reference §1). */
function factsOf(
  request: IncomingMessage,
  hasPlaceholder: boolean,
  sender: SenderFacts,
): Record<string, string> {
  const type = request.headers['content-type']?.toLowerCase() ?? ''
  const isJs = type.includes('v1.js+json')
  if (!isJs && !type.includes('v1.mobile+json'))
    return hasPlaceholder ? { replace: replaceNothing() } : NO_FACTS
  const set = JSON.stringify({ td_ip: sender.address })
  if (!hasPlaceholder) return { set }
  return { set, replace: isJs ? replaceGlobalId(sender) : replaceNothing() }
}
const NO_FACTS = {}

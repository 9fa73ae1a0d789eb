import type { IncomingMessage, ServerResponse } from 'node:http'
import { ingestErrors } from '../errors.ts'
import type { TrustedProxies } from '../forwarded.ts'
import { answerEvent, CREATED } from './answer.ts'
import { oneEvent } from './browser.ts'
import { corsHeaders } from './cors.ts'
import type { SenderFacts } from './placeholders.ts'
import type { RecordsParts } from './records.ts'
import { requireNames } from './routes.ts'
import { hostOf, queryOf } from './sender.ts'
import { POSTBACK_RULES } from './target.ts'

export type PostbackParts = RecordsParts & { proxies: TrustedProxies; v2Hosts: string[] }

/** Documented for version 2. */
const MOST_V2_BYTES = 1_048_064

/**
 * `/postback/v3/event/{db}/{table}`: webhooks of others, one JSON object each. Version 1 takes the key from X-TD-Write-Key or the
 * query, version 2, told by the host, from Authorization or X-TD-Write-Key. A key that does not exist is accepted too, as
 * documented; the loader refuses it. GET is the pixel of old: the record is in the query.
 *
 * @throws write_key_missing, write_key_refused, not_authorized (403), event_name_invalid, event_body_invalid (400),
 *   event_body_too_large (413), what appending throws (503, retry)
 * @see event-collection reference §4
 */
export async function acceptPostback(
  parts: PostbackParts,
  place: { database: string; table: string },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { acceptor, findTarget, readBody, senderOf, proxies, v2Hosts, nowMs } = parts
  requireNames(place)
  const sender = senderOf(request)
  const isV2 = v2Hosts.length > 0 && v2Hosts.includes(hostOf(request, proxies))
  const query = queryOf(request.url ?? '')
  const target = await findTarget(keyOf(request, query, isV2), place.database, place.table, POSTBACK_RULES)
  const isPixel = request.method === 'GET'
  const body = isPixel ? recordOf(query) : await readBody(request)
  if (isV2 && body.length > MOST_V2_BYTES) throw ingestErrors.event_body_too_large(String(MOST_V2_BYTES))
  const { sorted } = oneEvent(body)
  const facts: Record<string, string> = isPixel ? { replace: replacePixel(request, sender) } : {}
  await acceptor.accept([{ channel: 'postback', target, sorted, facts }], nowMs(), response)
  if (isPixel && query.get('td_format') === 'pixel') answerPixel(request, response)
  else answerEvent(request, response, CREATED)
}

function keyOf({ headers }: IncomingMessage, query: URLSearchParams, isV2: boolean): string | undefined {
  const writeKey = headers['x-td-write-key'] as string | undefined
  if (isV2) return headers.authorization ?? writeKey
  return writeKey ?? headers.authorization ?? query.get('td_write_key') ?? undefined
}

/** Not columns of the record. */
const CONTROL = new Set(['td_write_key', 'td_format'])

function recordOf(query: URLSearchParams): Buffer {
  const fields = [...query].filter(([name]) => !CONTROL.has(name))
  return Buffer.from(JSON.stringify(Object.fromEntries(fields)))
}

/** An image element can only name what it wants to be told: `td_ua=td_ua`. */
function replacePixel({ headers }: IncomingMessage, { address, globalId, userAgent }: SenderFacts): string {
  const cut = (text: string | undefined) => text?.slice(0, 2000) ?? null
  return JSON.stringify({
    td_ip: address,
    td_global_id: globalId ?? null,
    td_ua: cut(userAgent),
    td_referrer: cut(headers.referer),
  })
}

/** A transparent GIF of one pixel. */
const PIXEL = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64')

function answerPixel(request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, [
    'Content-Type',
    'image/gif',
    'Content-Length',
    String(PIXEL.length),
    'Cache-Control',
    'no-store',
    ...corsHeaders(request),
  ])
  response.end(PIXEL)
}

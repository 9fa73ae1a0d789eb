import type { IncomingMessage, ServerResponse } from 'node:http'

/** What the SDKs send; Firefox also asks for `user-agent`, which Chromium drops (event-collection reference §2.2). */
const HEADERS =
  'authorization, content-type, accept, user-agent, x-td-write-key, x-td-fetch-api, wp13n-token, content-encoding'
const HEADER_LIST = /^[\w!#$%&'*+.^`|~, -]{1,1000}$/

/**
 * Headers that let the page of the request's Origin read the answer, on errors too: without them it sees "failed to fetch"
 * only. Every SDK sends with credentials, so `*` would be refused. Empty without an Origin.
 */
export function corsHeaders(request: IncomingMessage): string[] {
  const { origin } = request.headers
  if (origin === undefined) return NO_HEADERS
  return ['Access-Control-Allow-Origin', origin, 'Access-Control-Allow-Credentials', 'true', 'Vary', 'Origin']
}
const NO_HEADERS: string[] = []

/** For answers that are written elsewhere. */
export function allowOrigin(request: IncomingMessage, response: ServerResponse): void {
  const headers = corsHeaders(request)
  if (response.headersSent) return
  for (let i = 0; i < headers.length; i += 2) response.setHeader(headers[i]!, headers[i + 1]!)
}

/** Answers OPTIONS, which carries no key, from nothing but the request. */
export function answerPreflight(request: IncomingMessage, response: ServerResponse): void {
  const asked = request.headers['access-control-request-headers']
  response.writeHead(204, [
    ...corsHeaders(request),
    'Access-Control-Allow-Methods',
    'GET, POST, OPTIONS',
    'Access-Control-Allow-Headers',
    asked !== undefined && HEADER_LIST.test(asked) ? asked : HEADERS,
    // Chromium's most; other browsers cut it themselves.
    'Access-Control-Max-Age',
    '7200',
  ])
  response.end()
}

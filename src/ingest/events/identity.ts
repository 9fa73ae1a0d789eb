import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import type { TrustedProxies } from '../forwarded.ts'
import { answerScript, callbackOf } from './answer.ts'
import { cookieOf, hostOf, queryOf } from './sender.ts'

const TWO_YEARS_SECONDS = 2 * 365 * 24 * 3600
/** The answer depends on the cookie: no proxy may keep it. */
const NOT_KEPT = ['Cache-Control', 'no-store']

/** The third-party id; the same as long as the browser keeps and sends the cookie of this host, else a fresh one. Needs no key. */
export function answerGlobalId(
  request: IncomingMessage,
  response: ServerResponse,
  { jsonp, makeUuid }: { jsonp: boolean; makeUuid: () => string },
): void {
  const callback = jsonp ? callbackOf(queryOf(request.url ?? '')) : undefined
  const id = cookieOf(request, '_td_global') ?? makeUuid()
  const cookie = `_td_global=${id}; Path=/; Max-Age=${TWO_YEARS_SECONDS}; Secure; SameSite=None`
  answerScript(request, response, callback, `{"global_id":"${id}"}`, ['Set-Cookie', cookie, ...NOT_KEPT])
}

/**
 * The first-party id behind `useServerSideCookie`, as a cookie of the site: the SDK reads it from `document.cookie`, so it is
 * not HttpOnly. Set only for a domain this host belongs to; browsers themselves refuse public suffixes.
 */
export function answerCookieId(
  request: IncomingMessage,
  response: ServerResponse,
  { proxies, makeUuid }: { proxies: TrustedProxies; makeUuid: () => string },
): void {
  const query = queryOf(request.url ?? '')
  // td-js-sdk 2.x asks with JSONP, 3.x and 4.x for JSON.
  const callback = callbackOf(query)
  const id = cookieOf(request, '_td_ssc_id') ?? makeUuid()
  const domain = (query.get('cookie_domain') ?? '').toLowerCase().replace(/^\./, '')
  const cookie = `_td_ssc_id=${id}; Domain=${domain}; Path=/; Max-Age=${TWO_YEARS_SECONDS}; Secure; SameSite=Lax`
  const set = ownsDomain(hostOf(request, proxies), domain) ? ['Set-Cookie', cookie] : []
  answerScript(request, response, callback, `{"td_ssc_id":"${id}"}`, [...set, ...NOT_KEPT])
}

const DOMAIN = /^[a-z0-9-]+(\.[a-z0-9-]+)+$/

function ownsDomain(host: string, domain: string): boolean {
  if (!DOMAIN.test(domain) || isIP(domain) !== 0) return false
  return host === domain || host.endsWith(`.${domain}`)
}

/** No audiences here: every browser and device is in no segment, and the page goes on. */
export function answerSegments(request: IncomingMessage, response: ServerResponse): void {
  answerScript(request, response, callbackOf(queryOf(request.url ?? '')), '[]')
}

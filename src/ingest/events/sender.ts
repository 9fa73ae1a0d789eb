import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { peerOf, type TrustedProxies } from '../forwarded.ts'

/** The parameters of the query; everything td-js-sdk 1.x and 2.x have to say is in there. */
export function queryOf(url: string): URLSearchParams {
  const at = url.indexOf('?')
  return new URLSearchParams(at === -1 ? '' : url.slice(at + 1))
}

/**
 * Who sends: the other end of the connection, or, behind trusted proxies, the last address in X-Forwarded-For that
 * is not one of them.
 */
export function addressOf(request: IncomingMessage, proxies: TrustedProxies): string {
  const peer = peerOf(request)
  const forwarded = request.headers['x-forwarded-for']
  if (forwarded === undefined || !proxies.trusts(peer)) return peer
  let address = peer
  const hops = (Array.isArray(forwarded) ? forwarded.join() : forwarded).split(',')
  for (const hop of hops.reverse()) {
    const next = plainAddress(hop.trim())
    if (isIP(next) === 0) break
    address = next
    if (!proxies.trusts(next)) break
  }
  return address
}

/** Without a port (some proxies write one), and IPv4 as such. */
function plainAddress(hop: string): string {
  const address = /^\[(.+)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}

/** The host the client asked for, without port, lower-case. */
export function hostOf(request: IncomingMessage, proxies: TrustedProxies): string {
  const { headers } = request
  const forwarded = proxies.trusts(peerOf(request)) ? headers['x-forwarded-host'] : undefined
  const host = typeof forwarded === 'string' && forwarded !== '' ? forwarded : (headers.host ?? '')
  return host.toLowerCase().replace(/:\d+$/, '')
}

const COOKIE_VALUE = /^[\w.~-]{1,128}$/

/** A cookie of an id; undefined when it is not there or holds what no id of ours or the vendor's holds. */
export function cookieOf(request: IncomingMessage, name: string): string | undefined {
  for (const pair of request.headers.cookie?.split(';') ?? []) {
    const at = pair.indexOf('=')
    if (at === -1 || pair.slice(0, at).trim() !== name) continue
    const value = pair.slice(at + 1).trim()
    if (COOKIE_VALUE.test(value)) return value
  }
  return undefined
}

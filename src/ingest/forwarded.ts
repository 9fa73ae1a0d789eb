import type { IncomingMessage } from 'node:http'
import { BlockList, isIPv6 } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { configErrors } from '../kernel/index.ts'

export type TrustedProxies = { trusts(address: string): boolean }

/** From the setting: addresses and networks (`10.0.0.0/8`, `::1`). @throws setting_invalid on something else */
export function trustedProxies(entries: string[]): TrustedProxies {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    try {
      if (bits === undefined) list.addAddress(address, family)
      else list.addSubnet(address, Number(bits), family)
    } catch (error) {
      throw configErrors.setting_invalid(
        `MILLRACE_TRUSTED_PROXIES: '${entry}' is no address or network`,
        error,
      )
    }
  }
  return { trusts: (address) => entries.length > 0 && list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4') }
}

/** The other end of the connection; an IPv4 address is written as one also on a socket for both families. */
export function peerOf(request: IncomingMessage): string {
  const address = request.socket.remoteAddress ?? ''
  return address.startsWith('::ffff:') ? address.slice(7) : address
}

/** Meant for one connection only (RFC 9110 §7.6.1), or answered here (`expect`). */
const HOP_BY_HOP = new Set([
  'connection',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
const FORWARDING = new Set(['forwarded', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'])

/** Raw headers, names as sent, without those meant for one connection and those `also` names. */
export function endToEnd(rawHeaders: string[], connection: string | undefined, also?: Set<string>): string[] {
  const named = new Set((connection ?? '').toLowerCase().split(/\s*,\s*/))
  const kept: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    if (HOP_BY_HOP.has(name) || named.has(name) || also?.has(name)) continue
    kept.push(rawHeaders[i]!, rawHeaders[i + 1]!)
  }
  return kept
}

/**
 * The headers with which a request goes on to core. Who forwards for whom is believed only from a trusted proxy; anybody
 * else's claims are replaced by what this connection shows.
 */
export function headersForCore(request: IncomingMessage, proxies: TrustedProxies): string[] {
  const { headers } = request
  const peer = peerOf(request)
  const trusted = proxies.trusts(peer)
  const one = (name: string) => {
    const value = trusted ? headers[name] : undefined
    return typeof value === 'string' && value !== '' ? value : undefined
  }
  const before = one('x-forwarded-for')
  const scheme = (request.socket as TLSSocket).encrypted ? 'https' : 'http'
  const kept = endToEnd(request.rawHeaders, headers.connection, FORWARDING)
  kept.push('X-Forwarded-For', before === undefined ? peer : `${before}, ${peer}`)
  kept.push('X-Forwarded-Proto', one('x-forwarded-proto') ?? scheme)
  const host = one('x-forwarded-host') ?? headers.host
  if (host !== undefined) kept.push('X-Forwarded-Host', host)
  if (headers['transfer-encoding'] !== undefined) kept.push('Transfer-Encoding', 'chunked')
  return kept
}

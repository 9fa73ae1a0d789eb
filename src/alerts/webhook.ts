import type { LookupAddress, LookupOptions } from 'node:dns'
import { lookup as lookUpAll } from 'node:dns/promises'
import * as http from 'node:http'
import * as https from 'node:https'
import { isIP } from 'node:net'
import type { Clock } from '../kernel/index.ts'
import { alertErrors } from './errors.ts'
import { isPrivateAddress } from './private-address.ts'
import { signedHeaders } from './sign.ts'

const TIMEOUT_MS = 15_000
const MOST_ANSWER_BYTES = 64 * 1024
const MOST_URL_CHARACTERS = 2_000

export type Webhook = { url: string; key: string }

/** @throws webhook_refused (422, final) for a URL that is none, or leads where alerts may not go */
export function requireWebhookUrl(text: string, { allowPrivate }: { allowPrivate: boolean }): URL {
  if (text.length > MOST_URL_CHARACTERS || !URL.canParse(text))
    throw alertErrors.webhook_refused(`must be a URL of at most ${MOST_URL_CHARACTERS} characters`)
  const url = new URL(text)
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:'))
    throw alertErrors.webhook_refused('must begin with https://')
  if (url.username !== '' || url.password !== '')
    throw alertErrors.webhook_refused('must not carry a name or password; put a token into its path')
  const host = hostOf(url)
  if (!allowPrivate && (isLocalName(host) || (isIP(host) !== 0 && isPrivateAddress(host))))
    throw alertErrors.webhook_refused(`leads to ${host}, which is a private address`)
  return url
}

const hostOf = (url: URL) => url.hostname.replace(/^\[|\]$/g, '')
const isLocalName = (host: string) => /(^|\.)localhost\.?$/i.test(host)

export type SendWebhook = (hook: Webhook, message: { id: string; body: string }) => Promise<void>

/**
 * Posts one signed message; resolves when the receiver has answered 2xx. The address that was looked up and checked is the one that is
 * connected to, and redirects are not followed: a name cannot lead anywhere else in between.
 */
export function createWebhookSender({
  clock,
  allowPrivate,
  version,
  timeoutMs = TIMEOUT_MS,
  resolve = (host) => lookUpAll(host, { all: true }),
}: {
  clock: Pick<Clock, 'now'>
  allowPrivate: boolean
  version: string
  timeoutMs?: number
  /** All addresses of a name; the system's resolver when absent. */
  resolve?: (host: string) => Promise<LookupAddress[]>
}): SendWebhook {
  const lookup = allowPrivate ? undefined : lookUpPublic(resolve)
  return async ({ url: text, key }, { id, body }) => {
    const url = requireWebhookUrl(text, { allowPrivate })
    const headers = {
      ...signedHeaders(key, { id, at: clock.now(), body }),
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(Buffer.byteLength(body)),
      'user-agent': `Millrace/${version}`,
    }
    const signal = AbortSignal.timeout(timeoutMs)
    const options = {
      method: 'POST',
      headers,
      signal,
      agent: false,
      lookup,
    } as const
    const { request } = url.protocol === 'https:' ? https : http
    try {
      await post(request(url, options), body)
    } catch (error) {
      if (signal.aborted) throw new Error(`no answer within ${timeoutMs / 1000} s`, { cause: error })
      throw error
    }
  }
}

function post(request: http.ClientRequest, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    request.on('error', reject)
    request.on('response', (response) => {
      const status = response.statusCode ?? 0
      let bytes = 0
      response.on('data', (part: Buffer) => {
        bytes += part.length
        // What it says beyond that is of no use; the status is known.
        if (bytes > MOST_ANSWER_BYTES) response.destroy()
      })
      response.on('error', reject)
      response.on('close', () =>
        status >= 200 && status < 300 ? resolve() : reject(new Error(`the receiver answered ${status}`)),
      )
    })
    request.end(body)
  })
}

type LookupCallback = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void

/** As dns.lookup, without the addresses of private networks. */
function lookUpPublic(resolve: (host: string) => Promise<LookupAddress[]>) {
  return (host: string, { all }: LookupOptions, callback: LookupCallback): void => {
    const answer = (addresses: LookupAddress[]) => {
      const allowed = addresses.filter(({ address }) => !isPrivateAddress(address))
      const [first] = allowed
      if (first === undefined) {
        const seen = addresses[0]?.address ?? 'no address'
        callback(new Error(`${host} leads to ${seen}, which is a private address`), [])
      } else if (all) callback(null, allowed)
      else callback(null, first.address, first.family)
    }
    resolve(host).then(answer, (error: NodeJS.ErrnoException) => callback(error, []))
  }
}

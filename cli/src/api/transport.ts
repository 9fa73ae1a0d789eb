import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Readable } from 'node:stream'
import { createGunzip, createInflate } from 'node:zlib'

/** One HTTP request, ready to be sent. */
export type Message = {
  method: string
  origin: URL
  /** Path and query, encoded. Never through `URL`, which resolves `..` even where it is a name, percent-encoded. */
  target: string
  headers: Record<string, string>
  body?: Uint8Array
}

/** What came of sending it. `unsent`: the server certainly has nothing of it. `unanswered`: it may have taken effect. */
export type Sent =
  | { kind: 'answered'; status: number; headers: Record<string, string>; body: Readable }
  | { kind: 'unsent'; reason: string; permanent: boolean }
  | { kind: 'unanswered'; reason: string }

export type Transport = (message: Message, signal: AbortSignal) => Promise<Sent>

/** Nothing that time would mend: a name nobody knows, a certificate nobody trusts. */
const PERMANENT = new Set(['ENOTFOUND', 'ERR_INVALID_URL', 'EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER'])

/**
 * Sends over a connection of its own and says exactly how far it came: only a request whose connection was never
 * established is certainly without effect. The body comes decompressed, unless it is a file of its own.
 */
export function createTransport({
  insecure = false,
  connectMs = 15_000,
  silentMs = 120_000,
}: {
  insecure?: boolean
  connectMs?: number
  /** So long without a byte, and the answer is not waited for any more. */
  silentMs?: number
} = {}): Transport {
  return (message, signal) => {
    const { promise, resolve } = Promise.withResolvers<Sent>()
    if (signal.aborted) return Promise.resolve({ kind: 'unsent', reason: 'interrupted', permanent: true })
    const { method, origin, target, headers, body } = message
    const isTls = origin.protocol === 'https:'
    let isConnected = false
    const length = body === undefined ? (method === 'GET' ? {} : { 'content-length': '0' }) : undefined
    const request: ClientRequest = (isTls ? requestHttps : requestHttp)(origin, {
      method,
      path: target,
      headers: { ...headers, ...(length ?? { 'content-length': String(body!.length) }) },
      agent: false,
      signal,
      ...(isTls ? { rejectUnauthorized: !insecure } : {}),
    })
    const late = setTimeout(
      () => request.destroy(new Error(`no connection within ${connectMs / 1000} s`)),
      connectMs,
    )
    request.once('socket', (socket) => {
      socket.once(isTls ? 'secureConnect' : 'connect', () => {
        isConnected = true
        clearTimeout(late)
        socket.setTimeout(silentMs, () => request.destroy(new Error(`no answer within ${silentMs / 1000} s`)))
      })
    })
    request.once('response', (response) =>
      resolve({
        kind: 'answered',
        status: response.statusCode ?? 0,
        headers: flat(response),
        body: decoded(response),
      }),
    )
    request.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(late)
      const reason = isConnected ? error.message : explained(error, origin)
      const permanent = PERMANENT.has(error.code ?? '') || /certificate|self-signed/i.test(error.message)
      resolve(isConnected ? { kind: 'unanswered', reason } : { kind: 'unsent', reason, permanent })
    })
    request.end(body)
    return promise
  }
}

function explained(error: NodeJS.ErrnoException, origin: URL): string {
  switch (error.code) {
    case 'ECONNREFUSED':
      return `nothing listens at ${origin.origin}`
    case 'ENOTFOUND':
      return `no machine is called ${origin.hostname}`
    case 'EAI_AGAIN':
      return `the name ${origin.hostname} cannot be looked up at the moment`
    case 'EPROTO':
      return `${origin.origin} does not speak TLS; try http:// instead of https://`
  }
  if (/certificate|self-signed/i.test(error.message))
    return `the certificate of ${origin.origin} is not trusted (${error.message}); --insecure goes on without checking it`
  return error.message
}

function flat(response: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(response.headers).map(([name, value]) => [
      name,
      ([] as unknown[]).concat(value).join(', '),
    ]),
  )
}

/** Without its Content-Encoding; a fault on the wire surfaces as an error of the stream that is read. */
function decoded(response: IncomingMessage): Readable {
  const encoding = response.headers['content-encoding']
  const decoder = encoding === 'gzip' ? createGunzip() : encoding === 'deflate' ? createInflate() : undefined
  if (decoder === undefined) return response
  response.once('error', (error) => decoder.destroy(error))
  response.once('aborted', () => decoder.destroy(new Error('the connection was cut')))
  return response.pipe(decoder)
}

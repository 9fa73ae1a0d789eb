import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  request as requestHttp,
  type ServerResponse,
} from 'node:http'
import { pipeline } from 'node:stream'
import type { Clock, Log } from '../kernel/index.ts'
import { answerRefusal } from './answer.ts'
import { ingestErrors } from './errors.ts'
import { endToEnd, headersForCore, type TrustedProxies } from './forwarded.ts'
import type { IngestMetrics } from './metrics.ts'
import { lineOf } from './path.ts'

export type ForwardParts = {
  coreSocketPath: string
  coreWaitSeconds: number
  proxies: TrustedProxies
  clock: Clock
  log: Log
  metrics: IngestMetrics
  isDraining(): boolean
}

/** `unsent`: core certainly has nothing of the request. `unanswered`: it may have taken effect. */
type Outcome = 'answered' | 'unsent' | 'unanswered'

const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 200

/**
 * Passes requests on to core over its Unix socket, both directions streaming. While core cannot be reached nothing has been
 * sent, so the request simply waits a little; a restart of core is a slow answer. After that, or when core ends in the
 * middle, the answer is 503 (`core_away`).
 */
export function createForwarder(parts: ForwardParts) {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 256, scheduling: 'lifo' })
  const { clock, log, metrics } = parts

  async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    metrics.forwarded()
    const untilMs = clock.monotonicMs() + parts.coreWaitSeconds * 1000
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
      const outcome = await attempt(parts, agent, request, response)
      if (outcome === 'answered' || response.destroyed) return
      if (outcome === 'unanswered' || clock.monotonicMs() + pauseMs > untilMs) {
        metrics.refused('core_away')
        log.info({ ...lineOf(request), outcome }, 'core did not answer')
        return answerRefusal(response, ingestErrors.core_away())
      }
      await clock.sleep(pauseMs)
    }
  }
  return { forward, close: () => agent.destroy() }
}

function attempt(
  { coreSocketPath, proxies, isDraining }: ForwardParts,
  agent: Agent,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>()
  const upstream = requestHttp({
    socketPath: coreSocketPath,
    agent,
    method: request.method,
    path: request.url,
    headers: headersForCore(request, proxies),
    setHost: false,
  })
  let sent = false
  const gone = () => {
    upstream.destroy()
    // Core may answer before it has read the body, to a key it does not know for one. Many clients send everything before
    // they read: the rest has to be taken off them.
    request.unpipe(upstream)
    request.resume()
  }
  response.once('close', gone)
  upstream.once('socket', (socket) => {
    const send = () => {
      sent = true
      request.pipe(upstream)
    }
    if (socket.connecting) socket.once('connect', send)
    else send()
  })
  upstream.once('response', (answer) => {
    if (isDraining()) response.shouldKeepAlive = false
    passOn(answer, response)
    resolve('answered')
  })
  upstream.on('error', () => {
    response.off('close', gone)
    request.unpipe(upstream)
    resolve(!sent || wasNeverTaken(upstream, request) ? 'unsent' : 'unanswered')
  })
  return promise
}

/**
 * A kept connection that core closed at the moment it was used again: core has read nothing of it. Only believed for requests
 * that may be repeated and have no body, which could be half used up.
 */
function wasNeverTaken(upstream: ClientRequest, request: IncomingMessage): boolean {
  const repeatable = request.method === 'GET' || request.method === 'HEAD' || request.method === 'OPTIONS'
  const bodiless =
    request.headers['transfer-encoding'] === undefined && (request.headers['content-length'] ?? '0') === '0'
  return upstream.reusedSocket && repeatable && bodiless
}

/** Status, headers and bytes as core sent them; what breaks off at core breaks off here. */
function passOn(answer: IncomingMessage, response: ServerResponse): void {
  if (response.destroyed) return void answer.destroy()
  response.sendDate = answer.headers.date === undefined
  const headers = endToEnd(answer.rawHeaders, answer.headers.connection)
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', headers)
  pipeline(answer, response, (error) => {
    if (error) response.destroy()
  })
}

import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Principal } from '../kernel/http/index.ts'
import { AppError, type Log } from '../kernel/index.ts'
import { keyHeaderOf, readClientSession } from './client-session.ts'
import { Refusal, refusals } from './errors.ts'
import type { Queries } from './queries.ts'
import type { Place, Reply } from './query.ts'

export type GatewayRoutesDeps = {
  queries: Queries
  /** @throws failed_to_login (401, final) only when checked and wrong · identity_unknown (503, retry) */
  identify(header: string | undefined): Promise<Principal>
  /** Queries of an account, newest first, without a word of its keys. */
  list(principal: Principal): Promise<object[]>
  show(principal: Principal, queryId: string): Promise<object | undefined>
  trustsProxy(address: string): boolean
  isMaintained(): boolean
  version: string
  startedAtMs: number
  nowMs(): number
  log: Log
}

/** Longer texts are refused by the compiler; this is what is read of one at all. */
const MOST_BODY_BYTES = 16 * 1024 * 1024
const MOST_WAIT_MS = 1000

/**
 * The client protocol of Presto and Trino (trinodb/trino docs develop/client-protocol.md). A refusal of the exchange itself is a status and
 * a text; everything about a statement, its errors too, is status 200.
 */
export function createGatewayApp(deps: GatewayRoutesDeps): FastifyInstance {
  const { queries, identify, list, show, log, version, nowMs, startedAtMs } = deps
  const app = fastify({
    bodyLimit: MOST_BODY_BYTES,
    exposeHeadRoutes: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1000 },
    // Hop 0 is the edge, over a Unix socket.
    trustProxy: (address, hop) => hop === 0 || deps.trustsProxy(address),
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  app.setErrorHandler((error, request, reply) => refuse(error, request, reply, log))
  app.setNotFoundHandler((request, reply) =>
    refuse(
      new Refusal(404, `There is no ${request.method} ${request.url.split('?', 1)[0]}`),
      request,
      reply,
      log,
    ),
  )

  const principalOf = async (request: FastifyRequest) => {
    const { user } = readClientSession(request.headers)
    const header = keyHeaderOf(request.headers, user)
    if (header === undefined) throw refusals.unauthorized()
    const principal = await identify(header)
    if (principal.keyKind === 'write-only') throw refusals.forbidden()
    return principal
  }
  const answer = (reply: FastifyReply, { body, headers }: Reply) => {
    if (deps.isMaintained()) reply.header('x-maintenance', 'active')
    return reply.headers(headers).header('cache-control', 'no-store').type('application/json').send(body)
  }

  app.post('/v1/statement', async (request, reply) => {
    const session = readClientSession(request.headers)
    if (keyHeaderOf(request.headers, session.user) === undefined) throw refusals.unauthorized()
    const text = String(request.body ?? '')
    if (text.trim() === '') throw refusals.emptyStatement()
    return answer(reply, await queries.submit(() => principalOf(request), text, session, baseUrlOf(request)))
  })
  type PlaceParams = { Params: { phase: string; queryId: string; slug: string; token: string } }
  const at = '/v1/statement/:phase(^queued|executing$)/:queryId/:slug/:token(^\\d{1,9}$)'
  app.get<PlaceParams & { Querystring: { maxWait?: string } }>(at, async (request, reply) => {
    const { phase, queryId, slug, token } = request.params
    const place = { phase, queryId, slug, token: Number(token) } as Place
    const maxWaitMs = Math.min(MOST_WAIT_MS, durationMs(request.query.maxWait) ?? MOST_WAIT_MS)
    return answer(reply, await queries.next(place, { baseUrl: baseUrlOf(request), maxWaitMs }))
  })
  app.delete<PlaceParams>(at, async ({ params: { queryId, slug } }, reply) => {
    await queries.cancel(queryId, { slug })
    return reply.code(204).send()
  })

  type SegmentParams = { Params: { queryId: string; index: string; mac: string } }
  const segmentAt = '/:queryId/:index(^\\d{1,9}$)/:mac'
  const segmentOf = ({ queryId, index, mac }: SegmentParams['Params']) => ({
    queryId,
    index: Number(index),
    mac,
  })
  app.get<SegmentParams>(`/v1/spooled/download${segmentAt}`, async ({ params }, reply) => {
    const { bytes, body } = await queries.segment(segmentOf(params))
    return reply
      .headers({ 'content-length': bytes, 'cache-control': 'no-store' })
      .type('application/octet-stream')
      .send(body)
  })
  for (const method of ['GET', 'DELETE'] as const)
    app.route<SegmentParams>({
      method,
      url: `/v1/spooled/ack${segmentAt}`,
      handler: async ({ params }, reply) => {
        await queries.acknowledge(segmentOf(params))
        return reply.code(200).send()
      },
    })

  const info = () => ({
    nodeVersion: { version },
    environment: 'millrace',
    coordinator: true,
    starting: false,
    uptime: `${((nowMs() - startedAtMs) / 60_000).toFixed(2)}m`,
  })
  app.get('/v1/info', async () => info())
  app.head('/v1/info', async (_request, reply) => reply.type('application/json').send())
  app.get('/v1/info/state', async () => JSON.stringify('ACTIVE'))
  app.get('/v1/status', async () => ({
    nodeId: 'millrace',
    nodeVersion: { version },
    environment: 'millrace',
    coordinator: true,
  }))
  app.get('/v1/node', async (request) => {
    await principalOf(request)
    return []
  })
  app.get('/v1/query', async (request) => list(await principalOf(request)))
  type OneQuery = { Params: { queryId: string } }
  app.get<OneQuery>('/v1/query/:queryId', async (request) => {
    const found = await show(await principalOf(request), request.params.queryId)
    if (found === undefined) throw refusals.unknownQuery()
    return found
  })
  app.delete<OneQuery>('/v1/query/:queryId', async (request, reply) => {
    const principal = await principalOf(request)
    if ((await show(principal, request.params.queryId)) === undefined) throw refusals.unknownQuery()
    await queries.cancel(request.params.queryId, principal.accountId)
    return reply.code(204).send()
  })
  return app
}

/** Where the client reaches this server: pages are asked for there. */
function baseUrlOf({ protocol, headers, hostname, port }: FastifyRequest): string {
  const host = headers['x-forwarded-host'] ?? headers.host
  return host === undefined ? `${protocol}://${hostname}${port ? `:${port}` : ''}` : `${protocol}://${host}`
}

/** `1s`, `500ms`, `1.00s` (airlift Duration). undefined when it is none. */
function durationMs(text: string | undefined): number | undefined {
  const [, number, unit] = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|m)\s*$/.exec(text ?? '') ?? []
  if (number === undefined) return undefined
  return Number(number) * { ms: 1, s: 1000, m: 60_000 }[unit as 'ms' | 's' | 'm']
}

function refuse(thrown: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): FastifyReply {
  const refusal = asRefusal(thrown)
  const line = { method: request.method, path: loggedPath(request.url) }
  if (refusal.status >= 500 && refusal.status !== 503) log.error({ ...line, err: thrown }, 'request failed')
  else log.info({ ...line, status: refusal.status, reason: refusal.message }, 'request refused')
  return reply
    .code(refusal.status)
    .headers(refusal.headers)
    .type('application/json')
    .send(JSON.stringify({ message: refusal.message }))
}

/** Without what opens a query, or rows of it, to whoever has it. */
function loggedPath(url: string): string {
  return url.split('?', 1)[0]!.replace(/\/y\d+x\w+|(?<=\/spooled\/\w+\/[^/]+\/\d+)\/\w+/, '')
}

function asRefusal(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown
  if (thrown instanceof AppError) {
    if (thrown.status === 401) return refusals.unauthorized(thrown)
    const headers: Record<string, string> =
      thrown.advice === 'retry' ? { 'retry-after': String(thrown.retryAfterSeconds) } : {}
    return new Refusal(thrown.status, thrown.message, headers, thrown)
  }
  const { statusCode, message } = thrown as { statusCode?: number; message: string }
  if (statusCode !== undefined && statusCode < 500) return new Refusal(statusCode, message, {}, thrown)
  return new Refusal(500, 'The gateway failed; its log says why', {}, thrown)
}

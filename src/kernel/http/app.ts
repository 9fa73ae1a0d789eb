import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import { AppError } from '../errors.ts'
import { type Ids, randomIds } from '../ids.ts'
import type { Log } from '../log.ts'
import { httpErrors, v3ErrorBody } from './errors.ts'
import { bodyParameters, type Parameters } from './params.ts'

/** Of requests without a key: names and passwords, no data. */
const PUBLIC_BODY_BYTES = 64 * 1024

/** Who is asking, as established from the API key (or a console session). */
export type Principal = {
  accountId: bigint
  userId: bigint
  /** 0 for a console session. */
  keyId: bigint
  keyKind: 'master' | 'write' | 'write-only' | 'session'
  role: 'owner' | 'administrator' | 'member'
  userName: string
  email: string
}

/**
 * Establishes who is asking, from the head of the request alone: the body has not been read yet. @throws failed_to_login (401, final) only when checked and wrong;
 * identity_unknown or database_away (503, retry) when it cannot be checked.
 */
export type Authenticate = (request: FastifyRequest) => Promise<Principal>

export type ListedRoute = { method: string; url: string; isPublic: boolean; writeOnlyKeys: boolean }

declare module 'fastify' {
  interface FastifyRequest {
    /** Set unless the route is `public`. */
    principal: Principal
    /** Path, then body, then query (the first that has a name wins): rule 1 of the REST reference. */
    parameters: Parameters
  }
  interface FastifyInstance {
    /** Every route that was added, for those who prove something of all of them. */
    routeList: ListedRoute[]
  }
  interface FastifyContextConfig {
    /** No key needed. The body may have 64 KiB, unless the route says otherwise. */
    public?: boolean
    /** A write-only key may call it. Everything else answers 403 to such a key. */
    writeOnlyKeys?: boolean
  }
}

/**
 * The HTTP application every capability adds its routes to. Building it never listens, so tests use
 * `app.inject`. It authenticates before it reads a body, merges the five parameter
 * shapes, and turns an AppError into the v3 answer.
 */
export function createApp({
  log,
  authenticate,
  ids = randomIds,
  bodyLimitBytes = 32 * 1024 * 1024,
  trustsProxy = () => false,
  admit = () => undefined,
}: {
  log: Log
  authenticate: Authenticate
  ids?: Ids
  bodyLimitBytes?: number
  /** Proxies beyond the edge whose X-Forwarded-For is believed: `request.ip` is the first address that is none of them. */
  trustsProxy?: (address: string) => boolean
  /** Throws for whoever asks too often. */
  admit?: (principal: Principal) => void
}): FastifyInstance {
  const app = fastify({
    bodyLimit: bodyLimitBytes,
    routerOptions: { ignoreDuplicateSlashes: true, ignoreTrailingSlash: true, maxParamLength: 4096 },
    exposeHeadRoutes: false,
    // Hop 0 is the edge, over a Unix socket: it has replaced what strangers claim.
    trustProxy: (address, hop) => hop === 0 || trustsProxy(address),
    // A path that does not decode never reaches a route, and so not the error handler either.
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply, { log, ids }),
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.decorate('routeList', [])
  app.decorateRequest('principal')
  app.decorateRequest('parameters')

  // Before the route's own options are read: nobody has said who they are when they sign in.
  app.addHook('onRoute', (route) => {
    if (route.config?.public) route.bodyLimit ??= PUBLIC_BODY_BYTES
    const { public: isPublic = false, writeOnlyKeys = false } = route.config ?? {}
    for (const method of [route.method].flat())
      app.routeList.push({ method, url: route.url, isPublic, writeOnlyKeys })
  })
  // Before a byte of the body is read: who is not known here must not make us hold one.
  app.addHook('onRequest', async (request) => {
    if (request.is404) throw pathUnknown(request)
    const { config } = request.routeOptions
    if (config.public) return
    request.principal = await authenticate(request)
    admit(request.principal)
    if (request.principal.keyKind === 'write-only' && !config.writeOnlyKeys) {
      throw httpErrors.not_authorized('to do this with a write-only key')
    }
  })
  app.addHook('preHandler', async (request) => {
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
    const fromBody = await bodyParameters(request.headers['content-type'], body)
    request.parameters = {
      ...(request.query as Parameters),
      ...fromBody,
      ...(request.params as Parameters),
    }
  })

  app.setNotFoundHandler((request) => {
    throw pathUnknown(request)
  })
  app.setErrorHandler((thrown, request, reply) => answerError(thrown, request, reply, { log, ids }))
  return app
}

function pathUnknown({ method, url }: FastifyRequest): AppError {
  return httpErrors.path_unknown(`${method} ${url.split('?', 1)[0]}`)
}

function answerError(
  thrown: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  { log, ids }: { log: Log; ids: Ids },
): FastifyReply {
  const error = asAppError(thrown, request, { log, ids })
  if (error.advice === 'retry') reply.header('retry-after', String(error.retryAfterSeconds))
  return reply.code(error.status).type('application/json; charset=utf-8').send(v3ErrorBody(error))
}

function asAppError(
  thrown: unknown,
  request: FastifyRequest,
  { log, ids }: { log: Log; ids: Ids },
): AppError {
  if (thrown instanceof AppError) {
    log.info({ ...lineOf(request), code: thrown.code }, 'request refused')
    return thrown
  }
  const { statusCode, message, code } = thrown as FastifyError
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return httpErrors.body_too_large(message, thrown)
  if (statusCode !== undefined && statusCode < 500) return httpErrors.bad_request(message, thrown)
  const reference = ids.hex128().slice(0, 12)
  log.error({ ...lineOf(request), reference, err: thrown }, 'request failed')
  return httpErrors.internal(reference, thrown)
}

/** For the log: without the query, where browsers and forms put keys and passwords. */
function lineOf({ method, url }: FastifyRequest): { method: string; path: string } {
  return { method, path: url.split('?', 1)[0] }
}

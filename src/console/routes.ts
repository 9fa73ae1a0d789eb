import { readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Authenticate, type Principal, textOf } from '../kernel/http/index.ts'
import type { Clock, Ids } from '../kernel/index.ts'
import type { Lookup } from '../snapshot/index.ts'
import type { EndedSessions } from './ended-sessions.ts'
import { consoleErrors } from './errors.ts'
import {
  cookieOf,
  csrfToken,
  isCsrfToken,
  openSession,
  passwordMarkOf,
  SESSION_COOKIE,
  SESSION_SECONDS,
  sealSession,
} from './session.ts'

export type ConsoleDeps = {
  clock: Clock
  ids: Ids
  /** 32 bytes that stay in the data directory: signs sessions, survives restarts. */
  sessionKey: Buffer
  endedSessions: EndedSessions
  /**
   * The credentials' owner. @throws failed_to_login only when checked and wrong; a 503 when they cannot be checked; login_throttled
   * (429) after too many failures
   */
  signIn(
    credentials: { user: string; password: string } | { apikey: string },
    from: { address: string },
  ): Promise<Principal>
  /** The user as the snapshot knows them now: a removed one has no session any more. */
  findPrincipal(accountId: bigint, userId: bigint): Promise<Lookup<Principal>>
  /** The user's stored password as far as is known now; null when they have none. */
  passwordHashOf(userId: bigint): string | null
  /** What the page shows above everything while the database is away. */
  mode(): { mode: string; reason: string }
}

const PAGE_FILES: Record<string, string> = {
  '': 'index.html',
  'style.css': 'style.css',
  'app.js': 'app.js',
  'view.js': 'view.js',
  'icon.svg': 'icon.svg',
}
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}
const SECURITY_HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
}

/** The page under `/app/`, and its session: sign in, who am I, sign out. Everything else it asks of the public API. */
export function consoleRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
  const directory = join(import.meta.dirname, 'public')
  const files = new Map(
    Object.entries(PAGE_FILES).map(([path, file]) => [
      path,
      { bytes: readFileSync(join(directory, file)), type: TYPES[extname(file)] },
    ]),
  )
  const servePage = (request: FastifyRequest, reply: FastifyReply) => {
    const { '*': path = '' } = request.params as { '*'?: string }
    const file = files.get(path) ?? files.get('')!
    return reply
      .headers(SECURITY_HEADERS)
      .header('cache-control', 'no-cache')
      .type(file.type)
      .send(file.bytes)
  }
  const open = { config: { public: true } }
  app.get('/', open, (_request, reply) => reply.redirect('/app/', 302))
  app.get('/app', open, servePage)
  app.get('/app/*', open, servePage)
  app.post('/app/session', open, (request, reply) => signIn(request, reply, deps))
  app.get('/app/session', { config: { public: true } }, (request, reply) => whoAmI(request, reply, deps))
  app.delete('/app/session', open, (request, reply) => signOut(request, reply, deps))
}

async function signIn(request: FastifyRequest, reply: FastifyReply, deps: ConsoleDeps): Promise<unknown> {
  // Another site must not be able to sign a visitor in as somebody else; clients that are no browsers send no such header.
  const site = request.headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw consoleErrors.csrf_token_wrong()
  const apikey = textOf(request.parameters, 'apikey')
  const user = textOf(request.parameters, 'user')
  const password = textOf(request.parameters, 'password')
  const credentials = apikey === undefined ? { user: user ?? '', password: password ?? '' } : { apikey }
  const principal = await deps.signIn(credentials, { address: request.ip })
  if (principal.keyKind === 'write-only') throw consoleErrors.sign_in_failed()
  const endsAtMs = deps.clock.now().getTime() + SESSION_SECONDS * 1000
  const sealed = sealSession(
    {
      accountId: principal.accountId,
      userId: principal.userId,
      id: deps.ids.hex128(),
      passwordMark: markOf(principal, deps),
      endsAtMs,
    },
    deps.sessionKey,
  )
  reply.header('set-cookie', cookie(request, sealed, SESSION_SECONDS))
  return describe(principal, sealed, deps)
}

async function whoAmI(request: FastifyRequest, reply: FastifyReply, deps: ConsoleDeps): Promise<unknown> {
  reply.header('cache-control', 'no-store')
  const found = await lookUpSession(request, deps)
  if (found.kind === 'absent') return { user: null, ...deps.mode() }
  return describe(principalIn(found), cookieOf(request.headers.cookie, SESSION_COOKIE) ?? '', deps)
}

/** The cookie's value is worth nothing from here on, wherever a copy of it is. */
async function signOut(request: FastifyRequest, reply: FastifyReply, deps: ConsoleDeps): Promise<unknown> {
  requireCsrf(request, deps)
  const sealed = cookieOf(request.headers.cookie, SESSION_COOKIE) ?? ''
  const session = openSession(sealed, deps.sessionKey, deps.clock.now().getTime())
  // Also one that has been ended: the sign-out may be the repeat of one that could not be written down.
  if (session) await deps.endedSessions.end(session)
  return reply.header('set-cookie', cookie(request, '', 0)).send({})
}

function describe(principal: Principal, sealed: string, deps: ConsoleDeps) {
  const { userName, email, role } = principal
  return { user: { name: userName, email, role }, csrf: csrfToken(sealed, deps.sessionKey), ...deps.mode() }
}

/**
 * Authenticates by the console's cookie when there is no Authorization header; otherwise asks `byKey`. Requests that
 * change something must carry the page's token.
 */
export function withConsoleSessions(byKey: Authenticate, deps: ConsoleDeps): Authenticate {
  return async (request) => {
    const hasCookie = cookieOf(request.headers.cookie, SESSION_COOKIE) !== undefined
    if (request.headers.authorization !== undefined || !hasCookie) return byKey(request)
    if (request.method !== 'GET' && request.method !== 'HEAD') requireCsrf(request, deps)
    return sessionPrincipal(request, deps)
  }
}

async function sessionPrincipal(request: FastifyRequest, deps: ConsoleDeps): Promise<Principal> {
  return principalIn(await lookUpSession(request, deps))
}

function principalIn(found: Lookup<Principal>): Principal {
  if (found.kind === 'found') return { ...found.value, keyId: 0n, keyKind: 'session' }
  if (found.kind === 'absent') throw consoleErrors.session_ended()
  throw consoleErrors.session_unverifiable(found.reason)
}

/** Whose session the cookie is of; absent when it is none, has ended, or the user is gone or has another password. */
async function lookUpSession(request: FastifyRequest, deps: ConsoleDeps): Promise<Lookup<Principal>> {
  const sealed = cookieOf(request.headers.cookie, SESSION_COOKIE) ?? ''
  const session = openSession(sealed, deps.sessionKey, deps.clock.now().getTime())
  if (session === undefined || deps.endedSessions.has(session.id)) return { kind: 'absent' }
  const found = await deps.findPrincipal(session.accountId, session.userId)
  if (found.kind === 'found' && markOf(session, deps) !== session.passwordMark) return { kind: 'absent' }
  return found
}

function markOf({ userId }: { userId: bigint }, { passwordHashOf, sessionKey }: ConsoleDeps): string {
  return passwordMarkOf(passwordHashOf(userId), sessionKey)
}

function requireCsrf(request: FastifyRequest, deps: ConsoleDeps): void {
  const sealed = cookieOf(request.headers.cookie, SESSION_COOKIE)
  if (sealed === undefined || !isCsrfToken(request.headers['x-millrace-csrf'], sealed, deps.sessionKey)) {
    throw consoleErrors.csrf_token_wrong()
  }
}

function cookie(request: FastifyRequest, value: string, seconds: number): string {
  const secure = request.headers['x-forwarded-proto'] === 'https' ? '; Secure' : ''
  return `${SESSION_COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}${secure}`
}

import type { FastifyInstance, FastifyRequest } from 'fastify'
import { integerOf, textOf } from '../kernel/http/index.ts'
import { type AuditEntry, audit, findAuditEntries } from './audit-store.ts'
import type { CatalogRouteDeps } from './routes.ts'
import { actorOf, addRoute } from './routing.ts'

const MOST_LISTED = 1000
const READ = { class: 'read', deadlineMs: 5_000 } as const
const NOTE = { class: 'background', deadlineMs: 5_000 } as const

/**
 * The log of changes, for owners and administrators (ours; the vendor offers it as a table only). Latest first; `before` is the id where
 * the page before ended, which it gave as `next`. `since` and `until` in unix seconds, half-open.
 */
export function auditRoutes(app: FastifyInstance, deps: CatalogRouteDeps): void {
  const { access, database } = deps
  noteRefusals(app, deps)
  addRoute(app, 'GET', '/v3/audit/list', async ({ principal, parameters }) => {
    access.requireAccountAdministrator(principal)
    const limit = integerOf(parameters, 'limit', { least: 1, most: MOST_LISTED }) ?? 100
    const one = (name: string) => {
      const text = textOf(parameters, name)
      return text === undefined ? null : [text]
    }
    const time = (name: string) => {
      const seconds = integerOf(parameters, name, { least: 0 })
      return seconds === undefined ? null : BigInt(seconds)
    }
    const wanted = {
      accountId: principal.accountId,
      below: BigInt(integerOf(parameters, 'before', { least: 0 }) ?? Number.MAX_SAFE_INTEGER),
      limit: limit + 1,
      actions: one('action'),
      users: one('user'),
      targets: one('target'),
      times: { from: time('since'), to: time('until') },
    }
    const found = await database.read(READ, (sql) => findAuditEntries(sql, wanted))
    const page = found.slice(0, limit)
    return { audit: page.map(bodyOf), next: found.length > limit ? Number(page.at(-1)!.id) : null }
  })
}

/**
 * What somebody wanted to change and was not allowed to, on any route. The answer does not wait for it, and while the main database is
 * away it is only in the server's own log.
 */
function noteRefusals(app: FastifyInstance, { database }: CatalogRouteDeps): void {
  app.addHook('onError', async (request, _reply, error) => {
    if (error.code !== 'not_authorized' || request.method === 'GET' || request.principal === undefined) return
    const line = { action: actionOf(request), target: targetOf(request), result: 'refused' as const }
    database
      .write(NOTE, (sql) => audit(sql, actorOf(request), line))
      .catch((cause: unknown) => request.log.warn({ err: cause, ...line }, 'a refusal was not noted'))
  })
}

/** `/v3/user/remove/:user` is `user.remove`. */
function actionOf({ routeOptions }: FastifyRequest): string {
  const words = (routeOptions.url ?? '').split('/').filter((word) => word !== '' && !/^(:|v\d)/.test(word))
  return words.join('.').replace(/\.json$/, '')
}

/** What the path names. */
function targetOf({ params }: FastifyRequest): string {
  return Object.values(params as Record<string, string>)
    .join('.')
    .slice(0, 1000)
}

function bodyOf(entry: AuditEntry): Record<string, unknown> {
  const { id, at, userId, userEmail, keyPrefix, address, action, target, result, details, before, after } =
    entry
  return {
    id: Number(id),
    at: at.toISOString(),
    user_id: userId === null ? null : Number(userId),
    user: userEmail,
    key: keyPrefix,
    address,
    action,
    target,
    result,
    details,
    before,
    after,
  }
}

import type { FastifyInstance } from 'fastify'
import { textOf } from '../kernel/http/index.ts'
import { audit } from './audit-store.ts'
import { insertConnection, listConnections, removeConnection } from './connection-store.ts'
import { admissionOf } from './databases.ts'
import { catalogErrors } from './errors.ts'
import type { CatalogRouteDeps } from './routes.ts'
import { actorOf, addRoute } from './routing.ts'

/** Result targets (treasure-data/td-client-ruby lib/td/client/api/result.rb). They are read from the database only. */
export function resultRoutes(app: FastifyInstance, deps: CatalogRouteDeps): void {
  const list = (accountId: bigint) =>
    deps.database.read({ class: 'read', deadlineMs: deps.waitMs }, (sql) => listConnections(sql, accountId))

  addRoute(app, 'GET', '/v3/result/list', async ({ principal }) => {
    const connections = await list(principal.accountId)
    return { results: connections.map(({ name, url }) => ({ name, url, organization: null })) }
  })

  addRoute(app, 'GET', '/v3/connections/lookup', async ({ principal, parameters }) => {
    const name = textOf(parameters, 'name') ?? ''
    const found = (await list(principal.accountId)).find((connection) => connection.name === name)
    if (found === undefined) throw catalogErrors.connection_unknown(name)
    return { id: Number(found.id) }
  })

  addRoute(app, 'POST', '/v3/result/create/:name', async (request, _reply, { name }) => {
    const { accountId } = request.principal
    deps.access.requireAccountAdministrator(request.principal)
    // The wording of treasure-data/td-client-ruby spec/td/client/result_api_spec.rb.
    if (name!.length < 3)
      throw catalogErrors.parameter_invalid('Validation failed: Name is too short (minimum is 3 characters)')
    const { url, password } = withoutPassword(textOf(request.parameters, 'url'))
    const secret =
      password === undefined ? null : deps.secrets.seal(password, `connection ${accountId}/${name}`)
    await deps.write(admissionOf(deps), async (sql) => {
      if (!(await insertConnection(sql, { accountId, name: name!, url, secret }))) {
        throw catalogErrors.connection_exists(name!)
      }
      await audit(sql, actorOf(request), { action: 'result.create', target: name!, details: { url } })
    })
    return { name, result: name }
  })

  addRoute(app, 'POST', '/v3/result/delete/:name', async (request, _reply, { name }) => {
    deps.access.requireAccountAdministrator(request.principal)
    await deps.write(admissionOf(deps), async (sql) => {
      if (!(await removeConnection(sql, request.principal.accountId, name!))) {
        throw catalogErrors.connection_unknown(name!)
      }
      await audit(sql, actorOf(request), { action: 'result.delete', target: name! })
    })
    return { name, result: name }
  })
}

/**
 * The password leaves the URL and is stored encrypted; of `td://KEY@/database/table` the key does. Not `new URL`: the
 * vendor's URLs have empty hosts. @throws parameter_invalid (422, final)
 */
export function withoutPassword(given: string | undefined): { url: string; password?: string } {
  if (given === undefined) throw catalogErrors.parameter_invalid('parameter url is missing')
  const parts = /^(?:(td):\/\/(?:([^@]*)@)?|([a-z][a-z0-9+.-]*):\/\/(?:([^@/?#]*)@)?)(.*)$/is.exec(given)
  if (parts === null) throw catalogErrors.parameter_invalid('parameter url is not a URL')
  const [, td, key, scheme, userInfo = '', rest] = parts
  if (td !== undefined) return key ? { url: `${td}://@${rest}`, password: decoded(key) } : { url: given }
  const colon = userInfo.indexOf(':')
  if (colon < 0) return { url: given }
  return {
    url: `${scheme}://${userInfo.slice(0, colon)}@${rest}`,
    password: decoded(userInfo.slice(colon + 1)),
  }
}

/** Percent-encoding undone, where it is one. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // A lone % is somebody's password, not an encoding.
    return text
  }
}

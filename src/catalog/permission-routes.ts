import type { FastifyInstance } from 'fastify'
import type { Permission, SnapshotUser } from '../snapshot/index.ts'
import { grantPermissions } from './databases.ts'
import { catalogErrors } from './errors.ts'
import type { CatalogRouteDeps } from './routes.ts'
import { actorOf, addRoute } from './routing.ts'

/** The vendor's words for what we store as one permission per user and database. */
const OPERATIONS: Record<Permission, string> = {
  query_only: 'query',
  import_only: 'import',
  full_access: 'edit',
  administrator: 'manage',
}
const PERMISSIONS: Record<string, Permission> = {
  query: 'query_only',
  download: 'query_only',
  import: 'import_only',
  edit: 'full_access',
  manage: 'administrator',
  owner_manage: 'administrator',
}

/** The part of access control that concerns databases; policies and other resources are not there yet. */
export function permissionRoutes(app: FastifyInstance, deps: CatalogRouteDeps): void {
  const { reader, access } = deps
  addRoute(app, 'GET', '/v3/access_control/users', async ({ principal }, reply) => {
    await reader.begin(reply)
    access.requireAccountAdministrator(principal)
    return reader.view.listUsers(principal.accountId).map((user) => userBody(deps, user))
  })
  addRoute(app, 'GET', '/v3/access_control/users/:id', async ({ principal }, reply, { id }) => {
    await reader.begin(reply)
    const user = await userById(deps, id!)
    if (user.id !== principal.userId) access.requireAccountAdministrator(principal)
    if (user.accountId !== principal.accountId) throw catalogErrors.user_unknown(id!)
    return userBody(deps, user)
  })
  addRoute(app, 'PATCH', '/v3/access_control/users/:id/permissions', async (request, _reply, { id }) => {
    const user = await userById(deps, id!)
    const grants = grantsOf(request.parameters, grantedTo(deps, user))
    await grantPermissions(deps, actorOf(request), { userId: user.id, grants })
    const changed = await userById(deps, id!)
    return { user_id: Number(user.id), permissions: userBody(deps, changed).permissions }
  })
}

function userById({ reader }: CatalogRouteDeps, id: string): Promise<SnapshotUser> {
  if (!/^\d{1,18}$/.test(id)) throw catalogErrors.user_unknown(id)
  return reader.find(
    (view) => view.findUser(BigInt(id)),
    () => catalogErrors.user_unknown(id),
    `user ${id}`,
  )
}

function grantedTo({ reader }: CatalogRouteDeps, user: SnapshotUser): Map<bigint, Permission> {
  const granted = new Map<bigint, Permission>()
  for (const { id } of reader.view.listDatabases(user.accountId)) {
    const found = reader.view.permissionOf(user.id, id)
    if (found.kind === 'found') granted.set(id, found.value)
  }
  return granted
}

function userBody(deps: CatalogRouteDeps, user: SnapshotUser): Record<string, unknown> {
  const byOperation = new Map<string, string[]>()
  for (const [id, permission] of grantedTo(deps, user)) {
    const operation = OPERATIONS[permission]
    byOperation.set(operation, [...(byOperation.get(operation) ?? []), String(id)])
  }
  return {
    user_id: Number(user.id),
    account_id: Number(user.accountId),
    permissions: { Databases: [...byOperation].map(([operation, ids]) => ({ operation, ids })) },
    policies: [],
  }
}

/** The list replaces what the user had: databases not named lose the permission. */
function grantsOf(
  parameters: Record<string, unknown>,
  before: Map<bigint, Permission>,
): Map<bigint, Permission | null> {
  const given = parameters.Databases
  if (!Array.isArray(given))
    throw catalogErrors.parameter_invalid('Databases must be an array of operations with ids')
  const grants = new Map<bigint, Permission | null>([...before.keys()].map((id) => [id, null]))
  for (const { operation, ids } of given as { operation?: string; ids?: unknown }[]) {
    const permission = PERMISSIONS[operation ?? '']
    if (permission === undefined) throw catalogErrors.parameter_invalid(`no such operation: ${operation}`)
    if (!Array.isArray(ids))
      throw catalogErrors.parameter_invalid(`operation ${operation} needs an array of ids`)
    for (const id of ids) grants.set(databaseId(id), stronger(permission, grants.get(databaseId(id)) ?? null))
  }
  return grants
}

function databaseId(id: unknown): bigint {
  if (/^\d{1,18}$/.test(String(id))) return BigInt(String(id))
  throw catalogErrors.parameter_invalid(`'${id}' is not the id of a database`)
}

/** Query and import together are what the protocol calls full access. */
function stronger(a: Permission, b: Permission | null): Permission {
  if (b === null || a === b) return a
  return a === 'administrator' || b === 'administrator' ? 'administrator' : 'full_access'
}

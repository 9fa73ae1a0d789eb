import type { FastifyInstance } from 'fastify'
import { booleanOf, timeT } from '../kernel/http/index.ts'
import type { Permission, SnapshotDatabase } from '../snapshot/index.ts'
import { createDatabase, deleteDatabase } from './databases.ts'
import type { CatalogRouteDeps } from './routes.ts'
import { actorOf, addRoute } from './routing.ts'

/** Databases (treasure-data/td-client-ruby lib/td/client/api/database.rb). */
export function databaseRoutes(app: FastifyInstance, deps: CatalogRouteDeps): void {
  const { access, reader } = deps

  addRoute(app, 'GET', '/v3/database/list', async (request, reply) => {
    await reader.begin(reply)
    const withPermissions = booleanOf(request.parameters, 'require_permissions') ?? false
    const databases = reader.view.listDatabases(request.principal.accountId).flatMap((database) => {
      const permission = access.permissionFor(request.principal, database)
      return permission === undefined ? [] : [databaseBody(deps, { database, permission, withPermissions })]
    })
    return { databases }
  })

  addRoute(app, 'GET', '/v3/database/show/:db', async (request, reply, { db }) => {
    await reader.begin(reply)
    const database = await access.requireSight(request.principal, db!)
    const permission = access.permissionFor(request.principal, database) ?? 'query_only'
    const withPermissions = booleanOf(request.parameters, 'require_permissions') ?? false
    return databaseBody(deps, { database, permission, withPermissions })
  })

  addRoute(app, 'POST', '/v3/database/create/:db', async (request, _reply, { db }) => {
    await createDatabase(deps, actorOf(request), db!)
    return { database: db }
  })

  addRoute(app, 'POST', '/v3/database/delete/:db', async (request, _reply, { db }) => {
    await deleteDatabase(deps, actorOf(request), db!)
    return { database: db }
  })
}

/** `permission` is never null: Ruby calls to_sym on it. */
function databaseBody(
  { reader }: CatalogRouteDeps,
  {
    database,
    permission,
    withPermissions,
  }: { database: SnapshotDatabase; permission: Permission; withPermissions: boolean },
): Record<string, unknown> {
  return {
    id: String(database.id),
    name: database.name,
    count: Number(reader.view.sumsOf(database.id).rows),
    created_at: timeT(new Date(database.createdAt)),
    updated_at: timeT(new Date(database.updatedAt)),
    organization: null,
    permission,
    delete_protected: database.deleteProtected,
    datatank: false,
    ...(withPermissions ? { database_permissions: operations(permission) } : {}),
  }
}

function operations(permission: Permission): Record<string, boolean> {
  const all = permission === 'administrator' || permission === 'full_access'
  return {
    edit: all,
    delete: permission === 'administrator',
    query: all || permission === 'query_only',
    import: all || permission === 'import_only',
    download: all || permission === 'query_only',
  }
}

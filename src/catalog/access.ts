import { httpErrors, type Principal } from '../kernel/http/index.ts'
import type { Permission, SnapshotDatabase } from '../snapshot/index.ts'
import { catalogErrors } from './errors.ts'
import type { CatalogReader } from './reading.ts'

/**
 * Who may do what. Every `require…` throws database_unknown (404, final) only when certain, not_authorized (403,
 * final) with the words td's CLI looks for, catalog_away (503, retry) when nobody can say.
 */
export type Access = {
  /** What the principal may do in the database; undefined = nothing. Without waiting. */
  permissionFor(principal: Principal, database: SnapshotDatabase): Permission | undefined
  /** Any permission at all: the database may be seen. */
  requireSight(principal: Principal, database: string): Promise<SnapshotDatabase>
  requireImport(principal: Principal, database: string): Promise<SnapshotDatabase>
  /** Empty name = no database: null. Otherwise its id. */
  requireQuery(principal: Principal, database: string): Promise<bigint | null>
  /** To create, change and drop tables and delete rows. */
  requireManage(principal: Principal, database: string): Promise<SnapshotDatabase>
  /** To drop the database and grant permissions in it. */
  requireAdminister(principal: Principal, database: string): Promise<SnapshotDatabase>
  /** Owner or administrator of the account. @throws not_authorized (403, final) */
  requireAccountAdministrator(principal: Principal): void
  /** Names of the databases the principal may query. */
  queryable(principal: Principal): Promise<'all' | ReadonlySet<string>>
}

const ALLOWS: Record<'sight' | 'import' | 'query' | 'manage' | 'administer', ReadonlySet<Permission>> = {
  sight: new Set(['administrator', 'full_access', 'import_only', 'query_only']),
  import: new Set(['administrator', 'full_access', 'import_only']),
  query: new Set(['administrator', 'full_access', 'query_only']),
  manage: new Set(['administrator', 'full_access']),
  administer: new Set(['administrator']),
}

export function createAccess(reader: CatalogReader): Access {
  const permissionFor: Access['permissionFor'] = (principal, database) => {
    const permission = permissionOfUser(reader, principal, database)
    if (principal.keyKind !== 'write-only') return permission
    return allows('import', permission) ? 'import_only' : undefined
  }
  const require =
    (need: keyof typeof ALLOWS) =>
    async (principal: Principal, name: string): Promise<SnapshotDatabase> => {
      const database = await reader.find(
        (view) => view.findDatabase(principal.accountId, name),
        () => catalogErrors.database_unknown(name),
        `database '${name}'`,
      )
      const allowed = () => allows(need, permissionFor(principal, database))
      // A grant may have been committed elsewhere a moment ago: a no is confirmed like any other.
      if (!allowed()) await reader.findOrNothing(() => ({ kind: 'absent' }), `the permission in '${name}'`)
      if (!allowed()) throw httpErrors.not_authorized(`to access database '${name}'`)
      return database
    }
  const requireQuery = require('query')

  return {
    permissionFor,
    requireSight: require('sight'),
    requireImport: require('import'),
    requireManage: require('manage'),
    requireAdminister: require('administer'),
    requireQuery: async (principal, name) => (name === '' ? null : (await requireQuery(principal, name)).id),
    requireAccountAdministrator(principal) {
      if (principal.role === 'member') throw httpErrors.not_authorized('to administer this account')
    },
    async queryable(principal) {
      if (principal.role !== 'member') return 'all'
      const databases = reader.view.listDatabases(principal.accountId)
      const mine = databases.filter((database) => allows('query', permissionFor(principal, database)))
      return new Set(mine.map(({ name }) => name))
    },
  }
}

function permissionOfUser(
  { view }: CatalogReader,
  { accountId, role, userId }: Principal,
  database: SnapshotDatabase,
): Permission | undefined {
  if (database.accountId !== accountId) return undefined
  if (role !== 'member' || database.ownerId === userId) return 'administrator'
  const granted = view.permissionOf(userId, database.id)
  if (granted.kind === 'unknown') throw catalogErrors.catalog_away(`the permission in '${database.name}'`)
  return granted.kind === 'found' ? granted.value : undefined
}

function allows(need: keyof typeof ALLOWS, permission: Permission | undefined): boolean {
  return permission !== undefined && ALLOWS[need].has(permission)
}

import { httpErrors } from '../kernel/http/index.ts'
import type { Permission } from '../snapshot/index.ts'
import type { Access } from './access.ts'
import { type Actor, audit } from './audit-store.ts'
import {
  insertDatabase,
  lockDatabase,
  permissionsIn,
  removeDatabase,
  setPermission,
} from './database-store.ts'
import { catalogErrors } from './errors.ts'
import { requireName } from './names.ts'
import type { CatalogReader } from './reading.ts'
import type { CatalogWrite } from './write.ts'

/** What every change of the catalog needs. `waitMs`: how long it waits for a shut gate before it answers 503. */
export type ChangeDeps = { write: CatalogWrite; access: Access; reader: CatalogReader; waitMs: number }

export const admissionOf = ({ waitMs }: { waitMs: number }) =>
  ({ class: 'write', deadlineMs: waitMs }) as const

/**
 * Creates a database owned by the caller.
 * @throws name_invalid (400) · database_exists (409): also from the snapshot, while the main database is away
 */
export async function createDatabase(deps: ChangeDeps, actor: Actor, name: string): Promise<void> {
  requireName('database', name)
  const { accountId, userId } = actor.principal
  if (deps.reader.view.findDatabase(accountId, name).kind === 'found')
    throw catalogErrors.database_exists(name)
  await deps.write(admissionOf(deps), async (sql) => {
    if (!(await insertDatabase(sql, { accountId, name, ownerId: userId }))) {
      throw catalogErrors.database_exists(name)
    }
    await audit(sql, actor, { action: 'database.create', target: name })
  })
}

/** Drops a database with its tables. @throws database_unknown (404) · database_protected (403) · not_authorized (403) */
export async function deleteDatabase(deps: ChangeDeps, actor: Actor, name: string): Promise<void> {
  await deps.access.requireAdminister(actor.principal, name)
  await deps.write(admissionOf(deps), async (sql) => {
    const database = await lockDatabase(sql, actor.principal.accountId, name)
    if (database === undefined) throw catalogErrors.database_unknown(name)
    if (database.deleteProtected) throw catalogErrors.database_protected(name)
    await removeDatabase(sql, database.id)
    await audit(sql, actor, { action: 'database.delete', target: name })
  })
}

/** Grants a member a permission in databases given by id, or takes it away (null). */
export async function grantPermissions(
  deps: ChangeDeps,
  actor: Actor,
  { userId, grants }: { userId: bigint; grants: Map<bigint, Permission | null> },
): Promise<void> {
  const { principal } = actor
  deps.access.requireAccountAdministrator(principal)
  const user = await deps.reader.find(
    (view) => view.findUser(userId),
    () => catalogErrors.user_unknown(String(userId)),
    `user ${userId}`,
  )
  if (user.accountId !== principal.accountId || user.removed) throw catalogErrors.user_unknown(String(userId))
  const mine = new Set(deps.reader.view.listDatabases(principal.accountId).map(({ id }) => id))
  for (const id of grants.keys())
    if (!mine.has(id)) throw httpErrors.not_authorized(`to access database ${id}`)
  await deps.write(admissionOf(deps), async (sql) => {
    const before = await permissionsIn(sql, userId, [...grants.keys()])
    for (const [databaseId, permission] of grants)
      await setPermission(sql, { databaseId, userId, permission })
    const after = await permissionsIn(sql, userId, [...grants.keys()])
    await audit(sql, actor, { action: 'permission.set', target: user.email, before, after })
  })
}

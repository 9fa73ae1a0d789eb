import type { Database } from '../database/index.ts'
import type { Principal } from '../kernel/http/index.ts'
import type { Sql } from '../kernel/index.ts'
import { type Actor, audit } from './audit-store.ts'
import { holdDatabase, lockDatabase } from './database-store.ts'
import { admissionOf, type ChangeDeps } from './databases.ts'
import {
  type DeletedTable,
  listDeletedTables,
  lockDeletedDatabase,
  lockDeletedTable,
  lockDeletedTableById,
  reviveDatabase,
  reviveTables,
} from './deleted-store.ts'
import { catalogErrors } from './errors.ts'
import { requireName } from './names.ts'
import { lockTable, moveTable } from './table-store.ts'
import type { TableName } from './tables.ts'

export type UndeleteDeps = ChangeDeps & { database: Database; undeleteHours: number }

const full = ({ database, table }: TableName) => `${database}.${table}`
const READ = { class: 'read', deadlineMs: 5_000 } as const

/** Deleted tables that the principal could restore, the highest number first; `cursor` leads to more, which may all be others'. */
export async function deletedTables(
  { database, access, reader, undeleteHours }: UndeleteDeps,
  principal: Principal,
  page: { databaseId: bigint | null; before: bigint | null; most: number },
): Promise<{ tables: DeletedTable[]; cursor: bigint | null }> {
  const { accountId } = principal
  const found = await database.read(READ, (sql) =>
    listDeletedTables(sql, { accountId, undeleteHours, ...page }),
  )
  const live = new Map(reader.view.listDatabases(accountId).map((one) => [one.id, one]))
  const cursor = found.length < page.most ? null : found.at(-1)!.id
  const tables = found.filter(({ databaseId }) => {
    const home = live.get(databaseId)
    if (home === undefined) return principal.role !== 'member'
    const permission = access.permissionFor(principal, home)
    return permission === 'administrator' || permission === 'full_access'
  })
  return { tables, cursor }
}

/**
 * Brings back the table that was deleted last under this name, with its rows, columns and settings.
 * @throws not_restorable (404): never there, or its time is over · table_exists (409): the name is taken by now
 */
export async function restoreTable(deps: UndeleteDeps, actor: Actor, at: TableName): Promise<void> {
  await deps.access.requireManage(actor.principal, at.database)
  await restore(deps, async (sql) => {
    const databaseId = await heldDatabase(sql, actor, at.database)
    if ((await lockTable(sql, databaseId, at.table)) !== undefined) throw catalogErrors.table_exists(full(at))
    const id = await lockDeletedTable(sql, databaseId, at.table, deps.undeleteHours)
    if (id === undefined) throw catalogErrors.not_restorable(`table '${full(at)}'`)
    await reviveTables(sql, [id])
    await audit(sql, actor, { action: 'table.undelete', target: full(at), details: { id: String(id) } })
  })
  await untilSeen(deps, actor, at)
}

/** As `restoreTable`, by the number of the table, and under another name or in another database if wanted. */
export async function recoverTable(
  deps: UndeleteDeps,
  actor: Actor,
  id: bigint,
  wanted: { table?: string; database?: string },
): Promise<TableName> {
  const { accountId } = actor.principal
  const known = await deps.database.read(READ, (sql) =>
    listDeletedTables(sql, {
      accountId,
      undeleteHours: deps.undeleteHours,
      databaseId: null,
      before: id + 1n,
      most: 1,
    }),
  )
  const deleted = known.find((one) => one.id === id)
  if (deleted === undefined) throw catalogErrors.not_restorable(`table ${id}`)
  const at = { database: wanted.database ?? deleted.database, table: wanted.table ?? deleted.name }
  requireName('table', at.table)
  await deps.access.requireManage(actor.principal, at.database)
  // The rows were those of another database: who may not manage that one must not get at them here.
  if (deleted.databaseRemoved) deps.access.requireAccountAdministrator(actor.principal)
  else await deps.access.requireManage(actor.principal, deleted.database)
  await restore(deps, async (sql) => {
    const databaseId = await heldDatabase(sql, actor, at.database)
    if ((await lockTable(sql, databaseId, at.table)) !== undefined) throw catalogErrors.table_exists(full(at))
    const still = await lockDeletedTableById(sql, accountId, id, deps.undeleteHours)
    if (still === undefined) throw catalogErrors.not_restorable(`table ${id}`)
    await moveTable(sql, id, { databaseId, name: at.table })
    await reviveTables(sql, [id])
    await audit(sql, actor, { action: 'table.undelete', target: full(at), details: { id: String(id) } })
  })
  await untilSeen(deps, actor, at)
  return at
}

/**
 * Brings back the database that was deleted last under this name, with the tables that went with it. Permissions of members
 * do not come back. @throws not_restorable (404) · database_exists (409) · not_authorized (403)
 */
export async function restoreDatabase(deps: UndeleteDeps, actor: Actor, name: string): Promise<void> {
  const { principal } = actor
  await restore(deps, async (sql) => {
    if ((await lockDatabase(sql, principal.accountId, name)) !== undefined)
      throw catalogErrors.database_exists(name)
    const deleted = await lockDeletedDatabase(sql, principal.accountId, name, deps.undeleteHours)
    if (deleted === undefined) throw catalogErrors.not_restorable(`database '${name}'`)
    if (deleted.ownerId !== principal.userId) deps.access.requireAccountAdministrator(principal)
    await reviveDatabase(sql, deleted.id)
    await reviveTables(sql, deleted.tables)
    const details = { tables: deleted.tables.length }
    await audit(sql, actor, { action: 'database.undelete', target: name, details })
  })
  await deps.reader
    .findOrNothing((view) => view.findDatabase(principal.accountId, name), `database '${name}'`)
    .catch(lagging)
}

/**
 * Not through the catalog's own write: that would tell the snapshot of the table at once and of its chunks a moment later, and in
 * between it would look empty. The exporter reads both in one.
 */
function restore(deps: UndeleteDeps, run: (sql: Sql) => Promise<void>): Promise<void> {
  return deps.database.write(admissionOf(deps), run)
}

/** The answer waits until lists show it; it is true also when the database leaves right now. */
async function untilSeen({ reader }: UndeleteDeps, { principal }: Actor, at: TableName): Promise<void> {
  await reader
    .findOrNothing(
      (view) => view.findTable(principal.accountId, at.database, at.table),
      `table '${full(at)}'`,
    )
    .catch(lagging)
}

/** Committed all the same: others see it when the snapshot follows. */
function lagging(error: unknown): undefined {
  if ((error as { code?: string }).code !== 'catalog_away') throw error
  return undefined
}

async function heldDatabase(sql: Sql, { principal }: Actor, name: string): Promise<bigint> {
  const id = await holdDatabase(sql, principal.accountId, name)
  if (id === undefined) throw catalogErrors.database_unknown(name)
  return id
}

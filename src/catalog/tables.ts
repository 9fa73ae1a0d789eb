import { isDeepStrictEqual } from 'node:util'
import type { Sql } from '../kernel/index.ts'
import { type Actor, audit } from './audit-store.ts'
import { holdDatabase } from './database-store.ts'
import { admissionOf, type ChangeDeps } from './databases.ts'
import { catalogErrors } from './errors.ts'
import { requireName } from './names.ts'
import type { DeclaredColumn } from './schema.ts'
import {
  declareColumns,
  describeTable,
  idempotentKeyOf,
  insertTable,
  type LockedTable,
  lockTable,
  moveTable,
  removeTable,
  swapNames,
  type TableSettings,
  touchTable,
  updateTable,
} from './table-store.ts'

/** A table as a path names it. */
export type TableName = { database: string; table: string }
const full = ({ database, table }: TableName) => `${database}.${table}`

/**
 * Creates a table. A repeat with the same idempotent key is not an error.
 * @throws name_invalid (400) · database_unknown (404) · table_exists (409): also from the snapshot, while the main
 * database is away, because fluentd's start depends on that answer (fluent-plugin-td lib/fluent/plugin/out_tdlog.rb)
 */
export async function createTable(
  deps: ChangeDeps,
  actor: Actor,
  wanted: TableName & { type: string; columns?: DeclaredColumn[]; idempotentKey?: string } & TableSettings,
): Promise<void> {
  requireName('table', wanted.table)
  const { accountId } = actor.principal
  await deps.access.requireManage(actor.principal, wanted.database)
  const known = deps.reader.view.findTable(accountId, wanted.database, wanted.table)
  if (known.kind === 'found' && wanted.idempotentKey === undefined)
    throw catalogErrors.table_exists(full(wanted))
  await deps.write(admissionOf(deps), async (sql) => {
    const databaseId = await heldDatabase(sql, accountId, wanted.database)
    const id = await insertTable(sql, { ...wanted, databaseId, name: wanted.table })
    if (id === undefined) {
      const key = await idempotentKeyOf(sql, databaseId, wanted.table)
      if (wanted.idempotentKey !== undefined && key === wanted.idempotentKey) return
      throw catalogErrors.table_exists(full(wanted))
    }
    if (wanted.columns !== undefined) await declareColumns(sql, id, wanted.columns, { replace: false })
    await audit(sql, actor, { action: 'table.create', target: full(wanted) })
  })
}

/** Runs `change` on the locked table of that name. @throws table_unknown, database_unknown (404) */
async function changeTable(
  deps: ChangeDeps,
  actor: Actor,
  at: TableName,
  change: (sql: Sql, table: LockedTable, databaseId: bigint) => Promise<void>,
): Promise<void> {
  await deps.access.requireManage(actor.principal, at.database)
  await deps.write(admissionOf(deps), async (sql) => {
    const databaseId = await heldDatabase(sql, actor.principal.accountId, at.database)
    await change(sql, await lockedTable(sql, databaseId, at), databaseId)
  })
}

export function deleteTable(deps: ChangeDeps, actor: Actor, at: TableName): Promise<void> {
  return changeTable(deps, actor, at, async (sql, { id }) => {
    await removeTable(sql, id)
    await audit(sql, actor, { action: 'table.delete', target: full(at) })
  })
}

/** Two tables exchange their names; data, schema and settings stay with the rows they belong to. */
export function swapTables(deps: ChangeDeps, actor: Actor, at: TableName, other: string): Promise<void> {
  return changeTable(deps, actor, at, async (sql, a, databaseId) => {
    const b = await lockedTable(sql, databaseId, { ...at, table: other })
    if (a.id !== b.id) await swapNames(sql, a, b)
    await audit(sql, actor, { action: 'table.swap', target: full(at), details: { with: other } })
  })
}

/** @throws table_exists (409) when the target is there and not to be overwritten */
export function renameTable(
  deps: ChangeDeps,
  actor: Actor,
  at: TableName,
  { to, overwrite }: { to: string; overwrite: boolean },
): Promise<void> {
  requireName('table', to)
  return changeTable(deps, actor, at, async (sql, table, databaseId) => {
    await makeWay(sql, databaseId, { database: at.database, table: to }, { overwrite, mover: table })
    await moveTable(sql, table.id, { databaseId, name: to })
    await audit(sql, actor, { action: 'table.rename', target: full(at), details: { to, overwrite } })
  })
}

export async function moveToDatabase(
  deps: ChangeDeps,
  actor: Actor,
  at: TableName,
  destination: string,
): Promise<void> {
  await deps.access.requireManage(actor.principal, destination)
  await changeTable(deps, actor, at, async (sql, table) => {
    const databaseId = await heldDatabase(sql, actor.principal.accountId, destination)
    const target = { database: destination, table: at.table }
    await makeWay(sql, databaseId, target, { overwrite: false, mover: table })
    await moveTable(sql, table.id, { databaseId, name: at.table })
    await audit(sql, actor, {
      action: 'table.change_database',
      target: full(at),
      details: { to: destination },
    })
  })
}

/** Changes settings, name and schema; what is undefined stays. */
export function changeSettings(
  deps: ChangeDeps,
  actor: Actor,
  at: TableName,
  change: TableSettings & { name?: string; overwrite?: boolean; columns?: DeclaredColumn[] },
): Promise<void> {
  const { name, overwrite = false, columns, ...settings } = change
  if (name !== undefined) requireName('table', name)
  return changeTable(deps, actor, at, async (sql, table, databaseId) => {
    const before = await describeTable(sql, table.id)
    await updateTable(sql, table.id, settings)
    if (columns !== undefined) await declareColumns(sql, table.id, columns, { replace: true })
    if (name !== undefined && name !== at.table) {
      await makeWay(sql, databaseId, { ...at, table: name }, { overwrite, mover: table })
      await moveTable(sql, table.id, { databaseId, name })
    }
    const after = await describeTable(sql, table.id)
    await audit(sql, actor, { action: 'table.update', target: full(at), ...differing(before, after) })
  })
}

/** Replaces the declared columns, or adds to them. */
export function changeSchema(
  deps: ChangeDeps,
  actor: Actor,
  at: TableName,
  { columns, replace }: { columns: DeclaredColumn[]; replace: boolean },
): Promise<void> {
  return changeTable(deps, actor, at, async (sql, { id }) => {
    const before = await describeTable(sql, id)
    await declareColumns(sql, id, columns, { replace })
    await touchTable(sql, id)
    const action = replace ? 'table.update_schema' : 'table.append_schema'
    const change = differing(before, await describeTable(sql, id))
    await audit(sql, actor, { action, target: full(at), ...change })
  })
}

/** What is not the same in both. */
function differing(
  before: Record<string, unknown>,
  after: Record<string, unknown>,
): { before: Record<string, unknown>; after: Record<string, unknown> } {
  const changed = Object.keys(after).filter((key) => !isDeepStrictEqual(before[key], after[key]))
  const pick = (from: Record<string, unknown>) => Object.fromEntries(changed.map((key) => [key, from[key]]))
  return { before: pick(before), after: pick(after) }
}

async function heldDatabase(sql: Sql, accountId: bigint, name: string): Promise<bigint> {
  const id = await holdDatabase(sql, accountId, name)
  if (id === undefined) throw catalogErrors.database_unknown(name)
  return id
}

async function lockedTable(sql: Sql, databaseId: bigint, at: TableName): Promise<LockedTable> {
  const table = await lockTable(sql, databaseId, at.table)
  if (table === undefined) throw catalogErrors.table_unknown(full(at))
  return table
}

/** Frees the target's name for `mover`. */
async function makeWay(
  sql: Sql,
  databaseId: bigint,
  target: TableName,
  { overwrite, mover }: { overwrite: boolean; mover: LockedTable },
): Promise<void> {
  const there = await lockTable(sql, databaseId, target.table)
  if (there === undefined || there.id === mover.id) return
  if (!overwrite) throw catalogErrors.table_exists(full(target))
  await removeTable(sql, there.id)
}

import type { Sql } from '../kernel/index.ts'
import { holdDatabase, insertDatabase, lockDatabase, removeDatabase } from './database-store.ts'
import {
  declareColumns,
  describeColumn,
  hideColumn,
  holdTableById,
  insertTableAs,
  lockTable,
  lockTableById,
  moveTable,
  removeTable,
  touchTable,
  updateTable,
} from './table-store.ts'

/**
 * Changes of the catalog inside the transaction of a job's end. Each says false when the catalog is not any more as the job saw it;
 * the caller then undoes what it has done so far.
 */

/** SQL names are names and keys at once: what senders call so goes there. */
export type SqlColumn = { name: string; type: string; description?: string }
const declared = (column: SqlColumn) => ({ key: column.name, ...column })

export async function createTableAs(
  sql: Sql,
  {
    accountId,
    id,
    database,
    name,
    columns,
    description,
  }: {
    accountId: bigint
    id: bigint
    database: string
    name: string
    columns: SqlColumn[]
    description?: string
  },
): Promise<boolean> {
  const databaseId = await holdDatabase(sql, accountId, database)
  if (databaseId === undefined || !(await insertTableAs(sql, { id, databaseId, name, type: 'log' })))
    return false
  if (description !== undefined) await updateTable(sql, id, { description })
  if (columns.length > 0) await declareColumns(sql, id, columns.map(declared), { replace: false })
  return true
}

/** By number, as long as it goes by that name there. */
async function isThere(
  sql: Sql,
  { accountId, id, database, name }: { accountId: bigint; id: bigint; database: string; name: string },
): Promise<boolean> {
  const databaseId = await holdDatabase(sql, accountId, database)
  if (databaseId === undefined) return false
  return (await lockTable(sql, databaseId, name))?.id === id
}

type At = Parameters<typeof isThere>[1]

export async function dropTableAs(sql: Sql, at: At): Promise<boolean> {
  if (!(await isThere(sql, at))) return false
  await removeTable(sql, at.id)
  return true
}

export async function renameTableAs(
  sql: Sql,
  at: At,
  to: { database: string; name: string },
): Promise<boolean> {
  if (!(await isThere(sql, at))) return false
  const databaseId = await holdDatabase(sql, at.accountId, to.database)
  if (databaseId === undefined || (await lockTable(sql, databaseId, to.name)) !== undefined) return false
  await moveTable(sql, at.id, { databaseId, name: to.name })
  return true
}

/** Adds a column, or gives one another name: it keeps its key. False when the table is gone. */
export async function putColumnAs(
  sql: Sql,
  id: bigint,
  column: SqlColumn & { key: string },
): Promise<boolean> {
  if (!(await lockTableById(sql, id))) return false
  await declareColumns(sql, id, [column], { replace: false })
  await touchTable(sql, id)
  return true
}

/** What is said of a table, or of its column of that key. False when the table or the column is gone. */
export async function describeAs(
  sql: Sql,
  id: bigint,
  { key, text }: { key: string | null; text: string | null },
): Promise<boolean> {
  if (!(await lockTableById(sql, id))) return false
  if (key === null) await updateTable(sql, id, { description: text })
  else if (!(await describeColumn(sql, id, key, text))) return false
  await touchTable(sql, id)
  return true
}

/** Its values stay in the files. */
export async function dropColumnAs(sql: Sql, id: bigint, key: string): Promise<boolean> {
  if (!(await lockTableById(sql, id)) || !(await hideColumn(sql, id, key))) return false
  await touchTable(sql, id)
  return true
}

/** The number of a database, and that nobody drops it until the transaction ends. */
export function findDatabaseAs(sql: Sql, accountId: bigint, name: string): Promise<bigint | undefined> {
  return holdDatabase(sql, accountId, name)
}

/** Likewise, and that nobody creates, moves or drops a table in it either. */
export async function lockDatabaseAs(sql: Sql, accountId: bigint, name: string): Promise<bigint | undefined> {
  return (await lockDatabase(sql, accountId, name))?.id
}

/** The table lives, and is not dropped until the transaction ends. */
export function holdTableAs(sql: Sql, id: bigint): Promise<boolean> {
  return holdTableById(sql, id)
}

export function createDatabaseAs(
  sql: Sql,
  wanted: { accountId: bigint; name: string; ownerId: bigint; id: bigint },
): Promise<boolean> {
  return insertDatabase(sql, wanted)
}

/** protected: nothing was changed, and it will not be. */
export async function dropDatabaseAs(
  sql: Sql,
  accountId: bigint,
  name: string,
): Promise<'dropped' | 'gone' | 'protected'> {
  const database = await lockDatabase(sql, accountId, name)
  if (database === undefined) return 'gone'
  if (database.deleteProtected) return 'protected'
  await removeDatabase(sql, database.id)
  return 'dropped'
}

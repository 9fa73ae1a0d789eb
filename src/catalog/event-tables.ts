import type { Sql } from '../kernel/index.ts'
import { audit } from './audit-store.ts'
import { holdDatabase } from './database-store.ts'
import { isName } from './names.ts'
import { insertTable } from './table-store.ts'

/**
 * Makes the table that events were accepted for, in the name of the user whose key brought them. Triggers tell the
 * snapshot. Whoever may import into a database may bring a table to be this way (event-collection reference §9.2): its
 * SDKs hold write-only keys.
 */
export async function createEventTable(
  sql: Sql,
  at: { accountId: bigint; userId: bigint; database: string; table: string },
): Promise<'created' | 'exists' | 'database_unknown' | 'name_invalid'> {
  if (!isName(at.table)) return 'name_invalid'
  const databaseId = await holdDatabase(sql, at.accountId, at.database)
  if (databaseId === undefined) return 'database_unknown'
  const id = await insertTable(sql, { databaseId, name: at.table, type: 'log' })
  if (id === undefined) return 'exists'
  const target = `${at.database}.${at.table}`
  await audit(sql, { principal: at }, { action: 'table.create', target, details: { by: 'events' } })
  return 'created'
}

import type { FastifyInstance } from 'fastify'
import { httpErrors, integerOf, textOf, timeI } from '../kernel/http/index.ts'
import { deletedTables, recoverTable, restoreDatabase, restoreTable, type UndeleteDeps } from './deleted.ts'
import { catalogErrors } from './errors.ts'
import { actorOf, addRoute } from './routing.ts'
import { tableBody } from './table-routes.ts'

const PAGE = 25
const MOST = 1_000

/**
 * Restoring what was deleted: `table/deleted` and `table/recover` as the vendor's specification has them, and by name.
 * `undelete` is ours.
 */
export function deletedRoutes(app: FastifyInstance, deps: UndeleteDeps): void {
  addRoute(app, 'GET', '/v3/table/deleted', async ({ principal, parameters }) => {
    const most = integerOf(parameters, 'page_size', { least: 1, most: MOST }) ?? PAGE
    const { tables, cursor } = await deletedTables(deps, principal, {
      databaseId: numberOf(textOf(parameters, 'database_id'), 'database_id'),
      before: numberOf(textOf(parameters, 'cursor_id'), 'cursor_id'),
      most,
    })
    const bodies = tables.map((table) => ({
      id: Number(table.id),
      name: table.name,
      database_id: Number(table.databaseId),
      database_name: table.database,
      deleted_at: timeI(table.deletedAt),
      created_at: timeI(table.createdAt),
    }))
    return { tables: bodies, cursor_id: cursor === null ? null : Number(cursor) }
  })
  addRoute(app, 'POST', '/v3/table/recover/:table_id', async (request, _reply, { table_id }) => {
    const id = numberOf(table_id, 'table_id')
    if (id === null) throw catalogErrors.not_restorable('table')
    const { parameters, principal } = request
    const at = await recoverTable(deps, actorOf(request), id, {
      table: textOf(parameters, 'table_name'),
      database: textOf(parameters, 'database_name'),
    })
    const restored = await deps.reader.find(
      (view) => view.findTable(principal.accountId, at.database, at.table),
      () => catalogErrors.table_unknown(`${at.database}.${at.table}`),
      `table '${at.database}.${at.table}'`,
    )
    const { schema: _, ...body } = tableBody(restored, false)
    return body
  })
  addRoute(app, 'POST', '/v3/table/undelete/:db/:table', async (request, _reply, { db, table }) => {
    await restoreTable(deps, actorOf(request), { database: db!, table: table! })
    return { database: db, table, type: 'log' }
  })
  addRoute(app, 'POST', '/v3/database/undelete/:db', async (request, _reply, { db }) => {
    await restoreDatabase(deps, actorOf(request), db!)
    return { database: db }
  })
}

function numberOf(text: string | undefined, name: string): bigint | null {
  if (text === undefined) return null
  if (!/^\d{1,18}$/.test(text))
    throw httpErrors.bad_request(`parameter ${name} must be a number, not '${text}'`)
  return BigInt(text)
}

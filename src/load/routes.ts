import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Access, CatalogReader } from '../catalog/index.ts'
import { addRoute, catalogErrors } from '../catalog/index.ts'
import type { Database } from '../database/index.ts'
import { httpErrors, integerOf, textOf, timeI } from '../kernel/http/index.ts'
import { type ErrorPage, type ListedError, listErrorRecords } from './error-list.ts'
import type { WantedErrors } from './error-list-store.ts'
import { packMap } from './pack.ts'

export type LoadRouteDeps = {
  database: Database
  access: Access
  reader: CatalogReader
  readDeadlineMs: number
}

const MOST_LISTED = 1000
const compressed = promisify(gzip)

/**
 * What was accepted but could not be stored (event-collection reference §8.9), of one table for those who may query its
 * database, of the whole account for its administrators. `from` is the highest id listed, `next` (header
 * `x-millrace-next`) where to go on; `format` is json or msgpack.gz.
 */
export function addLoadRoutes(app: FastifyInstance, deps: LoadRouteDeps): void {
  const { access, reader } = deps
  addRoute(app, 'GET', '/v3/table/error_records/:db/:table', async (request, reply, { db, table }) => {
    const databaseId = await access.requireQuery(request.principal, db!)
    if (databaseId === null) throw catalogErrors.database_unknown(db!)
    const { accountId } = request.principal
    const found = await reader.findOrNothing(
      (view) => view.findTable(accountId, db!, table!),
      `table '${db}.${table}'`,
    )
    const page = await pageOf(deps, request, {
      table: { database: db!, name: table!, tableId: found?.id ?? null },
    })
    // Events may have been refused because there is no such table: then there is something to tell.
    if (found === undefined && page.errors.length === 0) throw catalogErrors.table_unknown(`${db}.${table}`)
    return answer(request, reply, page, { database: db, table })
  })
  addRoute(app, 'GET', '/v3/table/error_records', async (request, reply) => {
    access.requireAccountAdministrator(request.principal)
    return answer(request, reply, await pageOf(deps, request, {}), {})
  })
}

function pageOf(
  { database, readDeadlineMs }: LoadRouteDeps,
  { parameters, principal }: FastifyRequest,
  of: Pick<WantedErrors, 'table'>,
): Promise<ErrorPage> {
  const from = integerOf(parameters, 'from', { least: 0 }) ?? Number.MAX_SAFE_INTEGER
  const limit = integerOf(parameters, 'limit', { least: 1, most: MOST_LISTED }) ?? 100
  const wanted = { accountId: principal.accountId, from: BigInt(from), limit, ...of }
  return listErrorRecords(database, { class: 'read', deadlineMs: readDeadlineMs }, wanted)
}

async function answer(
  { parameters }: FastifyRequest,
  reply: FastifyReply,
  { errors, next }: ErrorPage,
  of: Record<string, unknown>,
): Promise<unknown> {
  if (next !== undefined) reply.header('x-millrace-next', String(next))
  const format = textOf(parameters, 'format') ?? 'json'
  if (format === 'json') {
    const listed = errors.map((error) => ({
      ...membersOf(error),
      body: error.body?.toString('base64') ?? null,
    }))
    return {
      ...of,
      error_records: listed,
      count: listed.length,
      next: next === undefined ? null : Number(next),
    }
  }
  if (format !== 'msgpack.gz')
    throw httpErrors.bad_request(`there is no format '${format}' for error records`)
  // As with bulk_import/error_records: a gzip'd file, which the clients expand themselves.
  const packed = errors.map((error) => packMap({ ...membersOf(error), body: error.body }))
  reply.header('content-type', 'application/octet-stream')
  return compressed(Buffer.concat(packed))
}

function membersOf(error: ListedError) {
  return {
    id: Number(error.id),
    database: error.database,
    table: error.table,
    channel: error.channel,
    reason: error.reason,
    records: Number(error.records),
    unique_id: error.uniqueId,
    received_at: timeI(error.receivedAt),
    created_at: timeI(error.createdAt),
    key: error.key,
    bytes: error.bytes,
  }
}

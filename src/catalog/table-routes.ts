import type { FastifyInstance, FastifyRequest } from 'fastify'
import { booleanOf, httpErrors, integerOf, textOf, timeI, timeT } from '../kernel/http/index.ts'
import type { SnapshotTable } from '../snapshot/index.ts'
import { catalogErrors } from './errors.ts'
import type { CatalogRouteDeps } from './routes.ts'
import { actorOf, addRoute } from './routing.ts'
import { schemaOf, schemaText } from './schema.ts'
import type { TableSettings } from './table-store.ts'
import {
  changeSchema,
  changeSettings,
  createTable,
  deleteTable,
  moveToDatabase,
  renameTable,
  swapTables,
  type TableName,
} from './tables.ts'

const MOST_TAIL_ROWS = 1000

/** Tables (treasure-data/td-client-ruby lib/td/client/api/table.rb, td-client-java TDHttpClient.java). */
export function tableRoutes(app: FastifyInstance, deps: CatalogRouteDeps): void {
  readRoutes(app, deps)
  createRoutes(app, deps)
  changeRoutes(app, deps)
  schemaRoutes(app, deps)
  tailRoute(app, deps)
}

function readRoutes(app: FastifyInstance, deps: CatalogRouteDeps): void {
  const { access, reader } = deps
  addRoute(app, 'GET', '/v3/table/list/:db', async (request, reply, { db }) => {
    await reader.begin(reply)
    const database = await access.requireSight(request.principal, db!)
    const described = booleanOf(request.parameters, 'include_descriptions') ?? false
    const tables = reader.view.listTables(database.id).map((table) => tableBody(table, described))
    return { database: db, tables }
  })
  addRoute(app, 'GET', '/v3/table/show/:db/:table', async (request, reply, { db, table }) => {
    await reader.begin(reply)
    const found = await visibleTable(deps, request, { database: db!, table: table! })
    return tableBody(found, booleanOf(request.parameters, 'include_descriptions') ?? false)
  })
  addRoute(app, 'GET', '/v3/table/distribution/:db/:table', async (request, reply, { db, table }) => {
    await reader.begin(reply)
    await visibleTable(deps, request, { database: db!, table: table! })
    throw catalogErrors.no_distribution(`${db}.${table}`)
  })
}

function createRoutes(app: FastifyInstance, deps: CatalogRouteDeps): void {
  for (const path of ['/v3/table/create/:db/:table/:type', '/v3/table/create/:db/:table']) {
    addRoute(app, 'POST', path, async (request, _reply, { db, table, type = 'log' }) => {
      if (type !== 'log') throw catalogErrors.parameter_invalid(`tables have the type log, not '${type}'`)
      const { parameters } = request
      if (textOf(parameters, 'source_table') !== undefined) throw httpErrors.not_supported('source_table')
      const at = { database: db!, table: table! }
      await createTable(deps, actorOf(request), {
        ...at,
        type,
        ...settingsOf(request),
        columns: schemaOf(parameters),
        idempotentKey: textOf(parameters, 'idempotent_key'),
      })
      return answer(at)
    })
  }
  addRoute(app, 'POST', '/v3/table/delete/:db/:table', async (request, _reply, { db, table }) => {
    const at = { database: db!, table: table! }
    await deleteTable(deps, actorOf(request), at)
    return answer(at)
  })
}

function changeRoutes(app: FastifyInstance, deps: CatalogRouteDeps): void {
  addRoute(app, 'POST', '/v3/table/swap/:db/:a/:b', async (request, _reply, { db, a, b }) => {
    await swapTables(deps, actorOf(request), { database: db!, table: a! }, b!)
    return { database: db, table1: a, table2: b }
  })
  addRoute(app, 'POST', '/v3/table/rename/:db/:from/:to', async (request, _reply, { db, from, to }) => {
    const overwrite = booleanOf(request.parameters, 'overwrite') ?? false
    await renameTable(deps, actorOf(request), { database: db!, table: from! }, { to: to!, overwrite })
    return answer({ database: db!, table: to! })
  })
  addRoute(app, 'POST', '/v3/table/change_database/:db/:table', async (request, _reply, { db, table }) => {
    const destination = textOf(request.parameters, 'dest_database_name')
    if (destination === undefined) throw catalogErrors.parameter_invalid('dest_database_name is missing')
    await moveToDatabase(deps, actorOf(request), { database: db!, table: table! }, destination)
    return answer({ database: destination, table: table! })
  })
  addRoute(app, 'POST', '/v3/table/update/:db/:table', async (request, _reply, { db, table }) => {
    const { parameters } = request
    const name = textOf(parameters, 'name')
    await changeSettings(
      deps,
      actorOf(request),
      { database: db!, table: table! },
      {
        ...settingsOf(request),
        name,
        overwrite: booleanOf(parameters, 'overwrite') ?? false,
        columns: schemaOf(parameters),
      },
    )
    return answer({ database: db!, table: name ?? table! })
  })
}

function schemaRoutes(app: FastifyInstance, deps: CatalogRouteDeps): void {
  for (const [word, replace] of [
    ['update-schema', true],
    ['append-schema', false],
  ] as const) {
    addRoute(app, 'POST', `/v3/table/${word}/:db/:table`, async (request, _reply, { db, table }) => {
      const columns = schemaOf(request.parameters)
      if (columns === undefined) throw catalogErrors.schema_invalid('the parameter schema is missing')
      const at = { database: db!, table: table! }
      await changeSchema(deps, actorOf(request), at, { columns, replace })
      return answer(at)
    })
  }
}

/** Newest rows first, as msgpack maps one after another, or a JSON array. Go posts it. */
function tailRoute(app: FastifyInstance, deps: CatalogRouteDeps): void {
  addRoute(app, ['GET', 'POST'], '/v3/table/tail/:db/:table', async (request, reply, { db, table }) => {
    await deps.reader.begin(reply)
    await deps.access.requireQuery(request.principal, db!)
    const suffix = /\.(msgpack|json)$/.exec((request.params as { table: string }).table)?.[1]
    const found = await visibleTable(deps, request, {
      database: db!,
      table: table!.replace(/\.msgpack$/, ''),
    })
    const format = suffix ?? textOf(request.parameters, 'format') ?? 'msgpack'
    if (format !== 'msgpack' && format !== 'json') throw httpErrors.bad_request(`no such format: ${format}`)
    const asked = integerOf(request.parameters, 'count', { least: 0 }) ?? 10
    if (deps.tail === undefined) throw httpErrors.not_supported('table/tail')
    const body = await deps.tail(found, { count: Math.min(asked, MOST_TAIL_ROWS), format })
    reply.type(format === 'json' ? 'application/json; charset=utf-8' : 'application/octet-stream')
    return body
  })
}

async function visibleTable(
  { access, reader }: CatalogRouteDeps,
  request: FastifyRequest,
  { database, table }: TableName,
): Promise<SnapshotTable> {
  await access.requireSight(request.principal, database)
  return reader.find(
    (view) => view.findTable(request.principal.accountId, database, table),
    () => catalogErrors.table_unknown(`${database}.${table}`),
    `table '${database}.${table}'`,
  )
}

/** Only what was given; `expire_days=0` means none. */
function settingsOf({ parameters }: FastifyRequest): TableSettings {
  const expireDays = integerOf(parameters, 'expire_days', { least: 0, most: 1_000_000 })
  return {
    expireDays: expireDays === 0 ? null : expireDays,
    includeV: booleanOf(parameters, 'include_v'),
    detectSchema: booleanOf(parameters, 'detect_schema'),
    description: textOf(parameters, 'description'),
  }
}

const answer = ({ database, table }: TableName) => ({ database, table, type: 'log' })

/**
 * A table as all clients can read it: `schema` is JSON text without `time` and `v`; the two I instants are strings or
 * null, because Ruby asks them `empty?`.
 */
export function tableBody(table: SnapshotTable, includeDescriptions: boolean): Record<string, unknown> {
  const lastTime = table.lastTime === null ? null : instantOf(table.lastTime)
  return {
    id: Number(table.id),
    name: table.name,
    type: table.type,
    count: Number(table.rows),
    estimated_storage_size: Number(table.bytes),
    schema: schemaText(table.columns, includeDescriptions),
    created_at: timeT(new Date(table.createdAt)),
    updated_at: timeT(new Date(table.updatedAt)),
    counter_updated_at: table.lastImportAt === null ? null : timeI(new Date(table.lastImportAt)),
    last_log_timestamp: lastTime,
    expire_days: table.expireDays,
    include_v: table.includeV,
    delete_protected: false,
    description: table.description,
  }
}

/** Null for a time outside the years 0 to 9999: a record may carry any number. */
function instantOf(unixSeconds: bigint): string | null {
  const instant = new Date(Number(unixSeconds) * 1000)
  const year = instant.getUTCFullYear()
  return year >= 0 && year <= 9999 ? timeI(instant) : null
}

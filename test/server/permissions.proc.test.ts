import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { until } from '../faults/support.ts'
import { startServer, type TestServer } from '../support/server.ts'

/**
 * Who may do what: each route of the REST API with what it takes, tried with a key of everybody. A route without a row fails the test.
 * Members are named by their permission in the database `shop`.
 */
const EVERYBODY = ['owner', 'administrator', 'manager', 'editor', 'reader', 'importer', 'stranger'] as const
type Somebody = (typeof EVERYBODY)[number]
const PERMISSION: Partial<Record<Somebody, string>> = {
  manager: 'manage',
  editor: 'edit',
  reader: 'query',
  importer: 'import',
}

/** What routes take, and who has it. Keys that may only write have none of it. */
const NEEDS = {
  'a key': EVERYBODY,
  'the account': ['owner', 'administrator'],
  'to see the database': ['owner', 'administrator', 'manager', 'editor', 'reader', 'importer'],
  'to query the database': ['owner', 'administrator', 'manager', 'editor', 'reader'],
  'to import into the database': ['owner', 'administrator', 'manager', 'editor', 'importer'],
  'to manage tables': ['owner', 'administrator', 'manager', 'editor'],
  'to administer the database': ['owner', 'administrator', 'manager'],
} satisfies Record<string, readonly Somebody[]>
type Need = keyof typeof NEEDS

type Row = {
  needs: Need | 'nothing'
  /** Of the path; `none_such` where the thing itself need not be there: permissions are asked before. */
  path?: Record<string, string>
  body?: Record<string, string>
  json?: unknown
  /** Path and body are not enough: made for every call. */
  prepare?: (world: World, who: Somebody) => Promise<Pick<Row, 'path' | 'body' | 'json'>>
}
type World = { call: Call; user: string; userId: string; session: string; schedule: string; job: string }
type Call = (who: Somebody, method: string, url: string, what?: Pick<Row, 'body' | 'json'>) => Promise<Reply>
type Reply = { status: number; text: string }

const SHOP = { db: 'shop', table: 'none_such' }
const manage: Row = { needs: 'to manage tables', path: SHOP }
const account: Row = { needs: 'the account' }
const aKey: Row = { needs: 'a key' }
const nothing: Row = { needs: 'nothing' }
const ofUser = async ({ user }: World) => ({ path: { user } })
const onSession = async ({ session }: World) => ({ path: { session, part: 'none_such' } })
const onSchedule = async ({ schedule }: World) => ({ path: { schedule, time: '1700000000' } })
const onJob = async ({ job }: World) => ({ path: { id: job } })

const ROUTES: Record<string, Row> = {
  'GET /': nothing,
  'GET /app': nothing,
  'GET /app/*': nothing,
  'GET /app/session': nothing,
  'POST /app/session': nothing,
  'DELETE /app/session': nothing,
  'POST /v3/user/authenticate': nothing,

  'GET /v3/database/list': aKey,
  'GET /v3/database/show/:db': { needs: 'to see the database', path: SHOP },
  'POST /v3/database/create/:db': {
    needs: 'a key',
    prepare: async (_, who) => ({ path: { db: `made_by_${who}` } }),
  },
  'POST /v3/database/delete/:db': {
    needs: 'to administer the database',
    async prepare({ call }, who) {
      // Who has made one administers it; whoever may not, leaves it as it is.
      await call(who === 'manager' ? who : 'owner', 'POST', '/v3/database/create/short_lived')
      return { path: { db: 'short_lived' } }
    },
  },
  'POST /v3/database/undelete/:db': {
    needs: 'the account',
    async prepare({ call }) {
      for (const change of ['create', 'delete']) await call('owner', 'POST', `/v3/database/${change}/deleted`)
      return { path: { db: 'deleted' } }
    },
  },

  'GET /v3/table/list/:db': { needs: 'to see the database', path: SHOP },
  'GET /v3/table/show/:db/:table': { needs: 'to see the database', path: SHOP },
  'GET /v3/table/tail/:db/:table': { needs: 'to query the database', path: SHOP },
  'POST /v3/table/tail/:db/:table': { needs: 'to query the database', path: SHOP },
  'GET /v3/table/distribution/:db/:table': { needs: 'to see the database', path: SHOP },
  'GET /v3/table/deleted': aKey,
  'GET /v3/table/error_records': account,
  'GET /v3/table/error_records/:db/:table': { needs: 'to query the database', path: SHOP },
  'POST /v3/table/create/:db/:table': { ...manage, path: { db: 'shop', table: 'there' } },
  'POST /v3/table/create/:db/:table/:type': { ...manage, path: { db: 'shop', table: 'there', type: 'log' } },
  'POST /v3/table/delete/:db/:table': manage,
  'POST /v3/table/undelete/:db/:table': manage,
  'POST /v3/table/recover/:table_id': { ...aKey, path: { table_id: '999999' } },
  'POST /v3/table/rename/:db/:from/:to': { ...manage, path: { db: 'shop', from: 'none_such', to: 'other' } },
  'POST /v3/table/swap/:db/:a/:b': { ...manage, path: { db: 'shop', a: 'none_such', b: 'other' } },
  'POST /v3/table/change_database/:db/:table': {
    ...manage,
    body: { database: 'shop', dest_database_name: 'shop' },
  },
  'POST /v3/table/update/:db/:table': { ...manage, body: { expire_days: '3' } },
  'POST /v3/table/update-schema/:db/:table': { ...manage, body: { schema: '[]' } },
  'POST /v3/table/append-schema/:db/:table': { ...manage, body: { schema: '[["a","long"]]' } },
  'POST /v3/table/partialdelete/:db/:table': { ...manage, body: { from: '0', to: '3600' } },
  'POST /v3/export/run/:db/:table': {
    needs: 'to query the database',
    path: SHOP,
    body: { storage_type: 's3', bucket: 'bucket' },
  },

  'POST /v3/job/issue/:type': { ...aKey, path: { type: 'presto' }, body: { query: 'SELECT 1' } },
  'POST /v3/job/issue/:type/:db': {
    needs: 'to query the database',
    path: { type: 'presto', db: 'shop' },
    body: { query: 'SELECT 1' },
  },
  'GET /v3/job/list': aKey,
  'GET /v3/job/show/:id': { needs: 'to query the database', prepare: onJob },
  'GET /v3/job/status/:id': { needs: 'to query the database', prepare: onJob },
  'GET /v3/job/result/:id': { needs: 'to query the database', prepare: onJob },
  'POST /v3/job/kill/:id': { needs: 'the account', prepare: onJob },
  'GET /v3/job/status_by_domain_key/:key': { ...aKey, path: { key: 'none_such' } },

  'GET /v3/schedule/list': aKey,
  'POST /v3/schedule/create/:schedule': {
    needs: 'to query the database',
    prepare: async (_, who) => ({
      path: { schedule: `made by ${who}` },
      body: { database: 'shop', type: 'presto', query: 'SELECT 1', cron: '' },
    }),
  },
  'POST /v3/schedule/update/:schedule': { needs: 'the account', prepare: onSchedule },
  'POST /v3/schedule/run/:schedule/:time': { needs: 'to query the database', prepare: onSchedule },
  'GET /v3/schedule/history/:schedule': { needs: 'to query the database', prepare: onSchedule },
  'POST /v3/schedule/delete/:schedule': {
    needs: 'the account',
    async prepare({ call }) {
      const body = { database: 'shop', type: 'presto', query: 'SELECT 1', cron: '' }
      await call('owner', 'POST', '/v3/schedule/create/short%20lived', { body })
      return { path: { schedule: 'short lived' } }
    },
  },

  'GET /v3/bulk_import/list': aKey,
  'POST /v3/bulk_import/create/:session/:database/:table': {
    needs: 'to import into the database',
    prepare: async (_, who) => ({ path: { session: `made_by_${who}`, database: 'shop', table: 'there' } }),
  },
  'GET /v3/bulk_import/show/:session': { needs: 'to import into the database', prepare: onSession },
  'GET /v3/bulk_import/list_parts/:session': { needs: 'to import into the database', prepare: onSession },
  'GET /v3/bulk_import/error_records/:session': { needs: 'to import into the database', prepare: onSession },
  'PUT /v3/bulk_import/upload_part/:session/:part': {
    needs: 'to import into the database',
    prepare: onSession,
  },
  'POST /v3/bulk_import/delete_part/:session/:part': {
    needs: 'to import into the database',
    prepare: onSession,
  },
  'POST /v3/bulk_import/freeze/:session': { needs: 'to import into the database', prepare: onSession },
  'POST /v3/bulk_import/unfreeze/:session': { needs: 'to import into the database', prepare: onSession },
  'POST /v3/bulk_import/perform/:session': { needs: 'to import into the database', prepare: onSession },
  'POST /v3/bulk_import/commit/:session': { needs: 'to import into the database', prepare: onSession },
  'POST /v3/bulk_import/delete/:session': {
    needs: 'to import into the database',
    async prepare({ call }) {
      await call('owner', 'POST', '/v3/bulk_import/create/short_lived/shop/there')
      return { path: { session: 'short_lived' } }
    },
  },

  'GET /v3/user/show': aKey,
  'GET /v3/user/list': aKey,
  'GET /v3/user/apikey/validate': aKey,
  'GET /v3/account/show': aKey,
  'POST /v3/user/password/change': { ...aKey, body: { old_password: 'not it', password: 'long enough' } },
  'POST /v3/user/add/:name': { ...account, path: { name: 'Nobody' }, body: { email: 'no address' } },
  'GET /v3/user/apikey/list/:user': { ...account, prepare: ofUser },
  'POST /v3/user/apikey/add/:user': { ...account, prepare: ofUser },
  'POST /v3/user/apikey/remove/:user': {
    ...account,
    prepare: async ({ user }) => ({ path: { user }, body: { apikey: '1/none_such' } }),
  },
  'POST /v3/user/email/change/:user': {
    ...account,
    prepare: async ({ user }) => ({ path: { user }, body: { email: 'no address' } }),
  },
  'POST /v3/user/password/change/:user': {
    ...account,
    prepare: async ({ user }) => ({ path: { user }, body: { password: 'short' } }),
  },
  'POST /v3/user/delegated_admin/add/:user': {
    ...account,
    async prepare({ call }) {
      await call('owner', 'POST', '/v3/user/add/Temp', {
        body: { email: 'temp@example.com', password: 'long enough' },
      })
      return { path: { user: 'temp@example.com' } }
    },
  },
  'POST /v3/user/delegated_admin/remove/:user': { ...account, prepare: ofUser },
  'POST /v3/user/remove/:user': {
    ...account,
    async prepare({ call }) {
      await call('owner', 'POST', '/v3/user/add/Temp', {
        body: { email: 'temp@example.com', password: 'long enough' },
      })
      return { path: { user: 'temp@example.com' } }
    },
  },
  'GET /v3/access_control/users': account,
  'GET /v3/access_control/users/:id': {
    ...account,
    prepare: async ({ userId }) => ({ path: { id: userId } }),
  },
  'PATCH /v3/access_control/users/:id/permissions': {
    ...account,
    prepare: async ({ userId }) => ({ path: { id: userId }, json: { Databases: [] } }),
  },
  'GET /v3/audit/list': account,

  'GET /v3/result/list': aKey,
  'GET /v3/connections/lookup': aKey,
  'POST /v3/result/create/:name': { ...account, path: { name: 'target' }, body: { url: 'none' } },
  'POST /v3/result/delete/:name': { ...account, path: { name: 'none_such' } },
}

describe('the permissions of the REST API', () => {
  let server: TestServer
  let exports: string
  let routes: Awaited<ReturnType<TestServer['routes']>>
  const keys = {} as Record<Somebody, string>
  let writeOnlyKey: string
  let world: World
  before(async () => {
    exports = mkdtempSync(join(tmpdir(), 'millrace-exports-'))
    server = await startServer({ readyWithinMs: 180_000, env: { MILLRACE_EXPORT_DIRECTORY: exports } })
    routes = await server.routes()
    keys.owner = server.apiKey
    writeOnlyKey = await server.makeKey('write-only')
    await must('/v3/database/create/shop')
    await must('/v3/table/create/shop/there')
    const database = JSON.parse((await call('owner', 'GET', '/v3/database/show/shop')).text).id as string
    const ids = {} as Record<Somebody, string>
    for (const who of EVERYBODY.slice(1)) {
      const user = `${who}@example.com`
      await must(`/v3/user/add/${who}`, { email: user, password: 'long enough' })
      keys[who] = JSON.parse((await must(`/v3/user/apikey/add/${user}`)).text).apikey
      ids[who] = String(JSON.parse((await call(who, 'GET', '/v3/user/show')).text).id)
      const operation = PERMISSION[who]
      if (operation === undefined) continue
      const json = { Databases: [{ operation, ids: [database] }] }
      await call('owner', 'PATCH', `/v3/access_control/users/${ids[who]}/permissions`, { json })
    }
    await must('/v3/user/delegated_admin/add/administrator@example.com')
    await must('/v3/user/add/Somebody', { email: 'somebody@example.com', password: 'long enough' })
    const { users } = JSON.parse((await call('owner', 'GET', '/v3/user/list')).text)
    const somebody = users.find(({ email }: { email: string }) => email === 'somebody@example.com')
    await must('/v3/bulk_import/create/session/shop/there')
    const schedule = { database: 'shop', type: 'presto', query: 'SELECT 1', cron: '' }
    await must('/v3/schedule/create/daily', schedule)
    const job = JSON.parse((await must('/v3/job/issue/presto/shop', { query: 'SELECT 1' })).text).job_id
    world = {
      call,
      user: 'somebody@example.com',
      userId: String(somebody.id),
      session: 'session',
      schedule: 'daily',
      job: String(job),
    }
  })
  after(async () => {
    await server?.stop()
    server?.remove()
    rmSync(exports, { recursive: true, force: true })
  })

  const send = async (
    key: string,
    method: string,
    url: string,
    { body, json }: Pick<Row, 'body' | 'json'> = {},
  ) => {
    const headers: Record<string, string> = { authorization: `TD1 ${key}` }
    if (json !== undefined) headers['content-type'] = 'application/json'
    const payload = json === undefined ? body && new URLSearchParams(body) : JSON.stringify(json)
    const response = await fetch(`${server.url}${url}`, {
      method,
      headers,
      body: method === 'GET' ? undefined : payload,
    })
    return { status: response.status, text: await response.text() }
  }
  const call: Call = (who, method, url, what) => send(keys[who], method, url, what)
  const must = async (url: string, body?: Record<string, string>) => {
    const reply = await call('owner', 'POST', url, { body })
    assert.equal(reply.status, 200, `${url}: ${reply.text}`)
    return reply
  }
  const urlOf = (url: string, path: Record<string, string> = {}) =>
    url.replaceAll(/:([a-z_]+)/g, (_, name: string) => encodeURIComponent(path[name] ?? 'none_such'))
  /** Paths with and without `.json` are one route. */
  const real = () => {
    const listed = routes.filter(({ url }) => !url.endsWith('.json') && !NOT_OFFERED.test(url))
    return new Set(listed.map(({ method, url }) => `${method} ${url}`))
  }

  test('every route has a row here, and every row is a route', () => {
    assert.deepEqual(
      [...real()].filter((route) => ROUTES[route] === undefined),
      [],
    )
    assert.deepEqual(
      Object.keys(ROUTES).filter((route) => !real().has(route)),
      [],
    )
  })

  test('a removed user has no key any more, and no job that runs on', async () => {
    const email = 'leaver@example.com'
    await must('/v3/user/add/Leaver', { email, password: 'long enough' })
    const { apikey } = JSON.parse((await must(`/v3/user/apikey/add/${email}`)).text)
    const query =
      'SELECT count(*) FROM UNNEST(sequence(1, 100000)) a (x) CROSS JOIN UNNEST(sequence(1, 100000)) b (y) WHERE x % 7 = y % 5'
    const issued = await send(apikey, 'POST', '/v3/job/issue/presto/', { body: { query } })
    assert.equal(issued.status, 200, issued.text)
    const { job_id } = JSON.parse(issued.text)
    await must(`/v3/user/remove/${email}`)
    assert.equal((await send(apikey, 'GET', '/v3/user/show')).status, 401)
    const status = async () =>
      JSON.parse((await call('owner', 'GET', `/v3/job/status/${job_id}`)).text).status as string
    await until(async () => (await status()) === 'killed', status, 120_000)
  })

  for (const [route, row] of Object.entries(ROUTES)) {
    const [method, url] = route.split(' ') as [string, string]
    test(`${route} takes ${row.needs}`, async () => {
      const listed = routes.find((one) => one.method === method && one.url === url)!
      assert.equal(listed.isPublic, row.needs === 'nothing')
      if (row.needs === 'nothing') return
      const allowed: readonly Somebody[] = NEEDS[row.needs]
      const wrong: string[] = []
      for (const who of EVERYBODY) {
        const what = { ...row, ...(await row.prepare?.(world, who)) }
        const { status, text } = await call(who, method, urlOf(url, what.path), what)
        const isRefused = status === 403
        if (status === 401 && !text.includes('incorrect email or password')) wrong.push(`${who}: 401`)
        else if (isRefused === allowed.includes(who)) wrong.push(`${who}: ${status} ${text.slice(0, 120)}`)
      }
      assert.deepEqual(wrong, [])
      const what = { ...row, ...(await row.prepare?.(world, 'owner')) }
      const { status } = await send(writeOnlyKey, method, urlOf(url, what.path), what)
      assert.equal(status === 403, !listed.writeOnlyKeys, `a write-only key: ${status}`)
    })
  }
})

/** Answer 501 or an empty list to everybody. */
const NOT_OFFERED = /^\/v3\/(bulk_loads|connections(?!\/lookup)|job\/result_export)|^\/v4\/|^\/api\/alerts/

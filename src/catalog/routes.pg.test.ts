import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { createApp } from '../kernel/http/index.ts'
import { randomIds, silentLog, systemClock } from '../kernel/index.ts'
import { ensureFirstAccount, type FirstAccount } from './first-account.ts'
import { catalogRoutes, type Tail } from './routes.ts'
import { OWNER_FOR_TESTS, startAccountForTests, startTestCatalog, type TestCatalog } from './testing.ts'

let catalog: TestCatalog
let app: FastifyInstance
let first: FirstAccount

before(async () => {
  catalog = await startTestCatalog({ writeWaitSeconds: 1 })
  first = (await startAccountForTests(catalog)).first
  app = createApp({ log: silentLog, authenticate: catalog.authenticate })
  const tail: Tail = async (table, { count }) => Buffer.from(`${table.name} ${count}`)
  catalogRoutes(app, { ...catalog.routeDeps, tail })
  await app.ready()
})
after(async () => {
  await app.close()
  await catalog.stop()
})

type Options = { key?: string; body?: Record<string, string>; json?: unknown }
async function call(method: 'GET' | 'POST' | 'PATCH', url: string, { key, body, json }: Options = {}) {
  const headers: Record<string, string> = { authorization: `TD1 ${key ?? first.masterKey}` }
  let payload: string | undefined
  if (body !== undefined) {
    headers['content-type'] = 'application/x-www-form-urlencoded'
    payload = new URLSearchParams(body).toString()
  }
  if (json !== undefined) {
    headers['content-type'] = 'application/json'
    payload = JSON.stringify(json)
  }
  const response = await app.inject({ method, url, headers, payload })
  return {
    status: response.statusCode,
    headers: response.headers,
    text: response.body,
    json: () => response.json(),
  }
}
const get = (url: string, options?: Options) => call('GET', url, options)
const post = (url: string, body?: Record<string, string>, options?: Options) =>
  call('POST', url, { body, ...options })
/** As if the database were taken away, for the time of `work`. */
async function whileAway(work: () => Promise<void>) {
  const { gate } = catalog.test
  await catalog.exporter.seal('test')
  gate.set({ mode: 'away', planned: true })
  try {
    await work()
  } finally {
    gate.set({ mode: 'serving' })
    await catalog.exporter.unseal()
    await catalog.exporter.catchUp({ deadlineMs: 5000 })
  }
}

describe('the first start', () => {
  test('makes one account, however often it is tried', async () => {
    const again = await ensureFirstAccount(
      { write: catalog.write, ids: randomIds, log: silentLog },
      OWNER_FOR_TESTS,
    )
    assert.equal(again, undefined)
    assert.match(first.masterKey, /^[1-9][0-9]*\/[0-9a-f]{40}$/)
    assert.match(first.writeOnlyKey, /^[1-9][0-9]*\/[0-9a-f]{40}$/)
  })
})

describe('an API key', () => {
  test('is taken in every form clients send', async () => {
    const secret = first.masterKey.split('/')[1]!
    for (const header of [
      `TD1 ${first.masterKey}`,
      `td1  ${first.masterKey}`,
      first.masterKey,
      secret,
      `TD1 ${secret}`,
      secret.toUpperCase(),
    ]) {
      const response = await app.inject({ url: '/v3/database/list', headers: { authorization: header } })
      assert.equal(response.statusCode, 200, header)
    }
  })

  test('that does not exist, is missing, or names another account is refused for good', async () => {
    const secret = first.masterKey.split('/')[1]!
    for (const key of ['1/0000000000000000000000000000000000000000', 'nonsense', '', `99/${secret}`]) {
      const { status, json } = await get('/v3/database/list', { key })
      assert.equal(status, 401, key)
      assert.equal(json().error, 'Failed to Login')
    }
  })

  test('that is write-only may do nothing here: 403, not 401', async () => {
    const { status } = await get('/v3/database/list', { key: first.writeOnlyKey })
    assert.equal(status, 403)
  })

  test('unknown while the database is away is 503; a known one goes on working', async () => {
    await whileAway(async () => {
      const unknown = await get('/v3/database/list', { key: '1/0000000000000000000000000000000000000000' })
      assert.equal(unknown.status, 503)
      assert.ok(unknown.headers['retry-after'])
      assert.equal((await get('/v3/database/list')).status, 200)
    })
  })

  test('is listed by prefix and id, and removed by id, label, prefix or itself', async () => {
    for (const form of ['label', 'id', 'prefix', 'whole']) {
      const { apikey } = (await post('/v3/user/apikey/add/ann%40example.com')).json()
      const { apikeys } = (await get('/v3/user/apikey/list/ann%40example.com')).json()
      const label = apikeys.at(-1) as string
      assert.ok(label.startsWith(apikey.slice(0, 10)))
      assert.equal((await get('/v3/database/list', { key: apikey })).status, 200)
      const id = label.split('#')[1]!
      const given = { label, id, prefix: apikey.slice(0, 10), whole: apikey }[form]!
      assert.equal(
        (await post('/v3/user/apikey/remove/ann%40example.com', { apikey: given })).status,
        200,
        form,
      )
      assert.equal((await get('/v3/database/list', { key: apikey })).status, 401, form)
    }
    assert.equal((await post('/v3/user/apikey/remove/ann%40example.com', { apikey: 'x' })).status, 404)
  })

  test('is described to td-client-java', async () => {
    const { key_type, administrator } = (await get('/v3/user/apikey/validate')).json()
    assert.deepEqual({ key_type, administrator }, { key_type: 'master', administrator: true })
  })
})

describe('user/authenticate', () => {
  const logIn = (user: string, password: string) =>
    app.inject({
      method: 'POST',
      url: '/v3/user/authenticate',
      payload: new URLSearchParams({ user, password }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })

  test('mints a key that works at once', async () => {
    const response = await logIn('Ann@Example.com', 'correct horse')
    assert.equal(response.statusCode, 200)
    const { name, apikey } = response.json()
    assert.equal(name, 'Ann Example')
    assert.equal((await get('/v3/user/show', { key: apikey })).json().email, 'ann@example.com')
  })

  test('refuses a wrong password and an unknown user alike', async () => {
    const wrong = await logIn('ann@example.com', 'wrong horse')
    const unknown = await logIn('nobody@example.com', 'correct horse')
    assert.deepEqual([wrong.statusCode, unknown.statusCode], [401, 401])
    assert.equal(wrong.json().error, unknown.json().error)
  })
})

describe('databases', () => {
  test('are created, listed, shown and deleted', async () => {
    assert.deepEqual((await post('/v3/database/create/shop')).json(), { database: 'shop' })
    const { databases } = (await get('/v3/database/list?require_permissions=true')).json()
    const shop = databases.find(({ name }: { name: string }) => name === 'shop')
    assert.match(shop.created_at, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/)
    assert.deepEqual(
      [
        shop.permission,
        shop.organization,
        shop.count,
        shop.delete_protected,
        shop.database_permissions.delete,
      ],
      ['administrator', null, 0, false, true],
    )
    assert.equal((await get('/v3/database/show/shop')).json().id, shop.id)
    assert.equal((await get('/v3/database/show/shop.json')).json().id, shop.id)
    assert.equal((await get('//v3/database/list?')).status, 200)
    await post('/v3/database/create/short_lived')
    assert.equal((await post('/v3/database/delete/short_lived')).status, 200)
    assert.equal((await get('/v3/database/show/short_lived')).status, 404)
    assert.equal((await post('/v3/database/delete/short_lived')).status, 404)
  })

  test('that exist or have a bad name are refused', async () => {
    assert.equal((await post('/v3/database/create/shop')).status, 409)
    for (const name of ['Shop', 'ab', 'a-b-c', 'x'.repeat(256)]) {
      const { status, json } = await post(`/v3/database/create/${name}`)
      assert.equal(status, 400, name)
      assert.match(json().error, /3 to 255 characters/)
    }
  })
})

describe('tables', () => {
  const show = async (table: string) => (await get(`/v3/table/show/shop/${table}`)).json()

  test('are created with exactly the fields all clients can read', async () => {
    const created = await post('/v3/table/create/shop/orders/log', {
      expire_days: '',
      schema: '[["amount","double"],["Item","string"]]',
    })
    assert.deepEqual(created.json(), { database: 'shop', table: 'orders', type: 'log' })
    const { created_at, updated_at, id, ...rest } = await show('orders')
    assert.match(created_at, / UTC$/)
    assert.match(updated_at, / UTC$/)
    assert.equal(typeof id, 'number')
    assert.deepEqual(rest, {
      name: 'orders',
      type: 'log',
      count: 0,
      estimated_storage_size: 0,
      schema: '[["amount","double"],["Item","string","item"]]',
      counter_updated_at: null,
      last_log_timestamp: null,
      expire_days: null,
      include_v: true,
      delete_protected: false,
      description: null,
    })
    const { tables } = (await get('/v3/table/list/shop')).json()
    assert.deepEqual(
      tables.map(({ name }: { name: string }) => name),
      ['orders'],
    )
  })

  test('report sums and times of their data as text', async () => {
    const { id } = await show('orders')
    await catalog.test.database.write(
      { class: 'write', deadlineMs: 5000 },
      (sql) => sql`
      INSERT INTO chunks (table_id, time_range, rows, bytes, path, owner, columns)
      VALUES (${id}, int8range(1714555800, 1714555801), 3, 99, 'x', 'job:1:1', '{}')`,
    )
    await catalog.exporter.catchUp({ deadlineMs: 5000 })
    const orders = await show('orders')
    assert.deepEqual(
      [orders.count, orders.estimated_storage_size, orders.last_log_timestamp],
      [3, 99, '2024-05-01T09:30:00Z'],
    )
    assert.match(orders.counter_updated_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    assert.equal((await get('/v3/database/show/shop')).json().count, 3)
    assert.equal((await get('/v3/account/show')).json().account.storage_size, 99)
  })

  test('that exist are 409, but a repeat with the same idempotent key is not', async () => {
    assert.equal((await post('/v3/table/create/shop/orders/log')).status, 409)
    assert.equal((await post('/v3/table/create/shop/once/log', { idempotent_key: 'k1' })).status, 200)
    assert.equal((await post('/v3/table/create/shop/once/log', { idempotent_key: 'k1' })).status, 200)
    assert.equal((await post('/v3/table/create/shop/once/log', { idempotent_key: 'k2' })).status, 409)
    assert.equal((await post('/v3/table/create/nowhere/once')).status, 404)
    assert.equal((await post('/v3/table/create/shop/No')).status, 400)
  })

  test('take schemas as JSON text and as JSON, replacing or adding', async () => {
    await post('/v3/table/create/shop/wide')
    const java = {
      schema: [
        ['a', 'int'],
        ['b', 'array<string>'],
      ],
      ignore_duplicate_schema: false,
    }
    assert.equal((await call('POST', '/v3/table/update-schema/shop/wide', { json: java })).status, 200)
    assert.equal((await show('wide')).schema, '[["a","int"],["b","array<string>"]]')
    await post('/v3/table/append-schema/shop/wide', { schema: '[["c","map<string,int>","c_map"]]' })
    assert.equal(
      (await show('wide')).schema,
      '[["a","int"],["b","array<string>"],["c","map<string,int>","c_map"]]',
    )
    await post('/v3/table/update-schema/shop/wide', { schema: '[["c","map<string,int>"],["a","string"]]' })
    assert.equal((await show('wide')).schema, '[["c","map<string,int>","c_map"],["a","string"]]')
    await post('/v3/table/update-schema/shop/wide', { schema: '[["b","long"]]' })
    assert.equal((await show('wide')).schema, '[["b","long"]]')
    await post('/v3/table/update-schema/shop/wide', { schema: '[]' })
    assert.equal((await show('wide')).schema, '[]')
  })

  test('refuse schemas that cannot be used, and leave time out', async () => {
    for (const schema of [
      '{',
      '{}',
      '[["a"]]',
      '[["a","number"]]',
      '[["v","long"]]',
      '[["a","int"],["a","int"]]',
      '[["b","int","Bad Alias"]]',
    ]) {
      assert.equal((await post('/v3/table/update-schema/shop/wide', { schema })).status, 422, schema)
    }
    await post('/v3/table/update-schema/shop/wide', { schema: '[["time","long"],["z","int"]]' })
    assert.equal((await show('wide')).schema, '[["z","int"]]')
  })

  test('change their settings: only what is given, and empty means not given', async () => {
    await post('/v3/table/update/shop/wide', {
      expire_days: '30',
      include_v: 'False',
      description: 'wide one',
    })
    await post('/v3/table/update/shop/wide', { expire_days: '', detect_schema: 'true' })
    const { expire_days, include_v, description } = await show('wide')
    assert.deepEqual(
      { expire_days, include_v, description },
      { expire_days: 30, include_v: false, description: 'wide one' },
    )
    await post('/v3/table/update/shop/wide', { expire_days: '0' })
    assert.equal((await show('wide')).expire_days, null)
    assert.equal((await post('/v3/table/update/shop/nothing_here', { expire_days: '1' })).status, 404)
  })

  test('swap, rename and move', async () => {
    const [orders, wide] = [await show('orders'), await show('wide')]
    assert.deepEqual((await post('/v3/table/swap/shop/orders/wide')).json(), {
      database: 'shop',
      table1: 'orders',
      table2: 'wide',
    })
    assert.deepEqual([(await show('orders')).id, (await show('wide')).id], [wide.id, orders.id])
    await post('/v3/table/swap/shop/orders/wide')
    assert.equal((await post('/v3/table/rename/shop/wide/orders')).status, 409)
    await post('/v3/table/create/shop/in_the_way')
    assert.equal((await post('/v3/table/rename/shop/wide/in_the_way', { overwrite: 'true' })).status, 200)
    assert.equal((await show('in_the_way')).id, wide.id)
    assert.equal((await get('/v3/table/show/shop/wide')).status, 404)
    await post('/v3/database/create/elsewhere')
    assert.equal(
      (await post('/v3/table/change_database/shop/in_the_way', { dest_database_name: 'elsewhere' })).status,
      200,
    )
    assert.equal((await get('/v3/table/show/elsewhere/in_the_way')).json().id, wide.id)
    assert.equal((await post('/v3/table/delete/elsewhere/in_the_way')).status, 200)
    assert.equal((await get('/v3/table/show/elsewhere/in_the_way')).status, 404)
  })

  test('show their newest rows through the port', async () => {
    const tail = await get('/v3/table/tail/shop/orders?count=5&format=msgpack')
    assert.deepEqual([tail.text, tail.headers['content-type']], ['orders 5', 'application/octet-stream'])
    assert.equal((await get('/v3/table/tail/shop/orders.msgpack')).text, 'orders 10')
    assert.equal((await get('/v3/table/tail/shop/orders?format=yaml')).status, 400)
  })
})

describe('while the database is away', () => {
  test('what the snapshot holds is answered and marked, what it does not hold is 503', async () => {
    await whileAway(async () => {
      const list = await get('/v3/table/list/shop')
      assert.equal(list.status, 200)
      assert.equal(list.headers.warning, '110 - "answered from a snapshot"')
      assert.ok(Number(list.headers['x-millrace-snapshot-age']) >= 0)
      assert.ok(list.headers.age !== undefined)
      assert.equal((await get('/v3/table/show/shop/orders')).status, 200)
      assert.equal((await get('/v3/table/show/shop/no_such')).status, 503)
      assert.equal((await get('/v3/database/show/no_such')).status, 503)
    })
    assert.equal((await get('/v3/table/show/shop/orders')).headers.warning, undefined)
  })

  test('a known table is 409 at once, another change waits and is then told to come back', async () => {
    await whileAway(async () => {
      assert.equal((await post('/v3/table/create/shop/orders/log')).status, 409)
      const startedMs = performance.now()
      const created = await post('/v3/table/create/shop/brand_new/log')
      assert.equal(created.status, 503)
      assert.ok(created.headers['retry-after'])
      assert.ok(performance.now() - startedMs >= 900, 'it did not wait')
    })
  })

  test('a change that waits is carried out when the database comes back in time', async () => {
    let waiting: ReturnType<typeof post> | undefined
    await whileAway(async () => {
      waiting = post('/v3/table/create/shop/patient/log')
      await systemClock.sleep(100)
    })
    assert.equal((await waiting!).status, 200)
    assert.equal((await get('/v3/table/show/shop/patient')).status, 200)
  })
})

describe('a member', () => {
  let key: string
  let userId: number
  before(async () => {
    await post('/v3/user/add/Bob', { email: 'bob@example.com', password: 'long enough', organization: '' })
    key = (await post('/v3/user/apikey/add/bob%40example.com')).json().apikey
    userId = (await get('/v3/user/show', { key })).json().id
  })

  test('sees and may do only what was granted', async () => {
    assert.deepEqual((await get('/v3/database/list', { key })).json(), { databases: [] })
    const refused = await get('/v3/table/list/shop', { key })
    assert.equal(refused.status, 403)
    assert.match(refused.json().error, /not authorized to access database 'shop'/)
    const shop = (await get('/v3/database/show/shop')).json().id
    const grant = (operation: string) =>
      call('PATCH', `/v3/access_control/users/${userId}/permissions`, {
        json: { Databases: [{ operation, ids: [shop] }] },
      })
    assert.equal((await grant('query')).status, 200)
    assert.equal((await get('/v3/database/show/shop', { key })).json().permission, 'query_only')
    assert.equal((await post('/v3/table/create/shop/by_bob', {}, { key })).status, 403)
    await grant('edit')
    assert.equal((await post('/v3/table/create/shop/by_bob', {}, { key })).status, 200)
    assert.equal((await post('/v3/database/delete/shop', {}, { key })).status, 403)
    const nothing = await call('PATCH', `/v3/access_control/users/${userId}/permissions`, {
      json: { Databases: [] },
    })
    assert.deepEqual(nothing.json(), { user_id: userId, permissions: { Databases: [] } })
    assert.equal((await get('/v3/table/list/shop', { key })).status, 403)
  })

  test('cannot administer others, and is gone with the keys once removed', async () => {
    assert.equal((await post('/v3/user/add/Eve', { email: 'eve@example.com' }, { key })).status, 403)
    assert.equal((await post('/v3/user/apikey/add/ann%40example.com', {}, { key })).status, 403)
    assert.equal((await get('/v3/user/apikey/list/ann%40example.com', { key })).status, 403)
    assert.equal(
      (await post('/v3/user/password/change/ann%40example.com', { password: 'long enough' }, { key })).status,
      403,
    )
    assert.equal(
      (
        await post(
          '/v3/user/password/change',
          { old_password: 'wrong one', password: 'even longer' },
          { key },
        )
      ).status,
      401,
    )
    assert.equal(
      (
        await post(
          '/v3/user/password/change',
          { old_password: 'long enough', password: 'even longer' },
          { key },
        )
      ).status,
      200,
    )
    assert.equal((await post('/v3/user/add/Bob', { email: 'BOB@example.com' })).status, 409)
    assert.equal((await post('/v3/user/remove/bob%40example.com')).status, 200)
    assert.equal((await get('/v3/database/list', { key })).status, 401)
    const { users } = (await get('/v3/user/list')).json()
    assert.deepEqual(
      users.map(({ email }: { email: string }) => email),
      ['ann@example.com'],
    )
    assert.equal((await post('/v3/user/remove/ann%40example.com')).status, 403)
  })
})

describe('result targets', () => {
  test('are listed without their passwords, which are stored encrypted', async () => {
    const url = 'mysql://user:pa%3Ass@host:3306/db/t?mode=replace'
    assert.deepEqual((await post('/v3/result/create/r1', { url })).json(), { name: 'r1', result: 'r1' })
    const { results } = (await get('/v3/result/list')).json()
    assert.deepEqual(results, [
      { name: 'r1', url: 'mysql://user@host:3306/db/t?mode=replace', organization: null },
    ])
    const [row] = await catalog.test.database.read(
      { class: 'read', deadlineMs: 5000 },
      (sql) => sql<{ secret: Buffer }>`SELECT secret FROM connections`,
    )
    assert.ok(!row!.secret.includes('pa:ss'))
    assert.equal(catalog.secrets.open(row!.secret, `connection ${first.accountId}/r1`), 'pa:ss')
    assert.equal((await post('/v3/result/create/r1', { url })).status, 409)
    assert.equal((await post('/v3/result/create/r2', { url: 'no url' })).status, 422)
    assert.equal((await get('/v3/connections/lookup?name=none')).status, 404)
    assert.equal(typeof (await get('/v3/connections/lookup?name=r1')).json().id, 'number')
    assert.equal((await post('/v3/result/delete/r1')).status, 200)
    assert.equal((await post('/v3/result/delete/r1')).status, 404)
  })
})

test('every change has left a line in the audit log, and none of them a secret', async () => {
  const lines = await catalog.test.database.read(
    { class: 'read', deadlineMs: 5000 },
    (sql) => sql<{ action: string; text: string }>`SELECT action, audit_log::text AS text FROM audit_log`,
  )
  const actions = new Set(lines.map(({ action }) => action))
  for (const action of [
    'account.create',
    'apikey.add',
    'apikey.remove',
    'database.create',
    'database.delete',
    'table.create',
    'table.delete',
    'table.swap',
    'table.rename',
    'table.change_database',
    'table.update',
    'table.update_schema',
    'table.append_schema',
    'user.add',
    'user.remove',
    'user.password',
    'permission.set',
    'result.create',
    'result.delete',
  ]) {
    assert.ok(actions.has(action), action)
  }
  const secrets = ['correct horse', 'long enough', 'pa:ss', first.masterKey, first.writeOnlyKey]
  for (const { text } of lines) for (const secret of secrets) assert.ok(!text.includes(secret), text)
})

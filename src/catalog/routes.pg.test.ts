import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '../kernel/index.ts'
import { assertAudited, calls, startTestApp, type TestApp } from './app-testing.ts'

let started: TestApp
const { get, post, call } = calls(() => started)
before(async () => {
  started = await startTestApp()
})
after(() => started.stop())

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
    await started.catalog.test.database.write(
      { class: 'write', deadlineMs: 5000 },
      (sql) => sql`
      INSERT INTO chunks (table_id, time_range, rows, bytes, path, owner, columns)
      VALUES (${id}, int8range(1714555800, 1714555801), 3, 99, 'x', 'job:1:1', '{}')`,
    )
    await started.catalog.exporter.catchUp({ deadlineMs: 5000 })
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

  test("rename columns by an alias, two at once also to each other's name", async () => {
    const schema = (text: string) => post('/v3/table/update-schema/shop/wide', { schema: text })
    await schema('[["p","int"],["q","string"]]')
    await schema('[["p","int","q"],["q","string","p"]]')
    assert.equal((await show('wide')).schema, '[["p","int","q"],["q","string","p"]]')
    assert.equal((await schema('[["p","int","q"],["q","string","q"]]')).status, 422)
    assert.equal(
      (await post('/v3/table/append-schema/shop/wide', { schema: '[["r","int","p"]]' })).status,
      422,
    )
    await schema('[["p","int"],["r","int","p"]]')
    assert.equal((await show('wide')).schema, '[["p","int","q"],["r","int","p"]]')
    await schema('[]')
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
    await started.whileAway(async () => {
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
    await started.whileAway(async () => {
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
    await started.whileAway(async () => {
      waiting = post('/v3/table/create/shop/patient/log')
      await systemClock.sleep(100)
    })
    assert.equal((await waiting!).status, 200)
    assert.equal((await get('/v3/table/show/shop/patient')).status, 200)
  })
})

describe('result targets', () => {
  test('are listed without their passwords, which are stored encrypted', async () => {
    const url = 'mysql://user:pa%3Ass@host:3306/db/t?mode=replace'
    assert.deepEqual((await post('/v3/result/create/result1', { url })).json(), {
      name: 'result1',
      result: 'result1',
    })
    const { results } = (await get('/v3/result/list')).json()
    assert.deepEqual(results, [
      { name: 'result1', url: 'mysql://user@host:3306/db/t?mode=replace', organization: null },
    ])
    const [row] = await started.catalog.test.database.read(
      { class: 'read', deadlineMs: 5000 },
      (sql) => sql<{ secret: Buffer }>`SELECT secret FROM connections`,
    )
    assert.ok(!row!.secret.includes('pa:ss'))
    assert.equal(
      started.catalog.secrets.open(row!.secret, `connection ${started.first.accountId}/result1`),
      'pa:ss',
    )
    assert.equal((await post('/v3/result/create/result1', { url })).status, 409)
    assert.equal((await post('/v3/result/create/r2', { url: 'no url' })).status, 422)
    assert.equal((await get('/v3/connections/lookup?name=none')).status, 404)
    assert.equal(typeof (await get('/v3/connections/lookup?name=result1')).json().id, 'number')
    assert.equal((await post('/v3/result/delete/result1')).status, 200)
    assert.equal((await post('/v3/result/delete/result1')).status, 404)
  })
})

test('every change has left a line in the audit log, and none of them a secret', async () => {
  await assertAudited(started, {
    actions: [
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
      'result.create',
      'result.delete',
    ],
    secrets: ['pa:ss', 'pa%3Ass'],
  })
})

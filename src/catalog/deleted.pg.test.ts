import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { calls, startTestApp, type TestApp } from './app-testing.ts'
import { retireDroppedTables } from './dropped.ts'

describe('what was deleted', () => {
  let started: TestApp
  before(async () => {
    started = await startTestApp()
    await post('/v3/database/create/shop')
  })
  after(() => started.stop())
  const { get, post, call } = calls(() => started)

  const write = (
    statement: (sql: (t: TemplateStringsArray, ...v: unknown[]) => Promise<unknown>) => Promise<unknown>,
  ) => started.catalog.test.database.write({ class: 'write', deadlineMs: 5000 }, statement)
  const idOf = async (table: string, database = 'shop') =>
    (await get(`/v3/table/show/${database}/${table}`)).json().id as number
  const aFilledTable = async (table: string, database = 'shop') => {
    await post(`/v3/table/create/${database}/${table}`, { schema: '[["a","long"],["b","string"]]' })
    const id = await idOf(table, database)
    await write(
      (sql) => sql`
      INSERT INTO chunks (table_id, time_range, rows, bytes, path, owner, columns)
      VALUES (${id}, int8range(1, 2), 3, 99, ${`${database}/${table}/${id}`}, 'job:1:1', '{}')`,
    )
    return id
  }
  const names = async () =>
    (await get('/v3/table/deleted')).json().tables.map(({ name }: { name: string }) => name) as string[]

  test('comes back whole: rows, columns, settings; also for who reads the snapshot', async () => {
    const id = await aFilledTable('orders')
    await post('/v3/table/update/shop/orders', { expire_days: '30' })
    await post('/v3/table/delete/shop/orders')
    assert.equal((await get('/v3/table/show/shop/orders')).status, 404)
    assert.deepEqual(await names(), ['orders'])
    assert.equal((await post('/v3/table/undelete/shop/orders')).status, 200)
    const shown = (await get('/v3/table/show/shop/orders')).json()
    assert.deepEqual(
      [shown.id, shown.count, shown.schema, shown.expire_days],
      [id, 3, '[["a","long"],["b","string"]]', 30],
    )
    await started.whileAway(async () => {
      assert.equal((await get('/v3/table/show/shop/orders')).json().count, 3)
    })
    assert.deepEqual(await names(), [])
  })

  test('comes back whole also when it was gone for a moment only', async () => {
    await aFilledTable('blink')
    for (let i = 0; i < 5; i++) {
      await post('/v3/table/delete/shop/blink')
      await post('/v3/table/undelete/shop/blink')
      const { count, schema } = (await get('/v3/table/show/shop/blink')).json()
      assert.deepEqual([count, schema], [3, '[["a","long"],["b","string"]]'])
    }
  })

  test('of one name comes back the latest; the others by their number, under another name', async () => {
    const first = await aFilledTable('twice')
    await post('/v3/table/delete/shop/twice')
    const second = await aFilledTable('twice')
    assert.equal((await post('/v3/table/undelete/shop/twice')).status, 409)
    await post('/v3/table/delete/shop/twice')
    await post('/v3/table/undelete/shop/twice')
    assert.equal(await idOf('twice'), second)
    const recover = (json: unknown) => call('POST', `/v3/table/recover/${first}`, { json })
    assert.equal((await recover({})).status, 409)
    const recovered = await recover({ table_name: 'older', database_name: 'shop' })
    assert.equal(recovered.status, 200)
    assert.deepEqual(
      [recovered.json().id, recovered.json().name, recovered.json().schema],
      [first, 'older', undefined],
    )
    assert.equal((await recover({ table_name: 'again' })).status, 404)
  })

  test('that was overwritten by a rename comes back by its number', async () => {
    const lost = await aFilledTable('lost')
    await aFilledTable('mover')
    await post('/v3/table/rename/shop/mover/lost', { overwrite: 'true' })
    assert.equal(
      (await call('POST', `/v3/table/recover/${lost}`, { json: { table_name: 'found' } })).status,
      200,
    )
    assert.equal(await idOf('found'), lost)
  })

  test('cannot come back after its time', async () => {
    const id = await aFilledTable('late')
    await post('/v3/table/delete/shop/late')
    await write((sql) => sql`UPDATE tables SET removed_at = now() - interval '25 hours' WHERE id = ${id}`)
    assert.equal((await post('/v3/table/undelete/shop/late')).status, 404)
    assert.equal((await call('POST', `/v3/table/recover/${id}`, { json: {} })).status, 404)
    assert.ok(!(await names()).includes('late'))
  })

  test('cannot come back once its rows have begun to go, however long the time is made afterwards', async () => {
    const id = await aFilledTable('short')
    await post('/v3/table/delete/shop/short')
    const deletedHoursAgo = (hours: number) =>
      write(
        (sql) =>
          sql`UPDATE tables SET removed_at = now() - make_interval(hours => ${hours}) WHERE id = ${id}`,
      )
    await deletedHoursAgo(25)
    assert.ok((await retireDroppedTables(started.catalog.test.database, { undeleteHours: 24 })) > 0)
    await deletedHoursAgo(1)
    assert.equal((await post('/v3/table/undelete/shop/short')).status, 404)
    assert.equal((await call('POST', `/v3/table/recover/${id}`, { json: {} })).status, 404)
  })

  test('with its database comes back with it, and what was deleted before stays deleted', async () => {
    await post('/v3/database/create/attic')
    await aFilledTable('kept', 'attic')
    await aFilledTable('gone_before', 'attic')
    await post('/v3/table/delete/attic/gone_before')
    assert.equal((await post('/v3/database/undelete/attic')).status, 409)
    await post('/v3/database/delete/attic')
    assert.equal((await get('/v3/table/list/attic')).status, 404)
    assert.equal((await post('/v3/database/undelete/attic')).status, 200)
    const { tables } = (await get('/v3/table/list/attic')).json()
    assert.deepEqual(
      tables.map(({ name, count }: { name: string; count: number }) => [name, count]),
      [['kept', 3]],
    )
    assert.equal((await post('/v3/database/undelete/never')).status, 404)
  })

  test('is listed in pages', async () => {
    const { tables: all } = (await get('/v3/table/deleted?page_size=100')).json()
    const seen: number[] = []
    for (let cursor = ''; ; ) {
      const page = (await get(`/v3/table/deleted?page_size=1${cursor}`)).json()
      seen.push(...page.tables.map(({ id }: { id: number }) => id))
      if (page.cursor_id === null) break
      cursor = `&cursor_id=${page.cursor_id}`
    }
    assert.deepEqual(
      seen,
      all.map(({ id }: { id: number }) => id),
    )
  })

  test('belongs to who may manage it: others neither see it nor bring it back', async () => {
    await post('/v3/user/add/bob', { email: 'bob@example.com', password: 'correct horse battery' })
    const key = (await post('/v3/user/apikey/add/bob')).json().apikey as string
    const id = await aFilledTable('private')
    await post('/v3/table/delete/shop/private')
    assert.deepEqual((await get('/v3/table/deleted', { key })).json().tables, [])
    assert.equal((await post('/v3/table/undelete/shop/private', undefined, { key })).status, 403)
    await post('/v3/database/create/bobs', undefined, { key })
    const stolen = await call('POST', `/v3/table/recover/${id}`, { json: { database_name: 'bobs' }, key })
    assert.equal(stolen.status, 403)
  })
})

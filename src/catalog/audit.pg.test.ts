import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '../kernel/index.ts'
import { calls, startTestApp, type TestApp } from './app-testing.ts'
import { removeOldAudit } from './audit.ts'

const WRITE = { class: 'write', deadlineMs: 5_000 } as const

describe('the log of changes', () => {
  let started: TestApp
  let member: string
  before(async () => {
    started = await startTestApp()
    await post('/v3/database/create/shop')
    await post('/v3/user/add/Ben', { email: 'ben@example.com', password: 'a secret word' })
    member = (await post('/v3/user/apikey/add/ben@example.com')).json().apikey
  })
  after(() => started.stop())
  const { get, post, call } = calls(() => started)
  const listed = async (query = '') => (await get(`/v3/audit/list?${query}`)).json()
  const latest = async (action: string) => (await listed(`action=${action}&limit=1`)).audit[0]

  test('says who changed what, when, from where, with which key', async () => {
    await post('/v3/table/create/shop/orders')
    const { id, at, user_id, ...line } = await latest('table.create')
    assert.ok(id > 0 && user_id > 0 && Math.abs(Date.now() - Date.parse(at)) < 60_000)
    assert.deepEqual(line, {
      user: 'ann@example.com',
      key: started.first.masterKey.slice(0, 10),
      address: '127.0.0.1',
      action: 'table.create',
      target: 'shop.orders',
      result: 'done',
      details: null,
      before: null,
      after: null,
    })
  })

  test('says what it was before, and what it is since', async () => {
    const change = async (action: string) => {
      const { target, before: was, after: is } = await latest(action)
      return { target, was, is }
    }
    await post('/v3/table/update/shop/orders', { expire_days: '30' })
    assert.deepEqual(await change('table.update'), {
      target: 'shop.orders',
      was: { expire_days: null },
      is: { expire_days: 30 },
    })
    await post('/v3/table/update-schema/shop/orders', { schema: '[["a","long"]]' })
    assert.deepEqual(await change('table.update_schema'), {
      target: 'shop.orders',
      was: { columns: {} },
      is: { columns: { a: 'long' } },
    })
    await post('/v3/user/delegated_admin/add/ben@example.com')
    assert.deepEqual(await change('user.role'), {
      target: 'ben@example.com',
      was: { role: 'member' },
      is: { role: 'administrator' },
    })
    await post('/v3/user/delegated_admin/remove/ben@example.com')
    const { id: database } = (await get('/v3/database/show/shop')).json()
    const { user_id: ben } = (await get('/v3/user/apikey/validate', { key: member })).json()
    const grant = (operation: string) =>
      call('PATCH', `/v3/access_control/users/${ben}/permissions`, {
        json: { Databases: [{ operation, ids: [database] }] },
      })
    await grant('query')
    await grant('edit')
    assert.deepEqual(await change('permission.set'), {
      target: 'ben@example.com',
      was: { shop: 'query_only' },
      is: { shop: 'full_access' },
    })
    await post('/v3/user/email/change/ben@example.com', { email: 'benny@example.com' })
    assert.deepEqual(await change('user.email'), {
      target: 'ben@example.com',
      was: { email: 'ben@example.com' },
      is: { email: 'benny@example.com' },
    })
  })

  test('holds no secret', async () => {
    await post('/v3/user/password/change/benny@example.com', { password: 'another secret' })
    const text = JSON.stringify(await listed('limit=1000'))
    assert.match(text, /user\.password/)
    for (const secret of [
      'a secret word',
      'another secret',
      member,
      member.slice(12),
      started.first.masterKey,
    ])
      assert.ok(!text.includes(secret), secret)
  })

  test('names what somebody was not allowed to change', async () => {
    assert.equal((await post('/v3/user/remove/ann@example.com', {}, { key: member })).status, 403)
    let line: Record<string, unknown> | undefined
    for (let tries = 0; line === undefined && tries < 100; tries++) {
      line = await latest('user.remove')
      await systemClock.sleep(20)
    }
    const { user, target, result, key } = line!
    assert.deepEqual(
      { user, target, result, key },
      { user: 'benny@example.com', target: 'ann@example.com', result: 'refused', key: member.slice(0, 10) },
    )
  })

  test('is listed page by page, and by action, user, target and time, for owners and administrators only', async () => {
    const all = (await listed('limit=1000')).audit as { id: number; user: string; at: string }[]
    const pages: unknown[] = []
    for (let before = ''; ; ) {
      const { audit, next } = await listed(`limit=3${before}`)
      assert.ok(audit.length <= 3)
      pages.push(...audit)
      if (next === null) break
      before = `&before=${next}`
    }
    assert.deepEqual(pages, all)
    assert.ok((await listed('user=benny@example.com')).audit.length > 0)
    for (const { user } of (await listed('user=benny@example.com')).audit)
      assert.equal(user, 'benny@example.com')
    assert.deepEqual((await listed('target=nothing')).audit, [])
    assert.deepEqual((await listed('until=1000')).audit, [])
    assert.equal((await listed('since=1000&limit=1000')).audit.length, all.length)
    assert.equal((await get('/v3/audit/list', { key: member })).status, 403)
    assert.equal((await get('/v3/audit/list?limit=0')).status, 400)
    await started.whileAway(async () => assert.equal((await get('/v3/audit/list')).status, 503))
  })

  test('is only added to, whoever asks the database', async () => {
    const { database } = started.catalog.test
    for (const attempt of ['update', 'delete', 'truncate', 'delete-as-sweep'])
      await assert.rejects(
        database.write(WRITE, async (sql) => {
          if (attempt === 'update') await sql`UPDATE audit_log SET target = 'x'`
          if (attempt === 'delete') await sql`DELETE FROM audit_log`
          if (attempt === 'truncate') await sql`TRUNCATE audit_log`
          await sql`SELECT set_config('millrace.sweeps_audit_log', 'on', true)`
          if (attempt === 'delete-as-sweep') await sql`DELETE FROM audit_log`
        }),
        /only added to/,
        attempt,
      )
  })

  test('ends with its time, never before 30 days', async () => {
    const { database } = started.catalog.test
    const count = async () =>
      (await database.read(WRITE, (sql) => sql<{ n: bigint }>`SELECT count(*) AS n FROM audit_log`))[0]!.n
    const before = await count()
    await database.write(
      WRITE,
      (sql) => sql`
        INSERT INTO audit_log (account_id, action, target, at)
        SELECT 1, 'old', 'x', clock_timestamp() - make_interval(days => d) FROM generate_series(20, 60, 20) d`,
    )
    assert.equal(await removeOldAudit(database, { auditDays: 50 }), 1)
    assert.equal(await removeOldAudit(database, { auditDays: 1 }), 1)
    assert.equal(await count(), before + 1n)
  })
})

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { randomIds, silentLog } from '../kernel/index.ts'
import { assertAudited, calls, startTestApp, type TestApp } from './app-testing.ts'
import { ensureFirstAccount } from './first-account.ts'
import { OWNER_FOR_TESTS } from './testing.ts'

let started: TestApp
const { get, post, call } = calls(() => started)
before(async () => {
  started = await startTestApp()
})
after(() => started.stop())

describe('the first start', () => {
  test('makes one account, however often it is tried', async () => {
    const again = await ensureFirstAccount(
      { write: started.catalog.write, ids: randomIds, log: silentLog },
      OWNER_FOR_TESTS,
    )
    assert.equal(again, undefined)
    assert.match(started.first.masterKey, /^[1-9][0-9]*\/[0-9a-f]{40}$/)
    assert.match(started.first.writeOnlyKey, /^[1-9][0-9]*\/[0-9a-f]{40}$/)
  })
})

describe('an API key', () => {
  test('is taken in every form clients send', async () => {
    const secret = started.first.masterKey.split('/')[1]!
    for (const header of [
      `TD1 ${started.first.masterKey}`,
      `td1  ${started.first.masterKey}`,
      started.first.masterKey,
      secret,
      `TD1 ${secret}`,
      secret.toUpperCase(),
    ]) {
      const response = await started.app.inject({
        url: '/v3/database/list',
        headers: { authorization: header },
      })
      assert.equal(response.statusCode, 200, header)
    }
  })

  test('that does not exist, is missing, or names another account is refused for good', async () => {
    const secret = started.first.masterKey.split('/')[1]!
    for (const key of ['1/0000000000000000000000000000000000000000', 'nonsense', '', `99/${secret}`]) {
      const { status, json } = await get('/v3/database/list', { key })
      assert.equal(status, 401, key)
      assert.equal(json().error, 'Failed to Login')
    }
  })

  test('that is write-only may do nothing here: 403, not 401', async () => {
    const { status } = await get('/v3/database/list', { key: started.first.writeOnlyKey })
    assert.equal(status, 403)
  })

  test('unknown while the database is away is 503; a known one goes on working', async () => {
    await started.whileAway(async () => {
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
  const logIn = (user: string, password: string, remoteAddress = '127.0.0.1') =>
    started.app.inject({
      method: 'POST',
      url: '/v3/user/authenticate',
      payload: new URLSearchParams({ user, password }).toString(),
      remoteAddress,
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

  test('is throttled after ten failures in a row, says for how long, and checks nothing meanwhile', async () => {
    for (let i = 0; i < 10; i++) await logIn('carl@example.com', `guess ${i}`, '192.0.2.8')
    const refused = await logIn('carl@example.com', 'guess', '192.0.2.9')
    assert.equal(refused.statusCode, 429)
    assert.match(String(refused.headers['retry-after']), /^[12]$/)
    assert.equal(refused.json().error_code, 'login_throttled')
    assert.equal((await logIn('ann@example.com', 'correct horse')).statusCode, 200)
  })
})

describe('a member', () => {
  let key: string
  let userId: number
  before(async () => {
    await post('/v3/database/create/shop')
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

test('every change has left a line in the audit log, and none of them a secret', async () => {
  const { masterKey, writeOnlyKey } = started.first
  await assertAudited(started, {
    actions: [
      'account.create',
      'apikey.add',
      'apikey.remove',
      'user.add',
      'user.remove',
      'user.password',
      'permission.set',
    ],
    secrets: ['correct horse', 'long enough', 'even longer', masterKey, writeOnlyKey],
  })
})

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { decodeMulti } from '@msgpack/msgpack'
import { startTestApp, type TestApp } from '../catalog/app-testing.ts'
import { addLoadRoutes } from './routes.ts'
import { insertErrorRecords } from './store.ts'
import type { ErrorRecord } from './types.ts'

const WRITE = { class: 'write', deadlineMs: 10_000 } as const

describe('/v3/table/error_records', () => {
  let app: TestApp
  let tableId: bigint
  const store = (...errors: Partial<ErrorRecord>[]) =>
    app.catalog.routeDeps.database.write(WRITE, (sql) =>
      insertErrorRecords(
        sql,
        errors.map((error) => ({
          accountId: app.first.accountId,
          tableId,
          database: 'harbour',
          table: 'boats',
          channel: 'records',
          reason: 'record_not_a_map',
          uniqueId: null,
          keyId: null,
          keySha256: null,
          records: 1,
          body: Buffer.from('"x"'),
          receivedAtMs: 1_795_342_228_000,
          ...error,
        })),
      ),
    )
  before(async () => {
    app = await startTestApp((fastify, { routeDeps }) =>
      addLoadRoutes(fastify, { ...routeDeps, readDeadlineMs: 2000 }),
    )
    await app.post('/v3/database/create/harbour')
    await app.post('/v3/table/create/harbour/boats')
    const { accountId } = app.first
    const found = app.catalog.reader.view.findTable(accountId, 'harbour', 'boats')
    assert.equal(found.kind, 'found')
    tableId = (found as unknown as { value: { id: bigint } }).value.id
    await store(
      { reason: 'first', keySha256: 'ab'.repeat(32), uniqueId: 'chunk' },
      { reason: 'second', table: 'old_name', body: null, records: 7 },
      { reason: 'elsewhere', tableId: null, table: 'crew' },
      { reason: 'before the table', tableId: null },
      { reason: 'of others', accountId: 999n, tableId: null },
    )
  })
  after(() => app.stop())

  const reasons = async (url: string) => {
    const answer = await app.get(url)
    assert.equal(answer.status, 200, answer.text)
    return answer.json().error_records.map(({ reason }: { reason: string }) => reason)
  }
  const BOATS = '/v3/table/error_records/harbour/boats'

  test('lists what could not be stored, newest first, also under a former name of the table', async () => {
    assert.deepEqual(await reasons(BOATS), ['before the table', 'second', 'first'])
    assert.deepEqual(await reasons('/v3/table/error_records/harbour/crew'), ['elsewhere'])
  })

  test('says what came, when, how and by whose key', async () => {
    const { error_records } = (await app.get(BOATS)).json()
    const { id, created_at, ...first } = error_records.at(-1)
    assert.match(created_at, /^\d{4}-/)
    assert.ok(id > 0)
    assert.deepEqual(first, {
      database: 'harbour',
      table: 'boats',
      channel: 'records',
      reason: 'first',
      records: 1,
      unique_id: 'chunk',
      received_at: '2026-11-22T10:10:28Z',
      key: 'ab'.repeat(32),
      bytes: 3,
      body: Buffer.from('"x"').toString('base64'),
    })
    assert.deepEqual([error_records[1].body, error_records[1].records], [null, 7])
  })

  test('in pages', async () => {
    const first = (await app.get(`${BOATS}?limit=2`)).json()
    assert.deepEqual([first.count, first.error_records.length], [2, 2])
    assert.deepEqual(await reasons(`${BOATS}?limit=2&from=${first.next}`), ['first'])
    assert.equal((await app.get(`${BOATS}?limit=3`)).json().next, null)
    assert.equal((await app.get(`${BOATS}?limit=0`)).status, 400)
  })

  test('of the whole account, for its administrators', async () => {
    const all = await reasons('/v3/table/error_records?limit=1000')
    assert.ok(all.includes('elsewhere') && !all.includes('of others'))
  })

  test('a page ends before its bodies become too large', async () => {
    const large = { table: 'large', tableId: null, body: Buffer.alloc(9 << 20, 'x') }
    await store(large, large, large)
    const page = (await app.get('/v3/table/error_records/harbour/large')).json()
    assert.deepEqual([page.count, page.next !== null], [1, true])
  })

  test('as MessagePack, with the bodies as they are', async () => {
    const answer = await app.app.inject({
      url: `${BOATS}?format=msgpack.gz&limit=1&from=${(await app.get(BOATS)).json().error_records[2].id}`,
      headers: { authorization: `TD1 ${app.first.masterKey}` },
    })
    const [record] = [...decodeMulti(gunzipSync(answer.rawPayload))] as Record<string, unknown>[]
    assert.deepEqual(
      [record!.reason, Buffer.from(record!.body as Uint8Array).toString(), record!.unique_id],
      ['first', '"x"', 'chunk'],
    )
    assert.equal((await app.get(`${BOATS}?format=csv`)).status, 400)
  })

  test('a table or database that is not there is a 404, unless there is something to tell', async () => {
    assert.equal((await app.get('/v3/table/error_records/harbour/nothing')).status, 404)
    assert.equal((await app.get('/v3/table/error_records/nowhere/boats')).status, 404)
  })

  test('who may not query the database sees nothing', async () => {
    assert.equal((await app.get(BOATS, { key: app.first.writeOnlyKey })).status, 403)
  })

  test('while the database is away: 503', async () => {
    await app.whileAway(async () => assert.equal((await app.get(BOATS)).status, 503))
  })
})

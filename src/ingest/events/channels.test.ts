import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { deflateSync } from 'node:zlib'
import type { SpoolWriter } from '../../spool/index.ts'
import { spoolErrors } from '../../spool/index.ts'
import { readIngestSettings } from '../config.ts'
import { KEY, testDirectory, testKey, withEdge } from '../testing.ts'
import {
  away,
  bearer,
  bodies,
  CHROME,
  JS,
  JS_TYPE,
  POSTBACK,
  postRecords,
  RECORDS,
  send,
  spooled,
  UUID,
  writeKey,
} from './testing.ts'

describe('devices of the first generation: all tables in one request', () => {
  const path = '/android/v3/event'
  const headers = { ...writeKey, 'x-td-data-type': 'k', 'content-encoding': 'deflate' }
  const boats = '{"keen":{"timestamp":"2016-01-07T12:00:00.000+0900"},"#UUID":"u1","n":1}'

  test('get a receipt for each event under the keys they sent', () =>
    withEdge({}, async (edge) => {
      const json = `{"harbour.boats":[${boats},{"n":2}],"harbour.crew":[{"#UUID":"u2","#SSUT":true}],"harbour.none":[]}`
      for (const url of [path, '/ios/v3/event']) {
        const answer = await send(edge.port, 'POST', url, { headers, body: deflateSync(json) })
        assert.equal(answer.status, 200)
        assert.equal(
          answer.text,
          '{"harbour.boats":[{"success":true},{"success":true}],"harbour.crew":[{"success":true}],"harbour.none":[]}',
        )
      }
      const records = await spooled(edge)
      assert.deepEqual(
        records.slice(0, 2).map((record) => [record.table, record.tableId, record.facts, record.body]),
        [
          ['boats', 42n, { channel: 'mobile-legacy' }, `${boats},{"n":2}`],
          ['crew', 0n, { channel: 'mobile-legacy', 'create-table': '1' }, '{"#UUID":"u2","#SSUT":true}'],
        ],
      )
      assert.equal(records.length, 4)
    }))

  test('are never left with an unsettled event in a 2xx: what is none is refused by a name they know', () =>
    withEdge({}, async (edge) => {
      const body = '{"harbour.boats":["x",{"n":1}],"Harbour.boats":[{"n":2},{"n":3}],"harbour":[{}]}'
      const answer = await send(edge.port, 'POST', path, { headers: writeKey, body })
      assert.equal(answer.status, 200)
      const names = Object.entries(answer.json as Record<string, { error?: { name: string } }[]>).map(
        ([key, receipts]) => [key, receipts.map(({ error }) => error?.name)],
      )
      assert.deepEqual(names, [
        ['harbour.boats', ['InvalidPropertyValueError', undefined]],
        ['Harbour.boats', ['InvalidCollectionNameError', 'InvalidCollectionNameError']],
        ['harbour', ['InvalidCollectionNameError']],
      ])
      assert.deepEqual(
        (await spooled(edge)).map(({ kind, database, facts, body }) => [kind, database, facts.reason, body]),
        [
          ['events', 'harbour', undefined, '{"n":1}'],
          ['refused-events', 'harbour', 'not-an-object', '"x"'],
          ['refused-events', 'Harbour', 'name-invalid', '{"n":2},{"n":3}'],
          ['refused-events', 'harbour', 'name-invalid', '{}'],
        ],
      )
    }))

  test('may name tables with anything: the name is made harmless, and answered as it was sent', () =>
    withEdge({}, async (edge) => {
      const body = '{"a\\u0000\\ud800.日本":[{}]}'
      const answer = await send(edge.port, 'POST', path, { headers: writeKey, body })
      assert.equal(answer.status, 200)
      assert.deepEqual(Object.keys(answer.json as object), ['a\u0000\ud800.日本'])
      const [record] = await spooled(edge)
      assert.deepEqual([record!.database, record!.table], ['a??', '??'])
    }))

  test('keep everything when the disk is full: 503 for the whole request', () =>
    withEdge({ spool: fullSpool }, async ({ port }) => {
      const answer = await send(port, 'POST', path, {
        headers: writeKey,
        body: `{"harbour.boats":[${boats}]}`,
      })
      assert.equal(answer.status, 503)
      assert.ok(Number(answer.headers['retry-after']) > 0)
    }))

  test('keep everything when the request cannot be read, and get 403 without a key', () =>
    withEdge({}, async ({ port }) => {
      for (const body of ['{"harbour.boats":{}}', '[]', '', '{"harbour.boats":[}'])
        assert.equal((await send(port, 'POST', path, { headers: writeKey, body })).status, 400)
      assert.equal((await send(port, 'POST', path, { body: '{}' })).status, 403)
      const broken = { headers, body: Buffer.from([0x78, 0x9c, 1, 2, 3]) }
      assert.equal((await send(port, 'POST', path, broken)).status, 400)
    }))
})

const fullSpool: SpoolWriter = {
  append: async () => {
    throw spoolErrors.spool_full('no room')
  },
  enqueue: (_record, told) => told.refused(spoolErrors.spool_full('no room')),
  usage: () => ({ pendingBytes: 0, quotaBytes: 0, oldestPendingAtMs: null }),
  close: async () => undefined,
}

test('a full disk is 503 with Retry-After for everybody, and readable by the page', () =>
  withEdge({ spool: fullSpool }, async ({ port }) => {
    for (const [path, headers] of [
      [RECORDS, bearer],
      [`${RECORDS}?modified=1`, bearer],
      [JS, writeKey],
      [POSTBACK, writeKey],
      ['/public/harbour/boats', bearer],
    ] as const) {
      const answer = await send(port, 'POST', path, {
        headers: { ...headers, origin: 'https://a.test' },
        body: '{}',
      })
      assert.equal(answer.status, 503, path)
      assert.ok(Number(answer.headers['retry-after']) > 0)
      assert.equal(answer.headers['access-control-allow-origin'], 'https://a.test')
    }
  }))

test('a body over the limit is 413, readable by the page, and the connection is left in order', () =>
  withEdge({ settings: readIngestSettings({ MILLRACE_EVENTS_BODY_BYTES: '1048576' }) }, async (edge) => {
    const body = Buffer.alloc(5_000_000, ' ')
    for (const headers of [bearer, { ...bearer, 'transfer-encoding': 'chunked' }]) {
      const answer = await send(edge.port, 'POST', RECORDS, {
        headers: { ...headers, origin: 'https://a.test' },
        body,
      })
      assert.equal(answer.status, 413)
      assert.equal((answer.json as { error_code: string }).error_code, 'event_body_too_large')
      assert.equal(answer.headers['access-control-allow-origin'], 'https://a.test')
    }
    assert.deepEqual(await bodies(edge), [])
  }))

test('while it drains, events are still taken, and every answer closes its connection', () =>
  withEdge({}, async (edge) => {
    edge.edge.startDraining()
    const answer = await postRecords(edge.port, '{"events":[{"n":1}]}')
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.connection, 'close')
    assert.deepEqual(await bodies(edge), ['{"n":1}'])
  }))

describe('postback', () => {
  const query = `${POSTBACK}?td_write_key=${encodeURIComponent(KEY)}`
  const v2 = { settings: readIngestSettings({ MILLRACE_POSTBACK_V2_HOSTS: 'us01.records.in.test' }) }
  const v2Host = { host: 'us01.records.in.test:8080' }

  test('takes one object with the key in header or query, whatever its type', () =>
    withEdge({}, async (edge) => {
      const body = '{"a":1,"b":"x"}'
      const types: [string, Record<string, string>][] = [
        [query, {}],
        [query, { 'content-type': 'text/plain' }],
        [POSTBACK, writeKey],
        [POSTBACK, { authorization: `TD1 ${KEY}` }],
        [`${POSTBACK}?td_write_key=9/no`, writeKey],
      ]
      for (const [path, headers] of types) {
        const answer = await send(edge.port, 'POST', path, { headers, body })
        assert.equal(answer.status, 200)
        assert.deepEqual(answer.json, { created: true })
      }
      const records = await spooled(edge)
      assert.deepEqual(new Set(records.map((record) => record.body)), new Set([body]))
      assert.deepEqual(new Set(records.map(({ keyId }) => keyId)), new Set([7n]))
      assert.equal(records[0]!.facts.channel, 'postback')
    }))

  test('accepts a key that does not exist and leaves it to the loader; a revoked one, and none, are 403', () =>
    withEdge({}, async (edge) => {
      assert.equal(
        (await send(edge.port, 'POST', `${POSTBACK}?td_write_key=9/nope`, { body: '{}' })).status,
        200,
      )
      const [record] = await spooled(edge)
      assert.equal(record!.keyId, 0n)
      assert.match(record!.facts['key-sha256']!, /^[0-9a-f]{64}$/)
      assert.equal((await send(edge.port, 'POST', POSTBACK, { body: '{}' })).status, 403)
    }).then(() =>
      withEdge(
        { directory: testDirectory({ findKey: async () => ({ kind: 'absent', revoked: true }) }) },
        async ({ port }) => {
          for (const path of [query, RECORDS, JS])
            assert.equal((await send(port, 'POST', path, { headers: bearer, body: '{}' })).status, 403)
        },
      ),
    ))

  test('of version 2 refuses keys in the query, prefers Authorization, and takes 1,048,064 bytes', () =>
    withEdge(v2, async ({ port }) => {
      const to = (path: string, headers: Record<string, string>, body = '{}') =>
        send(port, 'POST', path, { headers: { ...v2Host, ...headers }, body })
      assert.equal((await to(query, {})).status, 403)
      assert.equal((await to(POSTBACK, writeKey)).status, 200)
      assert.equal((await to(POSTBACK, { ...bearer, 'x-td-write-key': '9/no' })).status, 200)
      const filled = (bytes: number) => `{"s":"${'x'.repeat(bytes - 8)}"}`
      assert.equal((await to(POSTBACK, bearer, filled(1_048_064))).status, 200)
      assert.equal((await to(POSTBACK, bearer, filled(1_048_065))).status, 413)
    }))

  test('refuses what is no object', () =>
    withEdge({}, async ({ port }) => {
      for (const body of ['[1,2]', '{"a":', '', 'null'])
        assert.equal((await send(port, 'POST', query, { body })).status, 400)
    }))

  test('as a pixel has the record in the query', () =>
    withEdge({}, async (edge) => {
      const url = `${query}&td_format=pixel&td_ua=td_ua&td_ip=td_ip&mail=a%40b.test&n=1`
      const answer = await send(edge.port, 'GET', url, { headers: { 'user-agent': CHROME } })
      assert.equal(answer.headers['content-type'], 'image/gif')
      const [record] = await spooled(edge)
      assert.deepEqual(JSON.parse(record!.body), { td_ua: 'td_ua', td_ip: 'td_ip', mail: 'a@b.test', n: '1' })
      const replaced = JSON.parse(record!.facts.replace!)
      assert.equal(replaced.td_ua, CHROME)
      assert.equal(replaced.td_ip, '127.0.0.1')
    }))
})

describe('while nobody can check', () => {
  test('events of all protocols are accepted, with what the loader needs to check them', () =>
    withEdge({ directory: testDirectory(away) }, async (edge) => {
      const sent: [string, Record<string, string>, string][] = [
        [RECORDS, bearer, '{"events":[{}]}'],
        [JS, writeKey, '{}'],
        [POSTBACK, writeKey, '{}'],
        ['/ios/v3/event', writeKey, '{"harbour.boats":[{}]}'],
        ['/public/harbour/boats', bearer, '{}'],
      ]
      for (const [path, headers, body] of sent)
        assert.equal((await send(edge.port, 'POST', path, { headers, body })).status, 200, path)
      for (const record of await spooled(edge)) {
        const { accountId, keyId, tableId, facts } = record
        assert.deepEqual(
          { accountId, keyId, tableId, key: facts['key-sha256'], create: facts['create-table'] },
          { accountId: 1n, keyId: 0n, tableId: 0n, key: testKey.sha256, create: '1' },
        )
      }
    }))

  test('a table or database that is not there is left to the loader; a permission that is missing is 403', () =>
    withEdge({}, async (edge) => {
      for (const path of ['/harbour/never_seen', '/other_db/boats'])
        assert.equal((await send(edge.port, 'POST', path, { headers: bearer, body: '{}' })).status, 200)
      assert.deepEqual(
        (await spooled(edge)).map(({ keyId, tableId, facts }) => [keyId, tableId, facts['create-table']]),
        [
          [7n, 0n, '1'],
          [0n, 0n, '1'],
        ],
      )
    }).then(() =>
      withEdge(
        { directory: testDirectory({ mayImport: async () => ({ kind: 'found', value: false }) }) },
        async ({ port }) => {
          for (const path of [RECORDS, JS, POSTBACK])
            assert.equal((await send(port, 'POST', path, { headers: bearer, body: '{}' })).status, 403)
        },
      ),
    ))

  test('core is asked once a second about what is not known, not with every request', async () => {
    let asked = 0
    const findTable = async () => {
      asked++
      return { kind: 'unknown', reason: 'away' } as const
    }
    await withEdge({ directory: testDirectory({ findTable }) }, async ({ port }) => {
      for (let i = 0; i < 5; i++) assert.equal((await postRecords(port, '{"events":[{}]}')).status, 200)
      assert.ok(asked <= 2, `asked ${asked} times`)
    })
  })
})

describe('ids of browsers', () => {
  test('the global id is kept by the cookie of this host, in all three forms', () =>
    withEdge({}, async ({ port }) => {
      const headers = { accept: JS_TYPE, authorization: `TD1 ${KEY}`, origin: 'https://shop.test' }
      const first = await send(port, 'GET', '/', { headers })
      const { global_id: id } = first.json as { global_id: string }
      assert.match(id, UUID)
      const [cookie] = first.headers['set-cookie'] as string[]
      assert.match(cookie!, new RegExp(`^_td_global=${id}; .*Secure; SameSite=None`))
      assert.equal(first.headers['access-control-allow-credentials'], 'true')

      const again = { cookie: `_td_global=${id}` }
      assert.deepEqual((await send(port, 'GET', '/', { headers: { ...headers, ...again } })).json, {
        global_id: id,
      })
      assert.deepEqual((await send(port, 'GET', '/js/v3/enable_global_id', { headers: again })).json, {
        global_id: id,
      })
      const path = '/js/v3/global_id?callback=TreasureJSONPCallback0'
      assert.equal(
        (await send(port, 'GET', path, { headers: again })).text,
        `typeof TreasureJSONPCallback0 === 'function' && TreasureJSONPCallback0({"global_id":"${id}"});`,
      )
      const forged = { cookie: '_td_global=a"});alert(1' }
      assert.match(
        (await send(port, 'GET', '/js/v3/enable_global_id', { headers: forged })).text,
        /"[0-9a-f-]{36}"/,
      )
    }))

  test('the id of the site is a cookie the page can read, only for a domain this host belongs to', () =>
    withEdge({}, async ({ port }) => {
      const ask = (domain: string, cookie = '') =>
        send(port, 'GET', `/get_cookie_id?cookie_domain=${domain}&r=1`, {
          headers: { host: 'ssc.example.test:443', cookie },
        })
      const answer = await ask('example.test')
      const { td_ssc_id: id } = answer.json as { td_ssc_id: string }
      const [cookie] = answer.headers['set-cookie'] as string[]
      assert.match(cookie!, new RegExp(`^_td_ssc_id=${id}; Domain=example.test; `))
      assert.doesNotMatch(cookie!, /HttpOnly/i)
      const again = await ask('example.test', `_td_ssc_id=${id}`)
      assert.deepEqual(again.json, { td_ssc_id: id })
      for (const domain of ['other.test', 'test', 'ample.test', 'example.test; Secure', '']) {
        const other = await ask(encodeURIComponent(domain))
        assert.equal(other.status, 200)
        assert.match((other.json as { td_ssc_id: string }).td_ssc_id, UUID)
        assert.equal(other.headers['set-cookie'], undefined, domain)
      }
    }))

  test('no browser is in a segment, and a personalisation collects its event and has no offers', () =>
    withEdge({}, async (edge) => {
      const path = '/cdp/lookup/collect/segments?version=2&token=a,b&key.uid=u1'
      assert.deepEqual((await send(edge.port, 'GET', path)).json, [])
      assert.match((await send(edge.port, 'GET', `${path}&callback=cb`)).text, /cb\(\[\]\);$/)
      const headers = { ...bearer, 'wp13n-token': 't' }
      for (const place of ['/public/harbour/boats', RECORDS]) {
        const answer = await send(edge.port, 'POST', place, { headers, body: '{"n":1}' })
        assert.deepEqual(answer.json, { offers: {} })
      }
      assert.deepEqual(await bodies(edge), ['{"n":1}', '{"n":1}'])
      const refused = await send(edge.port, 'POST', '/public/harbour/boats', { headers, body: '[' })
      assert.equal(refused.status, 400)
      assert.equal((refused.json as { code: number }).code, 3004)
    }))

  test('other methods are 405', () =>
    withEdge({}, async ({ port }) => {
      for (const [method, path] of [
        ['PUT', JS],
        ['DELETE', POSTBACK],
        ['GET', '/ios/v3/event'],
        ['POST', '/get_cookie_id'],
      ] as const)
        assert.equal((await send(port, method, path)).status, 405)
    }))
})

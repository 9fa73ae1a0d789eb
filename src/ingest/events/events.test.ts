import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { readIngestSettings } from '../config.ts'
import { KEY, type TestEdge, testDirectory, withEdge } from '../testing.ts'
import {
  away,
  bearer,
  bodies,
  CHROME,
  ID,
  JS,
  JS_TYPE,
  MOBILE_TYPE,
  postRecords,
  RECORDS,
  send,
  spooled,
  UUID,
  writeKey,
} from './testing.ts'

describe('a page asks first (CORS)', () => {
  test('and is allowed what it asks for, Firefox also its user-agent, without key or database', () =>
    withEdge({ directory: testDirectory(away) }, async ({ port }) => {
      for (const path of [`${RECORDS}?modified=1`, `${JS}?modified=1`, '/', '/cdp/lookup/collect/segments']) {
        for (const asked of ['authorization,content-type', 'authorization,content-type,user-agent']) {
          const headers = {
            origin: 'https://shop.test',
            'access-control-request-method': 'POST',
            'access-control-request-headers': asked,
          }
          const answer = await send(port, 'OPTIONS', path, { headers })
          assert.equal(answer.status, 204)
          assert.equal(answer.headers['access-control-allow-origin'], 'https://shop.test')
          assert.equal(answer.headers['access-control-allow-credentials'], 'true')
          assert.equal(answer.headers['access-control-allow-headers'], asked)
          assert.match(String(answer.headers['access-control-allow-methods']), /POST/)
          assert.equal(answer.headers.vary, 'Origin')
        }
      }
    }))

  test('and reads refusals too; without Origin there is nothing of it; a sandboxed page is "null"', () =>
    withEdge({}, async ({ port }) => {
      const refused = await send(port, 'POST', RECORDS, { headers: { origin: 'null' }, body: '{}' })
      assert.equal(refused.status, 401)
      assert.equal(refused.headers['access-control-allow-origin'], 'null')
      assert.equal(refused.headers['access-control-allow-credentials'], 'true')
      const plain = await postRecords(port, '{"events":[{}]}')
      assert.equal(plain.headers['access-control-allow-origin'], undefined)
    }))
})

describe('records: /{db}/{table}', () => {
  test('are in the spool as sent when they are answered, with a receipt for each', () =>
    withEdge({}, async (edge) => {
      const inside = ` {"uuid":"${ID}","n":12345678901234567890} , {"n":1.50,"n":2} `
      const answer = await postRecords(edge.port, `{"events":[${inside}]}`)
      assert.equal(answer.status, 200)
      const { receipts } = answer.json as { receipts: { success: boolean; uuid: string }[] }
      assert.deepEqual(receipts[0], { success: true, uuid: ID })
      assert.equal(receipts.length, 2)
      assert.match(receipts[1]!.uuid, UUID)
      const [record] = await spooled(edge)
      assert.deepEqual(
        { ...record, receivedAtMs: 0 },
        {
          kind: 'events',
          receivedAtMs: 0,
          accountId: 1n,
          keyId: 7n,
          database: 'harbour',
          table: 'boats',
          tableId: 42n,
          uniqueId: '',
          facts: { channel: 'records' },
          body: inside,
        },
      )
      assert.ok(Math.abs(record!.receivedAtMs - Date.now()) < 10_000)
    }))

  test('may be compressed: gzip, zlib, raw deflate, whatever the header says', () =>
    withEdge({}, async (edge) => {
      const json = '{"events":[{"n":1}]}'
      const compressed: [string, Buffer][] = [
        ['gzip', gzipSync(json)],
        ['', gzipSync(json)],
        ['gzip', Buffer.from(json)],
        ['deflate', deflateSync(json)],
        ['deflate', deflateRawSync(json)],
        ['gzip', Buffer.concat([gzipSync(json.slice(0, 5)), gzipSync(json.slice(5))])],
      ]
      for (const [encoding, body] of compressed) {
        const headers: Record<string, string> = encoding === '' ? {} : { 'content-encoding': encoding }
        assert.equal((await postRecords(edge.port, body, headers)).status, 200, encoding)
      }
      assert.deepEqual(new Set(await bodies(edge)), new Set(['{"n":1}']))
      const broken: [string, Buffer][] = [
        ['gzip', gzipSync(json).subarray(0, 15)],
        ['gzip', Buffer.from('xx')],
        ['deflate', Buffer.from('xx')],
        ['br', Buffer.from('xx')],
      ]
      for (const [encoding, body] of broken)
        assert.equal((await postRecords(edge.port, body, { 'content-encoding': encoding })).status, 400)
      const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024 + 1, ' '))
      assert.equal((await postRecords(edge.port, bomb)).status, 413)
      assert.equal((await spooled(edge)).length, compressed.length)
    }))

  test('up to 10,000 at once are answered with as many receipts, 10,001 with 413', () =>
    withEdge({}, async (edge) => {
      for (const count of [400, 501, 10_000]) {
        const answer = await postRecords(edge.port, `{"events":[${Array(count).fill('{"n":1}').join()}]}`)
        assert.equal(answer.status, 200)
        assert.equal((answer.json as { receipts: [] }).receipts.length, count)
      }
      const body = `{"events":[${Array(10_001).fill('{"n":1}').join()}]}`
      assert.equal((await postRecords(edge.port, body)).status, 413)
      assert.equal((await spooled(edge)).length, 3)
    }))

  test('that are certainly none are refused one by one, and kept for the error records', () =>
    withEdge({}, async (edge) => {
      const big = `{"s":"${'x'.repeat(1_200_000)}"}`
      const deep = `{"a":${'['.repeat(1000)}${']'.repeat(1000)}}`
      const answer = await postRecords(edge.port, `{"events":[{"n":1}, "x" ,${big},{"n":2},${deep},7]}`)
      assert.equal(answer.status, 200)
      const { receipts } = answer.json as { receipts: { success: boolean; error?: object }[] }
      assert.deepEqual(
        receipts.map(({ success }) => success),
        [true, false, false, true, false, false],
      )
      assert.deepEqual(receipts[1], {
        success: false,
        error: { name: 'InvalidPropertyValueError', description: 'event 1 is not an object' },
      })
      assert.deepEqual(
        (await spooled(edge)).map(({ kind, facts, body }) => [kind, facts.reason, body]),
        [
          ['events', undefined, '{"n":1}\n{"n":2}'],
          ['refused-events', 'not-an-object', '"x"\n7'],
          ['refused-events', 'too-large', big],
          ['refused-events', 'too-deep', deep],
        ],
      )
      const metrics = await edge.registry.metrics()
      assert.match(metrics, /millrace_ingest_events_total\{channel="records"\} 2/)
      assert.match(metrics, /millrace_ingest_events_refused_total\{reason="not-an-object"\} 2/)
    }))

  test('may be one bare record, which gets its receipt in both shapes', () =>
    withEdge({}, async (edge) => {
      const answer = await postRecords(edge.port, ` {"n":1,"uuid":"${ID}","tags":[1,"x"],"events":7}\n`)
      const receipt = { success: true, uuid: ID }
      assert.deepEqual(answer.json, { ...receipt, receipts: [receipt] })
      assert.deepEqual(await bodies(edge), [`{"n":1,"uuid":"${ID}","tags":[1,"x"],"events":7}`])
    }))

  const refusals: [string, string | Buffer, number][] = [
    ['no events', '{"events":[]}', 400],
    ['an array', '[1,2]', 400],
    ['JSON that breaks off', '{"a":', 400],
    ['nothing', '', 400],
  ]
  for (const [what, body, status] of refusals) {
    test(`are refused with ${status} for ${what}`, () =>
      withEdge({}, async (edge) => {
        const answer = await postRecords(edge.port, body)
        assert.equal(answer.status, status)
        assert.equal((answer.json as { error_code: string }).error_code, 'event_body_invalid')
        assert.deepEqual(await bodies(edge), [])
      }))
  }

  test('with bytes that are not UTF-8 get U+FFFD in their place; a byte order mark is dropped', () =>
    withEdge({}, async (edge) => {
      const bytes = Buffer.concat([
        Buffer.from('\ufeff{"events":[{"s":"a'),
        Buffer.from([0xff]),
        Buffer.from('b"}]}'),
      ])
      assert.equal((await postRecords(edge.port, bytes)).status, 200)
      assert.deepEqual(await bodies(edge), ['{"s":"a\ufffdb"}'])
    }))

  test('take the key from Authorization, X-TD-Write-Key, or the query of a beacon, whatever their type', () =>
    withEdge({}, async (edge) => {
      const body = '{"events":[{"n":1}]}'
      const ways: [Record<string, string>, string][] = [
        [{ authorization: `TD1 ${KEY}` }, ''],
        [{ 'x-td-write-key': KEY }, ''],
        [{ 'content-type': 'text/plain;charset=UTF-8' }, `?api_key=${encodeURIComponent(KEY)}`],
        [{ 'content-type': 'application/x-www-form-urlencoded' }, `?td_write_key=${KEY}`],
        [{ authorization: `TD1 ${KEY}`, 'x-td-write-key': '1/wrong' }, ''],
      ]
      for (const [headers, query] of ways)
        assert.equal((await send(edge.port, 'POST', RECORDS + query, { headers, body })).status, 200)
      const wrong = { authorization: 'TD1 1/wrong', 'x-td-write-key': KEY }
      assert.equal((await send(edge.port, 'POST', RECORDS, { headers: wrong, body })).status, 401)
      assert.equal((await send(edge.port, 'POST', RECORDS, { body })).status, 401)
    }))

  test('into a name that cannot be one are refused; reserved paths are not theirs', () =>
    withEdge(
      { settings: readIngestSettings({ MILLRACE_INGEST_CORE_WAIT_SECONDS: '0' }) },
      async ({ port }) => {
        for (const path of ['/Harbour/boats', '/ha/boats', '/harbour/bo-ats', `/${'h'.repeat(256)}/boats`])
          assert.equal(
            (await send(port, 'POST', path, { headers: bearer, body: '{"events":[{}]}' })).status,
            400,
          )
        for (const path of [
          '/v3/boats',
          '/v4/boats',
          '/js/boats',
          '/app/boats',
          '/api/boats',
          '/android/boats',
          '/public/boats',
          '/ios/boats',
          '/postback/boats',
        ])
          assert.equal((await send(port, 'POST', path, { headers: bearer, body: '{}' })).status, 503, path)
      },
    ))
})

describe('columns of the server', () => {
  const cookie = 'a=b; _td_global=g-1; c=d'
  const send1 = async (edge: TestEdge, headers: Record<string, string>, event: string) => {
    await postRecords(edge.port, `{"events":[${event}]}`, headers)
    const { facts } = (await spooled(edge)).at(-1)!
    return { set: facts.set && JSON.parse(facts.set), replace: facts.replace && JSON.parse(facts.replace) }
  }
  const nothing = {
    td_ip: null,
    td_browser: null,
    td_browser_version: null,
    td_os: null,
    td_os_version: null,
    td_global_id: null,
  }

  test('come with the content type: the address for signed browsers and devices, the global id from its cookie', () =>
    withEdge({}, async (edge) => {
      const set = { td_ip: '127.0.0.1' }
      assert.deepEqual(
        await send1(edge, { 'content-type': JS_TYPE, cookie }, '{"td_global_id":"td_global_id"}'),
        {
          set,
          replace: { ...nothing, td_global_id: 'g-1' },
        },
      )
      assert.deepEqual(await send1(edge, { 'content-type': JS_TYPE }, '{"td_global_id":"td_global_id"}'), {
        set,
        replace: nothing,
      })
      assert.deepEqual(await send1(edge, { 'content-type': MOBILE_TYPE }, '{"n":1}'), {
        set,
        replace: undefined,
      })
      assert.deepEqual(await send1(edge, {}, '{"n":1,"td_ip":"td_ip"}'), { set: undefined, replace: nothing })
      assert.deepEqual(await send1(edge, {}, '{"n":1}'), { set: undefined, replace: undefined })
    }))

  test('believe X-Forwarded-For only from trusted proxies, up to the first hop that is none', () =>
    withEdge({}, async (edge) => {
      const headers = { 'content-type': MOBILE_TYPE, 'x-forwarded-for': '203.0.113.9' }
      assert.deepEqual((await send1(edge, headers, '{}')).set, { td_ip: '127.0.0.1' })
    }).then(() =>
      withEdge(
        { settings: readIngestSettings({ MILLRACE_TRUSTED_PROXIES: '127.0.0.1,10.0.0.0/8' }) },
        async (edge) => {
          const hops: [string, string][] = [
            ['203.0.113.9', '203.0.113.9'],
            ['6.6.6.6, 203.0.113.9, 10.1.1.1', '203.0.113.9'],
            ['203.0.113.9:4711, 10.1.1.1', '203.0.113.9'],
            ['"><script>', '127.0.0.1'],
            ['[2001:db8::1]:99', '2001:db8::1'],
          ]
          for (const [forwarded, address] of hops) {
            const headers = { 'content-type': MOBILE_TYPE, 'x-forwarded-for': forwarded }
            assert.deepEqual((await send1(edge, headers, '{}')).set, { td_ip: address }, forwarded)
          }
        },
      ),
    ))

  test('of old browsers are read from the request: address, browser, system, global id', () =>
    withEdge({}, async (edge) => {
      const headers = { ...writeKey, 'x-td-fetch-api': 'true', 'user-agent': CHROME, cookie }
      const body = '{"n":1,"td_browser":"td_browser","td_ip":"td_ip"}'
      const answer = await send(edge.port, 'POST', `${JS}?modified=1`, { headers, body })
      assert.deepEqual(answer.json, { created: true })
      const [record] = await spooled(edge)
      assert.equal(record!.body, body)
      assert.equal(record!.facts.channel, 'js')
      assert.deepEqual(JSON.parse(record!.facts.replace!), {
        td_ip: '127.0.0.1',
        td_browser: 'Chrome',
        td_browser_version: '126.0.0.0',
        td_os: 'Linux',
        td_os_version: null,
        td_global_id: 'g-1',
      })
    }))
})

describe('browsers of old: /js/v3/event', () => {
  const query = (data: string | Buffer, more = '') =>
    `${JS}?api_key=${encodeURIComponent(KEY)}&modified=1&data=${encodeURIComponent(Buffer.from(data).toString('base64'))}${more}`

  test('get a script that calls back', () =>
    withEdge({}, async (edge) => {
      const path = query('{"n":1}', '&time=1700000001&callback=TreasureJSONPCallback3')
      const answer = await send(edge.port, 'GET', path)
      assert.equal(answer.status, 200)
      assert.match(String(answer.headers['content-type']), /^application\/javascript/)
      assert.equal(answer.headers['x-content-type-options'], 'nosniff')
      assert.equal(
        answer.text,
        `typeof TreasureJSONPCallback3 === 'function' && TreasureJSONPCallback3({"created":true});`,
      )
      const [record] = await spooled(edge)
      assert.equal(record!.body, '{"n":1}')
      assert.equal(record!.facts.channel, 'js-legacy')
      assert.equal(record!.facts['query-time'], '1700000001')
    }))

  test('may have URLs far beyond 16 KiB', () =>
    withEdge({}, async (edge) => {
      const event = JSON.stringify({ s: 'x'.repeat(45_000) })
      assert.equal((await send(edge.port, 'GET', query(event, '&callback=cb'))).status, 200)
      assert.deepEqual(await bodies(edge), [event])
    }))

  test('post the same with an empty body, or a form', () =>
    withEdge({}, async (edge) => {
      const posted = await send(edge.port, 'POST', query('{"n":1}'))
      assert.deepEqual(posted.json, { created: true })
      const headers = { 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' }
      const body = `api_key=${encodeURIComponent(KEY)}&data=${encodeURIComponent(btoa('{"n":2}'))}&time=5`
      assert.equal((await send(edge.port, 'POST', JS, { headers, body })).status, 200)
      const records = await spooled(edge)
      assert.deepEqual(
        records.map((record) => [record.body, record.facts.channel, record.facts['query-time']]),
        [
          ['{"n":1}', 'js-legacy', undefined],
          ['{"n":2}', 'js-legacy', '5'],
        ],
      )
    }))

  test('post a bare record, or beacon it with the key in the query', () =>
    withEdge({}, async (edge) => {
      const beacon = `${JS}?api_key=${encodeURIComponent(KEY)}&modified=2`
      for (const type of [
        'text/plain;charset=UTF-8',
        'application/x-www-form-urlencoded',
        'application/json',
      ]) {
        const answer = await send(edge.port, 'POST', beacon, {
          headers: { 'content-type': type },
          body: '{"n":1}',
        })
        assert.deepEqual(answer.json, { created: true })
      }
      assert.equal((await spooled(edge)).length, 3)
    }))

  test('have characters beyond the 16-bit plane as two halves of three bytes, which are joined', () =>
    withEdge({}, async (edge) => {
      const halves = Buffer.from([0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80])
      const data = Buffer.concat([Buffer.from('{"s":"é'), halves, Buffer.from('"}')])
      assert.equal((await send(edge.port, 'GET', query(data))).status, 200)
      assert.deepEqual(await bodies(edge), ['{"s":"é😀"}'])
    }))

  test('are refused with 400 for a callback that is more than a name, and for data that is none', () =>
    withEdge({}, async (edge) => {
      assert.equal((await send(edge.port, 'GET', query('{"n":1}', '&callback=alert(1)//'))).status, 400)
      assert.deepEqual(await bodies(edge), [])
      const path = `${JS}?api_key=${encodeURIComponent(KEY)}&modified=1&callback=cb&data=`
      for (const data of ['%%%', btoa('[1]'), btoa('{')])
        assert.equal((await send(edge.port, 'GET', path + encodeURIComponent(data))).status, 400)
      assert.deepEqual(
        (await spooled(edge)).map(({ kind, facts, body }) => [kind, facts.reason, body]),
        [
          ['refused-events', 'not-json', '"%%%"'],
          ['refused-events', 'not-json', `"${btoa('[1]')}"`],
          ['refused-events', 'not-json', `"${btoa('{')}"`],
        ],
      )
      assert.equal((await send(edge.port, 'GET', path.slice(0, -6))).status, 400)
    }))

  test('without a key get 403, under a name that cannot be one 400', () =>
    withEdge({}, async ({ port }) => {
      const wrong = { 'x-td-write-key': '1/no' }
      assert.equal(
        (await send(port, 'POST', '/js/v3/event/ha/boats', { headers: wrong, body: '{}' })).status,
        400,
      )
      assert.equal((await send(port, 'GET', `${JS}?data=e30=`)).status, 403)
      assert.equal((await send(port, 'POST', JS, { body: '{}' })).status, 403)
      assert.equal(
        (await send(port, 'POST', JS, { headers: { 'x-td-write-key': '1/no' }, body: '{}' })).status,
        403,
      )
    }))
})

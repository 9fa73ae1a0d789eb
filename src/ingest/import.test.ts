import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { systemClock } from '../kernel/index.ts'
import type { SpoolWriter } from '../spool/index.ts'
import { spoolErrors } from '../spool/index.ts'
import { readIngestSettings } from './config.ts'
import { KEY, oneEvent, put, SECRET, testDirectory, withEdge } from './testing.ts'

const ID = '660daafcda2aae6860da845830a4d064'
const withId = `/v3/table/import_with_id/harbour/boats/${ID}/msgpack.gz`
const withoutId = '/v3/table/import/harbour/boats/msgpack.gz'
const unknown = async () => ({ kind: 'unknown', reason: 'the database is away' }) as const

async function refusal(response: Response) {
  const body = (await response.json()) as Record<string, unknown>
  return { status: response.status, code: body.error_code, again: response.headers.get('retry-after') }
}

describe('a streaming import', () => {
  test('is refused for coming too often only where a setting says so, with the time to wait and nothing stored', () =>
    withEdge(
      {
        settings: readIngestSettings({ MILLRACE_IMPORTS_PER_SECOND: '1' }),
        clock: { ...systemClock, monotonicMs: () => 0 },
      },
      async ({ url, spooled }) => {
        for (let i = 0; i < 10; i++) assert.equal((await put(url + withoutId, oneEvent)).status, 200)
        const refused = await refusal(await put(url + withoutId, oneEvent))
        assert.deepEqual(refused, { status: 429, code: 'too_many_requests', again: '1' })
        assert.equal((await spooled()).length, 10)
      },
    ))

  test('is in the spool as received when it is answered, with its id, MD5 and elapsed time', () =>
    withEdge({}, async ({ url, spooled }) => {
      const response = await put(url + withId, oneEvent)
      assert.equal(response.status, 200)
      const { elapsed_time, ...answer } = (await response.json()) as Record<string, unknown>
      assert.deepEqual(answer, {
        unique_id: ID,
        database: 'harbour',
        table: 'boats',
        md5_hex: createHash('md5').update(oneEvent).digest('hex'),
      })
      assert.equal(typeof elapsed_time, 'number')
      const [{ record }] = (await spooled()) as [Awaited<ReturnType<typeof spooled>>[0]]
      assert.deepEqual(record.body, oneEvent)
      const { kind, accountId, keyId, database, table, tableId, uniqueId } = record
      assert.deepEqual(
        { kind, accountId, keyId, database, table, tableId, uniqueId },
        {
          kind: 'import',
          accountId: 1n,
          keyId: 7n,
          database: 'harbour',
          table: 'boats',
          tableId: 42n,
          uniqueId: ID,
        },
      )
    }))

  test('without an id is answered with a fresh one, and stored without', () =>
    withEdge({}, async ({ url, spooled }) => {
      const ids = new Set<string>()
      for (let i = 0; i < 3; i++) {
        const answer = (await (await put(url + withoutId, oneEvent)).json()) as { unique_id: string }
        assert.match(answer.unique_id, /^[0-9a-f]{32}$/)
        ids.add(answer.unique_id)
      }
      assert.equal(ids.size, 3)
      assert.deepEqual(
        (await spooled()).map(({ record }) => record.uniqueId),
        ['', '', ''],
      )
    }))

  test('that repeats an id is answered alike: the loader decides', () =>
    withEdge({}, async ({ url }) => {
      for (let i = 0; i < 2; i++) {
        const response = await put(url + withId, oneEvent)
        assert.equal(response.status, 200)
        assert.equal(((await response.json()) as { unique_id: string }).unique_id, ID)
      }
    }))

  test('may be posted, start with two slashes, end in a lone ?, and have a percent-encoded id', () =>
    withEdge({}, async ({ url, spooled }) => {
      const path = '//v3/table/import_with_id/harbour/boats/a%2Fb%20c+d%E6%97%A5/msgpack.gz?'
      const response = await fetch(url + path, {
        method: 'POST',
        body: new Uint8Array(oneEvent),
        headers: { authorization: `TD1 ${KEY}` },
      })
      assert.equal(response.status, 200)
      assert.equal(((await response.json()) as { unique_id: string }).unique_id, 'a/b c+d日')
      assert.equal((await spooled())[0]!.record.uniqueId, 'a/b c+d日')
    }))

  test('of an empty gzip, or of gzip that breaks off, is accepted: the loader records what is wrong', () =>
    withEdge({}, async ({ url }) => {
      assert.equal((await put(url + withoutId, gzipSync(''))).status, 200)
      assert.equal((await put(url + withoutId, oneEvent.subarray(0, 12))).status, 200)
    }))

  test('of any size is stored and digested as received, also when large ones follow each other in the same memory', () =>
    withEdge({}, async ({ url, spooled }) => {
      const sizes = [40, 65_535, 65_536, 70_000, 300_000, 65_536, 4_194_304, 4_194_305, 70_000]
      const bodies = sizes.map((size) => Buffer.concat([oneEvent, randomBytes(size - oneEvent.length)]))
      const sendAndCheck = async (body: Buffer) => {
        const answer = (await (await put(url + withoutId, body)).json()) as { md5_hex: string }
        assert.equal(answer.md5_hex, createHash('md5').update(body).digest('hex'))
      }
      for (const body of bodies) await sendAndCheck(body)
      await Promise.all(bodies.map(sendAndCheck))
      const stored = (await spooled()).map(({ record }) => record.body)
      assert.equal(stored.length, 2 * bodies.length)
      for (const [at, body] of bodies.entries()) {
        assert.ok(stored[at]!.equals(body), `${sizes[at]} bytes`)
        assert.ok(stored.slice(bodies.length).some((each) => each.equals(body)))
      }
    }))

  test('may be sent chunked', () =>
    withEdge({}, async ({ url, spooled }) => {
      const body = new ReadableStream({
        start(controller) {
          for (const byte of oneEvent) controller.enqueue(new Uint8Array([byte]))
          controller.close()
        },
      })
      const init = { method: 'PUT', body, duplex: 'half', headers: { authorization: `TD1 ${KEY}` } }
      assert.equal((await fetch(url + withId, init as RequestInit)).status, 200)
      assert.deepEqual((await spooled())[0]!.record.body, oneEvent)
    }))

  test('takes the key with any case of the scheme, alone, and with or without the account', () =>
    withEdge({}, async ({ url }) => {
      for (const authorization of [
        `td1 ${KEY}`,
        `TD1   ${KEY}`,
        KEY,
        SECRET,
        `TD1 ${SECRET.toUpperCase()}`,
      ]) {
        assert.equal((await put(url + withId, oneEvent, { authorization })).status, 200, authorization)
      }
      for (const authorization of ['TD1', `TD1 2/${SECRET}`, `Basic ${KEY}`, `TD1 ${KEY} x`, 'TD1 9/nope']) {
        assert.equal((await put(url + withId, oneEvent, { authorization })).status, 401, authorization)
      }
    }))
})

describe('an import is refused for good', () => {
  const cases: [string, string, Buffer | string, Record<string, string>, number, string][] = [
    ['with an unknown key', withId, oneEvent, { authorization: 'TD1 1/no' }, 401, 'failed_to_login'],
    [
      'into a database that is not there',
      withId.replace('harbour', 'port'),
      oneEvent,
      {},
      404,
      'database_unknown',
    ],
    ['into a table that is not there', withId.replace('boats', 'ships'), oneEvent, {}, 404, 'table_unknown'],
    [
      'into a table no name of which can be so',
      withId.replace('boats', 'Boats'),
      oneEvent,
      {},
      404,
      'table_unknown',
    ],
    [
      'in another format',
      withId.replace('msgpack.gz', 'json.gz'),
      oneEvent,
      {},
      400,
      'import_format_unsupported',
    ],
    ['when it is not gzip', withId, '{"a":1}', {}, 400, 'import_not_gzip'],
    ['when it is empty', withId, '', {}, 400, 'import_not_gzip'],
    [
      'in an unknown encoding',
      withId,
      oneEvent,
      { 'content-encoding': 'br' },
      400,
      'import_encoding_unsupported',
    ],
    [
      'with an id over 512 bytes',
      withId.replace(ID, 'é'.repeat(257)),
      oneEvent,
      {},
      400,
      'import_path_invalid',
    ],
    ['with an id that does not decode', withId.replace(ID, '%ff'), oneEvent, {}, 400, 'import_path_invalid'],
  ]
  for (const [name, path, body, headers, status, code] of cases) {
    test(`${name}: ${status}`, () =>
      withEdge({}, async ({ url, spooled }) => {
        const response = await put(url + path, body, headers)
        assert.deepEqual(await refusal(response), { status, code, again: null })
        assert.deepEqual(await spooled(), [])
      }))
  }

  test('without the permission: 403, in words td understands', () =>
    withEdge(
      { directory: testDirectory({ mayImport: async () => ({ kind: 'found', value: false }) }) },
      async ({ url }) => {
        const response = await put(url + withId, oneEvent)
        assert.equal(response.status, 403)
        assert.match(((await response.json()) as { message: string }).message, /^not authorized /)
      },
    ))

  test('over the size limit: 413, announced or not, also to a client that sends everything first', () =>
    withEdge(
      { settings: readIngestSettings({ MILLRACE_INGEST_BODY_BYTES: '100000' }) },
      async ({ url, spooled }) => {
        const body = Buffer.concat([oneEvent, Buffer.alloc(5_000_000)])
        assert.deepEqual(await refusal(await put(url + withId, body)), {
          status: 413,
          code: 'import_too_large',
          again: null,
        })
        const stream = new Blob([new Uint8Array(body)]).stream()
        const init = { method: 'PUT', body: stream, duplex: 'half', headers: { authorization: `TD1 ${KEY}` } }
        assert.equal((await fetch(url + withId, init as RequestInit)).status, 413)
        assert.deepEqual(await spooled(), [])
      },
    ))

  test('over the size limit: 413 also to a client that announces much, sends little and waits', () =>
    withEdge({}, async ({ port }) => {
      const socket = net.connect(port, '127.0.0.1')
      socket.write(
        `PUT ${withId} HTTP/1.1\r\nHost: x\r\nAuthorization: TD1 ${KEY}\r\nContent-Length: 999999999\r\n\r\nabc`,
      )
      let text = ''
      for await (const part of socket) text += part
      assert.match(text, /^HTTP\/1.1 413 .*"error_code":"import_too_large"/s)
    }))
})

describe('an import that nobody can judge or take now is told to come back', () => {
  const directories = {
    'an unknown key': testDirectory({ findKey: unknown }),
    'an unknown database': testDirectory({ findDatabase: unknown }),
    'an unknown table': testDirectory({ findTable: unknown }),
    'an unknown permission': testDirectory({ mayImport: unknown }),
  }
  for (const [name, directory] of Object.entries(directories)) {
    test(`${name}, the database being away: 503`, () =>
      withEdge({ directory }, async ({ url }) => {
        const response = await put(url + withId, oneEvent)
        assert.deepEqual(await refusal(response), { status: 503, code: 'directory_away', again: '5' })
      }))
  }

  test('the spool being full: 503', () => {
    const spool: SpoolWriter = {
      enqueue: (_record, told) => told.refused(spoolErrors.spool_full('quota')),
      append: () => Promise.reject(spoolErrors.spool_full('quota')),
      usage: () => ({ pendingBytes: 1, quotaBytes: 1, oldestPendingAtMs: null }),
      close: async () => undefined,
    }
    return withEdge({ spool }, async ({ url, registry }) => {
      assert.deepEqual(await refusal(await put(url + withId, oneEvent)), {
        status: 503,
        code: 'spool_full',
        again: '10',
      })
      assert.match(await registry.metrics(), /millrace_ingest_refused_total\{code="spool_full"\} 1/)
    })
  })

  test('too many bytes being received at once: 503', () =>
    withEdge({ settings: { ...readIngestSettings({}), memoryBytes: 1000 } }, async ({ url }) => {
      const body = Buffer.concat([oneEvent, Buffer.alloc(2000)])
      assert.equal((await refusal(await put(url + withId, body))).code, 'import_memory_short')
      assert.equal((await put(url + withId, oneEvent)).status, 200)
    }))
})

describe('what an import relies on', () => {
  test('nothing is stored of a body whose connection is cut', () =>
    withEdge({}, async ({ port, url, spooled, registry }) => {
      const socket = net.connect(port, '127.0.0.1')
      await once(socket, 'connect')
      const head = `PUT ${withId} HTTP/1.1\r\nHost: x\r\nAuthorization: TD1 ${KEY}\r\nContent-Length: 1000\r\n\r\n`
      socket.write(Buffer.concat([Buffer.from(head), oneEvent]))
      await new Promise((resolve) => setTimeout(resolve, 50))
      socket.destroy()
      const cut = async () => /refused_total\{code="body_cut"\} 1/.test(await registry.metrics())
      while (!(await cut())) await new Promise((resolve) => setTimeout(resolve, 5))
      assert.equal((await put(url + withoutId, oneEvent)).status, 200)
      assert.deepEqual(
        (await spooled()).map(({ record }) => record.uniqueId),
        [''],
      )
    }))

  test('what was found is not looked up again until the directory changes', () => {
    let version = 1
    let lookUps = 0
    let exists = true
    const directory = testDirectory({
      version: () => version,
      findTable: async () => {
        lookUps++
        return exists ? { kind: 'found', value: { id: 42n } } : { kind: 'absent' }
      },
    })
    return withEdge({ directory }, async ({ url }) => {
      for (let i = 0; i < 3; i++) await put(url + withId, oneEvent)
      assert.equal(lookUps, 1)
      version = 2
      exists = false
      assert.equal((await put(url + withId, oneEvent)).status, 404)
      exists = true
      assert.equal((await put(url + withId, oneEvent)).status, 200)
      assert.equal(lookUps, 3)
    })
  })
})

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { startTestDatabase, type TestDatabase } from '../database/testing.ts'
import { createApp, httpErrors, type Principal } from '../kernel/http/index.ts'
import { lonelyChannel, silentLog, systemClock } from '../kernel/index.ts'
import { createLocalStore, type ObjectStore } from '../storage/index.ts'
import { claimJobs } from './claim-store.ts'
import { finishJob } from './end-store.ts'
import { createEndsReader } from './ends.ts'
import { type LocalQueue, openLocalQueue } from './queue.ts'
import { addJobRoutes } from './routes.ts'
import { rowFromJob } from './row.ts'
import { findJob } from './store.ts'
import { bringBack, headsOf, READ, sendAway, WRITE } from './testing.ts'
import type { JobAccess, JobHeads, RenderResult } from './types.ts'

const OWNER: Principal = {
  accountId: 1n,
  userId: 1n,
  keyId: 1n,
  keyKind: 'master',
  role: 'owner',
  userName: 'Ann Example',
  email: 'ann@example.com',
}
const MEMBER: Principal = { ...OWNER, userId: 2n, role: 'member', userName: 'Bob' }

/** Knows the databases shop and other; members may query shop only. */
const access: JobAccess = {
  async requireQuery({ role }, database) {
    if (database === '') return null
    if (database !== 'shop' && database !== 'other') throw httpErrors.path_unknown(database)
    if (role === 'member' && database === 'other')
      throw httpErrors.not_authorized("to access database 'other'")
    return 7n
  },
  queryable: async ({ role }) => (role === 'member' ? new Set(['shop']) : 'all'),
}
/** Says what it was asked, in place of rows. */
const render: RenderResult = ({ format, header, nullifySpecial, schema }) =>
  Readable.from([Buffer.from(JSON.stringify({ format, header, nullifySpecial, schema }))])

describe('/v3/job', () => {
  let db: TestDatabase
  let dataDir: string
  let store: ObjectStore
  let queue: LocalQueue
  let app: FastifyInstance
  let heads: JobHeads
  before(async () => {
    db = await startTestDatabase()
  })
  after(() => db.stop())
  beforeEach(async () => {
    await db.database.write(WRITE, (sql) => sql`TRUNCATE jobs, job_results, domain_keys`)
    dataDir = await mkdtemp(join(tmpdir(), 'millrace-job-routes-'))
    queue = await openLocalQueue({ dataDir, clock: systemClock, log: silentLog })
    await queue.reserved.replace([900_001n, 900_002n])
    store = await openStore()
    heads = headsOf()
    app = createApp({
      log: silentLog,
      authenticate: async ({ headers }) => (headers.authorization === 'TD1 member' ? MEMBER : OWNER),
    })
    addJobRoutes(app, {
      database: db.database,
      gate: db.gate,
      queue,
      heads: {
        ...heads,
        jobHead: (id) => heads.jobHead(id),
        recentJobs: (...args) => heads.recentJobs(...args),
      },
      ends: createEndsReader(dataDir),
      channel: lonelyChannel,
      log: silentLog,
      submitWaitMs: 1_000,
      readDeadlineMs: 1_000,
      queueService: { entering: async () => undefined },
      access,
      store,
      render,
      publicUrl: 'https://millrace.example/',
    })
  })
  afterEach(async () => {
    bringBack(db)
    await app.close()
    await queue.close()
    await rm(dataDir, { recursive: true })
  })
  const openStore = async () => createLocalStore(join(dataDir, 'objects'))

  type Headers = Record<string, string>
  const get = (url: string, headers: Headers = {}) => app.inject({ method: 'GET', url, headers })
  const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
  const post = (url: string, payload: string | undefined = undefined, headers: Headers = FORM) =>
    app.inject({ method: 'POST', url, payload, headers })
  const issue = async (change = '') => {
    const answer = await post('/v3/job/issue/presto/shop', `query=SELECT+1&type=presto${change}`)
    assert.equal(answer.statusCode, 200, answer.body)
    return answer.json().job_id as string
  }
  const find = async (id: string) => (await db.database.read(READ, (sql) => findJob(sql, 1n, BigInt(id))))!
  const claim = () =>
    db.database.write(WRITE, (sql) =>
      claimJobs(sql, { worker: 'w', types: ['presto'], limit: 1, accountConcurrency: 10 }),
    )

  const ROWS = Buffer.from('9301a16102', 'hex')
  const STORED = gzipSync(Buffer.concat(Array.from({ length: 50 }, () => ROWS)))
  /** A job that has succeeded with a stored result. */
  const finished = async () => {
    const id = await issue()
    await claim()
    const path = `results/${id}/1.msgpack.gz`
    await store.put(path, STORED)
    const result = {
      path,
      rows: 50n,
      bytes: BigInt(STORED.length),
      schema: [['n', 'bigint']] as [string, string][],
    }
    const end = { kind: 'success', cpuMs: 1234, result } as const
    const record = { id: BigInt(id), attempt: 1, endAt: new Date(), end, log: 'started\n' }
    await db.database.write(WRITE, (sql) => finishJob(sql, record))
    return id
  }

  describe('issue', () => {
    test('answers with the id as text, under both names', async () => {
      const answer = await post('/v3/job/issue/presto/shop', 'query=SELECT+1&type=presto')
      const { job, job_id, database } = answer.json()
      assert.equal(job, job_id)
      assert.match(job_id, /^\d+$/)
      assert.equal(database, 'shop')
    })

    const shapes: [shape: string, url: string, type?: string, body?: string][] = [
      [
        'a form',
        '/v3/job/issue/presto/shop',
        'application/x-www-form-urlencoded',
        'query=SELECT+9&priority=1',
      ],
      [
        'multipart',
        '/v3/job/issue/presto/shop',
        'multipart/form-data; boundary=b',
        '--b\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT 9\r\n--b\r\nContent-Disposition: form-data; name="priority"\r\n\r\n1\r\n--b--\r\n',
      ],
      ['JSON', '/v3/job/issue/presto/shop', 'application/json', '{"query":"SELECT 9","priority":1}'],
      [
        'JSON and a query string',
        '/v3/job/issue/presto/shop?query=SELECT%209&version=0.9.0&priority=1',
        'application/json',
        '{"domain_key":"d"}',
      ],
      ['a query string alone', '/v3/job/issue/presto/shop?query=SELECT%209&priority=1'],
    ]
    for (const [shape, url, type, body] of shapes) {
      test(`reads its parameters from ${shape}`, async () => {
        const answer = await post(url, body, type === undefined ? {} : { 'content-type': type })
        assert.equal(answer.statusCode, 200, answer.body)
        const job = await find(answer.json().job_id)
        assert.deepEqual([job.query, job.priority, job.userName], ['SELECT 9', 1, 'Ann Example'])
      })
    }

    test('works without a database, also with the slash at the end that clients then send', async () => {
      for (const url of ['/v3/job/issue/trino/', '/v3/job/issue/trino']) {
        const answer = await post(url, 'query=SELECT+1')
        assert.equal(answer.statusCode, 200, answer.body)
        assert.deepEqual([answer.json().database, (await find(answer.json().job_id)).type], ['', 'trino'])
      }
    })

    test('says plainly that a type is not offered yet', async () => {
      const answer = await post(
        '/v3/job/issue/hive/shop',
        'query=select+1&type=hive&priority=1&retry_limit=2',
      )
      assert.deepEqual([answer.statusCode, answer.json().message], [400, 'type hive is not offered yet'])
    })

    test('is refused with ten megabytes of text, which no compiler would take', async () => {
      const answer = await post('/v3/job/issue/presto/shop', `query=SELECT+1${'+'.repeat(10_000_000)}-1`)
      assert.equal(answer.statusCode, 422)
      assert.equal(answer.json().error_code, 'query_too_long')
      assert.match(answer.json().message, /10000010 characters; 1,000,000 are allowed/)
    })

    test('is refused for an unknown database and for one the key may not query', async () => {
      assert.equal((await post('/v3/job/issue/presto/nowhere', 'query=SELECT+1')).statusCode, 404)
      const answer = await post('/v3/job/issue/presto/other', 'query=SELECT+1', {
        authorization: 'TD1 member',
      })
      assert.equal(answer.statusCode, 403)
    })

    test('answers a repeated domain_key with 409 and the job that has it', async () => {
      const id = await issue('&domain_key=k')
      const answer = await post('/v3/job/issue/presto/shop', 'query=SELECT+2&domain_key=k')
      assert.deepEqual([answer.statusCode, answer.json().details], [409, { conflicts_with: id }])
      assert.equal((await get('/v3/job/status_by_domain_key/k')).json().job_id, id)
    })

    test('keeps the scheduled time', async () => {
      const id = await issue('&scheduled_time=1714555800')
      assert.equal((await find(id)).scheduledAt?.toISOString(), '2024-05-01T09:30:00.000Z')
    })
  })

  describe('show, status and list', () => {
    test('show a queued job with every key, unset times empty', async () => {
      const id = await issue('&priority=-2&retry_limit=3')
      const { created_at, updated_at, ...rest } = (await get(`/v3/job/show/${id}`)).json()
      assert.match(created_at, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/)
      assert.equal(updated_at, created_at)
      assert.deepEqual(rest, {
        job_id: id,
        type: 'presto',
        database: 'shop',
        status: 'queued',
        query: 'SELECT 1',
        start_at: '',
        end_at: '',
        duration: null,
        cpu_time: null,
        result_size: null,
        num_records: null,
        result: '',
        priority: -2,
        retry_limit: 3,
        hive_result_schema: null,
        user_name: 'Ann Example',
        organization: null,
        url: `https://millrace.example/jobs/${id}`,
        linked_result_export_job_id: null,
        result_export_target_job_id: null,
        debug: { cmdout: '', stderr: '' },
      })
    })

    test('show a finished job with its result schema as JSON text and its log', async () => {
      const id = await finished()
      const job = (await get(`/v3/job/show/${id}`)).json()
      assert.deepEqual(
        [job.status, job.hive_result_schema, job.result_size, job.num_records, job.cpu_time, job.duration],
        ['success', '[["n","bigint"]]', STORED.length, 50, 1234, 0],
      )
      assert.deepEqual(job.debug, { cmdout: 'started\n', stderr: '' })
      assert.match(job.end_at, /UTC$/)
    })

    test('show exactly what a poll needs', async () => {
      const id = await issue()
      const status = (await get(`/v3/job/status/${id}`)).json()
      assert.deepEqual(Object.keys(status).sort(), [
        'cpu_time',
        'created_at',
        'duration',
        'end_at',
        'job_id',
        'num_records',
        'result_size',
        'start_at',
        'status',
        'updated_at',
      ])
    })

    test('list newest first, with both ends of the range included', async () => {
      const ids: string[] = []
      for (let i = 0; i < 5; i++) ids.unshift(await issue())
      const { jobs, count, from, to } = (await get('/v3/job/list?from=1&to=3')).json()
      assert.deepEqual(
        jobs.map((job: { job_id: string }) => job.job_id),
        ids.slice(1, 4),
      )
      assert.deepEqual([count, from, to], [3, 1, 3])
      const all = (await get('/v3/job/list')).json()
      assert.deepEqual([all.count, all.from, all.to], [5, 0, 19])
    })

    test('list by status and by how long they took', async () => {
      const id = await finished()
      await issue()
      await db.database.write(
        WRITE,
        (sql) => sql`UPDATE jobs SET start_at = end_at - interval '90 s' WHERE id = ${id}`,
      )
      const idsOf = async (query: string) =>
        (await get(`/v3/job/list?${query}`)).json().jobs.map((job: { job_id: string }) => job.job_id)
      assert.equal((await idsOf('status=queued')).length, 1)
      assert.deepEqual(await idsOf('status=success'), [id])
      assert.deepEqual(await idsOf('slower_than=60'), [id])
      assert.deepEqual(await idsOf('slower_than=120'), [])
      assert.equal((await get('/v3/job/list?status=odd')).statusCode, 400)
    })

    test('keep jobs from members who may not query the database, unless they are their own', async () => {
      const shop = await issue()
      const other = (await post('/v3/job/issue/presto/other', 'query=SELECT+1')).json().job_id
      const member = { authorization: 'TD1 member' }
      const { jobs } = (await get('/v3/job/list', member)).json()
      assert.deepEqual(
        jobs.map((job: { job_id: string }) => job.job_id),
        [shop],
      )
      assert.equal((await get(`/v3/job/show/${shop}`, member)).statusCode, 200)
      for (const call of ['show', 'status', 'result']) {
        assert.equal((await get(`/v3/job/${call}/${other}`, member)).statusCode, 403)
      }
      assert.equal((await post(`/v3/job/kill/${shop}`, undefined, member)).statusCode, 403)
    })

    test('answer 404 for what is no job', async () => {
      for (const id of ['424242', 'x%2Fy', '19.json']) {
        assert.equal((await get(`/v3/job/show/${id}`)).statusCode, 404)
      }
    })

    test('answer from the snapshot while the database is away, saying how old that is', async () => {
      const id = await finished()
      heads = headsOf([{ ...rowFromJob(await find(id)), log: undefined }])
      sendAway(db)
      const answer = await get(`/v3/job/show/${id}`)
      assert.deepEqual([answer.json().status, answer.headers.age], ['success', '4'])
      assert.equal((await get('/v3/job/list')).json().count, 1)
      assert.equal((await get(`/v3/job/result/${id}?format=msgpack.gz`)).rawPayload.length, STORED.length)
      const unknown = await get('/v3/job/status/424242')
      assert.deepEqual([unknown.statusCode, unknown.headers['retry-after'] !== undefined], [503, true])
      const queued = await issue()
      assert.equal(queued, '900001')
      assert.equal((await get(`/v3/job/status/${queued}`)).json().status, 'queued')
      assert.equal((await get('/v3/job/list')).json().count, 2)
    })
  })

  describe('kill', () => {
    test('says what the job was: queued, running, or already finished', async () => {
      const queued = await issue()
      assert.deepEqual((await post(`/v3/job/kill/${queued}`)).json(), {
        job_id: queued,
        former_status: 'queued',
      })
      assert.deepEqual((await post(`/v3/job/kill/${queued}`)).json(), {
        job_id: queued,
        former_status: 'killed',
      })
      const running = await issue()
      await claim()
      assert.deepEqual((await post(`/v3/job/kill/${running}`)).json(), {
        job_id: running,
        former_status: 'running',
      })
      assert.equal((await post('/v3/job/kill/424242')).statusCode, 404)
    })
  })

  describe('result', () => {
    test('is the stored bytes with Content-Encoding for a client that accepts gzip', async () => {
      const id = await finished()
      const answer = await get(`/v3/job/result/${id}?format=msgpack&header=False`, {
        'accept-encoding': 'deflate, gzip',
      })
      assert.deepEqual(answer.rawPayload, STORED)
      assert.equal(answer.headers['content-encoding'], 'gzip')
      assert.equal(answer.headers['content-type'], 'application/x-msgpack')
      assert.equal(answer.headers['content-length'], String(STORED.length))
      assert.equal(
        answer.headers['content-length'],
        String((await get(`/v3/job/show/${id}`)).json().result_size),
      )
      assert.match(String(answer.headers.etag), /^"[^"]+"$/)
    })

    test('is the gzip file itself, without Content-Encoding, as msgpack.gz', async () => {
      const answer = await get(`/v3/job/result/${await finished()}?format=msgpack.gz`, {
        'accept-encoding': 'gzip',
      })
      assert.deepEqual(answer.rawPayload, STORED)
      assert.deepEqual(
        [answer.headers['content-encoding'], answer.headers['content-type']],
        [undefined, 'application/x-gzip'],
      )
    })

    test('is inflated, without a tag, for a client that does not accept gzip', async () => {
      const id = await finished()
      for (const accept of [{}, { 'accept-encoding': 'gzip;q=0, identity' }] as Headers[]) {
        const answer = await get(`/v3/job/result/${id}`, { ...accept, range: 'bytes=0-3' })
        assert.deepEqual(
          [answer.statusCode, answer.headers.etag, answer.headers['content-encoding']],
          [200, undefined, undefined],
        )
        assert.deepEqual(JSON.parse(answer.body).format, 'msgpack')
      }
    })

    test('is resumed with Range and If-Range, counted in encoded bytes', async () => {
      const id = await finished()
      const gzip = { 'accept-encoding': 'gzip' }
      const url = `/v3/job/result/${id}?format=msgpack`
      const whole = await get(url, gzip)
      const half = Math.floor(STORED.length / 2)
      const rest = await get(url, {
        ...gzip,
        range: `bytes=${half}-`,
        'if-range': String(whole.headers.etag),
      })
      assert.equal(rest.statusCode, 206)
      assert.equal(rest.headers['content-range'], `bytes ${half}-${STORED.length - 1}/${STORED.length}`)
      assert.equal(rest.headers['content-length'], String(STORED.length - half))
      assert.deepEqual(rest.rawPayload, STORED.subarray(half))
      assert.equal(gunzipSync(Buffer.concat([STORED.subarray(0, half), rest.rawPayload])).length, 250)
      const other = await get(url, { ...gzip, range: `bytes=${half}-`, 'if-range': '"something-else"' })
      assert.deepEqual([other.statusCode, other.rawPayload.length], [200, STORED.length])
    })

    const last = STORED.length - 1
    const ranges: [range: string, status: number, contentRange: string | undefined, length: number][] = [
      [`bytes=0-${last}`, 206, `bytes 0-${last}/${STORED.length}`, STORED.length],
      ['bytes=0-0', 206, `bytes 0-0/${STORED.length}`, 1],
      ['bytes=5-9', 206, `bytes 5-9/${STORED.length}`, 5],
      ['bytes=-4', 206, `bytes ${STORED.length - 4}-${last}/${STORED.length}`, 4],
      ['bytes=0-99999', 206, `bytes 0-${last}/${STORED.length}`, STORED.length],
      ['bytes=9-5', 200, undefined, STORED.length],
      ['bytes=0-1,4-5', 200, undefined, STORED.length],
      ['lines=0-1', 200, undefined, STORED.length],
    ]
    for (const [range, status, contentRange, length] of ranges) {
      test(`answers Range: ${range.replace(String(last), 'LAST')} with ${status} and ${length} bytes`, async () => {
        const answer = await get(`/v3/job/result/${await finished()}?format=msgpack.gz`, { range })
        assert.equal(answer.statusCode, status)
        assert.equal(answer.headers['content-range'], contentRange)
        assert.equal(answer.rawPayload.length, length)
        assert.equal(answer.headers['content-length'], String(length))
      })
    }

    test('refuses a range beyond its end', async () => {
      const answer = await get(`/v3/job/result/${await finished()}?format=msgpack.gz`, {
        range: 'bytes=99999-',
      })
      assert.equal(answer.statusCode, 416)
      assert.equal(answer.headers['content-range'], `bytes */${STORED.length}`)
    })

    test('is rendered in the text formats, gzipped in transit when that is accepted', async () => {
      const id = await finished()
      const types = { json: 'application/json', csv: 'text/csv', tsv: 'text/tab-separated-values' }
      for (const [format, type] of Object.entries(types)) {
        const url = `/v3/job/result/${id}?format=${format}&header=True&nullify_special=true`
        const answer = await get(url)
        const asked = { format, header: true, nullifySpecial: true, schema: [['n', 'bigint']] }
        assert.deepEqual(JSON.parse(answer.body), asked)
        assert.ok(String(answer.headers['content-type']).startsWith(type))
        const zipped = await get(url, { 'accept-encoding': 'gzip' })
        assert.deepEqual(
          [zipped.headers['content-encoding'], JSON.parse(zipped.body).format],
          ['gzip', `${format}.gz`],
        )
        const file = await get(
          `${url}.gz`.replace(`format=${format}&`, `format=${format}.gz&`).replace('true.gz', 'true'),
        )
        assert.deepEqual(
          [file.headers['content-encoding'], JSON.parse(file.body).format],
          [undefined, `${format}.gz`],
        )
      }
      assert.equal((await get(`/v3/job/result/${id}?format=xml`)).statusCode, 400)
    })

    test('is 404 while there is none, when there will be none, and when its time is over', async () => {
      const id = await issue()
      assert.equal((await get(`/v3/job/result/${id}`)).statusCode, 404)
      await post(`/v3/job/kill/${id}`)
      assert.equal((await get(`/v3/job/result/${id}`)).statusCode, 404)
      const old = await finished()
      await store.remove(`results/${old}/1.msgpack.gz`)
      const answer = await get(`/v3/job/result/${old}`)
      assert.deepEqual([answer.statusCode, answer.json().error_code], [404, 'result_expired'])
    })
  })
})

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { startTestDatabase, type TestDatabase } from '../database/testing.ts'
import { createEndsReader, type JobAccess, type LocalQueue, openLocalQueue } from '../jobs/index.ts'
import { createApp, httpErrors, type Principal } from '../kernel/http/index.ts'
import { lonelyChannel, silentLog, systemClock } from '../kernel/index.ts'
import type { SnapshotSchedule } from '../snapshot/index.ts'
import { addScheduleRoutes, type ScheduleRoutesDeps } from './routes.ts'

const WRITE = { class: 'write', deadlineMs: 5_000 } as const
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
const access: JobAccess = {
  async requireQuery(_principal, database) {
    if (database !== 'shop') throw httpErrors.path_unknown(database)
    return 7n
  },
  queryable: async () => new Set(),
}
const NOW = new Date('2024-05-01T09:30:00Z')

describe('/v3/schedule', () => {
  let db: TestDatabase
  let dataDir: string
  let queue: LocalQueue
  let app: FastifyInstance
  let remembered: SnapshotSchedule[] = []
  before(async () => {
    db = await startTestDatabase()
    await db.database.write(WRITE, async (sql) => {
      await sql`INSERT INTO accounts (id, name) VALUES (1, 'shop')`
      await sql`INSERT INTO users (id, account_id, name, email, role) VALUES
        (1, 1, 'Ann Example', 'ann@example.com', 'owner'), (2, 1, 'Bob', 'bob@example.com', 'member')`
    })
  })
  after(() => db.stop())
  beforeEach(async () => {
    await db.database.write(WRITE, (sql) => sql`TRUNCATE jobs, domain_keys, schedule_runs, schedules CASCADE`)
    dataDir = await mkdtemp(join(tmpdir(), 'millrace-schedules-'))
    queue = await openLocalQueue({ dataDir, clock: systemClock, log: silentLog })
    await queue.reserved.replace([900_001n, 900_002n])
    remembered = []
    app = createApp({
      log: silentLog,
      authenticate: async ({ headers }) => (headers.authorization === 'TD1 member' ? MEMBER : OWNER),
    })
    addScheduleRoutes(app, deps())
  })
  afterEach(async () => {
    db.gate.set({ mode: 'serving' })
    await app.close()
    await queue.close()
    await rm(dataDir, { recursive: true })
  })

  const deps = (): ScheduleRoutesDeps => ({
    database: db.database,
    gate: db.gate,
    queue,
    heads: {
      usable: true,
      ageMs: 7_000,
      jobHead: () => ({ kind: 'absent' }),
      jobByDomainKey: () => ({ kind: 'absent' }),
      recentJobs: () => [],
      listSchedules: () => remembered,
      findSchedule: (_account, name) => {
        const value = remembered.find((one) => one.name === name)
        return value === undefined ? { kind: 'absent' } : { kind: 'found', value }
      },
      findUser: () => ({ kind: 'absent' }),
    },
    ends: createEndsReader(dataDir),
    channel: lonelyChannel,
    log: silentLog,
    clock: { ...systemClock, now: () => NOW },
    submitWaitMs: 1_000,
    readDeadlineMs: 1_000,
    access,
    publicUrl: 'http://localhost:8080',
  })
  const get = (url: string, headers: Record<string, string> = {}) =>
    app.inject({ method: 'GET', url, headers })
  const post = (url: string, form: Record<string, string> = {}, headers: Record<string, string> = {}) =>
    app.inject({
      method: 'POST',
      url,
      payload: new URLSearchParams(form).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    })
  const daily = {
    cron: '0 0 * * *',
    query: 'SELECT 1',
    database: 'shop',
    type: 'presto',
    timezone: 'Asia/Tokyo',
  }
  const create = async (name = 'daily total', form: Record<string, string> = daily) => {
    const answer = await post(`/v3/schedule/create/${encodeURIComponent(name)}`, form)
    assert.equal(answer.statusCode, 200, answer.body)
    return answer.json()
  }
  const problem = (answer: { statusCode: number; json(): { message: string } }) => [
    answer.statusCode,
    answer.json().message,
  ]

  test('creates what td sched:create sends, empty parameters and all', async () => {
    const empty = { result: '', timezone: '', delay: '0', priority: '', retry_limit: '', engine_version: '' }
    const schedule = await create('daily', {
      cron: '0 0 * * *',
      query: 'select 1',
      database: 'shop',
      type: 'presto',
      ...empty,
    })
    const { id, created_at, ...rest } = schedule
    assert.equal(typeof id, 'number')
    assert.match(created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    assert.deepEqual(rest, {
      name: 'daily',
      cron: '0 0 * * *',
      timezone: 'UTC',
      delay: 0,
      type: 'presto',
      query: 'select 1',
      database: 'shop',
      user_name: 'Ann Example',
      priority: 0,
      retry_limit: 0,
      result: '',
      next_time: '2024-05-02T00:00:00Z',
      start: '2024-05-02 00:00:00 UTC',
    })
  })

  test('computes the first run in the time zone of the schedule', async () => {
    const { next_time, start } = await create()
    assert.deepEqual([next_time, start], ['2024-05-01T15:00:00Z', '2024-05-01 15:00:00 UTC'])
  })

  test('keeps a saved query without a cron, whose times are null, never empty', async () => {
    for (const [name, cron] of [
      ['with empty', { cron: '' }],
      ['without', {}],
    ] as const) {
      const { cron: _, ...rest } = daily
      const schedule = await create(name, { ...rest, ...cron })
      assert.deepEqual([schedule.cron, schedule.next_time, schedule.start], [null, null, null])
    }
  })

  test('takes any name, percent-encoded', async () => {
    for (const name of ['sales / day', 'Ümsätze 100%', 'a.b+c', '日次集計']) {
      assert.equal((await create(name)).name, name)
      assert.equal((await get(`/v3/schedule/history/${encodeURIComponent(name)}`)).statusCode, 200)
    }
    const { schedules } = (await get('/v3/schedule/list')).json()
    assert.equal(schedules.length, 4)
  })

  const refused: [
    what: string,
    name: string,
    change: Record<string, string>,
    status: number,
    message: RegExp,
  ][] = [
    ['a name that is too short', 's', {}, 422, /^Validation failed: Name is too short/],
    ['a wrong cron', 'daily', { cron: '61 * * * *' }, 422, /minute field '61'/],
    ['a cron for a day that never comes', 'daily', { cron: '0 0 30 2 *' }, 422, /never comes/],
    ['an unknown time zone', 'daily', { timezone: 'Mars/Olympus' }, 422, /Timezone 'Mars\/Olympus'/],
    ['a type nobody runs', 'daily', { type: 'hive' }, 400, /type hive is not offered yet/],
    ['no type, which means hive', 'daily', { type: '' }, 400, /type hive is not offered yet/],
    ['a result output', 'daily', { result: 'mysql://h/db/t' }, 400, /result output is not offered yet/],
    ['no query', 'daily', { query: '' }, 422, /Query is missing/],
    ['an unknown database', 'daily', { database: 'nowhere' }, 404, /nowhere/],
  ]
  for (const [what, name, change, status, message] of refused) {
    test(`refuses ${what}`, async () => {
      const [code, text] = problem(await post(`/v3/schedule/create/${name}`, { ...daily, ...change }))
      assert.equal(code, status)
      assert.match(String(text), message)
    })
  }

  test('refuses a second one of the same name, and takes the name again once it was deleted', async () => {
    await create()
    assert.equal((await post('/v3/schedule/create/daily%20total', daily)).statusCode, 409)
    const removed = (await post('/v3/schedule/delete/daily%20total')).json()
    assert.deepEqual([removed.name, removed.cron, removed.query], ['daily total', '0 0 * * *', 'SELECT 1'])
    assert.equal((await post('/v3/schedule/delete/daily%20total')).statusCode, 404)
    await create()
  })

  test('updates what is given and keeps the rest; the next run moves only with cron or zone', async () => {
    await create()
    const slot = new Date('2024-04-20T15:00:00Z')
    await db.database.write(WRITE, (sql) => sql`UPDATE schedules SET next_time = ${slot}`)
    const url = '/v3/schedule/update/daily%20total'
    const first = (await post(url, { query: 'SELECT 2', priority: '1' })).json()
    assert.deepEqual(
      [first.query, first.priority, first.cron, first.next_time],
      ['SELECT 2', 1, '0 0 * * *', '2024-04-20T15:00:00Z'],
    )
    assert.equal((await post(url, { cron: '@hourly' })).json().next_time, '2024-05-01T10:00:00Z')
    assert.equal((await post(url, { timezone: 'Asia/Kolkata' })).json().next_time, '2024-05-01T10:30:00Z')
    const stopped = (await post(url, { cron: '' })).json()
    assert.deepEqual([stopped.cron, stopped.next_time], [null, null])
    assert.equal((await post(url, { cron: 'nonsense' })).statusCode, 422)
    assert.equal((await post('/v3/schedule/update/nothing', { cron: '@daily' })).statusCode, 404)
  })

  test('keeps the slots whose time had come when the cron changes, and gives them up when it is taken away', async () => {
    const owed = async () =>
      (await get('/v3/schedule/history/daily%20total'))
        .json()
        .history.map((run: { scheduled_at: string }) => run.scheduled_at)
    const url = '/v3/schedule/update/daily%20total'
    const missed = () =>
      db.database.write(WRITE, (sql) => sql`UPDATE schedules SET next_time = '2024-04-28 15:00:00 UTC'`)
    await create()
    await missed()
    assert.equal((await post(url, { cron: '@hourly', query: 'SELECT 3' })).statusCode, 200)
    assert.deepEqual(await owed(), [
      '2024-04-30 15:00:00 UTC',
      '2024-04-29 15:00:00 UTC',
      '2024-04-28 15:00:00 UTC',
    ])
    await missed()
    assert.equal((await post(url, { cron: '' })).json().next_time, null)
    assert.equal((await owed()).length, 3)
    await post(url, { cron: '* * * * *' })
    await missed()
    assert.deepEqual(problem(await post(url, { cron: '@daily' })), [
      409,
      "more than 1000 slots of schedule 'daily total' have not begun: change its cron when they have, or empty the cron first, which gives them up",
    ])
  })

  test('is given to another user of the account by who administers it', async () => {
    assert.equal((await create('by ann', { ...daily, executing_user_id: '2' })).user_name, 'Bob')
    const url = '/v3/schedule/update/by%20ann'
    assert.equal((await post(url, { executing_user_id: '1' })).json().user_name, 'Ann Example')
    const unknown = await post(url, { executing_user_id: '99' })
    assert.deepEqual(problem(unknown), [
      422,
      'Validation failed: Executing user 99 is no user of this account',
    ])
    const byMember = await post(
      '/v3/schedule/create/by%20bob',
      { ...daily, executing_user_id: '1' },
      { authorization: 'TD1 member' },
    )
    assert.equal(byMember.statusCode, 403)
  })

  test('can be stopped, and only that, by its owner who has lost the database', async () => {
    await create()
    await db.database.write(WRITE, (sql) => sql`UPDATE schedules SET database = 'gone'`)
    const url = '/v3/schedule/update/daily%20total'
    assert.equal((await post(url, { query: 'SELECT 2' })).statusCode, 404)
    assert.equal((await post(url, { cron: '' })).json().cron, null)
    assert.equal((await post(url, { cron: '@daily' })).statusCode, 404)
  })

  test('leaves a line in the audit log for every change', async () => {
    await create()
    await post('/v3/schedule/update/daily%20total', { cron: '@hourly' })
    await post('/v3/schedule/delete/daily%20total')
    const lines = await db.database.read(
      WRITE,
      (sql) => sql<{ line: string }>`
        SELECT action || ' ' || target || ' ' || coalesce(details->>'cron', '-') AS line FROM audit_log ORDER BY id DESC LIMIT 3`,
    )
    assert.deepEqual(
      lines.map(({ line }) => line),
      [
        'schedule.delete daily total -',
        'schedule.update daily total @hourly',
        'schedule.create daily total 0 0 * * *',
      ],
    )
  })

  test('renames by the parameter name, unless the name is taken', async () => {
    await create('first')
    await create('second')
    assert.equal((await post('/v3/schedule/update/first', { name: 'third' })).json().name, 'third')
    assert.equal((await post('/v3/schedule/update/third', { name: 'second' })).statusCode, 409)
    assert.equal((await post('/v3/schedule/update/first', {})).statusCode, 404)
  })

  test('runs it for a given time and the slots after it, one job each', async () => {
    await create()
    const answer = await post('/v3/schedule/run/daily%20total/1714489200', { num: '3' })
    const { jobs } = answer.json()
    assert.deepEqual(
      jobs.map((job: { scheduled_at: string }) => job.scheduled_at),
      ['2024-04-30 15:00:00 UTC', '2024-05-01 15:00:00 UTC', '2024-05-02 15:00:00 UTC'],
    )
    assert.ok(
      jobs.every(
        (job: { job_id: unknown; type: string }) => typeof job.job_id === 'number' && job.type === 'presto',
      ),
    )
    assert.equal((await post('/v3/schedule/run/daily%20total/1714489200', { num: '10' })).statusCode, 400)
    assert.equal((await post('/v3/schedule/run/nothing/1714489200')).statusCode, 404)
  })

  test('runs it once for a domain key', async () => {
    await create()
    const url = '/v3/schedule/run/daily%20total/1714489200'
    const [{ job_id }] = (await post(url, { domain_key: 'k' })).json().jobs
    const again = await post(url, { domain_key: 'k' })
    assert.deepEqual([again.statusCode, again.json().details], [409, { conflicts_with: String(job_id) }])
    // An answer that was lost half-way: what is missing is started.
    const more = await post(url, { domain_key: 'k', num: '3' })
    assert.deepEqual([more.statusCode, more.json().details], [409, { conflicts_with: String(job_id) }])
    const { history } = (await get('/v3/schedule/history/daily%20total')).json()
    assert.equal(history.length, 3)
    // A key that started something else starts nothing here.
    const other = await post('/v3/schedule/run/daily%20total/1714489260', { domain_key: 'k', num: '3' })
    assert.equal(other.statusCode, 409)
    assert.equal((await get('/v3/schedule/history/daily%20total')).json().history.length, 3)
  })

  test('runs it once by its number, as digdag does', async () => {
    const { id } = await create()
    const url = `/v4/queries/${id}/jobs`
    const payload = { scheduled_time: '2024-04-30T15:00:00Z', domain_key: 'uuid' }
    const json = (body: object) => app.inject({ method: 'POST', url, payload: body })
    const first = await json(payload)
    assert.match(first.json().id, /^\d+$/)
    const again = await json(payload)
    assert.deepEqual([again.statusCode, again.json().details], [409, { conflicts_with: first.json().id }])
    await json({})
    const { history } = (await get('/v3/schedule/history/daily%20total')).json()
    assert.deepEqual(
      history.map((run: { scheduled_at: string }) => run.scheduled_at),
      ['2024-05-01 09:30:00 UTC', '2024-04-30 15:00:00 UTC'],
    )
    for (const unknown of ['999999', 'daily', '9'.repeat(30)])
      assert.equal((await post(`/v4/queries/${unknown}/jobs`)).statusCode, 404)
  })

  test('shows its runs newest first, the end of the range left out', async () => {
    await create()
    await post('/v3/schedule/run/daily%20total/1714489200', { num: '3' })
    const { history, count, from, to } = (await get('/v3/schedule/history/daily%20total?from=0&to=2')).json()
    assert.deepEqual([count, from, to, history.length], [2, 0, 2, 2])
    assert.equal(history[0].scheduled_at, '2024-05-02 15:00:00 UTC')
    assert.deepEqual(
      [history[0].status, typeof history[0].job_id, history[0].database],
      ['queued', 'string', 'shop'],
    )
    const all = (await get('/v3/schedule/history/daily%20total?from=0')).json()
    assert.deepEqual([all.count, all.to], [3, 20])
  })

  test('keeps schedules of others from members who may not query the database', async () => {
    await create()
    const member = { authorization: 'TD1 member' }
    assert.deepEqual((await get('/v3/schedule/list', member)).json(), { schedules: [] })
    for (const call of ['update/daily%20total', 'delete/daily%20total', 'run/daily%20total/1714489200']) {
      assert.equal((await post(`/v3/schedule/${call}`, {}, member)).statusCode, 403, call)
    }
    assert.equal((await get('/v3/schedule/history/daily%20total', member)).statusCode, 403)
  })

  test('is read from the snapshot while the database is away; changes wait, runs are accepted', async () => {
    const created = await create()
    remembered = [
      {
        id: BigInt(created.id),
        accountId: 1n,
        userId: 1n,
        name: 'daily total',
        cron: '0 0 * * *',
        timezone: 'Asia/Tokyo',
        delaySeconds: 0,
        type: 'presto',
        database: 'shop',
        query: 'SELECT 1',
        priority: 0,
        retryLimit: 0,
        resultUrl: '',
        poolName: null,
        engineVersion: null,
        nextTime: '2024-05-01T15:00:00+00:00',
        createdAt: '2024-05-01T09:30:00+00:00',
        updatedAt: '2024-05-01T09:30:00+00:00',
      },
    ]
    db.gate.set({ mode: 'away', planned: true })
    const listed = await get('/v3/schedule/list')
    assert.equal(listed.headers.age, '7')
    assert.equal(listed.json().schedules[0].next_time, '2024-05-01T15:00:00Z')
    const { jobs } = (await post('/v3/schedule/run/daily%20total/1714489200')).json()
    assert.equal(jobs[0].job_id, 900_001)
    assert.equal((await get('/v3/schedule/history/daily%20total')).json().history[0].job_id, '900001')
    assert.equal((await get('/v3/schedule/history/never%20seen')).statusCode, 503)
  })

  test('tells who wants to change it while the database is away to come back', {
    timeout: 30_000,
  }, async () => {
    await create()
    db.gate.set({ mode: 'away', planned: true })
    const answer = await post('/v3/schedule/create/other', daily)
    assert.equal(answer.statusCode, 503)
    assert.ok(Number(answer.headers['retry-after']) >= 1)
  })
})

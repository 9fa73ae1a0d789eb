import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { databaseErrors } from '../database/index.ts'
import { storageErrors } from '../storage/index.ts'
import { SESSION_LIFE, type SessionState } from './life.ts'
import { openHarbour, partOf, type TestHarbour } from './testing.ts'

const T = 1_700_000_000

let harbour: TestHarbour
before(async () => {
  harbour = await openHarbour()
})
after(() => harbour?.stop())
afterEach(() => {
  harbour.at.step = undefined
})

const post = (path: string, body?: Record<string, string>) => harbour.post(`/v3/bulk_import/${path}`, body)
const statusOf = async (path: string) => (await post(path)).status

/** A session in each state, by the shortest way there. */
const reach: Record<SessionState, (session: string) => Promise<unknown>> = {
  uploading: async () => undefined,
  frozen: (session) => post(`freeze/${session}`),
  performing: (session) => post(`perform/${session}`),
  ready: async (session) => {
    await post(`perform/${session}`)
    await harbour.work(session)
  },
  committed: async (session) => {
    await reach.ready(session)
    await post(`commit/${session}`)
  },
}

describe('the life of a session', () => {
  const steps = {
    upload: async (session: string) => (await harbour.upload(session, 'q', partOf({ time: T, n: 2 }))).status,
    delete_part: (session: string) => statusOf(`delete_part/${session}/p`),
    freeze: (session: string) => statusOf(`freeze/${session}`),
    unfreeze: (session: string) => statusOf(`unfreeze/${session}`),
    perform: (session: string) => statusOf(`perform/${session}`),
    commit: (session: string) => statusOf(`commit/${session}`),
    delete: (session: string) => statusOf(`delete/${session}`),
  }
  for (const state of Object.keys(SESSION_LIFE) as SessionState[]) {
    test(`allows in ${state} what the table says, and changes nothing by anything else`, async () => {
      for (const [step, take] of Object.entries(steps) as [
        keyof typeof steps,
        (s: string) => Promise<number>,
      ][]) {
        const { session } = await harbour.newSession()
        await harbour.upload(session, 'p', partOf({ time: T, n: 1 }))
        await reach[state](session)
        const before = await harbour.show(session)
        const next = SESSION_LIFE[state][step]
        assert.equal(await take(session), next === undefined ? 409 : 200, `${step} while ${state}`)
        const after = await harbour.show(session)
        if (next === undefined) assert.deepEqual(after, before, `${step} while ${state}`)
        else if (next === 'gone') assert.equal(after.status_code, 404)
        else if (step !== 'commit')
          assert.equal(after.status, next === 'frozen' ? 'uploading' : next, `${step} while ${state}`)
        if (step === 'freeze' && next !== undefined) assert.equal(after.upload_frozen, true)
        if (step === 'unfreeze' && next !== undefined) assert.equal(after.upload_frozen, false)
        if (after.status === 'performing') await post(`delete/${session}`)
      }
    })
  }

  test('goes from create to committed, and only then its rows are there', async () => {
    const { session, table } = await harbour.newSession()
    assert.deepEqual(await harbour.show(session), {
      name: session,
      database: 'harbour',
      table,
      status: 'uploading',
      upload_frozen: false,
      job_id: null,
      valid_records: null,
      error_records: null,
      valid_parts: null,
      error_parts: null,
    })
    await harbour.upload(session, 'b', partOf({ time: T + 1, n: 2 }, { time: T, n: 3, name: 'sloop' }))
    await harbour.upload(session, 'a', partOf({ time: T + 2, n: 1 }, { n: 4 }, { time: 'soon', n: 5 }))
    const parts = await harbour.get(`/v3/bulk_import/list_parts/${session}`)
    assert.deepEqual(parts.json(), { parts: ['a', 'b'], name: session, bulk_import: session })
    assert.deepEqual((await post(`freeze/${session}`)).json(), { name: session, bulk_import: session })
    const { job_id: jobId } = (await post(`perform/${session}`)).json()
    assert.equal(typeof jobId, 'number')
    const ready = await harbour.work(session)
    assert.deepEqual(
      [
        ready.status,
        ready.job_id,
        ready.valid_records,
        ready.error_records,
        ready.valid_parts,
        ready.error_parts,
      ],
      ['ready', jobId, 3, 2, 2, 0],
    )
    assert.deepEqual(await harbour.rowsOf(table), [])
    assert.deepEqual(await harbour.columnsOf(table), {})

    assert.equal(await statusOf(`commit/${session}`), 200)
    assert.equal((await harbour.show(session)).status, 'committed')
    assert.deepEqual(
      (await harbour.rowsOf(table)).map(({ time, n, name }) => [Number(time), Number(n), name]),
      [
        [T + 2, 1, null],
        [T + 1, 2, null],
        [T, 3, 'sloop'],
      ],
    )
    assert.deepEqual(await harbour.columnsOf(table), { n: 'long', name: 'string' })
    assert.deepEqual(await harbour.errorRecords(session), [
      { part: 'a', reason: 'time_missing', record: { n: 4 } },
      { part: 'a', reason: 'time_invalid', record: { time: 'soon', n: 5 } },
    ])
    const [job] = await harbour.query<{ type: string; status: string; query: string }>`
      SELECT type, status, query FROM jobs WHERE id = ${jobId}`
    assert.deepEqual(job, {
      type: 'bulk_import_perform',
      status: 'success',
      query: `${session} INTO harbour.${table}`,
    })
  })

  test('takes uploads again when its job fails or is killed', async () => {
    for (const end of ['error', 'killed']) {
      const { session, table } = await harbour.newSession()
      await post(`perform/${session}`)
      const { job_id: id } = await harbour.show(session)
      await harbour.query`UPDATE jobs SET status = ${end}, end_at = now() WHERE id = ${id}`
      assert.equal((await harbour.show(session)).status, 'uploading')
      const shown = await harbour.load(session, { p: partOf({ time: T, n: 1 }) })
      assert.notEqual(shown.job_id, id)
      assert.equal((await harbour.rowsOf(table)).length, 1)
    }
  })

  test('may be performed again when it is ready; only what was made last counts', async () => {
    const { session, table } = await harbour.newSession()
    await harbour.upload(session, 'p', partOf({ time: T, n: 1 }))
    await reach.ready(session)
    await reach.ready(session)
    await post(`commit/${session}`)
    assert.equal((await harbour.rowsOf(table)).length, 1)
  })

  test('may have no parts at all', async () => {
    const { session, table } = await harbour.newSession()
    const shown = await harbour.load(session, {})
    assert.deepEqual([shown.valid_records, shown.valid_parts], [0, 0])
    assert.deepEqual(await harbour.rowsOf(table), [])
    assert.deepEqual(await harbour.errorRecords(session), [])
  })
})

const filesOf = async (job: unknown) => (await harbour.files()).filter((path) => path.includes(`/${job}-`))

describe('two at once', () => {
  test('perform: one gets the job, the other is refused', async () => {
    const { session } = await harbour.newSession()
    const statuses = await Promise.all(Array.from({ length: 4 }, () => statusOf(`perform/${session}`)))
    assert.deepEqual(statuses.sort(), [200, 409, 409, 409])
    const jobs = await harbour.query<{ id: bigint }>`
      SELECT id FROM jobs WHERE query LIKE ${`${session} INTO%`}`
    assert.equal(jobs.length, 1)
    const refused = (await post(`perform/${session}`)).json()
    assert.deepEqual(refused.details, { job_id: String(jobs[0]!.id) })
  })

  test('commit: all are answered 200 and nothing is doubled, now or later', async () => {
    const { session, table } = await harbour.newSession()
    await harbour.upload(session, 'p', partOf({ time: T, n: 1 }, { time: T, n: 2 }))
    await reach.ready(session)
    const statuses = await Promise.all(Array.from({ length: 4 }, () => statusOf(`commit/${session}`)))
    assert.deepEqual(statuses, [200, 200, 200, 200])
    assert.equal(await statusOf(`commit/${session}`), 200)
    assert.equal((await harbour.rowsOf(table)).length, 2)
  })

  test('an upload and a freeze: the part is in the session, or its sender knows that it is not', async () => {
    for (let round = 0; round < 10; round++) {
      const { session } = await harbour.newSession()
      const [uploaded] = await Promise.all([
        harbour.upload(session, 'p', partOf({ time: T, n: 1 })),
        post(`freeze/${session}`),
      ])
      const { parts } = (await harbour.get(`/v3/bulk_import/list_parts/${session}`)).json()
      assert.deepEqual(parts, uploaded.status === 200 ? ['p'] : [])
      assert.ok([200, 409].includes(uploaded.status))
    }
  })

  test('a delete during a perform: the session is gone, the job ends, no file is left', async () => {
    const { session, table } = await harbour.newSession()
    await harbour.upload(session, 'p', partOf({ time: T, n: 1 }))
    await post(`perform/${session}`)
    const { job_id: id } = await harbour.show(session)
    harbour.at.step = async (step) => {
      if (step === 'chunks-written') assert.equal(await statusOf(`delete/${session}`), 200)
    }
    await harbour.work(session)
    const [job] = await harbour.query<{ status: string }>`SELECT status FROM jobs WHERE id = ${id}`
    assert.equal(job?.status, 'killed')
    assert.deepEqual(await harbour.rowsOf(table), [])
    await harbour.sweep(2)
    assert.deepEqual(await filesOf(id), [])
  })

  test('a delete that its job does not hear of: the job ends as an error', async () => {
    const { session } = await harbour.newSession()
    await harbour.upload(session, 'p', partOf({ time: T, n: 1 }))
    await post(`perform/${session}`)
    const { job_id: id } = await harbour.show(session)
    harbour.at.step = async (step) => {
      if (step === 'manifest-written') await harbour.query`DELETE FROM bulk_imports WHERE name = ${session}`
    }
    await harbour.work(session)
    const [job] = await harbour.query<{ status: string; error: string }>`
      SELECT status, error_name AS error FROM jobs WHERE id = ${id}`
    assert.deepEqual(job, { status: 'error', error: 'SESSION_GONE' })
  })

  test('parts of many senders are all there', async () => {
    const { session, table } = await harbour.newSession()
    const names = Array.from({ length: 12 }, (_, i) => `task-${i}_0`)
    const uploads = names.map((name, i) => harbour.upload(session, name, partOf({ time: T, n: i })))
    assert.ok((await Promise.all(uploads)).every(({ status }) => status === 200))
    await harbour.load(session, {})
    assert.equal((await harbour.rowsOf(table)).length, 12)
  })
})

describe('a step whose reply from the database is lost', () => {
  /** Stored, but nobody can say so. */
  const withoutReplies = async <T>(step: () => Promise<T>): Promise<T> => {
    const { database } = harbour.app.catalog.test
    const { write } = database
    database.write = async (...args) => {
      await write(...args)
      throw databaseErrors.write_outcome_unknown('test')
    }
    try {
      return await step()
    } finally {
      database.write = write
    }
  }

  test('is 503; a commit that is repeated stores nothing twice', async () => {
    const { session, table } = await harbour.newSession()
    await harbour.upload(session, 'p', partOf({ time: T, n: 1 }))
    await reach.ready(session)
    assert.equal(await withoutReplies(() => statusOf(`commit/${session}`)), 503)
    assert.equal(await statusOf(`commit/${session}`), 200)
    assert.equal((await harbour.rowsOf(table)).length, 1)
  })

  test('is 503; of an upload the file stays, because the session may name it', async () => {
    const { session, table } = await harbour.newSession()
    const upload = () => harbour.upload(session, 'p', partOf({ time: T, n: 1 }))
    assert.equal((await withoutReplies(upload)).status, 503)
    await harbour.load(session, {})
    assert.equal((await harbour.rowsOf(table)).length, 1)
  })
})

describe('refusals', () => {
  test('name what is missing, taken or too short', async () => {
    const { session, table } = await harbour.newSession()
    assert.equal(await statusOf(`create/${session}/harbour/${table}`), 409)
    assert.equal(await statusOf(`create/s1/harbour/${table}`), 422)
    assert.equal(await statusOf('create/newone/harbour/nowhere'), 404)
    assert.equal(await statusOf('create/newone/nowhere/boats'), 404)
    for (const path of ['show', 'list_parts', 'error_records'])
      assert.equal((await harbour.get(`/v3/bulk_import/${path}/nobody`)).status, 404)
    for (const path of ['freeze', 'unfreeze', 'perform', 'commit', 'delete'])
      assert.equal(await statusOf(`${path}/nobody`), 404)
    assert.equal((await harbour.upload('nobody', 'p', partOf({ time: T }))).status, 404)
  })

  test('a member needs the permission to import, and sees only what it may import into', async () => {
    const { session, table } = await harbour.newSession()
    await harbour.post('/v3/user/add/bob', { email: 'bob@example.com', password: 'a long enough password' })
    const { apikey: key } = (await harbour.post('/v3/user/apikey/add/bob')).json()
    const list = async () =>
      (await harbour.app.get('/v3/bulk_import/list', { key }))
        .json()
        .bulk_imports.map((one: { name: string }) => one.name)
    assert.deepEqual(await list(), [])
    assert.equal((await harbour.app.get(`/v3/bulk_import/show/${session}`, { key })).status, 403)
    assert.equal((await harbour.app.post(`/v3/bulk_import/perform/${session}`, {}, { key })).status, 403)
    assert.equal(
      (await harbour.app.post(`/v3/bulk_import/create/bobs/harbour/${table}`, {}, { key })).status,
      403,
    )
    assert.equal((await harbour.app.get('/v3/bulk_import/list')).json().bulk_imports.length > 3, true)
  })

  test('of a deleted table: show and delete work, nothing else', async () => {
    const { session, table } = await harbour.newSession()
    await harbour.upload(session, 'p', partOf({ time: T, n: 1 }))
    await reach.ready(session)
    await harbour.post(`/v3/table/delete/harbour/${table}`)
    assert.equal((await harbour.show(session)).status, 'ready')
    assert.equal((await harbour.show(session)).table, table)
    for (const path of ['freeze', 'perform', 'commit'])
      assert.equal(await statusOf(`${path}/${session}`), 404, path)
    assert.equal((await harbour.get(`/v3/bulk_import/list_parts/${session}`)).status, 404)
    assert.equal(await statusOf(`delete/${session}`), 200)
    assert.equal(await statusOf(`delete/${session}`), 404)
  })

  test('while the database is away: 503 with Retry-After for all of it, nothing half done', async () => {
    const { session } = await harbour.newSession()
    const files = await harbour.files()
    await harbour.whileAway(async () => {
      const answers = [
        await harbour.get('/v3/bulk_import/list'),
        await harbour.get(`/v3/bulk_import/show/${session}`),
        await harbour.get(`/v3/bulk_import/list_parts/${session}`),
        await harbour.get(`/v3/bulk_import/error_records/${session}`),
        await harbour.upload(session, 'p', partOf({ time: T })),
        await post('create/other/harbour/boats_1'),
        await post(`perform/${session}`),
        await post(`commit/${session}`),
        await post(`freeze/${session}`),
        await post(`delete/${session}`),
      ]
      for (const { status, headers } of answers) {
        assert.equal(status, 503)
        assert.ok(Number(headers['retry-after']) > 0)
      }
    })
    assert.equal((await harbour.show(session)).status, 'uploading')
    assert.deepEqual(await harbour.files(), files)
  })

  test('while the database is away a running job reads on; its end is told when it is back', async () => {
    const { session, table } = await harbour.newSession()
    await harbour.upload(session, 'p', partOf({ time: T, n: 1 }))
    await post(`perform/${session}`)
    const { gate } = harbour.app.catalog.test
    harbour.at.step = (step) => {
      if (step === 'part-read') gate.set({ mode: 'away', planned: true })
      if (step === 'manifest-written') setTimeout(() => gate.set({ mode: 'serving' }), 200)
    }
    const shown = await harbour.work(session)
    assert.deepEqual([shown.status, shown.valid_records], ['ready', 1])
    assert.equal(await statusOf(`commit/${session}`), 200)
    assert.equal((await harbour.rowsOf(table)).length, 1)
  })

  test('a full disk: the upload is 503, and nothing is left of it', async () => {
    const { session } = await harbour.newSession()
    const before = await harbour.files()
    const putFile = harbour.objects.putFile
    harbour.objects.putFile = async () => {
      throw storageErrors.storage_full('test')
    }
    const answer = await harbour.upload(session, 'p', partOf({ time: T }))
    harbour.objects.putFile = putFile
    assert.equal(answer.status, 503)
    assert.ok(Number(answer.headers['retry-after']) > 0)
    assert.deepEqual(await harbour.files(), before)
    assert.deepEqual((await harbour.get(`/v3/bulk_import/list_parts/${session}`)).json().parts, [])
  })
})

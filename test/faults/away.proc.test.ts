import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { encode } from '@msgpack/msgpack'
import { restClient } from '../../script/support/client.ts'
import { startTestDatabase, type TestDatabase } from '../../src/database/testing.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { follow, type StatementAnswer, statementClient } from '../support/statement.ts'
import { until } from './support.ts'

describe('while the main database is away, unplanned', () => {
  let external: TestDatabase
  let server: TestServer
  let client: ReturnType<typeof restClient>
  let killedJob: string
  let heldWrite: StatementAnswer
  let heldKey: StatementAnswer
  const call = (method: string, path: string, body?: string | Uint8Array<ArrayBuffer>, key = server.apiKey) =>
    fetch(`${server.url}${path}`, {
      method,
      headers: { authorization: `TD1 ${key}` },
      body,
      signal: AbortSignal.timeout(30_000),
    })
  const gate = async () => (await server.processes()).find(({ name }) => name === 'database-gate')!.state
  const payload = (n: number) => new Uint8Array(gzipSync(Buffer.from(encode({ time: 1_700_000_000 + n, n }))))
  const count = async (table = 'events') =>
    (await client.query('away', `SELECT count(*) FROM ${table}`)).rows[0][0]
  const collect = async (path: string, body: string, key = server.apiKey) => {
    const response = await call('POST', path, body, key)
    assert.equal(response.status, 200, `${path}: ${await response.text()}`)
  }
  const tap = '{"events":[{"uuid":"5505C764-00FC-469B-8EEF-F85A0FC85794","n":1}]}'

  before(async () => {
    external = await startTestDatabase({ env: {} })
    const { host, port, user, password, database } = external.admin
    const url = `postgres://${user}:${encodeURIComponent(password)}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`
    server = await startServer({
      env: { MILLRACE_DATABASE_URL: url, MILLRACE_CATALOG_WRITE_WAIT_SECONDS: '1' },
    })
    client = restClient(server.url, server.apiKey)
    await client.ensure('/v3/database/create/away')
    await client.ensure('/v3/table/create/away/events/log')
    for (let n = 0; n < 3; n++)
      await call('PUT', `/v3/table/import_with_id/away/events/before-${n}/msgpack.gz`, payload(n))
    await client.ensure('/v3/table/create/away/taps/log')
    await collect('/away/taps', tap)
    await until(async () => (await count()) === 3, 'three rows are queryable')
    await external.kill()
    await until(async () => (await gate()).startsWith('away'), 'the breaker has shut the gate')
  })
  after(async () => {
    await server?.stop()
    server?.remove()
    await external?.stop()
  })

  test('imports are accepted, and a repeat gets the same answer', async () => {
    for (const id of ['during-0', 'during-1', 'during-0']) {
      const response = await call('PUT', `/v3/table/import_with_id/away/events/${id}/msgpack.gz`, payload(9))
      assert.equal(response.status, 200)
    }
  })

  test('events of every protocol are accepted, for tables never seen and with keys nobody can check', async () => {
    await collect('/away/taps', tap)
    await collect('/away/fresh', '{"events":[{"way":"records"},{"way":"records"}]}')
    await collect('/js/v3/event/away/fresh', '{"way":"browser"}')
    await collect('/postback/v3/event/away/fresh', '{"way":"webhook"}')
    await collect('/ios/v3/event', '{"away.taps":[{"n":2}],"away.fresh":[{"way":"device"}]}')
    await collect('/away/fresh', '{"events":[{"way":"nobody"}]}', `1/${'0'.repeat(40)}`)
    const data = encodeURIComponent(btoa('{"way":"script"}'))
    const query = `api_key=${encodeURIComponent(server.apiKey)}&data=${data}&callback=cb`
    const script = await fetch(`${server.url}/js/v3/event/away/fresh?${query}`)
    assert.match(await script.text(), /cb\(\{"created":true\}\);$/)
  })

  test('server_status answers ok: td -e would hang for ten minutes otherwise', async () => {
    assert.deepEqual(await (await call('GET', '/v3/system/server_status')).json(), { status: 'ok' })
  })

  test('the node stays ready: a load balancer must not take a collecting node away', async () => {
    assert.equal((await fetch(`${server.adminUrl}/readyz`)).status, 200)
  })

  test('reads are answered from the snapshot and say how old it is', async () => {
    // Core may be in step with the database's last word for a moment longer than the gate is shut: then there is no age.
    await until(async () => {
      const databases = await call('GET', '/v3/database/list')
      assert.equal(databases.status, 200)
      return /^\d+$/.test(databases.headers.get('age') ?? '')
    }, 'the answer says how old it is')
    const { tables } = (await (await call('GET', '/v3/table/list/away')).json()) as {
      tables: { name: string; count: number }[]
    }
    assert.deepEqual(
      tables.map(({ name, count }) => [name, count]),
      [
        ['events', 3],
        ['taps', 1],
      ],
    )
  })

  test('what the snapshot does not hold is unknown, never absent', async () => {
    const unknownTable = await call('PUT', '/v3/table/import_with_id/away/nowhere/x/msgpack.gz', payload(1))
    assert.equal(unknownTable.status, 503)
    assert.ok(unknownTable.headers.get('retry-after'))
    const unknownKey = await call('GET', '/v3/database/list', undefined, `1/${'0'.repeat(40)}`)
    assert.equal(unknownKey.status, 503)
    assert.equal((await call('GET', '/v3/job/show/999999')).status, 503)
  })

  test('writes wait and then get a truthful, retryable answer', async () => {
    const startedMs = performance.now()
    const response = await call('POST', '/v3/table/create/away/later/log')
    assert.equal(response.status, 503)
    assert.ok(Number(response.headers.get('retry-after')) > 0)
    assert.ok(performance.now() - startedMs > 900, 'it was held for its second')
  })

  test('a table that exists is not created again: fluentd starts on a 409', async () => {
    assert.equal((await call('POST', '/v3/table/create/away/events/log')).status, 409)
  })

  test('a SELECT runs on the snapshot and its job tells the truth', async () => {
    assert.equal(await count(), 3)
  })

  describe('at the query gateway', () => {
    const gateway = (key = server.apiKey) => statementClient(server.gatewayUrl, key)
    const SCHEMA = { 'X-Trino-Catalog': 'td-presto', 'X-Trino-Schema': 'away' }
    const stateOf = async ({ nextUri }: StatementAnswer) => {
      const page = (await (await fetch(nextUri!)).json()) as StatementAnswer
      return { page, state: page.stats.state }
    }

    test('a known key reads from the snapshot, and is warned', async () => {
      const { rows, last } = await gateway().run('SELECT count(*) FROM events', SCHEMA)
      assert.deepEqual(rows, [[3]])
      assert.match(last.warnings[0]!.message, /main database is away/)
    })
    test('a statement that writes stays queued', async () => {
      heldWrite = await gateway().begin('CREATE TABLE held AS SELECT 1 AS a', SCHEMA)
      for (let looks = 0; looks < 2; looks++) {
        const { page, state } = await stateOf(heldWrite)
        assert.equal(state, 'QUEUED')
        heldWrite = page
      }
    })
    test('all of it holds for a core that is started again meanwhile', async () => {
      const unchecked = await gateway(`1/${'1'.repeat(40)}`).begin('SELECT 1', SCHEMA)
      const core = async () => (await server.processes()).find(({ name }) => name === 'core-0')!
      const { pid, restarts } = await core()
      process.kill(pid!, 'SIGKILL')
      const isBack = async () => {
        const now = await core()
        return now.restarts > restarts && now.ready
      }
      await until(isBack, 'core is started again', 120_000)
      const { rows } = await gateway().run('SELECT count(*) FROM events', SCHEMA)
      assert.deepEqual(rows, [[3]])
      const { page, state } = await stateOf(heldWrite)
      assert.equal(state, 'QUEUED')
      heldWrite = page
      const { error } = await follow(unchecked)
      assert.deepEqual([error!.errorName, error!.errorType], ['SERVER_STARTING_UP', 'INTERNAL_ERROR'])
    })
    test('a key that nobody can check stays queued, and is never called wrong', async () => {
      heldKey = await gateway(`1/${'0'.repeat(40)}`).begin('SELECT 1', SCHEMA)
      const { page, state } = await stateOf(heldKey)
      assert.equal(state, 'QUEUED')
      heldKey = page
    })
  })

  /** Reads nothing and counts through so many thousand rows. */
  const slowQuery = (thousands: number) =>
    `SELECT count(*) FROM UNNEST(SEQUENCE(1, 1000)) a (x) CROSS JOIN UNNEST(SEQUENCE(1, 10000)) b (y)
      CROSS JOIN UNNEST(SEQUENCE(1, ${thousands / 10_000})) c (z) WHERE (x * y + z) % 7 = 3`
  const issue = async (query: string) => {
    const form = new URLSearchParams({ query })
    return (await client.json<{ job_id: string }>('POST', '/v3/job/issue/presto/away', form)).job_id
  }
  const statusOf = async (id: string) =>
    (await client.json<{ status: string }>('GET', `/v3/job/status/${id}`)).status
  const statusIs = (id: string, status: string) =>
    until(async () => (await statusOf(id)) === status, `job ${id} is ${status}`)

  test('a query that runs on the snapshot can be killed', async () => {
    killedJob = await issue(slowQuery(100_000_000))
    await statusIs(killedJob, 'running')
    assert.equal((await call('POST', `/v3/job/kill/${killedJob}`)).status, 200)
    await statusIs(killedJob, 'killed')
  })

  test('a query whose worker is killed is run again', async () => {
    const id = await issue(slowQuery(50_000))
    await statusIs(id, 'running')
    const worker = (await server.processes()).find(({ name }) => name.startsWith('worker'))!
    process.kill(worker.pid!, 'SIGKILL')
    await statusIs(id, 'success')
  })

  test('afterwards everything accepted is there, once, and jobs kept their ends', async () => {
    await external.start()
    await until(async () => (await gate()).startsWith('serving'), 'the gate is open again', 120_000)
    await until(async () => (await count()) === 5, 'five rows are queryable')
    await collect('/away/taps', tap)
    await pause(1000)
    assert.equal(await count(), 5)
    assert.equal(await count('taps'), 2, 'the one with the uuid is one row, sent before, during and after')
    const { rows } = await client.query('away', 'SELECT way, count(*) FROM fresh GROUP BY way ORDER BY way')
    assert.deepEqual(rows, [
      ['browser', 1],
      ['device', 1],
      ['records', 2],
      ['script', 1],
      ['webhook', 1],
    ])
    const { jobs } = await client.json<{ jobs: { job_id: string; status: string }[] }>('GET', '/v3/job/list')
    for (const { job_id: id, status } of jobs) assert.equal(status, id === killedJob ? 'killed' : 'success')
    assert.ok(jobs.some(({ job_id: id }) => id === killedJob))
    const written = await follow(heldWrite)
    assert.deepEqual([written.error, written.last.updateCount], [undefined, 1])
    assert.equal(await count('held'), 1)
    const { status } = await fetch(heldKey.nextUri!)
    assert.equal(status, 401, 'now that it was checked')
    assert.equal((await call('POST', '/v3/table/create/away/later/log')).status, 200)
  })
})

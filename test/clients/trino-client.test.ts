import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { BasicAuth, type QueryData, type QueryResult, Trino } from 'trino-client'
import { startServer, type TestServer } from '../support/server.ts'

/** The client of the Trino project for JavaScript, as people use it: over TLS, with a certificate it was given, the key as the user. */
describe('trino-client for JavaScript over TLS', () => {
  let server: TestServer
  let connect: (user?: string) => Trino
  before(async () => {
    server = await startServer({
      args: ['--tls', 'self-signed'],
      env: { MILLRACE_GATEWAY_PAGE_BYTES: '50000' },
    })
    const ca = readFileSync(join(server.dataDir, 'tls', 'self-signed.pem'))
    const { port } = new URL(server.gatewayUrl)
    connect = (user = server.apiKey) =>
      Trino.create({
        server: `https://localhost:${port}`,
        catalog: 'td-presto',
        schema: 'shop',
        auth: new BasicAuth(user, 'anything'),
        ssl: { ca },
      })
    await rowsOf(connect(), 'CREATE SCHEMA shop')
  })
  after(async () => {
    await server?.stop()
    server?.remove()
  })

  test('reads every row of many pages once', async () => {
    const rows = await rowsOf(
      connect(),
      `SELECT (a - 1) * 100 + b, 'a text' FROM UNNEST(sequence(1, 200)) x(a), UNNEST(sequence(1, 100)) y(b) ORDER BY 1`,
    )
    assert.equal(rows.length, 20_000)
    assert.ok(rows.every(([n], i) => n === i + 1))
  })

  test('writes, and reads what it wrote', async () => {
    const trino = connect()
    assert.deepEqual(await rowsOf(trino, `CREATE TABLE sold AS SELECT 1 AS a, 'x' AS b`), [[1]])
    assert.deepEqual(await rowsOf(trino, `INSERT INTO sold (a, b) VALUES (2, 'y')`), [[1]])
    assert.deepEqual(await rowsOf(trino, 'SELECT a, b FROM sold ORDER BY a'), [
      [1, 'x'],
      [2, 'y'],
    ])
  })

  test('remembers the session that statements leave', async () => {
    const trino = connect()
    await rowsOf(trino, 'CREATE SCHEMA other')
    await rowsOf(trino, 'USE other')
    assert.deepEqual(await rowsOf(trino, 'SELECT current_schema'), [['other']])
    await rowsOf(trino, `SET SESSION query_max_run_time = '1h'`)
    const [property] = await rowsOf(trino, `SHOW SESSION LIKE 'query_max_run_time'`)
    assert.equal(property![1], '1h')
    await rowsOf(trino, 'PREPARE plus FROM SELECT ? + 1')
    assert.deepEqual(await rowsOf(trino, 'EXECUTE plus USING 41'), [[42]])
  })

  test('is told errors with their name, code and place', async () => {
    const { error } = await lastOf(connect(), 'SELECT * FROM nope')
    assert.deepEqual(
      [error!.errorName, error!.errorCode, error!.errorType],
      ['TABLE_NOT_FOUND', 46, 'USER_ERROR'],
    )
  })

  test('asks about a query, and cancels it', async () => {
    const trino = connect()
    const iterator = await trino.query(
      'SELECT count(*) FROM UNNEST(sequence(1, 10000)) a(x), UNNEST(sequence(1, 10000)) b(y), UNNEST(sequence(1, 10000)) c(z) WHERE x * y + z = 1',
    )
    const id = await queryIdOf(trino)
    const info = await trino.queryInfo(id)
    assert.equal(info.queryId, id)
    assert.ok(!JSON.stringify(info).includes(server.apiKey.slice(2)))
    await trino.cancel(id)
    let last: QueryResult | undefined
    for await (const page of iterator) last = page
    assert.equal(last!.error!.errorName, 'USER_CANCELED')
  })

  test('is refused with a wrong key, and only then', async () => {
    const wrong = connect(`1/${'0'.repeat(40)}`)
    await assert.rejects(rowsOf(wrong, 'SELECT 1'), { status: 401 })
  })

  /** The id of the one that runs: the client tells it only with rows. */
  async function queryIdOf(trino: Trino): Promise<string> {
    for (;;) {
      const rows = await rowsOf(
        trino,
        `SELECT query_id FROM system.runtime.queries WHERE state = 'RUNNING' AND query LIKE '%x * y + z = 1'`,
      )
      if (rows.length > 0) return String(rows[0]![0])
      await pause(50)
    }
  }
})

async function rowsOf(trino: Trino, text: string): Promise<QueryData[]> {
  const rows: QueryData[] = []
  for await (const { data, error } of await trino.query(text)) {
    if (error) throw new Error(`${text}: ${error.message}`)
    rows.push(...(data ?? []))
  }
  return rows
}

async function lastOf(trino: Trino, text: string): Promise<QueryResult> {
  let last: QueryResult | undefined
  for await (const page of await trino.query(text)) last = page
  return last!
}

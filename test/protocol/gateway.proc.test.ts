import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { zstdDecompressSync } from 'node:zlib'
import { restClient } from '../../script/support/client.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { follow, statementClient } from '../support/statement.ts'

/** The conformance cases of the gateway's reference that need a whole server; drivers are in test/clients. */
describe('the query gateway', () => {
  let server: TestServer
  let client: ReturnType<typeof statementClient>
  let rest: ReturnType<typeof restClient>
  before(async () => {
    server = await startServer({
      env: {
        MILLRACE_GATEWAY_PAGE_BYTES: '20000',
        MILLRACE_GATEWAY_SEGMENT_BYTES: '200000',
        MILLRACE_GATEWAY_INLINE_BYTES: '10000',
      },
    })
    client = statementClient(server.gatewayUrl, server.apiKey)
    rest = restClient(server.url, server.apiKey)
    await rest.ensure('/v3/database/create/shop')
    await rest.ensure('/v3/table/create/shop/orders/log')
  })
  after(async () => {
    await server?.stop()
    server?.remove()
  })
  const SHOP = { 'X-Trino-Catalog': 'td-presto', 'X-Trino-Schema': 'shop' }

  for (const text of ['SELECT 1', 'SELEC 1', 'CREATE TABLE shop.begun (a bigint)'])
    test(`the first answer to ${text} always has a next page`, async () => {
      const first = await client.begin(text)
      assert.match(first.id, /^\d{8}_\d{6}_\d{5}_[a-z0-9]{5}$/)
      assert.ok(first.infoUri.startsWith(server.gatewayUrl))
      assert.ok(first.nextUri!.startsWith(`${server.gatewayUrl}/v1/statement/`))
      assert.equal(first.stats.state, 'QUEUED')
      assert.deepEqual(first.warnings, [])
      await follow(first)
    })

  test('rows come with their columns; the last page has no next', async () => {
    const { rows, columns, last } = await client.run('SELECT 1')
    assert.deepEqual(rows, [[1]])
    assert.deepEqual(columns, [
      { name: '_col0', type: 'integer', typeSignature: { rawType: 'integer', arguments: [] } },
    ])
    assert.deepEqual([last.nextUri, last.stats.state], [undefined, 'FINISHED'])
  })

  test('no rows come with columns and without data', async () => {
    const { last, columns } = await client.run('SELECT 1 AS one WHERE false')
    assert.equal(columns![0]!.name, 'one')
    assert.ok(!('data' in last))
  })

  test('a page may be asked for again, an older one is gone, another is not found', async () => {
    const { nextUri } = await client.begin(
      `SELECT n, 'some text to fill the page' FROM UNNEST(sequence(1, 5000)) AS t(n)`,
    )
    const pages: { uri: string; text: string }[] = []
    for (let uri = nextUri; uri !== undefined && pages.length < 4; ) {
      const text = await (await fetch(uri)).text()
      pages.push({ uri, text })
      uri = JSON.parse(text).nextUri
    }
    const [older, last] = pages.slice(-2)
    assert.equal(await (await fetch(last!.uri)).text(), last!.text)
    assert.equal((await fetch(older!.uri)).status, 410)
    assert.equal((await fetch(last!.uri.replace(/\d+$/, '999'))).status, 404)
    assert.equal((await fetch(last!.uri.replace(/\/y1x./, '/y1x_'))).status, 404)
  })

  test('every row of many pages comes once and in order, also when core is started again in between', async () => {
    const COUNT = 20_000
    const text = `SELECT n, CAST(n AS varchar) FROM UNNEST(sequence(1, 10000)) AS t(n)
      UNION ALL SELECT n, CAST(n AS varchar) FROM UNNEST(sequence(10001, 20000)) AS t(n) ORDER BY 1`
    let page = await client.begin(text)
    const seen: unknown[] = []
    for (let pages = 1; ; pages++) {
      seen.push(...(page.data ?? []).map(([n]) => n))
      if (page.nextUri === undefined) break
      if (pages === 5)
        process.kill((await server.processes()).find(({ name }) => name === 'core-0')!.pid!, 'SIGKILL')
      let response = await fetch(page.nextUri)
      while (response.status === 503) {
        await pause(50)
        response = await fetch(page.nextUri)
      }
      page = (await response.json()) as typeof page
    }
    assert.ok((await server.processes()).some(({ name, restarts }) => name === 'core-0' && restarts > 0))
    assert.equal(seen.length, COUNT)
    assert.ok(seen.every((n, i) => n === i + 1))
  })

  test('DELETE ends the statement, and the next page says so', async () => {
    const { nextUri } = await client.begin(
      'SELECT count(*) FROM UNNEST(sequence(1, 10000)) a(x), UNNEST(sequence(1, 10000)) b(y), UNNEST(sequence(1, 10000)) c(z) WHERE x * y + z = 1',
    )
    assert.equal((await fetch(nextUri!, { method: 'DELETE' })).status, 204)
    const { error } = await follow({ nextUri } as never)
    assert.deepEqual([error!.errorName, error!.errorCode], ['USER_CANCELED', 3])
  })

  describe('errors come with status 200, name, code and place', () => {
    const cases: [text: string, name: string, code: number, place: [number, number] | undefined][] = [
      ['SELECT * FROM nope', 'TABLE_NOT_FOUND', 46, [1, 15]],
      ['SELECT\n  x', 'COLUMN_NOT_FOUND', 47, [2, 3]],
      ['SELECT 1/0', 'DIVISION_BY_ZERO', 8, undefined],
      ['SELEC 1', 'SYNTAX_ERROR', 1, [1, 1]],
      ['SELECT * FROM elsewhere.t', 'SCHEMA_NOT_FOUND', 45, [1, 15]],
    ]
    for (const [text, name, code, place] of cases)
      test(text.replace('\n', ' '), async () => {
        const { error } = await client.run(text, SHOP)
        assert.deepEqual([error!.errorName, error!.errorCode, error!.errorType], [name, code, 'USER_ERROR'])
        const { lineNumber, columnNumber } = error!.errorLocation ?? {}
        assert.deepEqual(lineNumber === undefined ? undefined : [lineNumber, columnNumber], place)
      })
    test('the place is in the user’s own text, whatever the session puts before it', async () => {
      const { error } = await client.run('SELECT\n  x', { ...SHOP, 'X-Trino-Time-Zone': 'Asia/Tokyo' })
      assert.deepEqual(error!.errorLocation, { lineNumber: 2, columnNumber: 3 })
    })
  })

  describe('both families of headers', () => {
    for (const family of ['Presto', 'Trino'] as const) {
      const one = () => statementClient(server.gatewayUrl, server.apiKey, family)
      const last = async (text: string) => (await one().run(text)).headers.at(-1)!
      test(`${family}: SET SESSION, USE, PREPARE and DEALLOCATE tell the client what to remember`, async () => {
        const expected: [text: string, header: string, value: string][] = [
          [`SET SESSION query_max_run_time = '1h'`, 'Set-Session', 'query_max_run_time=1h'],
          ['RESET SESSION query_max_run_time', 'Clear-Session', 'query_max_run_time'],
          ['USE shop', 'Set-Schema', 'shop'],
          ['PREPARE p FROM SELECT ? + 1', 'Added-Prepare', 'p=SELECT%20%3F%20%2B%201'],
          ['COMMIT', 'Clear-Transaction-Id', 'true'],
        ]
        for (const [text, header, value] of expected)
          assert.equal((await last(text)).get(`X-${family}-${header}`), value, text)
        assert.match(
          (await last('START TRANSACTION')).get(`X-${family}-Started-Transaction-Id`)!,
          /^[0-9a-f]{32}$/,
        )
      })
    }
    test('at once are refused', async () => {
      const { status } = await client.post('SELECT 1', { 'X-Presto-User': 'a' })
      assert.equal(status, 400)
    })
  })

  test('prepared statements are the client’s', async () => {
    const prepared = { 'X-Trino-Prepared-Statement': 'p=SELECT%20%3F%20%2B%201' }
    assert.deepEqual((await client.run('EXECUTE p USING 41', prepared)).rows, [[42]])
    assert.deepEqual((await client.run(`EXECUTE IMMEDIATE 'SELECT ?' USING 1`)).rows, [[1]])
    const described = await client.run('DESCRIBE INPUT p', prepared)
    assert.deepEqual(
      described.columns!.map(({ name }) => name),
      ['Position', 'Type'],
    )
    assert.equal(
      (await client.run('DEALLOCATE PREPARE p', prepared)).headers.at(-1)!.get('X-Trino-Deallocated-Prepare'),
      'p',
    )
    assert.equal((await client.run('EXECUTE q')).error!.errorName, 'NOT_FOUND')
  })

  describe('properties of the session', () => {
    const withSession = (text: string, session: string) => client.run(text, { 'X-Trino-Session': session })
    test('that mean something do it, whether a statement or a header says them', async () => {
      const slow =
        'SELECT count(*) FROM UNNEST(sequence(1, 10000)) a(x), UNNEST(sequence(1, 10000)) b(y), UNNEST(sequence(1, 10000)) c(z) WHERE x * y + z = 1'
      const { error } = await withSession(slow, 'query_max_run_time=200ms')
      assert.deepEqual([error!.errorName, error!.errorCode], ['EXCEEDED_TIME_LIMIT', 131_075])
      const zone = await withSession('SELECT current_timezone()', 'time_zone_id=Asia%2FTokyo')
      assert.deepEqual(zone.rows, [['Asia/Tokyo']])
    })
    test('that mean nothing are shown as they were set', async () => {
      const { rows } = await withSession(
        `SHOW SESSION LIKE 'join_distribution_type'`,
        'join_distribution_type=BROADCAST',
      )
      assert.deepEqual(rows[0]!.slice(0, 4), ['join_distribution_type', 'BROADCAST', 'AUTOMATIC', 'varchar'])
    })
    const wrong: [text: string, session: string, name: string][] = [
      ['SET SESSION nope = 1', '', 'INVALID_SESSION_PROPERTY'],
      [`SET SESSION task_concurrency = 'four'`, '', 'INVALID_SESSION_PROPERTY'],
      ['SELECT 1', 'nope=1', 'INVALID_SESSION_PROPERTY'],
      ['SELECT 1', 'query_max_run_time=soon', 'INVALID_SESSION_PROPERTY'],
      ['SELECT 1', 'enable_dynamic_filtering=maybe', 'INVALID_SESSION_PROPERTY'],
      ['SELECT 1', 'td-presto.nope=1', 'INVALID_SESSION_PROPERTY'],
      ['SELECT 1', 'nocat.nope=1', 'CATALOG_NOT_FOUND'],
    ]
    for (const [text, session, name] of wrong)
      test(`${text} with ${session || 'nothing set'} is refused`, async () => {
        const { error, headers } = await withSession(text, session)
        assert.deepEqual([error!.errorName, error!.errorType], [name, 'USER_ERROR'])
        assert.equal(headers.at(-1)!.get('X-Trino-Set-Session'), null)
      })
  })

  describe('rows for clients that ask for them encoded', () => {
    const COUNT = 20_000
    const text = `SELECT n, 'a text of some length' || CAST(n AS varchar) FROM UNNEST(sequence(1, 10000)) AS t(n)
      UNION ALL SELECT n, 'another' FROM UNNEST(sequence(10001, 20000)) AS t(n) ORDER BY 1`
    type Segment = {
      type: string
      data?: string
      uri: string
      ackUri: string
      metadata: Record<string, number>
    }
    type Encoded = { encoding: string; segments: Segment[] }
    const segmentsOf = async (encoding: string) => {
      const { pages } = await client.run(text, { 'X-Trino-Query-Data-Encoding': encoding })
      return pages.flatMap(({ data }) => (data === undefined ? [] : [data as unknown as Encoded]))
    }
    for (const encoding of ['json', 'json+zstd'])
      test(`${encoding}: segments are fetched without a key and hold every row once`, async () => {
        const rows: unknown[][] = []
        for (const { encoding: said, segments } of await segmentsOf(`json+lz4, ${encoding}`)) {
          assert.equal(said, encoding)
          for (const { type, data, uri, metadata } of segments) {
            const stored =
              type === 'inline'
                ? Buffer.from(data!, 'base64')
                : Buffer.from(await (await fetch(uri)).arrayBuffer())
            assert.equal(stored.length, metadata.segmentSize)
            const plain = metadata.uncompressedSize === undefined ? stored : zstdDecompressSync(stored)
            const part = JSON.parse(plain.toString()) as unknown[][]
            assert.deepEqual([metadata.rowOffset, metadata.rowsCount], [rows.length, part.length])
            rows.push(...part)
          }
        }
        assert.equal(rows.length, COUNT)
        assert.ok(rows.every(([n], i) => n === i + 1))
      })
    test('a segment that was acknowledged is gone, and opens with its own address only', async () => {
      const [first] = (await segmentsOf('json')).flatMap(({ segments }) => segments)
      const { uri, ackUri } = first!
      assert.equal((await fetch(uri.replace(/\w{5}$/, '00000'))).status, 404)
      assert.equal((await fetch(ackUri)).status, 200)
      assert.equal((await fetch(uri)).status, 410)
    })
    test('a form that is not offered is answered with rows as ever', async () => {
      const { rows } = await client.run('SELECT 1', { 'X-Trino-Query-Data-Encoding': 'json+lz4,arrow' })
      assert.deepEqual(rows, [[1]])
    })
  })

  test('the time zone of the client is the session’s', async () => {
    const { rows } = await client.run('SELECT current_timezone()', { 'X-Trino-Time-Zone': 'Asia/Tokyo' })
    assert.deepEqual(rows, [['Asia/Tokyo']])
  })

  test('values of every type are written as drivers read them', async () => {
    const text = `SELECT DECIMAL '1.10', DATE '2020-01-01', TIMESTAMP '2020-01-01 00:00:00', ARRAY[1], MAP(ARRAY['a'], ARRAY[1]),
      ROW(1, 'x'), X'00ff', NULL, nan(), BIGINT '9223372036854775807', INTERVAL '27' HOUR, INTERVAL '15' MONTH, JSON '{"a":1}'`
    const old = statementClient(server.gatewayUrl, server.apiKey, 'Presto')
    const { rows, columns } = await old.run(text, { 'X-Presto-Client-Capabilities': '' })
    assert.deepEqual(rows[0]!.toSpliced(9, 1), [
      '1.10',
      '2020-01-01',
      '2020-01-01 00:00:00.000',
      [1],
      { a: 1 },
      [1, 'x'],
      'AP8=',
      null,
      'NaN',
      '1 03:00:00.000',
      '1-3',
      '{"a":1}',
    ])
    assert.equal(columns![2]!.type, 'timestamp')
    const { columns: newer } = await client.run(`SELECT TIMESTAMP '2020-01-01 00:00:00.000'`)
    assert.equal(newer![0]!.type, 'timestamp(3)')
  })

  test('statements that write say what they did and how many rows', async () => {
    const made = await client.run(`CREATE TABLE written AS SELECT 1 AS a UNION ALL SELECT 2`, SHOP)
    assert.equal(made.error, undefined)
    assert.deepEqual([made.last.updateType, made.last.updateCount, made.rows], ['CREATE TABLE', 2, [[2]]])
    assert.equal(made.columns![0]!.name, 'rows')
    const inserted = await client.run('INSERT INTO written (a) VALUES 3', SHOP)
    assert.deepEqual([inserted.last.updateType, inserted.last.updateCount], ['INSERT', 1])
    assert.deepEqual((await client.run('SELECT sum(a) FROM written', SHOP)).rows, [[6]])
    const dropped = await client.run('DROP TABLE written', SHOP)
    assert.deepEqual([dropped.last.updateType, dropped.last.updateCount], ['DROP TABLE', undefined])
  })

  describe('who asks', () => {
    const status = async (headers: Record<string, string>) =>
      (await fetch(`${server.gatewayUrl}/v1/statement`, { method: 'POST', body: 'SELECT 1', headers })).status
    test('is said by the key, wherever a client puts it', async () => {
      const basic = `Basic ${Buffer.from(`${server.apiKey}:anything`).toString('base64')}`
      assert.equal(await status({ 'X-Trino-User': server.apiKey }), 200)
      assert.equal(await status({ Authorization: basic }), 200)
      assert.equal(
        await status({ 'X-Trino-User': 'somebody', Authorization: `Bearer ${server.apiKey}` }),
        200,
      )
    })
    test('must be said, and be true', async () => {
      assert.equal(await status({}), 401)
      assert.equal(await status({ 'X-Trino-User': '1/0000' }), 401)
      assert.equal(await status({ 'X-Trino-User': await server.makeKey('write-only') }), 403)
    })
    test('is never shown by the key', async () => {
      const { rows } = await client.run('SELECT current_user')
      assert.ok(!String(rows[0]![0]).includes(server.apiKey.slice(2)))
      const listed = await fetch(`${server.gatewayUrl}/v1/query`, {
        headers: { 'X-Trino-User': server.apiKey },
      })
      assert.ok(!(await listed.text()).includes(server.apiKey.slice(2)))
      assert.ok(!server.log().includes(server.apiKey.slice(2)))
    })
  })

  /** Statements of Metabase, SQLAlchemy, PyHive and Superset, dbt, DBeaver and the drivers' own metadata, with a column of each answer. */
  const METADATA: [text: string, column: string][] = [
    ['SELECT current_timezone() as "time-zone"', 'time-zone'],
    ['SELECT version()', '_col0'],
    ['SHOW CATALOGS', 'Catalog'],
    ['SHOW SCHEMAS FROM "td-presto"', 'Schema'],
    ['SHOW TABLES FROM "td-presto"."shop"', 'Table'],
    [`SHOW TABLES FROM "shop" LIKE 'orders'`, 'Table'],
    ['DESCRIBE "td-presto"."shop"."orders"', 'Column'],
    ['SHOW COLUMNS FROM "shop"."orders"', 'Column'],
    ['SHOW FUNCTIONS', 'Function'],
    ['SHOW CREATE TABLE shop.orders', 'Create Table'],
    ['SHOW STATS FOR shop.orders', 'column_name'],
    ['EXPLAIN (TYPE VALIDATE) SELECT 1', 'Valid'],
    ['EXPLAIN (TYPE IO) SELECT * FROM shop.orders', 'Query Plan'],
    ['SELECT * FROM (SELECT 1 AS one) T LIMIT 0', 'one'],
    ['SELECT "schema_name" FROM "information_schema"."schemata"', 'schema_name'],
    [
      `SELECT "column_name", "data_type", "column_default", UPPER("is_nullable") AS "is_nullable" FROM "information_schema"."columns"
        WHERE "table_schema" = 'shop' AND "table_name" = 'orders' ORDER BY "ordinal_position" ASC`,
      'column_name',
    ],
    [
      `SELECT "table_name" FROM "information_schema"."tables" WHERE "table_schema" = 'shop' AND "table_type" = 'BASE TABLE'`,
      'table_name',
    ],
    [
      `SELECT "view_definition" FROM "information_schema"."views" WHERE "table_schema" = 'shop' AND "table_name" = 'v'`,
      'view_definition',
    ],
    ['SELECT "table_cat" FROM "system"."jdbc"."catalogs"', 'table_cat'],
    [
      `SELECT "comment" FROM "system"."metadata"."table_comments" WHERE "catalog_name" = 'td-presto' AND "schema_name" = 'shop' AND "table_name" = 'orders'`,
      'comment',
    ],
    [
      `SELECT name FROM system.metadata.materialized_views WHERE catalog_name = 'td-presto' AND schema_name = 'shop'`,
      'name',
    ],
    ['SELECT * FROM system.metadata.table_properties', 'property_name'],
    ['SELECT * FROM system.runtime.nodes', 'node_version'],
    [`SELECT query_id, "user", "end" FROM system.runtime.queries WHERE state = 'RUNNING'`, 'query_id'],
    ['SELECT * FROM system.runtime.tasks', 'task_id'],
    [
      `SELECT TABLE_SCHEM, TABLE_CATALOG FROM system.jdbc.schemas WHERE TABLE_SCHEM LIKE 'sh\\_p' ESCAPE '\\' ORDER BY TABLE_CATALOG, TABLE_SCHEM`,
      'TABLE_SCHEM',
    ],
  ]
  test('metadata is answered to every tool in its own words', async () => {
    const answers = await Promise.all(METADATA.map(([text]) => client.run(text, SHOP)))
    for (const [i, [text, column]] of METADATA.entries()) {
      const { error, columns } = answers[i]!
      assert.equal(error, undefined, text)
      assert.ok(
        columns!.some(({ name }) => name.toLowerCase() === column.toLowerCase()),
        `${text}: ${columns!.map(({ name }) => name)}`,
      )
    }
    const partitions = await client.run('SELECT * FROM "shop"."orders$partitions"', SHOP)
    assert.equal(partitions.error!.errorName, 'TABLE_NOT_FOUND')
  })

  test('a statement is found among those of system.runtime.queries by the id its client has', async () => {
    const { last } = await client.run('SELECT 1/0', SHOP)
    const { rows } = await client.run(
      `SELECT state, error_type, error_code, query FROM system.runtime.queries WHERE query_id = '${last.id}'`,
    )
    assert.deepEqual(rows, [['FAILED', 'USER_ERROR', 'DIVISION_BY_ZERO', 'SELECT 1/0']])
  })

  test('every statement is a job of the list', async () => {
    const text = `SELECT 'a statement of the gateway'`
    await client.run(text, SHOP)
    const { jobs } = await rest.json<{ jobs: { query: string; status: string; database: string }[] }>(
      'GET',
      '/v3/job/list',
    )
    const found = jobs.find(({ query }) => query === text)
    assert.deepEqual([found?.status, found?.database], ['success', 'shop'])
  })

  test('the server tells what it is', async () => {
    const info = (await (await fetch(`${server.gatewayUrl}/v1/info`)).json()) as {
      starting: boolean
      coordinator: boolean
    }
    assert.deepEqual([info.starting, info.coordinator], [false, true])
    assert.equal((await fetch(`${server.gatewayUrl}/v1/info`, { method: 'HEAD' })).status, 200)
    assert.equal((await fetch(`${server.gatewayUrl}/v1/nothing`)).status, 404)
  })
})

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { openHarbour, partOf, type TestHarbour } from './testing.ts'

const T = 1_700_000_000

let harbour: TestHarbour
before(async () => {
  harbour = await openHarbour()
})
after(() => harbour?.stop())

const post = (path: string, body?: Record<string, string>) => harbour.post(`/v3/bulk_import/${path}`, body)
const statusOf = async (path: string) => (await post(path)).status

describe('a part', () => {
  test('of the same name replaces the earlier one, and its file', async () => {
    const { session, table } = await harbour.newSession()
    await harbour.upload(session, 'p', partOf({ time: T, n: 1 }))
    const before = await harbour.files()
    await harbour.upload(session, 'p', partOf({ time: T, n: 2 }))
    const after = await harbour.files()
    assert.equal(after.length, before.length)
    await harbour.load(session, {})
    assert.deepEqual(
      (await harbour.rowsOf(table)).map(({ n }) => Number(n)),
      [2],
    )
  })

  test('that was deleted is not performed', async () => {
    const { session, table } = await harbour.newSession()
    await harbour.upload(session, 'p', partOf({ time: T, n: 1 }))
    await harbour.upload(session, 'q', partOf({ time: T, n: 2 }))
    assert.equal(await statusOf(`delete_part/${session}/p`), 200)
    assert.equal(await statusOf(`delete_part/${session}/p`), 404)
    await harbour.load(session, {})
    assert.deepEqual(
      (await harbour.rowsOf(table)).map(({ n }) => Number(n)),
      [2],
    )
  })

  test('that does not arrive as it was sent is refused, and nothing is left of it', async () => {
    const { session } = await harbour.newSession()
    const before = await harbour.files()
    const body = partOf({ time: T, n: 1 })
    const path = `/v3/bulk_import/upload_part/${session}/p`
    const md5 = createHash('md5').update(body).digest('base64')
    assert.equal((await harbour.put(path, body, { 'content-md5': 'AAAA' })).status, 400)
    assert.equal((await harbour.put(path, Buffer.alloc(0))).status, 400)
    harbour.settings.partBytes = body.length - 1
    assert.equal((await harbour.put(path, body)).status, 413)
    harbour.settings.partBytes = body.length
    assert.equal((await harbour.put(path, body, { 'content-md5': md5 })).status, 200)
    harbour.settings.partBytes = 2 ** 32
    assert.equal((await harbour.files()).length, before.length + 1)
  })

  test('may be larger than what other requests may send', async () => {
    const { session, table } = await harbour.newSession()
    const pad = createHash('sha512').update('x').digest('hex').repeat(160)
    const records = Array.from({ length: 2_000 }, (_, n) => ({ time: T + (n % 7), n, pad: `${n}${pad}` }))
    const lines = records.map((record) => JSON.stringify(record)).join('\n')
    harbour.settings.chunkRows = 600
    assert.equal((await harbour.upload(session, 'p.json.gz', gzipSync(lines, { level: 0 }))).status, 200)
    const shown = await harbour.load(session, {})
    harbour.settings.chunkRows = 1_000_000
    assert.equal(shown.valid_records, 2_000)
    const rows = await harbour.rowsOf(table)
    assert.deepEqual([rows.length, Number(rows[1_999]!.n)], [2_000, 1_999])
    const chunks = await harbour.query`
      SELECT 1 FROM chunks c JOIN tables t ON t.id = c.table_id WHERE t.name = ${table}`
    assert.ok(chunks.length >= 3, `${chunks.length} chunks`)
  })

  test('in every format gives the same rows, told by name, by parameter or by content', async () => {
    const json = '{"time":1700000000,"n":1,"s":"a,b","x":1.5}\n{"time":1700000001,"n":2,"s":"c","x":-2.0}\n'
    const csv = 'time,n,s,x\r\n1700000000,1,"a,b",1.5\r\n1700000001,2,c,-2.0\r\n'
    const tsv = 'time\tn\ts\tx\n1700000000\t1\ta,b\t1.5\n1700000001\t2\tc\t-2.0\n'
    const msgpack = partOf({ time: T, n: 1, s: 'a,b', x: 1.5 }, { time: T + 1, n: 2, s: 'c', x: -2.5 })
    const ways: [name: string, suffix: string, body: Buffer][] = [
      ['p.json.gz', '', gzipSync(json)],
      ['p', '?format=json.gz', gzipSync(json)],
      ['p', '', gzipSync(json)],
      ['p.csv', '', gzipSync(csv)],
      ['p', '?format=csv.gz', gzipSync(csv)],
      ['p', '', gzipSync(csv)],
      ['p', '', gzipSync(`\ufeff${csv}`)],
      ['p.tsv.gz', '', gzipSync(tsv)],
      ['p', '', gzipSync(tsv)],
      ['p', '', Buffer.from(json)],
      ['p', '', msgpack],
    ]
    for (const [name, suffix, body] of ways) {
      const { session, table } = await harbour.newSession()
      assert.equal((await harbour.upload(session, name, body, suffix)).status, 200)
      const shown = await harbour.load(session, {})
      assert.deepEqual([shown.valid_records, shown.error_records], [2, 0], `${name}${suffix}`)
      const rows = await harbour.rowsOf(table)
      assert.deepEqual(
        rows.map(({ time, n, s }) => [Number(time), Number(n), s]),
        [
          [T, 1, 'a,b'],
          [T + 1, 2, 'c'],
        ],
        `${name}${suffix}`,
      )
      assert.equal((await harbour.columnsOf(table)).x, 'double')
    }
    const { session } = await harbour.newSession()
    assert.equal((await harbour.upload(session, 'p', gzipSync(csv), '?format=xls')).status, 400)
  })

  test('that cannot be read to its end is an error part, of which nothing is stored', async () => {
    const { session, table } = await harbour.newSession()
    const whole = partOf({ time: T, n: 1 }, { time: T, n: 2, pad: 'x'.repeat(2000) })
    const broken = Buffer.from(whole)
    broken[broken.length - 6]! ^= 0xff
    const shown = await harbour.load(session, {
      a: partOf({ time: T, n: 7 }),
      b: whole.subarray(0, whole.length - 9),
      c: broken,
    })
    assert.deepEqual(
      [shown.valid_records, shown.error_records, shown.valid_parts, shown.error_parts],
      [1, 2, 1, 2],
    )
    assert.deepEqual(
      (await harbour.rowsOf(table)).map(({ n }) => Number(n)),
      [7],
    )
    assert.deepEqual(
      (await harbour.errorRecords(session)).map((row) => Object.values(row as object)),
      [
        ['b', 'gzip_truncated', ''],
        ['c', 'gzip_invalid', ''],
      ],
    )
  })

  test('refuses single records and goes on', async () => {
    const { session, table } = await harbour.newSession()
    const json = '{"time":1700000000,"n":1}\nnot json\n[1]\n{"time":1700000000,"n":2}'
    const csv = 'time,n\n1700000000,3\n1700000000\n1700000000,"4"x,\n,5\n1700000000,6'
    const shown = await harbour.load(session, { a: gzipSync(json), b: gzipSync(csv) })
    assert.deepEqual([shown.valid_records, shown.error_records, shown.error_parts], [4, 5, 0])
    assert.deepEqual(
      (await harbour.rowsOf(table)).map(({ n }) => Number(n)),
      [1, 2, 3, 6],
    )
    assert.deepEqual(await harbour.errorRecords(session), [
      { part: 'a', reason: 'json_invalid', record: 'not json' },
      { part: 'a', reason: 'record_not_a_map', record: [1] },
      { part: 'b', reason: 'columns_differ', record: '1700000000\n' },
      { part: 'b', reason: 'csv_invalid', record: '1700000000,"4"x,\n' },
      { part: 'b', reason: 'time_missing', record: { time: null, n: 5 } },
    ])
  })
})

describe('the columns of a commit', () => {
  test('are those the table has by then: declared meanwhile, widened, or under the same name', async () => {
    const { session, table } = await harbour.newSession()
    await harbour.upload(
      session,
      'p',
      partOf({ time: T, n: 1, whole: 7, size: 1.5, 'Odd Name': 'x', note: 'late' }),
    )
    await post(`perform/${session}`)
    await harbour.work(session)
    const schema = JSON.stringify([
      ['n', 'long'],
      ['whole', 'double'],
      ['size', 'long'],
      ['odd name', 'string', 'odd_name'],
    ])
    const updated = await harbour.post(`/v3/table/update-schema/harbour/${table}`, { schema })
    assert.equal(updated.status, 200, updated.text)
    assert.equal(await statusOf(`commit/${session}`), 200)
    assert.deepEqual(await harbour.columnsOf(table), {
      n: 'long',
      whole: 'double',
      size: 'string',
      odd_name: 'string',
      odd_name_1: 'string',
      note: 'string',
    })
  })
})

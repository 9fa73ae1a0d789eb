import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { HOUR } from '../archive/testing.ts'
import { checkEverything } from '../fsck/check.ts'
import { silentLog, systemClock } from '../kernel/index.ts'
import { openWriteRoom, type WriteRoom } from './testing.ts'

describe('scripts that change something', () => {
  let room: WriteRoom
  let tables = 0
  let t: string
  before(async () => {
    room = await openWriteRoom()
  })
  after(() => room.close())
  beforeEach(() => {
    room.denied.length = 0
    room.at.step = () => undefined
    t = `table_${++tables}`
  })

  const idOf = async (name: string) =>
    (await room.query<{ id: bigint }>`SELECT id FROM tables WHERE name = ${name} AND removed_at IS NULL`)[0]
      ?.id
  const rows = (table: string, columns = '*', order = '1') =>
    room.sql(`SELECT ${columns} FROM ${table} ORDER BY ${order}`)

  test('CREATE TABLE makes a table with its columns, and time', async () => {
    const end = await room.job(`CREATE TABLE ${t} (a bigint, b varchar(5), c double, d boolean)`)
    assert.deepEqual([end.status, end.schema, end.rows], ['success', [['result', 'boolean']], [[true]]])
    assert.deepEqual(
      (await room.sql(`DESCRIBE ${t}`)).map(([name, type]) => [name, type]),
      [
        ['a', 'bigint'],
        ['b', 'varchar'],
        ['c', 'double'],
        ['d', 'bigint'],
        ['time', 'bigint'],
      ],
    )
  })

  test('INSERT stores rows with their time, and answers how many', async () => {
    await room.sql(`CREATE TABLE ${t} (a bigint, b varchar)`)
    const end = await room.job(`INSERT INTO ${t} VALUES (1, 'x', ${HOUR}), (2, NULL, ${HOUR + 7200})`)
    assert.deepEqual([end.schema, end.rows], [[['rows', 'bigint']], [[2]]])
    assert.deepEqual(await rows(t), [
      [1, 'x', HOUR],
      [2, null, HOUR + 7200],
    ])
  })

  test('INSERT without a time gives that of the job', async () => {
    await room.sql(`CREATE TABLE ${t} (a bigint)`)
    const before = Math.floor(Date.now() / 1000)
    await room.sql(`INSERT INTO ${t} (a) VALUES (1)`)
    const [[time]] = (await rows(t, 'time')) as number[][]
    assert.ok(time! >= before && time! <= Date.now() / 1000, String(time))
  })

  test('CREATE TABLE AS keeps every value, of every type', async () => {
    await room.sql(`CREATE TABLE ${t} AS SELECT * FROM (VALUES
      (1, 1.5e0, 'x', true, ARRAY[1, NULL], MAP(ARRAY['k'], ARRAY['v']), DATE '2024-02-29', ${HOUR}),
      (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)) AS v (i, f, s, b, a, m, d, time)`)
    const found = await rows(t, 'i, f, s, b, a, m, d', '1 NULLS LAST')
    assert.deepEqual(found, [
      [1, 1.5, 'x', 1, [1, null], { k: 'v' }, '2024-02-29'],
      [null, null, null, null, null, null, null],
    ])
  })

  test('DROP and CREATE AS is one change: nobody sees the table gone, and a failure leaves the old one', async () => {
    await room.sql(`CREATE TABLE ${t} AS SELECT 1 AS a`)
    const old = await idOf(t)
    const failed = await room.job(
      `DROP TABLE IF EXISTS ${t}; CREATE TABLE ${t} AS SELECT 1 / a AS b FROM (VALUES 0) AS v (a)`,
    )
    assert.deepEqual([failed.status, failed.error], ['error', 'DIVISION_BY_ZERO'])
    assert.deepEqual([await idOf(t), await rows(t, 'a')], [old, [[1]]])
    assert.deepEqual(await room.sql(`DROP TABLE IF EXISTS ${t}; CREATE TABLE ${t} AS SELECT 2 AS b`), [[1]])
    assert.notEqual(await idOf(t), old)
    assert.deepEqual(await rows(t, 'b'), [[2]])
    assert.deepEqual(room.denied, [{ kind: 'tables', id: old }])
  })

  test('a script sees what its own statements did', async () => {
    const answer = await room.sql(`
      CREATE TABLE ${t} (a bigint);
      INSERT INTO ${t} (a) VALUES 1, 2, 3;
      DELETE FROM ${t} WHERE a = 2;
      ALTER TABLE ${t} ADD COLUMN b varchar;
      INSERT INTO ${t} (a, b) SELECT a * 10, 'x' FROM ${t};
      ALTER TABLE ${t} RENAME COLUMN a TO c;
      ALTER TABLE ${t} RENAME TO ${t}_new;
      SELECT c, b FROM ${t}_new ORDER BY 1`)
    assert.deepEqual(answer, [
      [1, null],
      [3, null],
      [10, 'x'],
      [30, 'x'],
    ])
    assert.deepEqual(await rows(`${t}_new`, 'c, b'), answer)
    assert.equal(await idOf(t), undefined)
    const { stored, named } = await room.files()
    assert.deepEqual(
      stored.filter((path) => path.endsWith('.parquet')),
      named,
    )
  })

  test('every statement of a script reads one version: what is imported meanwhile is neither moved nor deleted', async () => {
    const source = await room.addTable(t)
    await room.addChunks(source, [{ time: HOUR, n: 1 }])
    await room.sql(`CREATE TABLE ${t}_moved (n bigint)`)
    let imported = false
    room.at.step = async (step) => {
      if (step !== 'written' || imported) return
      imported = true
      await room.addChunks(source, [{ time: HOUR, n: 2 }])
    }
    await room.sql(`INSERT INTO ${t}_moved (n, time) SELECT n, time FROM ${t}; DELETE FROM ${t} WHERE n > 0`)
    assert.deepEqual([await rows(`${t}_moved`, 'n'), await rows(t, 'n')], [[[1]], [[2]]])
  })

  test('DELETE takes rows by any condition, whole chunks without reading them twice, and leaves the rest as it was', async () => {
    const id = await room.addTable(t)
    await room.addChunks(
      id,
      [1, 2, 3, 4].map((n) => ({ time: HOUR + n, n, s: `v${n}`, filename: 'f' })),
      [5, 6].map((n) => ({ time: HOUR + 3600 + n, n, extra: 1 })),
      [7, 8].map((n) => ({ time: HOUR + 7200 + n, n, s: 'v7' })),
    )
    assert.deepEqual(
      await room.sql(`DELETE FROM ${t} WHERE n = 2 OR time >= ${HOUR + 7200} OR regexp_like(s, '^v(3)$')`),
      [[4]],
    )
    assert.deepEqual(await rows(t, 'n, s, filename, extra'), [
      [1, 'v1', 'f', null],
      [4, 'v4', 'f', null],
      [5, null, null, 1],
      [6, null, null, 1],
    ])
    assert.deepEqual(await room.sql(`DELETE FROM ${t} WHERE n IN (SELECT max(n) FROM ${t})`), [[1]])
    assert.deepEqual(await room.sql(`DELETE FROM ${t} WHERE n > 100`), [[0]])
    assert.deepEqual(await room.sql(`DELETE FROM ${t}`), [[3]])
    assert.deepEqual(await rows(t), [])
  })

  test('DELETE by a condition that answers otherwise each time takes the rows it counted, and no others', async () => {
    const id = await room.addTable(t)
    for (const from of [0, 400, 800])
      await room.addChunks(
        id,
        Array.from({ length: 400 }, (_, i) => ({ time: HOUR + i, n: from + i })),
      )
    for (const condition of [
      'random() < 0.3',
      `n IN (SELECT n FROM ${t} ORDER BY random() LIMIT 100)`,
      `n IN (SELECT n FROM ${t} TABLESAMPLE BERNOULLI (40))`,
      "cast(uuid() AS varchar) < '4' AND to_unixtime(now()) > n",
    ]) {
      const [before] = await rows(t, 'count(*), count(DISTINCT n)')
      const [[deleted]] = (await room.sql(`DELETE FROM ${t} WHERE ${condition}`)) as [[number]]
      assert.ok(deleted > 0 && deleted < Number(before![0]), `${deleted} of ${before![0]}`)
      const left = Number(before![0]) - deleted
      assert.deepEqual(await rows(t, 'count(*), count(DISTINCT n)'), [[left, left]])
    }
  })

  test('views are made, replaced, renamed and dropped, and later statements read them', async () => {
    const answer = await room.sql(`
      CREATE TABLE ${t} AS SELECT * FROM (VALUES 1, 2, 3) AS v (a);
      CREATE VIEW ${t}_v AS SELECT a FROM ${t} WHERE a > 1;
      CREATE OR REPLACE VIEW ${t}_v AS SELECT a FROM ${t} WHERE a > 2;
      ALTER VIEW ${t}_v RENAME TO ${t}_w;
      SELECT count(*) FROM ${t}_w`)
    assert.deepEqual(answer, [[1]])
    assert.deepEqual(await rows(`${t}_w`), [[3]])
    await room.sql(`DROP VIEW ${t}_w`)
    assert.equal((await room.job(`SELECT * FROM ${t}_w`)).error, 'TABLE_NOT_FOUND')
  })

  test('databases are made with what is in them, and dropped', async () => {
    const schema = `schema_${t}`
    await room.sql(`CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.inner_table AS SELECT 7 AS a`)
    assert.deepEqual(await room.sql(`SELECT a FROM ${schema}.inner_table`), [[7]])
    assert.equal((await room.job(`DROP SCHEMA ${schema}`)).error, 'SCHEMA_NOT_EMPTY')
    const id = await idOf('inner_table')
    await room.sql(`DROP SCHEMA ${schema} CASCADE`)
    assert.equal((await room.job(`SELECT a FROM ${schema}.inner_table`)).error, 'SCHEMA_NOT_FOUND')
    assert.deepEqual(
      room.denied.map(({ kind, id: taken }) => [kind, kind === 'tables' ? taken === id : true]),
      [
        ['databases', true],
        ['tables', true],
      ],
    )
  })

  test('nothing is written on a disk that is short: the job may be tried again', async () => {
    await room.sql(`CREATE TABLE ${t} (a bigint)`)
    room.at.hasRoom = false
    const end = await room.job(`INSERT INTO ${t} (a) VALUES 1`)
    room.at.hasRoom = true
    assert.deepEqual([end.status, end.error], ['error', 'storage_full'])
    assert.deepEqual(await room.sql(`INSERT INTO ${t} (a) VALUES 1`), [[1]])
  })

  test('what was written is what fsck wants, down to the footers', async () => {
    await room.sql(
      `CREATE TABLE ${t} AS SELECT n, CAST(n AS varchar) AS s, CAST(NULL AS varchar) AS x FROM UNNEST(sequence(1, 50)) AS u (n)`,
    )
    await room.sql(`DELETE FROM ${t} WHERE n % 3 = 0`)
    const { database, objects } = room.deps
    const deps = {
      database,
      objects,
      clock: systemClock,
      log: silentLog,
      isWaiting: () => false,
      orphanMinutes: -1,
    }
    const report = await checkEverything(
      deps,
      { deep: true, mend: false, forgetMissing: false },
      { signal: new AbortController().signal, onProgress: () => undefined },
    )
    assert.deepEqual(
      report.findings.filter(({ severity }) => severity === 'error'),
      [],
    )
    assert.deepEqual(await room.sql(`SELECT count(*) FROM ${t}`), [[34]])
  })

  test('a removed name that is taken again by a new column keeps both apart', async () => {
    await room.sql(`CREATE TABLE ${t} AS SELECT 1 AS a`)
    await room.sql(`ALTER TABLE ${t} RENAME COLUMN a TO b; ALTER TABLE ${t} ADD COLUMN a varchar`)
    await room.sql(`INSERT INTO ${t} (a, b) VALUES ('x', 2)`)
    assert.deepEqual(await rows(t, 'b, a'), [
      [1, null],
      [2, 'x'],
    ])
  })

  test('rows are laid out by hour where there are enough of them, sorted by time', async () => {
    await room.sql(`CREATE TABLE ${t} AS
      SELECT n AS a, ${HOUR} + CAST(n AS bigint) * 3 AS time FROM UNNEST(sequence(0, 2999)) AS u (n)
      UNION ALL SELECT -1, ${HOUR} + 86400 * 40 UNION ALL SELECT -2, ${HOUR} + 86400 * 90`)
    const chunks = await room.liveChunks((await idOf(t))!)
    assert.deepEqual(
      chunks.map(({ rows: count, from, to }) => [Number(count), Number(from) - HOUR, Number(to) - HOUR]),
      [
        [1200, 0, 3598],
        [1200, 3600, 7198],
        [602, 7200, 86400 * 90 + 1],
      ],
    )
    for (const { path } of chunks) {
      const [{ sorted }] = await room.duck.rows(
        `SELECT bool_and(coalesce("time" >= before, true)) AS sorted FROM (
           SELECT "time", lag("time") OVER (ORDER BY file_row_number) AS before FROM read_parquet('${room.objects.locate(path)}'))`,
        new AbortController().signal,
      )
      assert.equal(sorted, true)
    }
  })
})

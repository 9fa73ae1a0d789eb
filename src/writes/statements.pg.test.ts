import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { HOUR } from '../archive/testing.ts'
import { openWriteRoom, type WriteRoom } from './testing.ts'

describe('statements that are no plain queries, as jobs', () => {
  let room: WriteRoom
  before(async () => {
    room = await openWriteRoom()
    await room.sql(`CREATE TABLE visits (path varchar, size bigint)`)
    for (let hour = 0; hour < 4; hour++)
      await room.sql(
        `INSERT INTO visits VALUES ('/a', ${hour}, ${HOUR + hour * 3600}), ('/b', ${hour * 10}, ${HOUR + hour * 3600 + 1})`,
      )
  })
  after(() => room.close())

  test('a view is made, read, listed, shown, replaced, renamed and dropped', async () => {
    assert.deepEqual(await room.sql('CREATE VIEW big AS SELECT path, size FROM visits WHERE size >= 10'), [
      [true],
    ])
    assert.deepEqual(await room.sql('SELECT path, sum(size) FROM big GROUP BY 1'), [['/b', 60]])
    assert.deepEqual(
      await room.sql(
        `SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'harbour' AND table_name IN ('big', 'visits') ORDER BY 1`,
      ),
      [
        ['big', 'VIEW'],
        ['visits', 'BASE TABLE'],
      ],
    )
    assert.deepEqual(
      await room.sql(`SELECT view_definition FROM information_schema.views WHERE table_name = 'big'`),
      [['SELECT path, size FROM visits WHERE size >= 10']],
    )
    assert.deepEqual(
      await room.sql(
        `SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'big' ORDER BY ordinal_position`,
      ),
      [
        ['path', 'varchar'],
        ['size', 'bigint'],
      ],
    )
    assert.ok((await room.sql('SHOW TABLES')).some(([name]) => name === 'big'))
    await room.sql(`CREATE OR REPLACE VIEW big COMMENT 'all' AS SELECT path FROM visits`)
    assert.deepEqual(await room.sql('SHOW CREATE VIEW big'), [
      [`CREATE VIEW "td-presto".harbour.big\nCOMMENT 'all'\nSECURITY DEFINER AS\nSELECT path FROM visits`],
    ])
    assert.deepEqual(
      await room.sql(`SELECT comment FROM system.metadata.table_comments WHERE table_name = 'big'`),
      [['all']],
    )
    await room.sql('ALTER VIEW big RENAME TO every')
    assert.deepEqual(await room.sql('SELECT count(*) FROM every'), [[8]])
    await room.sql('DROP VIEW every')
    assert.equal((await room.job('SELECT count(*) FROM every')).error, 'TABLE_NOT_FOUND')
  })

  test('comments of a table and its columns are kept, changed and shown', async () => {
    await room.sql(
      `CREATE TABLE noted (path varchar COMMENT 'where it''s seen', size bigint) COMMENT 'of the site'; COMMENT ON COLUMN noted.size IS 'bytes'`,
    )
    const shown = () => room.sql('SHOW CREATE TABLE noted')
    const path = 'CREATE TABLE "td-presto".harbour.noted'
    assert.deepEqual(await shown(), [
      [
        `${path} (\n   path varchar COMMENT 'where it''s seen',\n   size bigint COMMENT 'bytes',\n   time bigint\n)\nCOMMENT 'of the site'`,
      ],
    ])
    assert.deepEqual((await room.sql('DESCRIBE noted'))[1], ['size', 'bigint', '', 'bytes'])
    assert.deepEqual(
      await room.sql(
        `SELECT column_name, remarks FROM system.jdbc.columns WHERE table_name = 'noted' ORDER BY ordinal_position`,
      ),
      [
        ['path', "where it's seen"],
        ['size', 'bytes'],
        ['time', null],
      ],
    )
    assert.deepEqual(
      await room.sql(`SELECT comment FROM system.metadata.table_comments WHERE table_name = 'noted'`),
      [['of the site']],
    )
    await room.sql(
      `ALTER TABLE noted RENAME COLUMN size TO bytes; ALTER TABLE noted ADD COLUMN code bigint COMMENT 'status'; COMMENT ON COLUMN noted.path IS NULL; COMMENT ON TABLE noted IS NULL`,
    )
    assert.deepEqual(await shown(), [
      [
        `${path} (\n   path varchar,\n   bytes bigint COMMENT 'bytes',\n   code bigint COMMENT 'status',\n   time bigint\n)`,
      ],
    ])
    await room.sql(`CREATE TABLE copied COMMENT 'by a query' AS SELECT path FROM noted`)
    assert.match(String((await room.sql('SHOW CREATE TABLE copied'))[0]![0]), /COMMENT 'by a query'$/)
  })

  test('a script sees its own view, and one that fails leaves none', async () => {
    assert.deepEqual(
      await room.sql(
        `CREATE VIEW own AS SELECT path FROM visits; CREATE TABLE from_own AS SELECT * FROM own; DROP VIEW own; SELECT count(*) FROM from_own`,
      ),
      [[8]],
    )
    const failed = await room.job('CREATE VIEW lost AS SELECT 1 AS a; SELECT 1 / size FROM visits')
    assert.equal(failed.error, 'DIVISION_BY_ZERO')
    assert.equal((await room.job('SELECT a FROM lost')).error, 'TABLE_NOT_FOUND')
  })

  test('a view that stands where another job has put one meanwhile is refused', async () => {
    await room.sql('CREATE VIEW once AS SELECT 1 AS a')
    const second = await room.job('CREATE VIEW once AS SELECT 2 AS a')
    assert.equal(second.error, 'TABLE_ALREADY_EXISTS')
    assert.deepEqual(await room.sql('SELECT a FROM once'), [[1]])
    await room.sql('DROP VIEW IF EXISTS once')
  })

  test('EXPLAIN tells how many chunks the times leave', async () => {
    const [[all]] = (await room.sql('EXPLAIN SELECT path FROM visits')) as [[string]]
    assert.match(all, /TableScan\[harbour\.visits\]\n.*time \[-∞, ∞\)\n\s+4 of 4 chunks, 8 of 8 rows, /)
    const [[some]] = (await room.sql(
      `EXPLAIN SELECT path FROM visits WHERE time >= ${HOUR + 3600} AND time < ${HOUR + 3 * 3600}`,
    )) as [[string]]
    assert.match(some, /2 of 4 chunks, 4 of 8 rows, [\d,]+ of [\d,]+ bytes/)
  })

  test('EXPLAIN ANALYZE runs the statement and tells what it took', async () => {
    const [[read]] = (await room.sql('EXPLAIN ANALYZE SELECT path, count(*) FROM visits GROUP BY 1')) as [
      [string],
    ]
    assert.match(read, /^Execution: [\d,]+ ms, processor time [\d,]+ ms\nOutput: 2 rows, [\d,]+ bytes\n/)
    assert.match(read, /4 of 4 chunks, 8 of 8 rows/)
    await room.sql('CREATE TABLE analyzed (path varchar)')
    const [[written]] = (await room.sql(
      'EXPLAIN ANALYZE INSERT INTO analyzed (path) SELECT path FROM visits',
    )) as [[string]]
    assert.match(written, /\nOutput: 8 rows\n/)
    assert.match(written, /INSERT td-presto\.harbour\.analyzed\n/)
    assert.deepEqual(await room.sql('SELECT count(*) FROM analyzed'), [[8]])
  })

  test('SHOW STATS knows rows and times without reading', async () => {
    const rows = await room.sql('SHOW STATS FOR visits')
    assert.deepEqual(rows.at(-1), [null, null, null, null, 8, null, null])
    assert.deepEqual(rows.at(-2), ['time', null, null, 0, null, String(HOUR), String(HOUR + 3 * 3600 + 1)])
  })

  test('what the JDBC driver asks is answered', async () => {
    assert.deepEqual(await room.sql('SELECT TABLE_CAT FROM system.jdbc.catalogs ORDER BY TABLE_CAT'), [
      ['system'],
      ['td-presto'],
    ])
    assert.deepEqual(
      await room.sql(
        `SELECT TABLE_CAT, TABLE_SCHEM, TABLE_NAME, TABLE_TYPE FROM system.jdbc.tables
          WHERE TABLE_CAT = 'td-presto' AND TABLE_SCHEM LIKE 'harbour' ESCAPE '\\' AND TABLE_NAME LIKE 'visit_' ESCAPE '\\'
            AND TABLE_TYPE IN ('TABLE', 'VIEW') ORDER BY TABLE_TYPE, TABLE_CAT, TABLE_SCHEM, TABLE_NAME`,
      ),
      [['td-presto', 'harbour', 'visits', 'TABLE']],
    )
    assert.deepEqual(
      await room.sql(
        `SELECT column_name, data_type, type_name, column_size, num_prec_radix, ordinal_position FROM "system"."jdbc"."columns" WHERE table_name = 'visits' ORDER BY ordinal_position`,
      ),
      [
        ['path', 12, 'varchar', 2147483647, null, 1],
        ['size', -5, 'bigint', 19, 10, 2],
        ['time', -5, 'bigint', 19, 10, 3],
      ],
    )
    assert.deepEqual(
      await room.sql(
        `SELECT type_name, data_type, case_sensitive FROM system.jdbc.types WHERE type_name IN ('bigint', 'map') ORDER BY 1`,
      ),
      [
        ['bigint', -5, false],
        ['map', 2000, false],
      ],
    )
    assert.deepEqual(await room.sql('SELECT count(*) FROM system.jdbc.procedures'), [[0]])
    assert.deepEqual(await room.sql(`SELECT node_id, coordinator FROM system.runtime.nodes`), [
      ['local', true],
    ])
  })

  test('privileges are those of the database', async () => {
    assert.deepEqual(
      (await room.sql('SHOW GRANTS ON visits')).map((row) => row[7]),
      ['SELECT', 'INSERT', 'DELETE'],
    )
  })

  test('prepared statements, the zone and the database hold for the rest of the script', async () => {
    assert.deepEqual(
      await room.sql(
        `PREPARE q FROM SELECT count(*) FROM visits WHERE path = ? AND size > ?; EXECUTE q USING '/b', 5`,
      ),
      [[3]],
    )
    assert.deepEqual(
      await room.sql(
        `PREPARE w FROM INSERT INTO visits (path) VALUES (?); EXECUTE w USING '/w'; DELETE FROM visits WHERE path = '/w'`,
      ),
      [[1]],
    )
    assert.deepEqual(
      await room.sql(`SET TIME ZONE 'Asia/Tokyo'; USE harbour; SELECT current_timezone(), current_schema`),
      [['Asia/Tokyo', 'harbour']],
    )
  })

  test('what comments set is in the log of the job', async () => {
    const { log, rows } = await room.job(`-- set session distributed_join = 'true'\nSELECT 1`)
    assert.deepEqual(rows, [[1]])
    assert.match(log, /line 1 sets distributed_join to 'true'/)
  })
})

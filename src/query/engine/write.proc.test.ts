import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { silentLog, systemClock } from '../../kernel/index.ts'
import { readParquetFooter } from '../../storage/parquet/index.ts'
import type { PrestoType } from '../presto-type.ts'
import { createEnginePool, type EngineLimits, type EnginePool, readEngineSettings } from './index.ts'
import type { FileColumn, FileCut, FilesToWrite, HourCount } from './types.ts'

const LIMITS: EngineLimits = {
  memoryBytes: 900 << 20,
  threads: 2,
  cpuSeconds: 60,
  wallSeconds: 60,
  tempBytes: 1 << 30,
}
const bigint: PrestoType = { kind: 'bigint' }
const long = (name: string): FileColumn => ({ name, key: name, type: 'long', physical: 'INT64' })
const text = (name: string): FileColumn => ({ name, key: name, type: 'string', physical: 'BYTE_ARRAY' })
const HOUR = 3600n

/** Every hour a file of its own. */
const byHour = (hours: HourCount[]): FileCut[] =>
  hours.map(({ start, rows }) => ({ ranges: [{ from: start, to: start + HOUR }], rows }))

describe('an engine that writes chunk files', () => {
  let dataDir: string
  let pool: EnginePool
  let duck: DuckDBConnection
  let directories = 0
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'millrace-engine-write-'))
    duck = await (await DuckDBInstance.create(':memory:')).connect()
    pool = await createEnginePool({
      size: 1,
      clock: systemClock,
      log: silentLog,
      settings: readEngineSettings({ MILLRACE_ENGINE_WATCH_MS: '20' }),
      dataDir,
      prelude: [],
    })
  })
  after(async () => {
    await pool.close()
    duck.closeSync()
    await rm(dataDir, { recursive: true })
  })

  const rowsOf = async (sql: string) => (await duck.runAndReadAll(sql)).getRows()
  const write = async (
    sql: string,
    columns: FileColumn[],
    { types = columns.map((): PrestoType => bigint), cut = byHour, limits = LIMITS, metadata = {} } = {},
  ) => {
    const directory = join(dataDir, `out-${++directories}`)
    const work: FilesToWrite = {
      query: {
        setup: [],
        sql,
        columns: columns.map(({ name }, i) => ({ name, type: types[i]! })),
        files: [],
      },
      columns,
      time: 99n,
      metadata,
      rowGroupRows: 122_880,
    }
    const { signal } = new AbortController()
    const engine = await pool.take()
    const written = await engine.writeFiles(work, directory, { limits, signal, onProgress: () => {}, cut })
    return { directory, ...written }
  }

  test('cuts them as it is told, sorts them by time, and describes them in their footers', async () => {
    const sql =
      "SELECT 7200 - i AS c1, CASE WHEN i % 2 = 0 THEN 'v' || i END AS c2 FROM range(7200) AS t (i) ORDER BY hash(i)"
    const types: PrestoType[] = [bigint, { kind: 'varchar' }]
    const metadata = { 'millrace.owner': "job:1:1 it's" }
    const { directory, selected, files } = await write(sql, [long('time'), text('name')], { types, metadata })
    assert.equal(selected, 7200)
    assert.deepEqual(
      files.map(({ file, rows, columns }) => [file, rows, columns.name!.nulls]),
      [
        ['0.parquet', 3599, 1800],
        ['1.parquet', 3600, 1800],
        ['2.parquet', 1, 0],
      ],
    )
    assert.deepEqual((await readdir(directory)).sort(), ['0.parquet', '1.parquet', '2.parquet'])
    const bytes = await readFile(join(directory, '0.parquet'))
    const footer = await readParquetFooter(bytes.length, async (from, to) => bytes.subarray(from, to))
    assert.equal(footer.metadata.get('millrace.owner'), "job:1:1 it's")
    assert.deepEqual(JSON.parse(footer.metadata.get('millrace.columns')!), files[0]!.columns)
    assert.deepEqual(
      footer.columns.map(({ name, physical, nulls }) => [name, physical, nulls]),
      [
        ['name', 'BYTE_ARRAY', 1800],
        ['time', 'INT64', 0],
      ],
    )
    const times = await rowsOf(`SELECT "time" FROM '${join(directory, '1.parquet')}'`)
    assert.deepEqual(
      times.map(([time]) => Number(time)),
      Array.from({ length: 3600 }, (_, i) => 3600 + i),
    )
  })

  test('gives rows without a time the one it is told', async () => {
    const some = await write('SELECT * FROM (VALUES (5, 1), (NULL, 2)) AS t (c1, c2)', [
      long('time'),
      long('n'),
    ])
    assert.deepEqual(await rowsOf(`SELECT "time", n FROM '${some.directory}/0.parquet' ORDER BY n`), [
      [5n, 1n],
      [99n, 2n],
    ])
    const none = await write('SELECT 7::BIGINT AS c1', [long('n')])
    assert.deepEqual(await rowsOf(`SELECT "time", n FROM '${none.directory}/0.parquet'`), [[99n, 7n]])
  })

  test('writes nothing for no rows', async () => {
    const { selected, files, directory } = await write('SELECT 1::BIGINT AS c1 WHERE false', [long('n')])
    assert.deepEqual([selected, files, await readdir(directory)], [0, [], []])
  })

  test('stores nested values as JSON text', async () => {
    const types: PrestoType[] = [
      { kind: 'array', element: bigint },
      { kind: 'map', key: { kind: 'varchar' }, value: bigint },
    ]
    const sql = "SELECT [1, NULL]::BIGINT[] AS c1, MAP {'a': 2}::MAP(VARCHAR, BIGINT) AS c2"
    const { directory } = await write(sql, [text('a'), text('m')], { types })
    assert.deepEqual(await rowsOf(`SELECT a, m FROM '${directory}/0.parquet'`), [['[1,null]', '{"a":2}']])
  })

  test('takes columns called as the reader’s own', async () => {
    const columns = [long('file_row_number'), long('filename'), long('Time'), long('s1')]
    const sql = 'SELECT 1::BIGINT AS c1, 2::BIGINT AS c2, 3::BIGINT AS c3, 4::BIGINT AS c4'
    const { directory } = await write(sql, columns.toSpliced(2, 1, long('c"3')))
    assert.deepEqual(await rowsOf(`SELECT * FROM '${directory}/0.parquet'`), [[1n, 2n, 3n, 4n, 99n]])
  })

  test('cuts a file by the numbers of its rows', async () => {
    const cut = () => [
      { ranges: [{ from: 0n, to: HOUR }], rows: 3, window: { from: 0, to: 3 } },
      { ranges: [{ from: 0n, to: HOUR }], rows: 2, window: { from: 3, to: 5 } },
    ]
    const { files, directory } = await write('SELECT i AS c1 FROM range(5) AS t (i)', [long('n')], { cut })
    assert.deepEqual(
      files.map(({ rows }) => rows),
      [3, 2],
    )
    assert.deepEqual(await rowsOf(`SELECT count(DISTINCT n) FROM '${directory}/*.parquet'`), [[5n]])
  })

  test('refuses times that are no seconds', async () => {
    const wrong = write('SELECT 1700000000000::BIGINT AS c1', [long('time')])
    await assert.rejects(wrong, { errorName: 'NUMERIC_VALUE_OUT_OF_RANGE', message: /1700000000000/ })
  })

  test('stops at the limit of what it may write', async () => {
    const sql = 'SELECT hash(i)::VARCHAR || uuid() AS c1 FROM range(1500000) AS t (i)'
    const endless = write(sql, [text('u')], {
      types: [{ kind: 'varchar' }],
      limits: { ...LIMITS, memoryBytes: 2000 << 20, writeBytes: 1 << 20 },
    })
    await assert.rejects(endless, { errorName: 'GENERIC_INSUFFICIENT_RESOURCES' })
  })

  test('asks for every row once, also of a random function', async () => {
    const { directory } = await write(
      'SELECT uuid()::VARCHAR AS c1, (i * 900)::BIGINT AS c2 FROM range(10) AS t (i)',
      [text('u'), long('time')],
      {
        types: [{ kind: 'varchar' }, bigint],
      },
    )
    assert.deepEqual(await rowsOf(`SELECT count(DISTINCT u), count(*) FROM '${directory}/*.parquet'`), [
      [10n, 10n],
    ])
  })

  test('refuses what is not one SELECT', async () => {
    for (const sql of [
      "COPY (SELECT 1) TO '/tmp/x'",
      'SELECT 1; SELECT 2',
      "SELECT * FROM read_csv('/etc/passwd')",
    ])
      await assert.rejects(write(sql, [long('n')]), { errorName: 'GENERIC_INTERNAL_ERROR' })
  })

  describe('cutting rows out of files', () => {
    const metadata = { 'millrace.replaces': '{"part":0,"of":1,"leftOut":0,"paths":["old"]}' }
    const columns = [long('time'), text('filename'), long('file_row_number')]
    const source = async (rows: number) => {
      const path = join(dataDir, `source-${++directories}.parquet`)
      await duck.run(
        `COPY (SELECT range AS "time", CASE WHEN range % 3 = 0 THEN 'f' || range END AS filename, range * 2 AS file_row_number
                 FROM range(${rows}) ORDER BY hash(range)) TO '${path}' (FORMAT parquet)`,
      )
      return path
    }
    /** `condition`: over `s1`, the times; asked once for all files together. */
    const cutting = async (files: { path: string; rows: number; condition: string }[]) => {
      const directory = join(dataDir, `out-${++directories}`)
      const { signal } = new AbortController()
      const options = { limits: LIMITS, signal, onProgress: () => {} }
      const schema = "MAP {'time': {name: 's1', type: 'BIGINT', default_value: NULL}}"
      const selects = files.map(
        ({ condition }, i) =>
          `SELECT filename, file_row_number FROM read_parquet($${i + 1}, schema = ${schema}) WHERE ${condition}`,
      )
      const paths = files.map(({ path }) => path)
      const query = {
        setup: [],
        sql: selects.join(' UNION ALL '),
        lists: paths.map((path) => [path]),
        columns: [],
        files: paths,
      }
      const choice = await (await pool.take()).chooseRows(query, `${directory}-chosen`, options)
      const work = {
        files: files.map(({ path, rows }) => ({ path, rows, columns, metadata })),
        chosen: join(`${directory}-chosen`, choice.file),
        rowGroupRows: 1000,
      }
      const done = await (await pool.take()).cutFiles(work, directory, options)
      return { directory, ...choice, ...done }
    }

    test('leaves the others as they were, whatever the columns are called', async () => {
      const path = await source(100)
      const { chosen, files, directory } = await cutting([{ path, rows: 100, condition: 's1 < 40' }])
      assert.deepEqual(
        chosen.map(({ path: file, rows }) => [file, rows]),
        [[path, 40]],
      )
      assert.deepEqual(
        files.map(({ removed, remains }) => [removed, remains?.rows, remains?.columns.filename?.nulls]),
        [[40, 60, 40]],
      )
      const kept = (file: string) => rowsOf(`SELECT * FROM '${file}' WHERE "time" >= 40`)
      assert.deepEqual(await kept(`${directory}/0.parquet`), await kept(path))
      const bytes = await readFile(`${directory}/0.parquet`)
      const footer = await readParquetFooter(bytes.length, async (from, to) => bytes.subarray(from, to))
      assert.equal(footer.metadata.get('millrace.replaces'), '{"part":0,"of":1,"leftOut":40,"paths":["old"]}')
    })

    test('takes out exactly the rows that were chosen, also at random', async () => {
      const paths = [await source(1000), await source(1000)]
      const { chosen, files } = await cutting(
        paths.map((path) => ({ path, rows: 1000, condition: 'random() < 0.5' })),
      )
      const counts = new Map(chosen.map(({ path, rows }) => [path, rows]))
      assert.deepEqual(
        files.map(({ removed, remains }) => [removed, remains?.rows]),
        paths.map((path) => [counts.get(path), 1000 - counts.get(path)!]),
      )
      const { least, most, sum } = chosen[0]!
      assert.ok(least >= 0 && most < 1000 && sum > 0n && sum < 499_500n)
    })

    test('writes nothing of files that lose nothing or everything', async () => {
      const [a, b, c] = [await source(10), await source(10), await source(10)]
      const { files, directory } = await cutting([
        { path: a, rows: 10, condition: 's1 < 0' },
        { path: b, rows: 10, condition: 'true' },
        { path: c, rows: 10, condition: 's1 = 3' },
      ])
      assert.deepEqual(
        files.map(({ removed, remains }) => [removed, remains?.file]),
        [
          [0, undefined],
          [10, undefined],
          [1, '2.parquet'],
        ],
      )
      assert.deepEqual(await readdir(directory), ['2.parquet'])
    })
  })
})

import assert from 'node:assert/strict'
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { configurationOf } from './run.ts'
import { prepareSelect, runSetup } from './statements.ts'

/** DIR is the directory of the chunks, FILE the one chunk the job was given. */
const REFUSALS: string[] = [
  "COPY (SELECT 1) TO 'FILE'",
  "COPY (SELECT 1) TO 'DIR/new.csv'",
  "COPY x FROM 'FILE'",
  "ATTACH 'DIR/x.db'",
  "SELECT * FROM read_text('/etc/passwd')",
  "SELECT * FROM read_blob('/proc/self/environ')",
  "SELECT * FROM read_csv('/etc/passwd')",
  "SELECT * FROM read_parquet('DIR/theirs.parquet')",
  "SELECT * FROM 'DIR/theirs.parquet'",
  'SELECT * FROM "DIR/theirs.parquet"',
  "SELECT * FROM glob('DIR/*')",
  "SELECT * FROM parquet_metadata('FILE')",
  "SELECT getenv('HOME')",
  "SELECT current_setting('temp_directory')",
  'SELECT * FROM duckdb_settings()',
  "SELECT * FROM query('SELECT 1')",
  "SELECT * FROM enable_logging(storage='file', storage_config={'path':'DIR/log'})",
  'SELECT (SELECT count(*) FROM pragma_database_list())',
  "WITH x AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM x",
  'INSTALL httpfs',
  'LOAD httpfs',
  'PRAGMA database_list',
  'PRAGMA threads=4',
  'SET threads=4',
  'SET enable_external_access=true',
  'RESET threads',
  'CALL enable_logging()',
  'CREATE TABLE x AS SELECT 1',
  'DROP VIEW x',
  "EXPORT DATABASE 'DIR/export'",
  'EXPLAIN SELECT 1',
  'SELECT 1; SELECT 2',
  "SELECT 1; COPY (SELECT 1) TO 'DIR/two.csv'",
  '',
]

describe('the statement check of a configured engine', () => {
  let directory: string
  let file: string
  let odd: string
  let connection: DuckDBConnection
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-statements-'))
    file = join(directory, 'mine.parquet')
    odd = join(directory, `odd ', "x" $1.parquet`)
    connection = await (await DuckDBInstance.create(':memory:')).connect()
    await connection.run(`COPY (SELECT 42 AS i) TO '${file}'`)
    await copyFile(file, odd)
    await connection.run(`COPY (SELECT 'secret' AS s) TO '${join(directory, 'theirs.parquet')}'`)
    const limits = { memoryBytes: 300 << 20, threads: 1, cpuSeconds: 9, wallSeconds: 9, tempBytes: 1 << 20 }
    for (const step of configurationOf(limits, join(directory, 'temp'), [file, odd]))
      await connection.run(step)
  })
  after(async () => {
    connection.closeSync()
    await rm(directory, { recursive: true })
  })

  const attempt = async (sql: string, lists: string[][] = []) => {
    const prepared = await prepareSelect(connection, sql, lists)
    return (await prepared.runAndReadAll()).getRows()
  }

  test('lets the job read its own chunk, and makes rows without any', async () => {
    assert.deepEqual(await attempt(`SELECT i FROM read_parquet(['${file}'])`), [[42]])
    assert.deepEqual(await attempt('SELECT sum(u) FROM (SELECT unnest([1, 2]) AS u), range(2)'), [[6n]])
    await runSetup(connection, `CREATE OR REPLACE TEMP VIEW t AS SELECT * FROM read_parquet(['${file}'])`)
    assert.deepEqual(
      await attempt('WITH x AS (SELECT list_transform([i], lambda e: e + 1) AS l FROM t) SELECT l[1] FROM x'),
      [[43]],
    )
  })

  test('takes lists of chunks as parameters, whatever their names; the same doors are closed', async () => {
    const read = 'SELECT a.i FROM read_parquet($1) AS a, read_parquet($2) AS b WHERE a.i = b.i'
    assert.deepEqual(await attempt(read, [[file], [file, odd]]), [[42], [42]])
    const theirs = join(directory, 'theirs.parquet')
    await assert.rejects(attempt('SELECT * FROM read_parquet($1)', [[file, theirs]]), /Permission Error/)
  })

  for (const sql of REFUSALS) {
    test(`refuses ${sql === '' ? 'an empty text' : sql}`, async () => {
      const before = await contents(directory)
      const attack = sql.replaceAll('DIR', directory).replaceAll('FILE', file)
      await assert.rejects(attempt(attack))
      assert.deepEqual(await contents(directory), before)
    })
  }

  test('refuses setup that does anything but create one thing', async () => {
    for (const sql of [
      'SET threads = 8',
      `COPY (SELECT 1) TO '${file}'`,
      'CREATE VIEW a AS SELECT 1; CREATE VIEW b AS SELECT 1',
      `ATTACH '${directory}/x'`,
      'CREATE SECRET (TYPE s3)',
    ])
      await assert.rejects(runSetup(connection, sql), { errorName: 'GENERIC_INTERNAL_ERROR' }, sql)
  })

  test('would notice a file that changed: the comparison above can fail', async () => {
    const before = await contents(directory)
    await writeFile(join(directory, 'new'), '')
    assert.notDeepEqual(await contents(directory), before)
    await rm(join(directory, 'new'))
  })
})

async function contents(directory: string): Promise<[string, string][]> {
  const names = (await readdir(directory, { withFileTypes: true })).filter((entry) => entry.isFile())
  return Promise.all(
    names.map(
      async ({ name }): Promise<[string, string]> => [name, await readFile(join(directory, name), 'base64')],
    ),
  )
}

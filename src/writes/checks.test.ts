import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { DuckDBInstance } from '@duckdb/node-api'
import { ownerOfPath } from '../archive/index.ts'
import { systemClock } from '../kernel/index.ts'
import { type CompiledStatement, readsOnly, type ScriptRun } from '../query/index.ts'
import { createLocalStore, type ObjectStore } from '../storage/index.ts'
import { keepList } from './commit.ts'
import { insertRows } from './insert-rows.ts'
import { runScript } from './run.ts'
import { sharesOf, within } from './steps.ts'
import { storeFile } from './store-file.ts'
import type { ChangeList, WriteDeps } from './types.ts'

const reads = (query: string) => readsOnly({ type: 'presto', query })

describe('telling scripts that change something', () => {
  for (const query of [
    'INSERT INTO t SELECT 1',
    'CREATE TABLE t AS SELECT 1 AS a',
    'CREATE TABLE t (a bigint)',
    'DROP TABLE IF EXISTS t',
    'DELETE FROM t',
    'TRUNCATE TABLE t',
    'ALTER TABLE t RENAME TO u',
    'ALTER TABLE t ADD COLUMN a bigint',
    'CREATE VIEW v AS SELECT 1 AS a',
    'DROP SCHEMA s',
    'SELECT 1; DELETE FROM t; SELECT 2',
    "-- set session x = 'y'\nINSERT INTO t VALUES 1",
    'PREPARE p FROM INSERT INTO t VALUES ?; EXECUTE p USING 1',
    "EXECUTE IMMEDIATE 'DELETE FROM t'",
  ])
    test(query, () => assert.equal(reads(query), false))
  for (const query of [
    'SELECT 1',
    'WITH insert_ AS (SELECT 1) SELECT * FROM insert_',
    'VALUES 1; SHOW TABLES',
    'EXPLAIN INSERT INTO t SELECT 1',
    'PREPARE p FROM SELECT 1; EXECUTE p',
    "SELECT 'DELETE FROM t'",
    'this is no SQL',
    '',
  ])
    test(`and those that only read: ${query}`, () => assert.equal(reads(query), true))
})

describe('rows written', () => {
  let directory: string
  let objects: ObjectStore
  let file: string
  const nulls = 1
  const columns = {
    a: { key: 'a', type: 'long', physical: 'INT64' as const, nulls },
    time: { key: 'time', type: 'long', physical: 'INT64' as const, nulls: 0 },
  }
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'millrace-writes-'))
    objects = await createLocalStore(directory)
  })
  after(() => rm(directory, { recursive: true }))
  const aFile = async (name: string) => {
    file = join(directory, name)
    const instance = await DuckDBInstance.create(':memory:')
    const connection = await instance.connect()
    await connection.run(
      `COPY (SELECT * FROM (VALUES (1::BIGINT, 5::BIGINT), (NULL, 9)) AS v (a, "time")) TO '${file}' (FORMAT parquet)`,
    )
    connection.closeSync()
    return file
  }

  test('are what their file says of itself', async () => {
    const stored = await storeFile({ objects }, await aFile('good'), 'chunks/job/1/1/7-0.parquet', {
      file: 'good',
      rows: 2,
      columns,
    })
    assert.deepEqual([stored.rows, stored.timeMin, stored.timeMax], [2, '5', '9'])
    assert.ok(await objects.exists('chunks/job/1/1/7-0.parquet'))
  })

  for (const [what, wrong] of Object.entries({
    'one row more was told': { rows: 3, columns },
    'one row less was told': { rows: 1, columns },
    'a value was lost': { rows: 2, columns: { ...columns, a: { ...columns.a, nulls: 0 } } },
  }))
    test(`are refused when ${what}`, async () => {
      const path = `chunks/job/1/1/${what.length}-9.parquet`
      const storing = storeFile({ objects }, await aFile(what), path, { file: what, ...wrong })
      await assert.rejects(storing, { code: 'rows_miscounted', advice: 'final' })
      assert.equal(await objects.exists(path), false)
    })

  test('are refused when they are not as many as were selected: nothing is committed', async () => {
    const deps = {
      objects,
      drafts: directory,
      faultPoint: () => undefined,
      layout: { leastRows: 1, chunkBytes: 1 },
    }
    const run = {
      job: { id: 5n, attempt: 1, accountId: 1n },
      report: { log() {}, progress() {} },
      context: { startedAtMs: 0 },
      bound: (_: unknown, __: unknown, use: (query: unknown) => unknown) => use({}),
      // An engine that skips a file: it selected four rows, and wrote two.
      engine: async () => ({
        async writeFiles(_: unknown, to: string) {
          await rm(to, { recursive: true, force: true })
          await aFile('skipping')
          await mkdir(to)
          await rename(file, join(to, '0.parquet'))
          return { selected: 4, files: [{ file: '0.parquet', rows: 2, columns }], cpuMs: 1 }
        },
      }),
    }
    const target = { id: 7n, databaseId: 1n, at: { database: 'd', name: 't' } }
    const work = { source: {} as never, columns: [], target, tables: {} as never, part: 0 }
    await assert.rejects(insertRows(deps as unknown as WriteDeps, run as unknown as ScriptRun, work), {
      code: 'rows_miscounted',
      message: /4 rows selected, 2 in the files/,
    })
  })

  test('a list of changes too large for the journal lies beside the files, and belongs to the attempt', async () => {
    const small: ChangeList = { accountId: '1', userId: '1', rights: [], steps: [], chunks: [], locks: 0 }
    assert.deepEqual(await keepList({ objects }, { id: 8n, attempt: 2 }, small), { list: small })
    const large = {
      ...small,
      steps: [{ do: 'drop-schema' as const, database: 'x'.repeat(200_000), cascade: true }],
    }
    const kept = await keepList({ objects }, { id: 8n, attempt: 2 }, large)
    assert.ok('path' in kept)
    assert.deepEqual(JSON.parse((await objects.get(kept.path)).toString()), large)
    assert.deepEqual(ownerOfPath(kept.path), { kind: 'job', id: 8n, attempt: 2 })
  })
})

describe('the progress of a script', () => {
  const insert = { kind: 'change', change: { kind: 'insert', target: { database: 'd', name: 't' } } }
  const drop = { kind: 'change', change: { kind: 'drop-table', target: { database: 'd', name: 't' } } }
  const shares = (...statements: unknown[]) => sharesOf(statements as CompiledStatement[])

  test('goes once from 0 to 100, over the statements that read or write rows', () => {
    assert.deepEqual(shares(drop, insert, drop, insert), [
      { from: 0, to: 0 },
      { from: 0, to: 50 },
      { from: 50, to: 50 },
      { from: 50, to: 100 },
    ])
    assert.deepEqual(shares(drop), [{ from: 0, to: 100 }])
  })

  test('is that of the statement, in its part', () => {
    const told: number[] = []
    const run = {
      report: { log: () => undefined, progress: (percent: number) => void told.push(percent) },
      reporting: (report: ScriptRun['report']) => ({ report }),
    }
    const { report } = within(run as unknown as ScriptRun, { from: 50, to: 75 })
    for (const percent of [0, 40, 100, 130]) report.progress(percent)
    assert.deepEqual(told, [50, 60, 75, 75])
  })
})

test('a script that fails says why, also when what it has left cannot be cleared away', async () => {
  const logged: string[] = []
  const run = {
    job: { id: 5n, attempt: 1, accountId: 1n, userId: 1n, database: 'shop', query: 'INSERT INTO t VALUES 1' },
    report: { log: (line: string) => void logged.push(line), progress() {} },
    catalog: async () => {
      throw new Error('the true reason')
    },
  }
  const database = {
    write: async () => {
      throw new Error('no locks either')
    },
  }
  await assert.rejects(
    runScript({ database } as unknown as WriteDeps, run as unknown as ScriptRun),
    /the true reason/,
  )
  assert.match(logged.join(), /no locks either/)
})

test('while the main database is away a script that changes something waits for it', async () => {
  const lookup = {
    findTable: () => ({ kind: 'found' as const, table: { id: 1n, columns: [] } }),
    listDatabases: () => ({ kind: 'found' as const, names: [] }),
    listTables: () => ({ kind: 'found' as const, names: [] }),
    mayWrite: () => 'yes' as const,
    as: () => lookup,
  }
  const logged: string[] = []
  const run = {
    job: {
      id: 5n,
      attempt: 1,
      accountId: 1n,
      userId: 1n,
      database: 'shop',
      query: 'INSERT INTO t (time) VALUES 1',
    },
    report: { log: (line: string) => void logged.push(line), progress() {} },
    signal: new AbortController().signal,
    context: { zone: 'UTC', scheduledTime: 0n, startedAtMs: 0, user: '1' },
    catalog: async () => ({ lookup, mayQuery: async () => 'yes' as const, ageMs: 5_000 }),
  }
  const deps = { clock: systemClock, database: undefined, faultPoint: () => assert.fail('it must not begin') }
  const outcome = await runScript(deps as unknown as WriteDeps, run as unknown as ScriptRun)
  assert.deepEqual(outcome, { kind: 'needs-database' })
  assert.match(logged.join(), /waits for it/)
})

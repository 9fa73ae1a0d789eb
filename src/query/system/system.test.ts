import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { SchemaLookup } from '../analyze/index.ts'
import { bindTables, type CompiledQuery, compileQuery } from '../compile.ts'
import { openConnection } from '../engine/connection.ts'
import { prepareSelect } from '../engine/statements.ts'
import { writeSystemTables } from './files.ts'
import { withSystemTables } from './lookup.ts'
import { SYSTEM_TABLES } from './tables.ts'
import type { SystemRow, SystemWanted } from './types.ts'

const MINE: SchemaLookup = {
  findTable: (database, table) => {
    if (database === 'away') return { kind: 'unknown', reason: 'nobody knows' }
    if (database !== 'system') return { kind: 'no-database' }
    return table === 'mine' || table === 'jobs'
      ? { kind: 'found', table: { id: 1n, columns: [] } }
      : { kind: 'no-table' }
  },
  listDatabases: () => ({ kind: 'found', names: ['system'] }),
  listTables: (database) =>
    database === 'system' ? { kind: 'found', names: ['jobs', 'mine'] } : { kind: 'absent' },
  mayWrite: () => 'yes',
  as: () => MINE,
}
const NOBODY: SchemaLookup = {
  findTable: () => ({ kind: 'no-database' }),
  listDatabases: () => ({ kind: 'found', names: [] }),
  listTables: () => ({ kind: 'absent' }),
  mayWrite: () => 'no',
  as: () => NOBODY,
}
const context = { zone: 'UTC', scheduledTime: 0n, startedAtMs: 0, user: 'u' }
const compile = (text: string, lookup = NOBODY) =>
  compileQuery({ text, defaultDatabase: 'db', lookup: withSystemTables(lookup), context })

const row = (id: number, more: SystemRow = {}): SystemRow => ({
  ...Object.fromEntries(
    SYSTEM_TABLES.find(({ name }) => name === 'jobs')!.columns.map(({ name }) => [name, null]),
  ),
  id: BigInt(id),
  ...more,
})

describe('what is read of a system table', () => {
  let directory: string
  let connection: DuckDBConnection
  before(async () => {
    directory = join(mkdtempSync(join(tmpdir(), 'millrace-system-')), 'job')
    connection = await openConnection()
  })
  after(() => rmSync(join(directory, '..'), { recursive: true }))

  type Given = { pages?: SystemRow[][]; limits?: { rows: number; bytes: number }; error?: Error }
  const write = async (text: string, { pages = [], limits, error }: Given = {}) => {
    rmSync(directory, { recursive: true, force: true })
    const compiled = await compile(text)
    const asked: SystemWanted[] = []
    const jobs = async function* (wanted: SystemWanted) {
      asked.push(wanted)
      if (error !== undefined) throw error
      yield* pages
    }
    const files = await writeSystemTables(compiled.statements.at(-1), {
      catalog: {
        ageMs: undefined,
        listing: { sight: async () => ({ everything: false, databases: ['a', 'b'] }) },
      } as never,
      sources: { jobs, import_errors: jobs, audit_log: jobs },
      user: { accountId: 1n, userId: 2n },
      directory,
      signal: new AbortController().signal,
      log: () => undefined,
      ...(limits !== undefined && { limits }),
    })
    return { compiled, asked, files }
  }
  const rows = async (text: string, given: Given) => {
    const { compiled, files } = await write(text, given)
    const query = bindTables(compiled, [], (path) => path, files)
    const prepared = await prepareSelect(connection, query.sql, query.lists)
    return (await prepared.runAndReadAll()).getRowsJS()
  }
  const wanted = async (text: string) => {
    const { asked } = await write(text)
    assert.equal(asked.length, 1)
    const { columns, times, texts } = asked[0]!
    return { columns: [...columns], times, texts: Object.fromEntries(texts) }
  }

  test('is what the statement names of it: columns, times and texts', async () => {
    assert.deepEqual(
      await wanted(
        `SELECT id FROM system.jobs WHERE time >= 10 AND time < 20 AND status IN ('error', 'killed') AND type = 'presto' AND id = 7`,
      ),
      {
        columns: ['time', 'id', 'type', 'status'],
        times: [{ from: 10n, to: 20n }],
        texts: { type: ['presto'], status: ['error', 'killed'] },
      },
    )
  })

  test('is seen through WITH and subqueries, and not beyond a limit', async () => {
    const through = `WITH w AS (SELECT status AS s, id FROM system.jobs) SELECT id FROM (SELECT * FROM w) x WHERE 'error' = s`
    assert.deepEqual((await wanted(through)).texts, { status: ['error'] })
    const limited = `SELECT id FROM (SELECT * FROM system.jobs LIMIT 5) WHERE status = 'error'`
    assert.deepEqual((await wanted(limited)).texts, {})
  })

  test('is everything when a condition could be true of anything', async () => {
    for (const condition of [
      `status <> 'error'`,
      `NOT (status = 'error')`,
      `status NOT IN ('error')`,
      `status = 'error' OR id = 1`,
      `status = user_name`,
      `lower(status) = 'error'`,
      `status IS NOT DISTINCT FROM 'error'`,
    ]) {
      assert.deepEqual((await wanted(`SELECT 1 FROM system.jobs WHERE ${condition}`)).texts, {}, condition)
    }
  })

  test('is nothing when no row can match', async () => {
    const { texts } = await wanted(
      `SELECT 1 FROM system.jobs WHERE status = 'a' AND status IN ('b', NULL) AND type = NULL`,
    )
    assert.deepEqual(texts, { status: [], type: [] })
  })

  test('is read once for all mentions, as much as any of them needs', async () => {
    const twice = `SELECT a.id, b.query FROM system.jobs a, system.jobs b WHERE a.status = 'error' AND b.status = 'killed' AND a.type = 'presto' AND a.time < 5 AND b.time > 9`
    const { columns, times, texts } = await wanted(twice)
    assert.deepEqual(columns, ['time', 'id', 'type', 'status', 'query'])
    assert.deepEqual(texts, { status: ['error', 'killed'] })
    assert.deepEqual(times, [
      { from: null, to: 5n },
      { from: 10n, to: null },
    ])
  })

  test('comes from any number of pages, with every value as it was', async () => {
    const pages = [
      [row(1, { query: '\0 \u{1f600} "x"', cpu_ms: -(2n ** 63n) }), row(2)],
      [],
      [row(3, { query: '', start_at: new Date('2026-01-01T00:00:00.123Z') })],
    ]
    const all =
      'SELECT id, query, cpu_ms, start_at IS NULL, to_unixtime(start_at) FROM system.jobs ORDER BY id'
    assert.deepEqual(await rows(all, { pages }), [
      [1n, '\0 \u{1f600} "x"', -(2n ** 63n), true, null],
      [2n, null, null, true, null],
      [3n, '', null, false, 1767225600.123],
    ])
    assert.deepEqual(await rows('SELECT count(*) FROM system.jobs', { pages }), [[3n]])
    assert.deepEqual(await rows('SELECT count(*), max(query) FROM system.jobs', { pages: [] }), [[0n, null]])
  })

  test('is bounded: beyond it the error says by what to narrow it', async () => {
    const pages = [[row(1), row(2)], [row(3)]]
    const limits = { rows: 2, bytes: 1 << 20 }
    await assert.rejects(write('SELECT id FROM system.jobs', { pages, limits }), {
      errorName: 'GENERIC_INSUFFICIENT_RESOURCES',
      message: /2 rows of system tables; narrow system\.jobs by time or database_name/,
    })
    await assert.rejects(write('SELECT id FROM system.jobs', { pages, limits: { rows: 9, bytes: 10 } }), {
      errorName: 'GENERIC_INSUFFICIENT_RESOURCES',
    })
  })

  test('is not read for a statement that is only explained, and what cannot be read is said', async () => {
    const { asked } = await write('EXPLAIN SELECT * FROM system.jobs')
    assert.deepEqual(asked, [])
    assert.ok(!existsSync(directory))
    const error = new Error('away')
    await assert.rejects(write('SELECT * FROM system.jobs', { error }), error)
  })

  test('is shown by EXPLAIN', async () => {
    const { statements } = await compile(
      `EXPLAIN SELECT * FROM system.jobs WHERE status IN ('error', 'killed') AND type = 'presto'`,
    )
    const { sql } = statements[0] as CompiledQuery
    assert.match(sql, /SystemScan\[system\.jobs\]\s+type in \(presto\)\s+status in \(error, killed\)/)
  })

  test('makes no count out of the catalog of chunks', async () => {
    const { statements } = await compile('SELECT count(*) FROM system.chunks')
    assert.equal((statements[0] as CompiledQuery).fromCatalog, undefined)
  })
})

describe('a database with the name of a system schema', () => {
  test('can be read but for the tables that ours stand in front of', async () => {
    const { tables } = await compile('SELECT 1 FROM system.mine, system.jobs', MINE)
    assert.deepEqual(
      tables.map(({ database, table }) => `${database}.${table}`),
      ['system.mine'],
    )
    const shown = await compile('SHOW TABLES FROM system', MINE)
    const { sql } = shown.statements[0] as CompiledQuery
    assert.equal(sql.match(/'jobs'/g)?.length, 1)
    assert.match(sql, /'mine'/)
  })

  test('takes nothing from what nobody can say', async () => {
    await assert.rejects(compile('SELECT 1 FROM away.t'), { errorName: 'SCHEMA_NOT_FOUND' })
    await assert.rejects(compile('SELECT 1 FROM away.t', MINE), { code: 'catalog_unknown' })
    await assert.rejects(compile('SELECT 1 FROM system.none', MINE), { errorName: 'TABLE_NOT_FOUND' })
    await assert.rejects(compile('SELECT 1 FROM system.none'), { errorName: 'TABLE_NOT_FOUND' })
    await assert.rejects(compile('SELECT 1 FROM information_schema.none', MINE), {
      errorName: 'TABLE_NOT_FOUND',
    })
  })
})

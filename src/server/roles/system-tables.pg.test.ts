import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { decodeMulti } from '@msgpack/msgpack'
import { startTestDatabase, type TestDatabase } from '../../database/testing.ts'
import { jobHeads, type RunOutcome } from '../../jobs/index.ts'
import { silentLog, systemClock } from '../../kernel/index.ts'
import { errorHeads } from '../../load/index.ts'
import { openConnection } from '../../query/engine/connection.ts'
import { prepareSelect } from '../../query/engine/statements.ts'
import { catalogFor, createQueryRunner, type Engine, readQuerySettings } from '../../query/index.ts'
import { writeResult } from '../../query/results/write.ts'
import type { Snapshot } from '../../snapshot/index.ts'
import { createLocalStore } from '../../storage/index.ts'
import { systemSourcesOf } from './system-tables.ts'

const WRITE = { class: 'write', deadlineMs: 20_000 } as const
const OWNER = 1n
const MEMBER = 2n
const REMOVED = 3n
const STRANGER = 4n

/** A snapshot with one database of one table; whoever is not user 1 is unknown to it. */
const SNAPSHOT = {
  ageMs: 4000,
  readable: true,
  findUser: (id: bigint) =>
    id === OWNER
      ? { kind: 'found', value: { id, accountId: 1n, role: 'owner', removed: false } }
      : { kind: 'unknown', reason: 'a test' },
  listDatabases: () => [{ id: 1n, name: 'site', ownerId: 1n }],
  listTables: () => [{ id: 1n, name: 'log' }],
  findDatabase: (_: bigint, name: string) =>
    name === 'site'
      ? { kind: 'found', value: { id: 1n, accountId: 1n, name, ownerId: 1n } }
      : { kind: 'absent' },
  findTable: () => ({ kind: 'absent' }),
  listViews: () => [
    {
      name: 'two',
      text: 'SELECT 2 AS n',
      defaultDatabase: 'site',
      columns: [{ name: 'n', type: 'integer' }],
      security: 'definer',
      ownerId: OWNER,
      comment: null,
    },
  ],
  findTableById: () => ({
    kind: 'found',
    value: { columns: [{ name: 'size', key: 'size', type: 'long' }] },
  }),
  chunksOf: async () => ({
    kind: 'found',
    value: [{ id: 9n, tableId: 1n, timeMin: 5n, timeMax: 7n, rows: 3, bytes: 44, path: 'chunks/nine' }],
  }),
} as unknown as Snapshot

describe('system tables', () => {
  let db: TestDatabase
  let dataDir: string
  let drafts: string
  let engine: Engine
  let jobs = 0
  const logged: string[] = []

  before(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'millrace-system-'))
    drafts = mkdtempSync(join(dataDir, 'drafts-'))
    const connection = await openConnection()
    const refused = () => Promise.reject(new Error('only reads'))
    engine = {
      discard: () => undefined,
      writeFiles: refused,
      chooseRows: refused,
      cutFiles: refused,
      async runToFile({ sql, lists, columns, files }, path) {
        for (const file of files ?? []) assert.ok(file.startsWith(drafts) && existsSync(file), file)
        const result = await (await prepareSelect(connection, sql, lists)).stream()
        const types = columns.map(({ type }) => type)
        return { ...(await writeResult(result, types, path, () => undefined)), cpuMs: 1 } as never
      },
    }
    db = await startTestDatabase()
    await db.database.write(WRITE, async (sql) => {
      await sql`INSERT INTO accounts (id, name) VALUES (1, 'one'), (2, 'two')`
      await sql`
        INSERT INTO users (id, account_id, name, email, role, removed_at)
        VALUES (1, 1, 'Ann', 'a@example.com', 'owner', NULL), (2, 1, 'Bob', 'b@example.com', 'member', NULL),
               (3, 1, 'Di', 'd@example.com', 'owner', now()), (4, 2, 'Flo', 'f@example.com', 'owner', NULL)`
      await sql`
        INSERT INTO databases (id, account_id, name, owner_id)
        VALUES (1, 1, 'site', 1), (2, 1, 'vault', 1), (3, 2, 'site', 4), (4, 1, 'incoming', 1)`
      await sql`
        INSERT INTO tables (id, database_id, name)
        VALUES (1, 1, 'log'), (2, 1, 'bare'), (3, 2, 'gold'), (4, 3, 'theirs')`
      await sql`
        INSERT INTO table_columns (table_id, name, key, type, ordinal)
        VALUES (1, 'size', 'size', 'long', 2), (1, 'tags', 'tags', 'array<string>', 3), (3, 'oz', 'oz', 'double', 1)`
      await sql`
        INSERT INTO database_permissions (database_id, user_id, permission)
        VALUES (1, 2, 'query_only'), (4, 2, 'import_only')`
      await sql`
        INSERT INTO chunks (table_id, time_range, rows, bytes, path, owner, columns, retired_at)
        VALUES (1, '[10,20)', 5, 100, 'a', 't', '{}', NULL), (1, '[15,30)', 2, 50, 'b', 't', '{}', NULL),
               (1, '[10,20)', 5, 100, 'gone', 't', '{}', now()), (3, '[1,2)', 1, 9, 'c', 't', '{}', NULL)`
      await sql`
        INSERT INTO error_records (id, account_id, table_id, database, "table", channel, reason, unique_id, records, body,
                                   received_at, created_at, key_sha256)
        VALUES (1, 1, 1, 'site', 'log', 'records', 'not_a_map', 'u1', 3, 'abc', '2026-01-01Z', '2026-01-01 00:00:01.9996Z', 'ab'),
               (2, 1, 3, 'vault', 'gold', 'records', 'not_a_map', NULL, 1, NULL, '2026-01-02Z', '2026-01-02Z', NULL),
               (3, 1, NULL, 'nowhere', 'nothing', 'events', 'table_unknown', NULL, 1, NULL, '2026-01-03Z', '2026-01-03Z', NULL),
               (4, 2, 4, 'site', 'theirs', 'records', 'not_a_map', NULL, 1, NULL, '2026-01-01Z', '2026-01-01Z', NULL)`
      await sql`
        INSERT INTO jobs (id, account_id, user_id, user_name, type, database, query, status, created_at, end_at, cpu_ms)
        VALUES (1, 1, 1, 'Ann', 'presto', 'vault', 'SELECT 1', 'success', '2026-01-01Z', '2026-01-01 00:00:09.5Z', 12),
               (2, 1, 2, 'Bob', 'presto', 'vault', 'SELECT 2', 'error', '2026-01-02Z', NULL, NULL),
               (3, 1, 1, 'Ann', 'presto', 'site', 'SELECT ''ü''', 'queued', '2026-01-03Z', NULL, NULL),
               (4, 2, 4, 'Flo', 'presto', 'site', 'SELECT 4', 'queued', '2026-01-03Z', NULL, NULL)`
    })
  })
  after(async () => {
    await db.stop()
    rmSync(dataDir, { recursive: true })
  })

  const run = async (query: string, userId: bigint, mode?: 'away'): Promise<RunOutcome> => {
    const gate = mode === undefined ? db.gate : { current: () => ({ ...db.gate.current(), mode }) }
    const runner = createQueryRunner({
      engines: { take: async () => engine, close: async () => undefined },
      objects: await createLocalStore(dataDir),
      drafts,
      catalogFor: (user) => catalogFor({ database: db.database, gate, snapshot: SNAPSHOT }, user),
      systemSources: systemSourcesOf(db.database),
      changes: { run: () => Promise.reject(new Error('only reads')), commits: {} },
      settings: readQuerySettings({}),
      clock: systemClock,
      log: silentLog,
    })
    const id = BigInt(++jobs)
    const accountId = userId === STRANGER ? 2n : 1n
    const job = {
      id,
      attempt: 1,
      type: 'presto',
      accountId,
      userId,
      database: 'site',
      query,
      scheduledTime: 0n,
    }
    const report = { log: (line: string) => void logged.push(line), progress: () => undefined }
    const outcome = await runner.run(job, report, new AbortController().signal)
    assert.deepEqual(readdirSync(drafts), [], 'nothing stays behind')
    return outcome
  }
  const rows = async (query: string, userId = OWNER, mode?: 'away'): Promise<unknown[]> => {
    const outcome = await run(query, userId, mode)
    assert.ok(outcome.kind === 'success' && outcome.result !== undefined, JSON.stringify(outcome))
    const stored = readFileSync(join(dataDir, 'objects', outcome.result.path))
    return [...decodeMulti(gunzipSync(stored))]
  }
  const texts = async (...args: Parameters<typeof rows>) =>
    (await rows(...args)).map((row) => (row as unknown[]).join(' '))

  test('the log of changes is for owners and administrators', async () => {
    await db.database.write(
      WRITE,
      (sql) => sql`
        INSERT INTO audit_log (account_id, user_email, action, target, after, at)
        VALUES (1, 'a@example.com', 'user.role', 'b@example.com', '{"role": "member"}', to_timestamp(1700000000))`,
    )
    const lines = `SELECT time, user_email, action, target, result, after
                     FROM system.audit_log WHERE action = 'user.role' AND time < 1700000001`
    assert.deepEqual(await rows(lines), [
      [1700000000, 'a@example.com', 'user.role', 'b@example.com', 'done', '{"role":"member"}'],
    ])
    for (const user of [MEMBER, STRANGER, REMOVED]) assert.deepEqual(await rows(lines, user), [])
  })

  describe('information_schema', () => {
    const SCHEMATA = 'SELECT schema_name FROM information_schema.schemata ORDER BY 1'
    const TABLES = `SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema NOT IN ('system', 'information_schema') ORDER BY 1, 2`

    test('shows the databases one may query and the schemas that everybody has', async () => {
      assert.deepEqual(await texts(SCHEMATA), ['incoming', 'information_schema', 'site', 'system', 'vault'])
      assert.deepEqual(await texts(SCHEMATA, MEMBER), ['information_schema', 'site', 'system'])
      assert.deepEqual(await texts(SCHEMATA, REMOVED), ['information_schema', 'system'])
      assert.deepEqual(await texts(TABLES), ['site bare', 'site log', 'vault gold'])
      assert.deepEqual(await texts(TABLES, MEMBER), ['site bare', 'site log'])
      assert.deepEqual(await texts(TABLES, STRANGER), ['site theirs'])
      assert.deepEqual(await texts(TABLES, REMOVED), [])
    })

    test('has the columns of a table in their order, with Presto’s types, and time at the end', async () => {
      const columns = `SELECT ordinal_position, column_name, data_type, is_nullable, column_default FROM information_schema.columns WHERE "TABLE_SCHEMA" = 'site' AND table_name = 'log' ORDER BY 1`
      assert.deepEqual(await rows(columns), [
        [1, 'size', 'bigint', 'YES', null],
        [2, 'tags', 'array(varchar)', 'YES', null],
        [3, 'time', 'bigint', 'YES', null],
      ])
    })

    test('contains itself and the other system tables', async () => {
      const own = `SELECT table_schema || '.' || table_name FROM td-presto.information_schema.tables WHERE table_schema IN ('information_schema', 'system') ORDER BY 1`
      assert.deepEqual(await texts(own.replace('td-presto', '"td-presto"'), MEMBER), [
        'information_schema.applicable_roles',
        'information_schema.columns',
        'information_schema.enabled_roles',
        'information_schema.roles',
        'information_schema.schemata',
        'information_schema.table_privileges',
        'information_schema.tables',
        'information_schema.views',
        'system.audit_log',
        'system.chunks',
        'system.import_errors',
        'system.jobs',
      ])
      const described = await texts('DESCRIBE system.import_errors', MEMBER)
      assert.ok(described.includes('received_at timestamp(3) with time zone  '), described.join('\n'))
      assert.deepEqual(await texts('SHOW TABLES FROM information_schema', MEMBER), [
        'applicable_roles',
        'columns',
        'enabled_roles',
        'roles',
        'schemata',
        'table_privileges',
        'tables',
        'views',
      ])
      assert.deepEqual(await texts(`SHOW SCHEMAS LIKE 's%'`, MEMBER), ['site', 'system'])
    })

    test('joins with itself, counts without a column, and gives no row where nothing matches', async () => {
      const joined = `SELECT t.table_name, count(c.column_name) FROM information_schema.tables t LEFT JOIN information_schema.columns c ON c.table_schema = t.table_schema AND c.table_name = t.table_name AND c.table_schema = 'vault' WHERE t.table_schema IN ('site', 'vault') GROUP BY 1 ORDER BY 1`
      assert.deepEqual(await rows(joined), [
        ['bare', 0],
        ['gold', 2],
        ['log', 0],
      ])
      const twice = `SELECT a.table_name, b.table_name FROM information_schema.tables a JOIN information_schema.tables b ON a.table_schema = 'vault' AND b.table_name = 'log'`
      assert.deepEqual(await rows(twice), [['gold', 'log']])
      assert.deepEqual(await rows(`SELECT count(*) FROM information_schema.tables`), [[15]])
      assert.deepEqual(await rows(`SELECT * FROM information_schema.tables WHERE table_schema = 'none'`), [])
    })

    test('answers from the snapshot while the main database is away', async () => {
      assert.deepEqual(await texts(TABLES, OWNER, 'away'), ['site log', 'site two'])
      assert.deepEqual(await rows('SELECT n + 1 FROM two', OWNER, 'away'), [[3]])
      assert.deepEqual(await texts('SHOW TABLES', OWNER, 'away'), ['log', 'two'])
      const queries = `SELECT view_definition FROM information_schema.views`
      assert.deepEqual(await texts(queries, OWNER, 'away'), ['SELECT 2 AS n'])
      const columns = `SELECT column_name FROM information_schema.columns WHERE table_name = 'log'`
      assert.deepEqual(await texts(columns, OWNER, 'away'), ['size', 'time'])
      assert.deepEqual(await rows('SELECT id, path, rows FROM system.chunks', OWNER, 'away'), [
        [9, 'chunks/nine', 3],
      ])
      assert.equal((await run(TABLES, MEMBER, 'away')).kind, 'needs-database')
    })
  })

  describe('system.import_errors', () => {
    const ALL = 'SELECT id FROM system.import_errors ORDER BY id'

    test('is everything of the account for its owner, what belongs to readable databases for members', async () => {
      assert.deepEqual(await rows(ALL), [[1], [2], [3]])
      assert.deepEqual(await rows(ALL, MEMBER), [[1]])
      assert.deepEqual(await rows(ALL, STRANGER), [[4]])
      assert.deepEqual(await rows(ALL, REMOVED), [])
    })

    test('says what came, when, how and by whose key', async () => {
      const all = `SELECT * FROM system.import_errors WHERE id = 1`
      assert.deepEqual(await rows(all), [
        [
          1767225601,
          1,
          'site',
          'log',
          'records',
          'not_a_map',
          3,
          'u1',
          'ab',
          3,
          '2026-01-01 00:00:00.000 UTC',
          '2026-01-01 00:00:01.999 UTC',
        ],
      ])
    })

    test('is narrowed by time, database and table, exactly', async () => {
      const where = async (condition: string) =>
        (await rows(`SELECT id FROM system.import_errors WHERE ${condition} ORDER BY 1`)).flat()
      assert.deepEqual(await where('time = 1767225601'), [1])
      assert.deepEqual(await where('time > 1767225601'), [2, 3])
      assert.deepEqual(await where(`TD_TIME_RANGE(time, '2026-01-02', '2026-01-03')`), [2])
      assert.deepEqual(await where('time < -9223372036854775807 OR time > 9223372036854775806'), [])
      assert.deepEqual(await where(`database_name = 'vault'`), [2])
      assert.deepEqual(await where(`database_name IN ('vault', 'nowhere') AND table_name <> 'gold'`), [3])
      assert.deepEqual(await where(`database_name = 'vault' OR table_name = 'log'`), [1, 2])
      assert.deepEqual(await where('time < 10 AND time > 20'), [])
    })

    test('is never empty because it cannot be read: the job waits', async () => {
      logged.length = 0
      assert.deepEqual(await run(ALL, OWNER, 'away'), { kind: 'needs-database' })
      assert.match(logged.join('\n'), /system\.import_errors is in the main database only/)
    })
  })

  describe('system.chunks', () => {
    test('lists the live chunks of tables one may query', async () => {
      const all =
        'SELECT database_name, table_name, time_min, time_max, rows, bytes, path FROM system.chunks ORDER BY path'
      const log = [
        ['site', 'log', 10, 19, 5, 100, 'a'],
        ['site', 'log', 15, 29, 2, 50, 'b'],
      ]
      assert.deepEqual(await rows(all, MEMBER), log)
      assert.deepEqual(await rows(all), [...log, ['vault', 'gold', 1, 1, 1, 9, 'c']])
      assert.deepEqual(await rows(`SELECT sum(rows) FROM system.chunks WHERE table_name = 'gold'`), [[1]])
    })
  })

  describe('system.jobs', () => {
    test('shows who may see what as the list of jobs does', async () => {
      const all = 'SELECT id FROM system.jobs ORDER BY id'
      assert.deepEqual(await rows(all), [[1], [2], [3]])
      assert.deepEqual(await rows(all, MEMBER), [[2], [3]])
      assert.deepEqual(await rows(all, STRANGER), [[4]])
      assert.equal((await run(all, OWNER, 'away')).kind, 'needs-database')
    })

    test('has a job’s question and its end', async () => {
      const one = (id: number) => `SELECT query, status, end_at, cpu_ms FROM system.jobs WHERE id = ${id}`
      assert.deepEqual(await rows(one(1)), [['SELECT 1', 'success', '2026-01-01 00:00:09.500 UTC', 12]])
      assert.deepEqual(await rows(one(3)), [[`SELECT 'ü'`, 'queued', null, null]])
      const counted = `SELECT status, count(*) FROM system.jobs WHERE status IN ('error', 'queued') AND user_name = 'Ann' GROUP BY 1`
      assert.deepEqual(await rows(counted), [['queued', 1]])
    })
  })

  test('pages of a source join without a gap, whatever their size', async () => {
    const times = { from: null, to: null }
    const admission = { class: 'read', deadlineMs: 20_000 } as const
    const errors = { accountId: 1n, databases: null, tables: null, times }
    const ofJobs = { visible: null, databases: null, statuses: null, types: null, userNames: null, times }
    const wantedJobs = { accountId: 1n, userId: 1n, withQuery: false, ...ofJobs }
    for (const size of [1, 2, 3, 4]) {
      for (const pages of [
        errorHeads(db.database, admission, errors, size),
        jobHeads(db.database, admission, wantedJobs, size),
      ]) {
        const ids: bigint[] = []
        for await (const page of pages) ids.push(...page.map(({ id }) => id))
        assert.deepEqual(ids, [3n, 2n, 1n])
      }
    }
  })

  test('a name that is not there is a missing table, as anywhere', async () => {
    for (const name of ['information_schema.nothing', 'system.nothing', 'system.read_parquet']) {
      const outcome = await run(`SELECT * FROM ${name}`, OWNER)
      assert.ok(outcome.kind === 'error' && outcome.name === 'TABLE_NOT_FOUND', JSON.stringify(outcome))
    }
  })
})

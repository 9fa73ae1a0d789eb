import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import pg from 'pg'
import { silentLog, systemClock } from '../kernel/index.ts'
import { openSnapshot, type Snapshot, type SnapshotWriter } from '../snapshot/index.ts'
import { contentForTests, startAccountForTests, startTestCatalog, type TestCatalog } from './testing.ts'

/** Statements other processes run, on one of three connections, each with a transaction open or not. */
const STATEMENTS: Record<string, string> = {
  user: `INSERT INTO users (account_id, name, email, role) VALUES (1, 'u$1', 'u$1@' || random(), 'member')`,
  role: `UPDATE users SET role = CASE role WHEN 'member' THEN 'administrator' ELSE 'member' END WHERE id % 3 = $1 % 3 AND role <> 'owner'`,
  database: `INSERT INTO databases (account_id, name, owner_id) VALUES (1, 'db_' || replace(random()::text, '.', ''), 1)`,
  drop_database: `UPDATE databases SET removed_at = now() WHERE id % 5 = $1 % 5 AND removed_at IS NULL`,
  table: `INSERT INTO tables (database_id, name) SELECT id, 't_' || replace(random()::text, '.', '') FROM databases WHERE id % 3 = $1 % 3`,
  drop_table: `UPDATE tables SET removed_at = now() WHERE id % 7 = $1 % 7 AND removed_at IS NULL`,
  column: `INSERT INTO table_columns (table_id, name, key, type, ordinal) SELECT id, 'c$1', 'c$1', 'long', $1 FROM tables ON CONFLICT DO NOTHING`,
  widen: `UPDATE table_columns SET type = 'string' WHERE ordinal % 4 = $1 % 4`,
  grant: `INSERT INTO database_permissions SELECT d.id, u.id, 'query_only' FROM databases d, users u WHERE (d.id + u.id) % 4 = $1 % 4 ON CONFLICT DO NOTHING`,
  ungrant: `DELETE FROM database_permissions WHERE (database_id + user_id) % 3 = $1 % 3`,
  key: `INSERT INTO api_keys (account_id, user_id, name, kind, prefix, sha256) SELECT 1, id, 'k', 'write', 'p', md5(random()::text) FROM users LIMIT 2`,
  revoke: `UPDATE api_keys SET revoked_at = now() WHERE id % 4 = $1 % 4 AND revoked_at IS NULL`,
  load: `INSERT INTO chunks (table_id, time_range, rows, bytes, path, owner, columns) SELECT id, int8range($1 * 100, $1 * 100 + 100), $1, $1 * 10, random()::text, 'job:1:1', '{}' FROM tables WHERE removed_at IS NULL`,
  compact: `WITH old AS (UPDATE chunks SET retired_at = now() WHERE id % 2 = $1 % 2 AND retired_at IS NULL RETURNING table_id, rows)
            INSERT INTO chunks (table_id, time_range, rows, bytes, path, owner, columns)
            SELECT table_id, int8range(0, 10000), sum(rows), 1, random()::text, 'job:2:1', '{}' FROM old GROUP BY table_id`,
  sweep: `DELETE FROM chunks WHERE retired_at IS NOT NULL AND id % 3 = $1 % 3`,
  view: `INSERT INTO views (database_id, name, text, default_database, columns, security, owner_id)
         SELECT id, 'v' || $1 % 3, 'SELECT $1', 'd', '[]', 'definer', 1 FROM databases WHERE removed_at IS NULL
         ON CONFLICT (database_id, name) DO UPDATE SET text = EXCLUDED.text`,
  drop_view: `DELETE FROM views WHERE id % 4 = $1 % 4`,
  schedule: `INSERT INTO schedules (account_id, user_id, name, type, database, query) VALUES (1, 1, 's' || random(), 'presto', 'd', 'SELECT 1')`,
  job: `INSERT INTO jobs (account_id, user_id, user_name, type, database, query) VALUES (1, 1, 'a', 'presto', 'd', 'SELECT $1')`,
  run: `UPDATE jobs SET status = 'success' WHERE id % 2 = $1 % 2`,
}
const steps = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        what: fc.constantFrom(...Object.keys(STATEMENTS)),
        by: fc.nat(2),
        n: fc.nat(20),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        what: fc.constantFrom('BEGIN', 'COMMIT', 'ROLLBACK'),
        by: fc.nat(2),
        n: fc.nat(0),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        what: fc.constantFrom('catch up', 'compact snapshot'),
        by: fc.nat(2),
        n: fc.nat(0),
      }),
    },
  ),
  { minLength: 10, maxLength: 60 },
)

async function chunksIn(snapshot: Snapshot): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {}
  for (const { id: databaseId } of snapshot.listDatabases(1n)) {
    for (const { id } of snapshot.listTables(databaseId)) {
      const chunks = await snapshot.chunksOf(id)
      assert.equal(chunks.kind, 'found')
      if (chunks.kind === 'found') found[String(id)] = chunks.value.map((chunk) => String(chunk.id))
    }
  }
  return found
}

/** The truth: a snapshot exported anew, into an empty directory. */
async function exportedAnew(catalog: TestCatalog): Promise<{ content: unknown; chunks: unknown }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-anew-'))
  const fresh = await startTestCatalog({ test: catalog.test, dataDir })
  await fresh.exporter.catchUp({ deadlineMs: 10_000 })
  const read = await readBack(fresh)
  await fresh.pause()
  await rm(dataDir, { recursive: true })
  return read
}

async function readBack({ dataDir, view }: TestCatalog): Promise<{ content: unknown; chunks: unknown }> {
  const reader = await openSnapshot({ dataDir, clock: systemClock, log: silentLog, withManifests: true })
  assert.ok(await reader.catchUp(view.position))
  const read = { content: contentForTests(reader, 1n), chunks: await chunksIn(reader) }
  await reader.close()
  return read
}

test('whatever others do in whatever transactions, the snapshot equals the database once it has caught up', async (t) => {
  const catalog = await startTestCatalog()
  t.after(() => catalog.stop())
  await startAccountForTests(catalog)
  const { host, port, database, user, password } = catalog.test.address
  const clients = Array.from(
    { length: 3 },
    () => new pg.Client({ host, port, database, user, password, lock_timeout: 30 }),
  )
  for (const client of clients) await client.connect()
  let chunksSeen = 0

  /** Something to change: a database whose tables hold chunks. */
  const prepare = async () => {
    await clients[0]!.query(STATEMENTS.database!)
    for (const n of [0, 1, 2]) await clients[0]!.query(STATEMENTS.table!.replaceAll('$1', String(n)))
    await clients[0]!.query(STATEMENTS.load!.replaceAll('$1', '7'))
  }
  const mutate = async (all: { what: string; by: number; n: number }[]) => {
    await prepare()
    for (const { what, by, n } of all) {
      if (what === 'catch up') await catalog.exporter.catchUp({ deadlineMs: 5000 })
      else if (what === 'compact snapshot') await (catalog.view as SnapshotWriter).compact(true)
      // A statement that meets another's lock, or a transaction already broken, fails; that is part of the game.
      else
        await clients[by]!.query((STATEMENTS[what] ?? what).replaceAll('$1', String(n))).catch(
          () => undefined,
        )
    }
    for (const client of clients) await client.query('COMMIT')
    await catalog.exporter.catchUp({ deadlineMs: 5000 })
    const [followed, anew] = [await readBack(catalog), await exportedAnew(catalog)]
    assert.deepEqual(followed, anew)
    chunksSeen += Object.values(followed.chunks as Record<string, string[]>).flat().length
  }
  await fc.assert(fc.asyncProperty(steps, mutate), { numRuns: 12, endOnFailure: true })
  for (const client of clients) await client.end()
  assert.ok(chunksSeen > 0, 'no chunk was ever live at the end: the test shows nothing about manifests')
})

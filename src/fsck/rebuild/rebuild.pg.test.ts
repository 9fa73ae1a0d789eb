import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { HOUR } from '../../archive/testing.ts'
import { readMigrations, withAdmin } from '../../database/index.ts'
import { startTestDatabase, type TestDatabase } from '../../database/testing.ts'
import type { DatabaseAddress } from '../../gate/index.ts'
import { randomIds, type Sql, silentLog, systemClock } from '../../kernel/index.ts'
import { openWriteRoom, type WriteRoom } from '../../writes/testing.ts'
import { sqlOf } from '../store.ts'
import { type RebuildReport, rebuildCatalog } from './rebuild.ts'

const ADMISSION = { class: 'write', deadlineMs: 10_000 } as const

describe('a catalog made anew from the files', () => {
  let room: WriteRoom
  let empty: TestDatabase
  let table: bigint
  before(async () => {
    room = await openWriteRoom()
  })
  after(() => room.close())
  let tables = 0
  beforeEach(async () => {
    empty = await startTestDatabase()
    await room.run`DELETE FROM chunks`
    for await (const { path } of room.objects.list('')) await room.objects.remove(path)
    table = await room.addTable(`table_${++tables}`)
  })
  afterEach(() => empty.stop())

  const rebuild = async (): Promise<RebuildReport> =>
    rebuildCatalog({
      dataDir: room.dataDir,
      objects: room.objects,
      spools: [{ name: 'ingest-0', directory: room.spool.directory }],
      openDatabase: async () => ({
        address: empty.admin as DatabaseAddress,
        database: empty.admin.database,
        stop: async () => undefined,
      }),
      migrations: await readMigrations(),
      owner: { email: 'o@example.com', name: 'O', password: undefined },
      ids: randomIds,
      clock: systemClock,
      log: silentLog,
      onProgress: () => undefined,
    })
  /** Its login role has another password since. */
  const anew = <T>(read: (sql: Sql) => Promise<T>) =>
    withAdmin(empty.admin, (connection) => read(sqlOf(connection)))
  const CHUNKS = (sql: Sql) => sql<Record<string, unknown>>`
    SELECT table_id, path, rows, bytes, time_range::text, columns, owner FROM chunks WHERE retired_at IS NULL ORDER BY path`
  const COLUMNS = (sql: Sql) => sql<Record<string, unknown>>`
    SELECT t.id, t.name, d.name AS database, c.name AS column, c.key, c.type, c.removed_at IS NULL AS live
      FROM tables t JOIN databases d ON d.id = t.database_id JOIN table_columns c ON c.table_id = t.id
     WHERE t.id = ${table} ORDER BY c.key`
  const inBoth = async (read: (sql: Sql) => Promise<Record<string, unknown>[]>) => [
    await anew(read),
    await room.db.database.write(ADMISSION, read),
  ]
  const assertSame = async () => {
    for (const read of [CHUNKS, COLUMNS]) {
      const [now, before] = await inBoth(read)
      assert.ok(before!.length > 0)
      assert.deepEqual(now, before)
    }
  }

  test('has the chunks, tables, columns and accounts it had, after loads and merges', async () => {
    await room.addChunks(table, [{ time: HOUR, n: 1, 'A b': 'x' }], [{ time: HOUR + 5, n: 2.5 }])
    await room.merge(table)
    await room.addChunks(table, [{ time: HOUR + 9, n: 3 }])
    await room.merge(table)
    await room.addChunks(table, [{ time: HOUR - 7200, late: true }])
    const report = await rebuild()
    await assertSame()
    assert.deepEqual(
      { ...report, owners: report.owners.length },
      {
        owners: 1,
        databases: 1,
        tables: 1,
        deleted: [],
        chunks: 3,
        rows: 4,
        fates: { take: 3, replaced: 3, again: 0, unfinished: 0, undecided: 0 },
        undecided: [],
        foreign: [],
        warnings: [],
        snapshotAt: undefined,
      },
    )
    assert.match(report.owners[0]!.masterKey, /^1\/[0-9a-f]{40}$/)
    const count = await anew(
      (sql) => sql<{ role: string }>`
        SELECT u.role FROM users u JOIN api_keys k ON k.user_id = u.id AND k.kind = 'master'`,
    )
    assert.deepEqual(count, [{ role: 'owner' }])
  })

  test('counts once what a merge left that was killed before its commit', async () => {
    await room.addChunks(table, [{ time: HOUR, n: 1 }], [{ time: HOUR, n: 2 }])
    await assert.rejects(
      room.merge(
        table,
        {},
        {
          faultPoint(step) {
            if (step === 'stored') throw new Error('died')
          },
        },
      ),
    )
    const { stored } = await room.files()
    assert.equal(stored.length, 3)
    const report = await rebuild()
    // Whether the merge or what it was made from counts makes no difference to the rows.
    assert.deepEqual([report.chunks, report.rows, report.fates.replaced], [1, 2, 2])
  })

  for (const isSwept of [false, true])
    test(`has what SQL inserted and what deletions left, ${isSwept ? 'when what they replaced is gone' : 'once'}`, async () => {
      const name = `table_${tables}`
      await room.sql(`INSERT INTO ${name} (time) SELECT ${HOUR} + n FROM UNNEST(sequence(1, 9)) AS t (n)`)
      for (const n of [3, 5])
        await room.sql(
          `DELETE FROM ${name} WHERE time = ${HOUR + n}; DELETE FROM ${name} WHERE time = ${HOUR + n + 1}`,
        )
      await room.sql(`INSERT INTO ${name} (time) VALUES ${HOUR}`)
      const retired = await room.query<{ path: string }>`SELECT path FROM chunks WHERE retired_at IS NOT NULL`
      assert.equal(retired.length, 2)
      if (isSwept) for (const { path } of retired) await room.objects.remove(path)
      const report = await rebuild()
      // Nothing but the first file says that the last deletion came to its end: without that proof rows come back.
      assert.deepEqual([report.rows, report.undecided.length], isSwept ? [6, 0] : [8, 1])
      if (!isSwept) return
      const [now, before] = await inBoth(CHUNKS)
      assert.deepEqual(now, before)
    })

  test('keeps what cannot be read, and says so', async () => {
    await room.addChunks(table, [{ time: HOUR, n: 1 }], [{ time: HOUR, n: 2 }])
    const [one] = await room.liveChunks(table)
    writeFileSync(room.objects.locate(one!.path), 'rubbish')
    await room.objects.put('holiday/photo.jpg', Buffer.from('x'))
    const report = await rebuild()
    assert.deepEqual(
      report.undecided.map(({ path }) => path),
      [one!.path],
    )
    assert.deepEqual(report.foreign, ['holiday/photo.jpg'])
    assert.equal(report.rows, 1)
    const rows = await anew(
      (sql) =>
        sql<{ path: string }>`SELECT path FROM chunks WHERE retired_at > now() + interval '1000 years'`,
    )
    assert.deepEqual(rows, [{ path: one!.path }])
    assert.ok(existsSync(room.objects.locate(one!.path)))
  })

  test('is refused where there is one, and where there is nothing to make it from', async () => {
    await assert.rejects(rebuild(), { code: 'rebuild_nothing_found' })
    await room.addChunks(table, [{ time: HOUR, n: 1 }])
    await rebuild()
    await assert.rejects(rebuild(), { code: 'rebuild_target_in_use' })
  })

  test('never gives a number out again', async () => {
    await room.addChunks(table, [{ time: HOUR, n: 1 }], [{ time: HOUR, n: 2 }])
    await room.merge(table)
    await rebuild()
    const [next] = await anew(
      (sql) => sql<{ merge: bigint; table: bigint; job: bigint }>`
        SELECT nextval('merge_attempts') AS merge, nextval(pg_get_serial_sequence('tables', 'id')) AS table,
               nextval('job_ids') AS job`,
    )
    assert.ok(next!.merge > 100_000n && next!.table > table + 100_000n && next!.job > 100_000n)
    const [spool] = await anew(
      (sql) => sql<{ position: string; epoch: bigint }>`
        SELECT position, owner_epoch AS epoch FROM spool_positions WHERE spool = 'ingest-0'`,
    )
    const [before] = await room.query<{ position: string; epoch: bigint }>`
      SELECT position, owner_epoch AS epoch FROM spool_positions WHERE spool = 'ingest-0'`
    assert.deepEqual(spool, before)
  })
})

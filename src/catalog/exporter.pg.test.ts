import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import pg from 'pg'
import { silentLog, systemClock } from '../kernel/index.ts'
import { openSnapshot, openSnapshotWriter, type SnapshotWriter } from '../snapshot/index.ts'
import { startTestCatalog, type TestCatalog } from './testing.ts'
import { createCatalogWrite } from './write.ts'

let catalog: TestCatalog
before(async () => {
  catalog = await startTestCatalog()
})
after(() => catalog.stop())

async function connect() {
  const { host, port, database, user, password } = catalog.test.address
  const client = new pg.Client({ host, port, database, user, password })
  await client.connect()
  return client
}
const catchUp = () => catalog.exporter.catchUp({ deadlineMs: 5000 })

describe('the snapshot exporter', () => {
  test('exports everything, then follows', async () => {
    const client = await connect()
    await client.query(`INSERT INTO accounts (id, name) VALUES (1, 'main')`)
    await client.query(
      `INSERT INTO users (id, account_id, name, email, role) VALUES (1, 1, 'Ann', 'ann@example.com', 'owner')`,
    )
    await client.query(`INSERT INTO databases (id, account_id, name, owner_id) VALUES (1, 1, 'shop', 1)`)
    await client.query(`INSERT INTO tables (database_id, name) VALUES (1, 'orders')`)
    await catchUp()
    const found = catalog.view.findTable(1n, 'shop', 'orders')
    assert.ok(found.kind === 'found')
    assert.equal(found.value.id, 1n)
    await client.end()
  })

  test('does not skip a transaction that commits late, nor wait for it', async () => {
    const [slow, quick] = [await connect(), await connect()]
    await slow.query('BEGIN')
    await slow.query(`INSERT INTO tables (database_id, name) VALUES (1, 'late')`)
    await quick.query(`INSERT INTO tables (database_id, name) VALUES (1, 'early')`)
    await catchUp()
    assert.equal(catalog.view.findTable(1n, 'shop', 'early').kind, 'found')
    assert.equal(catalog.view.findTable(1n, 'shop', 'late').kind, 'absent')
    await quick.query(`INSERT INTO tables (database_id, name) VALUES (1, 'after')`)
    await slow.query('COMMIT')
    await catchUp()
    assert.equal(catalog.view.findTable(1n, 'shop', 'late').kind, 'found')
    await Promise.all([slow.end(), quick.end()])
  })

  test('keeps chunks in manifests and their sums with the table', async () => {
    const client = await connect()
    const insert = (id: number, from: number, rows: number) =>
      client.query(
        `INSERT INTO chunks (id, table_id, time_range, rows, bytes, path, owner, columns)
         VALUES ($1, 1, int8range($2::bigint, $2::bigint + 100), $3, 50, $4, 'job:1:1', '{}')`,
        [id, from, rows, `c/${id}`],
      )
    await insert(1, 0, 10)
    await insert(2, 100, 20)
    await catchUp()
    await client.query('BEGIN')
    await client.query('UPDATE chunks SET retired_at = now() WHERE id IN (1, 2)')
    await insert(3, 0, 30)
    await client.query('COMMIT')
    await insert(4, 200, 5)
    await catchUp()
    const reader = await openSnapshot({
      dataDir: catalog.dataDir,
      clock: systemClock,
      log: silentLog,
      withManifests: true,
    })
    const chunks = await reader.chunksOf(1n)
    assert.ok(chunks.kind === 'found')
    assert.deepEqual(
      chunks.value.map(({ id }) => id),
      [3n, 4n],
    )
    const table = reader.findTableById(1n)
    assert.ok(table.kind === 'found')
    assert.deepEqual([table.value.rows, table.value.bytes, table.value.lastTime], [35n, 100n, 299n])
    assert.ok(table.value.lastImportAt !== null)
    const pinned = await catalog.exporter.pinnedChunks([1n, 3n].map((id) => ({ id, tableId: 1n })))
    assert.deepEqual([...pinned], [3n])
    await reader.close()
    await client.end()
  })

  test('has the chunk that was stored between the statements of an undelete and its commit', async () => {
    const [loader, restorer] = [await connect(), await connect()]
    const chunk = (
      n: number,
    ) => `INSERT INTO chunks (id, table_id, time_range, rows, bytes, path, owner, columns)
      SELECT 500 + ${n}, id, int8range(${n}, ${n} + 1), 7, 1, 'blink/${n}', 'job:3:1', '{}' FROM tables WHERE name = 'blink'`
    await restorer.query(`INSERT INTO tables (database_id, name) VALUES (1, 'blink')`)
    await restorer.query(chunk(1))
    await restorer.query(`UPDATE tables SET removed_at = now() WHERE name = 'blink'`)
    await catchUp()
    await loader.query('BEGIN')
    await loader.query(chunk(2))
    await restorer.query('BEGIN')
    await restorer.query(`UPDATE tables SET removed_at = NULL WHERE name = 'blink'`)
    await restorer.query(
      `UPDATE chunks SET merge_level = merge_level WHERE table_id = (SELECT id FROM tables WHERE name = 'blink')`,
    )
    await loader.query('COMMIT')
    await catchUp()
    await restorer.query('COMMIT')
    await catchUp()
    const rows = () => {
      const found = catalog.view.findTable(1n, 'shop', 'blink')
      return found.kind === 'found' ? found.value.rows : undefined
    }
    assert.equal(rows(), 14n)
    await loader.query(chunk(3))
    await catchUp()
    assert.equal(rows(), 21n)
    await Promise.all([loader.end(), restorer.end()])
  })

  test('reads more changes than fit into one page as one step', async () => {
    const client = await connect()
    await client.query(
      `INSERT INTO chunks (id, table_id, time_range, rows, bytes, path, owner, columns)
       SELECT 1000 + i, 1, int8range(i, i + 1), 1, 1, 'many/' || i, 'job:2:1', '{}' FROM generate_series(1, 12000) i`,
    )
    await catchUp()
    const table = catalog.view.findTableById(1n)
    assert.ok(table.kind === 'found')
    assert.equal(table.value.rows, 12_035n)
    await client.end()
  })

  test('starts again from what it has: nothing is exported anew, nothing is missed', async () => {
    await catalog.pause()
    const client = await connect()
    await client.query(`INSERT INTO tables (database_id, name) VALUES (1, 'meanwhile')`)
    await client.end()
    const { test, dataDir } = catalog
    catalog = await startTestCatalog({ test, dataDir })
    await catchUp()
    assert.equal(catalog.view.findTable(1n, 'shop', 'meanwhile').kind, 'found')
    const reader = await openSnapshot({ dataDir, clock: systemClock, log: silentLog })
    assert.ok(await reader.catchUp(catalog.view.position))
    assert.equal(reader.findTable(1n, 'shop', 'meanwhile').kind, 'found')
    await reader.close()
  })

  test('exports everything anew in a new epoch', async () => {
    const { gate } = catalog.test
    gate.set({ epoch: 2 })
    await catchUp()
    assert.equal((catalog.view as SnapshotWriter).cut?.epoch, 2)
    assert.equal(catalog.view.findTable(1n, 'shop', 'meanwhile').kind, 'found')
    const table = catalog.view.findTableById(1n)
    assert.ok(table.kind === 'found')
    assert.equal(table.value.rows, 12_035n)
  })

  test('exports everything anew when its files were damaged', async () => {
    await catalog.pause()
    const { test, dataDir } = catalog
    await writeFile(`${dataDir}/snapshot/current`, '{"generation":999}\n')
    const broken = await openSnapshotWriter({ dataDir, clock: systemClock, log: silentLog })
    assert.equal(broken.findTableById(1n).kind, 'unknown')
    await broken.close()
    catalog = await startTestCatalog({ test, dataDir })
    await catchUp()
    assert.equal(catalog.view.findTable(1n, 'shop', 'meanwhile').kind, 'found')
  })

  test('is sealed with everything in it, and says so until it is opened again', async () => {
    const client = await connect()
    await client.query(`INSERT INTO tables (database_id, name) VALUES (1, 'last_moment')`)
    await catalog.exporter.seal('maintenance')
    assert.equal(catalog.view.sealed?.reason, 'maintenance')
    assert.equal(catalog.view.findTable(1n, 'shop', 'last_moment').kind, 'found')
    await assert.rejects(catchUp(), { code: 'catalog_away', advice: 'retry' })
    await client.query(`INSERT INTO tables (database_id, name) VALUES (1, 'after_it')`)
    catalog.test.gate.set({ mode: 'held' })
    catalog.test.gate.set({ mode: 'serving' })
    const until = Date.now() + 5000
    while (catalog.view.sealed !== undefined && Date.now() < until) await systemClock.sleep(10)
    await catchUp()
    assert.equal(catalog.view.findTable(1n, 'shop', 'after_it').kind, 'found')
    await client.end()
  })
})

describe('a gate that shuts by plan', () => {
  test('seals the snapshot, also when nobody asked for a last reading; one that opens again ends it', async () => {
    const { gate } = catalog.test
    await catchUp()
    gate.set({ mode: 'held', planned: true, reason: 'switch-over' })
    assert.equal(catalog.view.sealed?.reason, 'switch-over')
    gate.set({ mode: 'serving', planned: false })
    const until = Date.now() + 5000
    while (catalog.view.sealed !== undefined && Date.now() < until) await systemClock.sleep(10)
    assert.equal(catalog.view.sealed, undefined)
  })

  test('by itself, unplanned, does not: the snapshot only grows old', async () => {
    const { gate } = catalog.test
    gate.set({ mode: 'away', planned: false })
    assert.equal(catalog.view.sealed, undefined)
    gate.set({ mode: 'serving' })
  })
})

describe('a write of the catalog', () => {
  const admission = { class: 'write', deadlineMs: 5000 } as const
  const insertKey = (id: number) =>
    catalog.write(
      admission,
      (sql) => sql`INSERT INTO api_keys (id, account_id, user_id, name, kind, prefix, sha256)
                   VALUES (${id}, 1, 1, 'k', 'master', '1/x', ${`sha-${id}`})`,
    )

  test('is in the snapshot before it is answered', async () => {
    await insertKey(1)
    assert.equal(catalog.view.findKey('sha-1').kind, 'found')
  })

  test('that takes a key away makes it unknown before the commit and revoked after', async () => {
    await insertKey(2)
    const seen: string[] = []
    const { exporter, test, view } = catalog
    const announceDenials: typeof exporter.announceDenials = async (xid, keys) => {
      await exporter.announceDenials(xid, keys)
      seen.push(view.findKey('sha-2').kind)
    }
    const watched = { ...exporter, announceDenials }
    const write = createCatalogWrite({ database: test.database, exporter: watched, view })
    await write(admission, (sql) => sql`UPDATE api_keys SET revoked_at = now() WHERE id = 2`)
    assert.deepEqual(seen, ['unknown'])
    const found = catalog.view.findKey('sha-2')
    assert.ok(found.kind === 'found' && found.value.revoked)
  })

  test('that is rolled back after its denial leaves the key good', async () => {
    await insertKey(3)
    const client = await connect()
    const { rows } = await client.query('SELECT pg_current_xact_id()::text AS xid')
    await catalog.exporter.announceDenials(BigInt(rows[0].xid), ['api_keys/3'])
    await client.end()
    await catchUp()
    const found = catalog.view.findKey('sha-3')
    assert.ok(found.kind === 'found' && !found.value.revoked)
  })

  test('that has announced a denial and is still undecided keeps it unknown', async () => {
    await insertKey(4)
    const client = await connect()
    await client.query('BEGIN')
    const { rows } = await client.query('SELECT pg_current_xact_id()::text AS xid')
    await catalog.exporter.announceDenials(BigInt(rows[0].xid), ['api_keys/4'])
    await catchUp()
    assert.equal(catalog.view.findKey('sha-4').kind, 'unknown')
    await client.query('ROLLBACK')
    await catchUp()
    assert.equal(catalog.view.findKey('sha-4').kind, 'found')
    await client.end()
  })
})

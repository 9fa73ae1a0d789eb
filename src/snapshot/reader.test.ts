import assert from 'node:assert/strict'
import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { silentLog, systemClock } from '../kernel/index.ts'
import { openSnapshot } from './reader.ts'
import { drop, exportOf, put, rowsForTests, startSnapshotForTests } from './testing.ts'
import { openSnapshotWriter } from './writer.ts'

const { key, table, database, user, chunk } = rowsForTests

async function start(t: TestContext, options: { withManifests?: boolean; compactBytes?: number } = {}) {
  const { dataDir, writer, stop } = await startSnapshotForTests(options)
  const reader = await openSnapshot({ dataDir, clock: systemClock, log: silentLog, ...options })
  t.after(async () => {
    await reader.close()
    await stop()
  })
  return { dataDir, writer, reader }
}

describe('a snapshot reader', () => {
  test('calls everything unknown, never absent, while there is no snapshot', async (t) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'millrace-snapshot-'))
    const reader = await openSnapshot({ dataDir, clock: systemClock, log: silentLog, withManifests: true })
    t.after(() => rm(dataDir, { recursive: true }))
    t.after(() => reader.close())
    assert.equal(reader.findKey('x').kind, 'unknown')
    assert.equal(reader.findTable(1n, 'a', 'b').kind, 'unknown')
    assert.equal((await reader.chunksOf(1n)).kind, 'unknown')
    assert.equal(reader.ageMs, Number.POSITIVE_INFINITY)
    assert.equal(reader.readable, false)
  })

  test('finds what the base and the log hold, with its columns in order', async (t) => {
    const { writer, reader } = await start(t)
    const column = (name: string, ordinal: number) => ({
      table_id: 1,
      name,
      key: name,
      type: 'long',
      ordinal,
    })
    writer.append({ t: 'batch', changes: [put(10, 'table_columns', column('b', 2))] })
    const position = writer.append({ t: 'batch', changes: [put(11, 'table_columns', column('a', 1))] })
    assert.ok(await reader.catchUp(position))
    const found = reader.findTable(1n, 'database_1', 'table_1')
    assert.ok(found.kind === 'found')
    assert.deepEqual(
      found.value.columns.map(({ name }) => name),
      ['a', 'b'],
    )
    assert.equal(reader.findTable(1n, 'database_1', 'no_such').kind, 'absent')
    assert.equal(reader.findUserByEmail('USER1@example.com').kind, 'found')
  })

  test('follows the writer without being asked', async (t) => {
    const { writer, reader } = await start(t)
    writer.append({ t: 'batch', changes: [put(10, 'api_keys', key(1))] })
    const until = Date.now() + 5000
    while (reader.findKey('sha-1').kind !== 'found' && Date.now() < until) await systemClock.sleep(10)
    assert.equal(reader.findKey('sha-1').kind, 'found')
  })

  test('says in time when it cannot catch up', async (t) => {
    const { reader } = await start(t)
    assert.equal(await reader.catchUp(reader.position + 1, { timeoutMs: 50 }), false)
  })

  test('never lets an older change override a newer one, in whatever order they come', async (t) => {
    const { writer, reader } = await start(t)
    writer.append({ t: 'batch', changes: [put(21, 'tables', table(1, { name: 'newer' }))], xid: '201' })
    const position = writer.append({
      t: 'batch',
      changes: [put(20, 'tables', table(1, { name: 'older' })), drop(19, 'tables', table(1))],
    })
    await reader.catchUp(position)
    assert.equal(reader.findTable(1n, 'database_1', 'newer').kind, 'found')
    assert.equal(reader.findTable(1n, 'database_1', 'older').kind, 'absent')
  })

  test('keeps the name when a table is dropped after another took its place', async (t) => {
    const { writer, reader } = await start(t)
    writer.append({ t: 'batch', changes: [put(31, 'tables', table(2, { name: 'table_1' }))] })
    const gone = put(30, 'tables', table(1, { removed_at: '2026-01-02T00:00:00Z' }))
    await reader.catchUp(writer.append({ t: 'batch', changes: [gone] }))
    const found = reader.findTable(1n, 'database_1', 'table_1')
    assert.ok(found.kind === 'found')
    assert.equal(found.value.id, 2n)
  })

  test('calls a thing unknown from its denial on, and whole again when the denial is cancelled', async (t) => {
    const { writer, reader } = await start(t)
    writer.append({ t: 'batch', changes: [put(10, 'api_keys', key(1))] })
    const denied = await writer.appendDurably({ t: 'deny', xid: '300', epoch: 1, keys: ['api_keys/1'] })
    await reader.catchUp(denied)
    assert.equal(reader.findKey('sha-1').kind, 'unknown')
    await reader.catchUp(writer.append({ t: 'settle', xids: ['300'] }))
    const found = reader.findKey('sha-1')
    assert.ok(found.kind === 'found' && !found.value.revoked)
  })

  test('knows a revoked key as revoked: that no is final', async (t) => {
    const { writer, reader } = await start(t)
    writer.append({ t: 'batch', changes: [put(10, 'api_keys', key(1))] })
    await writer.appendDurably({ t: 'deny', xid: '300', epoch: 1, keys: ['api_keys/1'] })
    const revoked = put(11, 'api_keys', key(1, { revoked_at: '2026-01-02T00:00:00Z' }))
    await reader.catchUp(writer.append({ t: 'batch', changes: [revoked], settles: ['300'], xid: '300' }))
    const found = reader.findKey('sha-1')
    assert.ok(found.kind === 'found' && found.value.revoked)
  })

  test('does not find the tables of a database that is being dropped', async (t) => {
    const { writer, reader } = await start(t)
    const deny = { t: 'deny', xid: '301', epoch: 1, keys: ['databases/1'] } as const
    await reader.catchUp(await writer.appendDurably({ ...deny, keys: [...deny.keys] }))
    assert.equal(reader.findTable(1n, 'database_1', 'table_1').kind, 'unknown')
  })

  test('goes on over a compaction, and over a new export, with positions that only rise', async (t) => {
    const { writer, reader } = await start(t)
    writer.append({ t: 'batch', changes: [put(10, 'api_keys', key(1))] })
    await writer.compact(true)
    const afterCompaction = writer.append({ t: 'batch', changes: [put(11, 'api_keys', key(2))] })
    assert.ok(await reader.catchUp(afterCompaction))
    assert.equal(reader.findKey('sha-1').kind, 'found')
    assert.equal(reader.findKey('sha-2').kind, 'found')
    await writer.rebase(async () => exportOf([put(0, 'databases', database(7))], { before: 400, epoch: 2 }))
    const afterExport = writer.append({ t: 'batch', changes: [put(12, 'api_keys', key(3))] })
    assert.ok(afterExport > afterCompaction)
    assert.ok(await reader.catchUp(afterExport))
    assert.equal(reader.findKey('sha-1').kind, 'absent')
    assert.equal(reader.findKey('sha-3').kind, 'found')
    assert.equal(reader.findDatabase(1n, 'database_7').kind, 'found')
  })

  test('keeps a denial that is being decided while a new export is made', async (t) => {
    const { writer, reader } = await start(t)
    await writer.appendDurably({ t: 'deny', xid: '500', epoch: 1, keys: ['databases/1'] })
    await writer.rebase(async () => {
      await writer.appendDurably({ t: 'deny', xid: '501', epoch: 1, keys: ['databases/2'] })
      return exportOf([put(0, 'databases', database(1)), put(0, 'databases', database(2))], { before: 500 })
    })
    await reader.catchUp(writer.position)
    assert.equal(reader.findDatabase(1n, 'database_1').kind, 'unknown')
    assert.equal(reader.findDatabase(1n, 'database_2').kind, 'unknown')
  })

  test('opened later than everything, reads the same as one that followed', async (t) => {
    const { dataDir, writer, reader } = await start(t)
    for (let i = 0; i < 50; i++) {
      writer.append({ t: 'batch', changes: [put(100 + i, 'api_keys', key(i % 7, { name: `v${i}` }))] })
      if (i % 20 === 19) await writer.compact(true)
    }
    await reader.catchUp(writer.position)
    const late = await openSnapshot({ dataDir, clock: systemClock, log: silentLog })
    t.after(() => late.close())
    assert.equal(late.position, reader.position)
    assert.deepEqual(late.listKeys(1n), reader.listKeys(1n))
    assert.deepEqual(late.listKeys(1n), writer.listKeys(1n))
  })

  test('tells sealing, reason and age', async (t) => {
    const { writer, reader } = await start(t)
    const sealed = await writer.appendDurably({ t: 'seal', at: '2026-01-01T00:00:00Z', reason: 'drain' })
    await reader.catchUp(sealed)
    assert.deepEqual(reader.sealed, { at: '2026-01-01T00:00:00Z', reason: 'drain' })
    await reader.catchUp(writer.append({ t: 'beat', at: new Date(Date.now() - 2 * 3_600_000).toISOString() }))
    assert.ok(reader.ageMs >= 2 * 3_600_000)
    assert.equal(reader.readable, false, 'reads are answered for an hour at most')
    assert.equal(reader.findDatabase(1n, 'database_1').kind, 'found', 'the edge goes on without limit')
  })

  test('does not believe what stands behind a damaged line, and recovers with the next base', async (t) => {
    const { dataDir, writer, reader } = await start(t)
    const told: string[] = []
    reader.onDamage((what) => told.push(what))
    await reader.catchUp(writer.append({ t: 'batch', changes: [put(10, 'api_keys', key(1))] }))
    await appendFile(join(dataDir, 'snapshot', 'log-1.jsonl'), '00000000 {"t":"beat"}\n')
    await reader.catchUp(Number.MAX_SAFE_INTEGER, { timeoutMs: 50 })
    assert.equal(reader.findKey('sha-1').kind, 'unknown')
    assert.equal(told.length, 1)
    await writer.compact(true)
    assert.ok(await reader.catchUp(writer.position, { timeoutMs: 5000 }))
    assert.equal(reader.findKey('sha-1').kind, 'found')
  })

  test('does not believe a base in which a byte has changed', async (t) => {
    const { dataDir, stop, writer } = await startSnapshotForTests()
    t.after(stop)
    await writer.compact(true)
    const path = join(dataDir, 'snapshot', 'base-2.jsonl')
    const bytes = await readFile(path)
    bytes[bytes.indexOf('database_1')] ^= 1
    await writeFile(path, bytes)
    const reader = await openSnapshot({ dataDir, clock: systemClock, log: silentLog })
    t.after(() => reader.close())
    assert.equal(reader.findDatabase(1n, 'database_1').kind, 'unknown')
  })
})

describe('a pointer as no release of this format writes it', () => {
  for (const text of ['{"format":2,"generation":1}', '{"generation":"one"}', '{}'])
    test(`is not followed, and core writes a new base: ${text}`, async (t) => {
      const { dataDir, stop } = await startSnapshotForTests()
      t.after(stop)
      await writeFile(join(dataDir, 'snapshot', 'current'), text)
      const reader = await openSnapshot({ dataDir, clock: systemClock, log: silentLog })
      t.after(() => reader.close())
      assert.equal(reader.findDatabase(1n, 'database_1').kind, 'unknown')
      const writer = await openSnapshotWriter({ dataDir, clock: systemClock, log: silentLog })
      t.after(() => writer.close())
      await writer.rebase(async () => exportOf([], { before: 500 }))
      const files = await readdir(join(dataDir, 'snapshot'))
      assert.deepEqual(
        files.filter((name) => !/^(current|manifests|(base|log)-\d+\.jsonl)$/.test(name)),
        [],
      )
      assert.ok(JSON.parse(await readFile(join(dataDir, 'snapshot', 'current'), 'utf8')).generation > 1)
    })
})

describe('the manifest of a table', () => {
  const sumOf = async (t: TestContext) => {
    const { dataDir, writer, reader } = await start(t, { withManifests: true })
    const apply = async (put: number[], gone: number[]) => {
      const n = writer.position + 1
      const line = { n, put: put.map((id) => chunk(id)), drop: gone }
      const sum = await writer.manifests.apply('1', line, writer.sums.get('1'))
      await reader.catchUp(writer.append({ t: 'batch', changes: [], sums: { '1': sum } }))
    }
    const ids = async (ranges?: { from: bigint | null; to: bigint | null }[]) => {
      const found = await reader.chunksOf(1n, ranges)
      return found.kind === 'found' ? found.value.map(({ id }) => Number(id)) : found.kind
    }
    return { dataDir, writer, reader, apply, ids }
  }

  test('holds the live chunks of the ranges asked for, oldest first', async (t) => {
    const { reader, apply, ids } = await sumOf(t)
    await apply([3, 1, 2], [])
    await apply([4], [2])
    assert.deepEqual(await ids(), [1, 3, 4])
    assert.deepEqual(await ids([{ from: 300n, to: 400n }]), [3])
    assert.deepEqual(await ids([{ from: 399n, to: 401n }]), [3, 4])
    assert.deepEqual(
      await ids([
        { from: null, to: 200n },
        { from: 450n, to: null },
      ]),
      [1, 4],
    )
    const found = reader.findTable(1n, 'database_1', 'table_1')
    assert.ok(found.kind === 'found')
    assert.equal(found.value.rows, 30n)
    assert.equal(found.value.lastTime, 499n)
  })

  test('is written anew when most of it is history, and readers follow', async (t) => {
    const { apply, ids, writer } = await sumOf(t)
    for (let i = 1; i <= 1100; i++) await apply([i], i > 1 ? [i - 1] : [])
    assert.deepEqual(await ids(), [1100])
    assert.ok((await writer.manifests.load('1')).entries < 1100, 'it was not rewritten')
  })

  test('that lost its end to a power failure is unknown, not short', async (t) => {
    const { dataDir, apply, ids, writer } = await sumOf(t)
    await apply([1], [])
    await apply([2], [])
    const path = join(dataDir, 'snapshot', 'manifests', '1.jsonl')
    await truncate(path, (await readFile(path)).length - 5)
    assert.equal(await ids(), 'unknown')
    await writer.manifests.replace('1', writer.sums.get('1')!.n, [chunk(1), chunk(2)])
    assert.deepEqual(await ids(), [1, 2])
  })

  test('still names a chunk that was taken away in the database only', async (t) => {
    const { apply, writer } = await sumOf(t)
    await apply([1, 2], [])
    await apply([], [1])
    const named = await writer.manifests.named([
      { id: 1n, tableId: 1n },
      { id: 2n, tableId: 1n },
    ])
    assert.deepEqual([...named], [2n])
  })
})

test('users without a grant have none, users with one have exactly it', async (t) => {
  const { writer, reader } = await start(t)
  const grant = { database_id: 1, user_id: 2, permission: 'query_only' }
  writer.append({ t: 'batch', changes: [put(10, 'users', user(2)), put(11, 'database_permissions', grant)] })
  await reader.catchUp(writer.position)
  assert.deepEqual(reader.permissionOf(2n, 1n), { kind: 'found', value: 'query_only' })
  assert.equal(reader.permissionOf(3n, 1n).kind, 'absent')
  await reader.catchUp(writer.append({ t: 'batch', changes: [drop(12, 'database_permissions', grant)] }))
  assert.equal(reader.permissionOf(2n, 1n).kind, 'absent')
})

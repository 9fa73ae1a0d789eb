import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { createRegistry, sha256Hex, systemClock } from '../kernel/index.ts'
import { readLoadSettings } from './config.ts'
import { anImport, bodyOf, openRoom, RECEIVED_AT_MS, type Room, type TestSpool } from './testing.ts'

const T = 1_700_000_000

describe('a loader', () => {
  let room: Room
  let spool: TestSpool
  let tables = 0
  before(async () => {
    room = await openRoom()
    spool = await room.openSpool('ingest-0')
  })
  after(() => room.close())

  const aTable = () => room.addTable(`t${++tables}`)
  const columnsOf = async (tableId: bigint) =>
    (
      await room.query<{ name: string; key: string; type: string; removed: boolean }>`
        SELECT name, key, type, removed_at IS NOT NULL AS removed FROM table_columns WHERE table_id = ${tableId} ORDER BY ordinal`
    ).map(({ name, key, type, removed }) => `${name}=${key}:${type}${removed ? ' removed' : ''}`)
  const settings = (env: Record<string, string>) => ({
    ...readLoadSettings(env),
    intervalMilliseconds: 0,
    mostIntervalMilliseconds: 0,
  })

  test('makes what was accepted queryable, with the columns it brought, in one chunk per table', async () => {
    const [a, b] = [await aTable(), await aTable()]
    await spool.writer.append(anImport(a, [{ time: T, name: 'Ada', size: 7 }]))
    await spool.writer.append(anImport(b, [{ time: T + 5, 'Upper-Case': 1.5 }]))
    await spool.writer.append(anImport(a, [{ time: T + 9, name: null, deck: { big: true } }]))
    const committed: unknown[] = []
    await spool.load({ onCommitted: (commit) => committed.push(commit) })
    assert.deepEqual(committed, [{ rows: 3, chunks: 2 }])
    assert.deepEqual(await room.rowsOf(a), [
      { time: BigInt(T), name: 'Ada', size: 7n, deck: null },
      { time: BigInt(T + 9), name: null, size: null, deck: '{"big":true}' },
    ])
    assert.deepEqual(await columnsOf(a), ['name=name:string', 'size=size:long', 'deck=deck:string'])
    assert.deepEqual(await columnsOf(b), ['upper_case=Upper-Case:double'])
    const [chunk] = await room.query<Record<string, unknown>>`
      SELECT lower(time_range) AS "from", upper(time_range) AS "to", rows, bytes, owner, columns FROM chunks WHERE table_id = ${b}`
    assert.deepEqual([chunk?.from, chunk?.to, chunk?.rows], [BigInt(T + 5), BigInt(T + 6), 1n])
    assert.match(String(chunk?.owner), /^spool:ingest-0:\d+:\d+$/)
    assert.deepEqual((chunk?.columns as Record<string, unknown> | undefined)?.upper_case, {
      key: 'Upper-Case',
      type: 'double',
      physical: 'DOUBLE',
      nulls: 0,
    })
  })

  test('stores a payload with an id once, within a batch and across batches', async () => {
    const table = await aTable()
    const payload = anImport(table, [{ time: T, n: 1 }], { uniqueId: 'chunk-1' })
    await spool.writer.append(payload)
    await spool.writer.append(payload)
    await spool.load()
    await spool.writer.append(payload)
    await spool.load()
    assert.equal((await room.rowsOf(table)).length, 1)
    // The same id for another table is another payload.
    const other = await aTable()
    await spool.writer.append({ ...payload, tableId: other })
    await spool.load()
    assert.equal((await room.rowsOf(other)).length, 1)
  })

  test('stores the whole payload that follows a broken one with the same id, in the same batch too', async () => {
    const table = await aTable()
    const whole = anImport(table, [{ time: T, n: 1 }], { uniqueId: 'again' })
    const cut = { ...whole, body: whole.body.subarray(0, whole.body.length - 12) }
    for (const payload of [cut, whole, whole]) await spool.writer.append(payload)
    await spool.load()
    assert.equal((await room.rowsOf(table)).length, 1)
    assert.deepEqual(
      (await room.errorsOf(table)).map(({ reason, uniqueId }) => [reason, uniqueId]),
      [['gzip_truncated', 'again']],
    )
  })

  test('keeps payloads without an id as often as they came, and ids of any length and content apart', async () => {
    const table = await aTable()
    for (const uniqueId of ['', '', 'x'.repeat(5000), `${'x'.repeat(4999)}y`, 'nul\0', 'nul\0', "quote'"])
      await spool.writer.append(anImport(table, [{ time: T }], { uniqueId }))
    await spool.load()
    assert.equal((await room.rowsOf(table)).length, 6)
  })

  test('widens a column that no longer fits, and keeps its name', async () => {
    const table = await aTable()
    await spool.writer.append(anImport(table, [{ time: T, code: 200, level: 1 }]))
    await spool.load()
    await spool.writer.append(anImport(table, [{ time: T + 1, code: 'abc', level: '7' }]))
    await spool.load()
    assert.deepEqual(await columnsOf(table), ['code=code:string', 'level=level:long'])
    const chunks = await room.query<{ columns: Record<string, { type: string }> }>`
      SELECT columns FROM chunks WHERE table_id = ${table} ORDER BY id`
    assert.deepEqual(
      chunks.map(({ columns }) => columns.code?.type),
      ['long', 'string'],
    )
  })

  test('widens and names across several chunks of one batch', async () => {
    const table = await aTable()
    await spool.writer.append(anImport(table, [{ time: T, 'A b': 1 }]))
    await spool.writer.append(anImport(table, [{ time: T, 'A b': 'x', 'a-b': 2 }]))
    await spool.load({ settings: settings({ MILLRACE_LOAD_CHUNK_BYTES: '1' }) })
    assert.deepEqual(await columnsOf(table), ['a_b=A b:string', 'a_b_1=a-b:long'])
    assert.equal((await room.query`SELECT 1 FROM chunks WHERE table_id = ${table}`).length, 2)
  })

  test('revives a removed column under its old name', async () => {
    const table = await aTable()
    await spool.writer.append(anImport(table, [{ time: T, gone: 1 }]))
    await spool.load()
    await room.run`UPDATE table_columns SET removed_at = clock_timestamp() WHERE table_id = ${table}`
    await spool.writer.append(anImport(table, [{ time: T, gone: 'text now' }]))
    await spool.load()
    assert.deepEqual(await columnsOf(table), ['gone=gone:string'])
  })

  test('adds no columns to a table that does not detect them', async () => {
    const table = await aTable()
    await room.run`UPDATE tables SET detect_schema = false WHERE id = ${table}`
    await spool.writer.append(anImport(table, [{ time: T, extra: 1 }]))
    await spool.load()
    assert.deepEqual(await columnsOf(table), [])
    assert.equal((await room.rowsOf(table))[0]?.extra, 1n)
  })

  test('puts keys beyond the limit of columns into _overflow and flags the table', async () => {
    const table = await aTable()
    await spool.writer.append(anImport(table, [{ time: T, a: 1, b: 2, c: 3 }]))
    await spool.load({ settings: settings({ MILLRACE_LOAD_MAX_COLUMNS: '2' }) })
    assert.equal((await room.rowsOf(table))[0]?._overflow, '{"c":3}')
    assert.deepEqual(await room.query`SELECT overflowed FROM tables WHERE id = ${table}`, [
      { overflowed: true },
    ])
  })

  const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)])
  const bad: [what: string, body: Buffer, reason: string, rows: number][] = [
    ['that is no MessagePack', gzipSync(Buffer.from([0xc1, 0xc1])), 'msgpack_invalid', 0],
    ['whose records are not maps', bodyOf([{ time: T }, 'text', { time: T }]), 'record_not_a_map', 2],
    [
      'with a record nested too deeply',
      bodyOf([{ time: T, deep: nested(80) }, { time: T }]),
      'record_too_deep',
      1,
    ],
    ['cut in the middle of a record', gzipSync(Buffer.from([0x81, 0xa4])), 'msgpack_truncated', 0],
    [
      'that is no gzip',
      Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7]),
      'gzip_invalid',
      0,
    ],
    ['whose gzip is cut', bodyOf([{ time: T, s: 'x'.repeat(100) }]).subarray(0, 30), 'gzip_truncated', 0],
    ['that expands like a bomb', gzipSync(Buffer.alloc(64 << 20)), 'expands_too_far', 0],
    [
      'with bytes behind the gzip',
      Buffer.concat([bodyOf([{ time: T }]), Buffer.from('\0rest')]),
      'gzip_trailing_data',
      1,
    ],
  ]
  for (const [what, body, reason, rows] of bad) {
    test(`records a payload ${what} as ${reason}, and loads everything else of the batch`, async () => {
      const [table, neighbour] = [await aTable(), await aTable()]
      await spool.writer.append(anImport(neighbour, [{ time: T, n: 1 }]))
      await spool.writer.append(anImport(table, body, { uniqueId: 'bad-1' }))
      await spool.writer.append(anImport(table, [{ time: T, n: 2 }]))
      await spool.load()
      assert.equal((await room.rowsOf(neighbour)).length, 1)
      assert.equal((await room.rowsOf(table)).length, rows + 1)
      const errors = await room.errorsOf(table)
      assert.deepEqual(
        errors.map((error) => error.reason),
        [reason],
      )
      assert.equal(errors[0]?.uniqueId, 'bad-1')
      assert.ok(errors[0]?.body && errors[0].body.length > 0 && errors[0].body.length <= 65_536)
    })
  }

  test('keeps the bytes of many refused records in few entries, and counts what it does not keep', async () => {
    const table = await aTable()
    const records = Array.from({ length: 5000 }, (_, i) => `not a map ${i}`)
    await spool.writer.append(anImport(table, records))
    await spool.load()
    const [whole] = await room.errorsOf(table)
    assert.equal(
      (await room.errorsOf(table)).reduce((sum, { records: n }) => sum + n, 0n),
      5000n,
    )
    assert.ok((await room.errorsOf(table)).length <= 3)
    assert.ok(whole?.body?.includes('not a map 0'))
    await spool.writer.append(anImport(table, records))
    await spool.load({ settings: settings({ MILLRACE_LOAD_ERROR_BYTES: '1000' }) })
    const errors = await room.errorsOf(table)
    assert.equal(
      errors.reduce((sum, { records: n }) => sum + n, 0n),
      10_000n,
    )
    assert.equal(errors.at(-1)?.body, null)
  })

  test('sets aside what was accepted for a table that has been dropped since', async () => {
    const table = await aTable()
    await room.run`UPDATE tables SET removed_at = clock_timestamp() WHERE id = ${table}`
    await spool.writer.append(anImport(table, [{ time: T }]))
    await spool.load()
    assert.deepEqual(
      (await room.errorsOf(table)).map(({ reason }) => reason),
      ['table_dropped'],
    )
    assert.deepEqual(await room.rowsOf(table), [])
  })

  test('takes what was sent after its table had been replaced into the one that bears its name, whatever the clocks say', async () => {
    const name = `replaced_${++tables}`
    const before = await room.addTable(name)
    await room.run`UPDATE tables SET removed_at = clock_timestamp() - interval '60 seconds' WHERE id = ${before}`
    const now = await room.addTable(name)
    // This node's clock is an hour behind the database's: only by its own can it tell how long ago a payload came.
    const clock = { ...systemClock, now: () => new Date(Date.now() - 3_600_000) }
    const ago = (seconds: number) => ({ table: name, receivedAtMs: clock.now().getTime() - seconds * 1000 })
    await spool.writer.append(anImport(before, [{ time: T, n: 1 }], { ...ago(90), uniqueId: 'early' }))
    await spool.writer.append(anImport(before, [{ time: T, n: 2 }], { ...ago(30), uniqueId: 'late' }))
    await spool.writer.append(anImport(now, [{ time: T, n: 2 }], { ...ago(20), uniqueId: 'late' }))
    await spool.writer.append(anImport(before, [{ time: T, n: 3 }], { ...ago(-5), uniqueId: 'ahead' }))
    await spool.writer.append(anImport(before, [{ time: T, n: 4 }], { ...ago(30), table: 'no_such' }))
    await spool.writer.append(anImport(before, [{ time: T, n: 5 }], { ...ago(30), database: 'other' }))
    await spool.writer.append(anImport(before, [{ time: T, n: 6 }], { ...ago(30), accountId: 99n }))
    await spool.load({ clock })
    assert.deepEqual(
      (await room.rowsOf(now)).map(({ n }) => n),
      [2n, 3n],
    )
    assert.deepEqual(await room.rowsOf(before), [])
    const reasons = (await room.errorsOf(before)).map(({ reason }) => reason)
    assert.deepEqual(reasons, Array(4).fill('table_dropped'))
  })

  test('never lets a table id lead into the table of another account', async () => {
    const table = await aTable()
    await spool.writer.append(anImport(table, [{ time: T }], { accountId: 99n }))
    await spool.load()
    assert.deepEqual(await room.rowsOf(table), [])
  })

  test('checks what was accepted unchecked: stored, or refused with the reason', async () => {
    const table = await aTable()
    const name = `t${tables}`
    const unchecked = (key: string, fields = {}) =>
      anImport(0n, [{ time: T }], {
        keyId: 0n,
        table: name,
        facts: { 'key-sha256': sha256Hex(key) },
        ...fields,
      })
    for (const record of [
      unchecked('good'),
      unchecked('good', { keyId: 1n }),
      unchecked('good', { tableId: table }),
      unchecked('no such key'),
      unchecked('revoked'),
      unchecked('limited'),
      unchecked('good', { table: 'no_such_table' }),
      unchecked('good', { database: 'no_such_database' }),
      unchecked('good', { accountId: 7n }),
    ])
      await spool.writer.append(record)
    const before = (await room.errorsOf(null)).length
    await spool.load()
    assert.equal((await room.rowsOf(table)).length, 3)
    assert.deepEqual(
      (await room.errorsOf(null)).slice(before).map(({ reason }) => reason),
      ['key_unknown', 'key_revoked', 'not_permitted', 'table_unknown', 'database_unknown', 'key_unknown'],
    )
    await room.run`INSERT INTO database_permissions VALUES (1, 2, 'import_only')`
    await spool.writer.append(unchecked('limited'))
    await spool.load()
    assert.equal((await room.rowsOf(table)).length, 4)
  })

  test('gives records without a time that of their receipt', async () => {
    const table = await aTable()
    await spool.writer.append(anImport(table, [{ n: 1 }]))
    await spool.load()
    assert.equal((await room.rowsOf(table))[0]?.time, BigInt(RECEIVED_AT_MS / 1000))
  })

  test('takes only what memory allows into one commit, and then the rest', async () => {
    const table = await aTable()
    for (let i = 0; i < 5; i++) await spool.writer.append(anImport(table, [{ time: T, s: 'x'.repeat(1000) }]))
    await spool.load({ settings: settings({ MILLRACE_LOAD_BATCH_EXPANDED_BYTES: '1500' }) })
    assert.equal((await room.rowsOf(table)).length, 5)
    assert.equal((await room.query`SELECT 1 FROM chunks WHERE table_id = ${table}`).length, 3)
  })

  test('takes only so many refused bytes into one commit, and then the rest', async () => {
    const table = await aTable()
    const refused = Array.from({ length: 20 }, () => 'x'.repeat(50_000))
    for (let i = 0; i < 12; i++) await spool.writer.append(anImport(table, refused))
    let commits = 0
    await spool.load({ onCommitted: () => commits++ })
    assert.equal(commits, 2)
    const kept = (await room.errorsOf(table)).reduce((sum, { body }) => sum + (body?.length ?? 0), 0)
    assert.ok(kept >= 12 * 20 * 50_000)
  })

  test('stops at a kind of record it does not know, and skips nothing', async () => {
    const own = await room.openSpool('ingest-new')
    const table = await aTable()
    await own.writer.append(anImport(table, [{ time: T }], { kind: 'from-the-future' }))
    for (let i = 0; i < 5; i++) await assert.rejects(own.load(), { code: 'spool_kind_unknown' })
    assert.deepEqual(await room.errorsOf(table), [])
  })

  test('counts rows, repeats, errors by reason, and how late they were', async () => {
    const table = await aTable()
    const metrics = createRegistry('loader-0')
    await spool.writer.append(anImport(table, [{ time: T }, 'no map'], { uniqueId: 'm' }))
    await spool.writer.append(anImport(table, [{ time: T }], { uniqueId: 'm' }))
    await spool.load({ metrics })
    const page = await metrics.metrics()
    assert.match(page, /millrace_load_rows_total\{process="loader-0"\} 1/)
    assert.match(page, /millrace_load_repeats_total\{process="loader-0"\} 1/)
    assert.match(page, /millrace_load_error_records_total\{reason="record_not_a_map",process="loader-0"\} 1/)
    assert.match(page, /millrace_load_lag_seconds_count\{process="loader-0"\} 1/)
  })
})

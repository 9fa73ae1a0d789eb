import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { createRegistry, sha256Hex, silentLog, systemClock } from '../kernel/index.ts'
import type { SpoolRecord } from '../spool/index.ts'
import { mendObjects } from '../storage/index.ts'
import { readLoadSettings } from './config.ts'
import { joinSurrogates } from './events.ts'
import { createIdSweep } from './id-sweep.ts'
import { anImport, events, openRoom, RECEIVED_AT_MS, type Room, type TestSpool } from './testing.ts'

/** Numbers of cases and paragraphs are those of the event-collection reference. */
const T = 1_700_000_000
const R = BigInt(RECEIVED_AT_MS / 1000)
const id = (i: number) => `5505c764-00fc-469b-8eef-${String(i).padStart(12, '0')}`
const SAME = 'ab'.repeat(16)

describe('the loader of events', () => {
  let room: Room
  let spool: TestSpool
  let table: bigint
  let tables = 0
  before(async () => {
    room = await openRoom()
    spool = await room.openSpool('ingest-0')
  })
  after(() => room.close())
  beforeEach(async () => {
    table = await room.addTable(`events_${++tables}`)
  })

  const append = async (...records: SpoolRecord[]) => {
    for (const record of records) await spool.writer.append(record)
  }
  const ns = async () => (await room.rowsOf(table)).map(({ n }) => n)

  test('case 22, case 30: stores the events of a request, without their ids, at the time of receipt', async () => {
    const body = `{"uuid":"${id(1)}","time":${T},"n":1}\n{"uuid":"${id(2)}","n":2}`
    await append(
      events(table, body),
      events(table, gzipSync('{"n":3}'), { facts: { 'content-encoding': 'gzip' } }),
    )
    await spool.load()
    assert.deepEqual(await room.rowsOf(table), [
      { time: BigInt(T), n: 1n },
      { time: R, n: 2n },
      { time: R, n: 3n },
    ])
  })

  test('case 23: an event is stored once, within a request, a batch and across batches; its neighbours are kept', async () => {
    const event = (i: number, n: number) => `{"uuid":"${i % 2 ? id(i) : id(i).toUpperCase()}","n":${n}}`
    await append(
      events(table, [event(11, 1), event(12, 2), event(11, 3)].join('\n')),
      events(table, [event(13, 4), event(14, 5), event(12, 6)].join()),
    )
    await spool.load()
    await append(events(table, [event(15, 7), event(16, 8), event(14, 9), event(17, 10)].join('')))
    await spool.load()
    assert.deepEqual((await ns()).sort(), [1n, 10n, 2n, 4n, 5n, 7n, 8n].sort())
    // Case 52: the same id in another table is another event.
    const other = await room.addTable(`events_${++tables}`)
    await append(events(other, event(11, 1)))
    await spool.load()
    assert.equal((await room.rowsOf(other)).length, 1)
  })

  test('the id of an old mobile SDK may be any text', async () => {
    const facts = { channel: 'mobile-legacy' }
    await append(events(table, '{"#UUID":"u1","n":1}{"#UUID":"u1","n":2}{"#UUID":"u2","n":3}', { facts }))
    await spool.load()
    await append(events(table, '{"#UUID":"u2","n":4}', { facts }))
    await spool.load()
    assert.deepEqual(await ns(), [1n, 3n])
  })

  test('two loaders that get the same events at the same moment store them once', async () => {
    const other = await room.openSpool('ingest-1')
    const body = [...Array(50).keys()].map((i) => `{"uuid":"${id(100 + i)}","n":${i}}`).join('\n')
    await append(events(table, body))
    await other.writer.append(events(table, `${body}\n{"n":999}`))
    let isOtherDone = false
    await spool.load({
      // Between this one's look-up and its commit the other loader commits.
      async faultPoint(step) {
        if (step !== 'files-written' || isOtherDone) return
        isOtherDone = true
        await other.load()
      },
    })
    const stored = await ns()
    assert.equal(stored.length, 51)
    assert.equal(new Set(stored).size, 51)
    await other.close()
  })

  test('a repeat within 24 hours is one also when it is loaded two days later, and the ids go when it was', async () => {
    const [now, hour] = [Date.now(), 3_600_000]
    const sweep = (noteIdle?: () => Promise<void>) =>
      createIdSweep({
        database: room.db.database,
        clock: systemClock,
        log: silentLog,
        metrics: createRegistry('test'),
        ...(noteIdle && { noteIdle }),
      }).sweepOnce(new AbortController().signal)
    const one = await room.openSpool(`ingest-o${tables}`)
    const send = (hoursAgo: number) =>
      one.writer.append(events(table, `{"uuid":"${id(600)}","n":1}`, { receivedAtMs: now - hoursAgo * hour }))
    await send(50)
    await one.load()
    // An outage of two days begins; the repeat comes in its first hour.
    await room.run`UPDATE event_ids SET received_at = received_at - interval '50 hours'`
    await room.run`UPDATE spool_positions SET updated_at = now() - interval '50 hours'`
    await send(49)
    await sweep()
    await one.load({
      async faultPoint(step) {
        if (step === 'claimed' || step === 'read') await sweep()
      },
    })
    assert.deepEqual(await ns(), [1n])
    await room.run`UPDATE spool_positions SET updated_at = now()`
    await sweep()
    assert.deepEqual(await room.query`SELECT FROM event_ids WHERE table_id = ${table}`, [])
    await one.close()
  })

  test('after a power loss a batch that was built twice keeps what was committed, not what was logged first', async () => {
    const names = ['one', 'two', 'three', 'four'].map((name) => `${name}_${tables}`)
    const ids = await Promise.all(names.map((name) => room.addTable(name)))
    const other = await room.openSpool(`ingest-b${tables}`)
    for (const [i, one] of ids.entries())
      await append(events(one, `{"uuid":"${id(400 + i)}","n":1}{"uuid":"${id(500 + i)}","n":2}`))
    // All of one table and half of another are stored by the other loader: three files are left, too few for a group.
    await other.writer.append(events(ids[0]!, `{"uuid":"${id(400)}","n":1}{"uuid":"${id(500)}","n":2}`))
    await other.writer.append(events(ids[1]!, `{"uuid":"${id(401)}","n":1}`))
    let isOtherDone = false
    await spool.load({
      async faultPoint(step) {
        if (step !== 'files-written' || isOtherDone) return
        isOtherDone = true
        await other.load()
      },
    })
    await other.close()
    await mendObjects(room.dataDir, { boot: 'another' })
    for (const one of ids) {
      const stored = (await room.rowsOf(one)).map(({ n }) => n)
      assert.deepEqual(stored.sort(), [1n, 2n])
    }
  })

  test('an id that only the transaction can find (its key is written with escapes) is found there', async () => {
    await append(events(table, `{"uuid":"${id(200)}","n":1}`))
    await spool.load()
    await append(events(table, `{"\\u0075uid":"${id(200)}","n":2}{"n":3}`))
    await spool.load()
    assert.deepEqual(await ns(), [1n, 3n])
  })

  test('a batch too large for memory is left to the next one', async () => {
    for (let i = 0; i < 5; i++) await append(events(table, `{"uuid":"${id(300 + i)}","n":${i}}`))
    const settings = { ...readLoadSettings({}), intervalMilliseconds: 0, mostIntervalMilliseconds: 0 }
    const commits: number[] = []
    await spool.load({
      settings: { ...settings, batchExpandedBytes: 80 },
      onCommitted: ({ rows }) => commits.push(rows),
    })
    assert.deepEqual([(await ns()).length, commits.length > 1], [5, true])
  })

  describe('a browser’s own repeat of a request (§8.8)', () => {
    const request = (n: number, atMs: number, facts: Record<string, string> = {}) =>
      events(table, `{"n":${n}}`, {
        receivedAtMs: RECEIVED_AT_MS + atMs,
        facts: { channel: 'js', same: SAME.replace(/^../, String(10 + (tables % 90))), ...facts },
      })
    const suspect = (n: number, atMs: number) => request(n, atMs, { suspect: '1' })

    test('case 19: is dropped in the same batch, and in a later one', async () => {
      await append(request(1, 0), suspect(2, 500))
      await spool.load()
      await append(suspect(3, 59_000))
      await spool.load()
      assert.deepEqual(await ns(), [1n])
    })

    test('case 19: an identical request that is none is a second event; so is one after a minute', async () => {
      await append(request(1, 0), request(2, 1))
      await spool.load()
      await append(request(3, 2))
      await spool.load()
      await append(suspect(4, 62_500))
      await spool.load()
      assert.deepEqual(await ns(), [1n, 2n, 3n, 4n])
    })

    test('case 19: is found among many others, as many as there are', async () => {
      const other = await room.openSpool('ingest-5')
      const many = [...Array(40).keys()].map((i) => i.toString(16).padStart(32, '0'))
      for (const [i, same] of many.entries()) await append(request(i, i, { same }))
      await spool.load()
      for (const [i, same] of many.entries())
        await other.writer.append(request(i, 90 + i, { same, suspect: '1' }))
      await other.writer.append(request(999, 200, { same: 'f'.repeat(32), suspect: '1' }))
      await other.load()
      assert.equal((await ns()).length, 41)
      await other.close()
    })

    test('is stored, and the request itself dropped, when it came the quicker way through another spool', async () => {
      const other = await room.openSpool('ingest-2')
      await append(request(1, 0))
      await other.writer.append(suspect(2, 300))
      await other.load()
      await spool.load()
      assert.deepEqual(await ns(), [2n])
      await other.close()
    })

    test('is stored once when both are committed at the same moment', async () => {
      const other = await room.openSpool('ingest-3')
      await append(suspect(1, 0))
      await other.writer.append(request(2, 300))
      let isOtherDone = false
      await spool.load({
        async faultPoint(step) {
          if (step !== 'files-written' || isOtherDone) return
          isOtherDone = true
          await other.load()
        },
      })
      assert.deepEqual(await ns(), [2n])
      await other.close()
    })
  })

  describe('what was accepted while nobody could check it (§9.2)', () => {
    const unverified = (table: string, key: string, facts: Record<string, string> = {}) =>
      events(0n, '{"n":1}', {
        keyId: 0n,
        table,
        facts: { 'key-sha256': sha256Hex(key), 'create-table': '1', ...facts },
      })
    const tableNamed = async (name: string) =>
      (await room.query<{ id: bigint }>`SELECT id FROM tables WHERE name = ${name} AND removed_at IS NULL`)[0]
        ?.id

    test('case 48: makes the table when the key may write, audits it, tells the snapshot', async () => {
      await append(unverified('made', 'good'), unverified('made', 'good'))
      await append({ ...unverified('made_too', 'good'), keyId: 1n })
      await spool.load()
      const made = (await tableNamed('made'))!
      assert.equal((await room.rowsOf(made)).length, 2)
      assert.equal((await room.rowsOf((await tableNamed('made_too'))!)).length, 1)
      const audit = await room.query`SELECT account_id, user_id, action, target FROM audit_log ORDER BY id`
      assert.deepEqual(audit, [
        { account_id: 1n, user_id: 1n, action: 'table.create', target: 'harbour.made' },
        { account_id: 1n, user_id: 1n, action: 'table.create', target: 'harbour.made_too' },
      ])
      const told =
        await room.query`SELECT body->>'name' AS name FROM changes WHERE kind = 'tables' AND body->>'name' LIKE 'made%'`
      assert.equal(told.length, 2)
    })

    test('takes the account of the key when the key was sent without it', async () => {
      await append({ ...unverified('bare_key', 'good'), accountId: 0n })
      await append({ ...unverified('bare_key', 'nobody'), accountId: 0n })
      await spool.load()
      assert.equal((await room.rowsOf((await tableNamed('bare_key'))!)).length, 1)
    })

    test('case 40: an error record, and no table, for a key that may not', async () => {
      const before = (await room.errorsOf(null)).length
      await append(
        unverified('unmade', 'nobody'),
        unverified('unmade', 'revoked'),
        unverified('unmade', 'limited'),
        unverified('unmade', 'good', { 'create-table': '0' }),
        { ...unverified('unmade', 'good'), database: 'nowhere' },
        unverified('no', 'good'),
      )
      await spool.load()
      const errors = (await room.errorsOf(null)).slice(before)
      assert.deepEqual(
        errors.map(({ reason }) => reason),
        ['key_unknown', 'key_revoked', 'not_permitted', 'table_unknown', 'database_unknown', 'table_unknown'],
      )
      assert.equal(errors[0]!.body?.toString(), '{"n":1}')
      assert.equal(await tableNamed('unmade'), undefined)
      const [stored] = await room.query`
        SELECT channel, key_id, key_sha256 FROM error_records WHERE reason = 'key_unknown' ORDER BY id DESC LIMIT 1`
      assert.deepEqual(stored, { channel: 'records', key_id: null, key_sha256: sha256Hex('nobody') })
    })

    test('keeps all events of such a request, compressed or not', async () => {
      const many = [...Array(3000).keys()].map((n) => `{"n":${n},"s":"${'x'.repeat(40)}"}`)
      const facts = { 'content-encoding': 'gzip' }
      await append({ ...unverified('kept', 'nobody', facts), body: gzipSync(many.join('\n')) })
      await spool.load()
      const kept = await room.query<{ records: bigint; body: Buffer }>`
        SELECT records, body FROM error_records WHERE "table" = 'kept' ORDER BY id`
      assert.equal(kept.map(({ body }) => body.toString()).join('\n'), many.join('\n'))
      assert.equal(Number(kept.reduce((sum, { records }) => sum + records, 0n)), 3000)
    })

    test('two loaders may make it at the same time', async () => {
      const other = await room.openSpool('ingest-4')
      await append(unverified('both', 'good'))
      await other.writer.append(unverified('both', 'good'))
      await Promise.all([spool.load(), other.load()])
      assert.equal((await room.rowsOf((await tableNamed('both'))!)).length, 2)
      await other.close()
    })
  })

  describe('what cannot be stored', () => {
    test('case 27, §8.9: becomes error records with their bytes; the others are stored', async () => {
      await append(events(table, '{"n":1}\n"x"\n[2]\n{"n":2}'))
      await spool.load()
      assert.deepEqual(await ns(), [1n, 2n])
      const errors = await room.errorsOf(table)
      assert.deepEqual(
        errors.map(({ reason, records, body }) => [reason, records, body?.toString()]),
        [['record_not_a_map', 2n, '"x"\n[2]']],
      )
    })

    test('case 28: what the collector has refused, whole', async () => {
      const large = JSON.stringify({ n: 'x'.repeat(1_200_000) })
      await append({ ...events(table, large, { facts: { reason: 'too-large' } }), kind: 'refused-events' })
      await append({
        ...events(0n, '"x",7', { facts: { reason: 'not-an-object', 'create-table': '1' }, table: 'never' }),
        kind: 'refused-events',
      })
      await spool.load()
      const [stored] = await room.errorsOf(table)
      assert.deepEqual([stored!.reason, stored!.body?.toString()], ['too_large', large])
      const unplaced = (await room.errorsOf(null)).at(-1)!
      assert.deepEqual(
        [unplaced.reason, unplaced.records, unplaced.body?.toString()],
        ['not_an_object', 2n, '"x"\n7'],
      )
    })

    test('a kind or a channel of a newer version stops the loader: nothing is skipped', async () => {
      const newer = await room.openSpool('ingest-9')
      await newer.writer.append(events(table, '{"n":1}', { facts: { channel: 'telepathy' } }))
      await assert.rejects(newer.load(), { code: 'spool_kind_unknown' })
      await newer.close()
    })

    test('facts the collector should not have written cost one request, not the loader', async () => {
      await append(events(table, '{"n":1}', { facts: { set: '{"td_ip":' } }), events(table, '{"n":2}'))
      await spool.load()
      assert.deepEqual(await ns(), [2n])
      assert.deepEqual(
        (await room.errorsOf(table)).map(({ reason, body }) => [reason, body?.toString()]),
        [['loader_failed', '{"n":1}']],
      )
    })
  })

  test('columns of the collector and the query’s time reach the row', async () => {
    const facts = {
      channel: 'js-legacy',
      'query-time': String(T),
      set: '{"td_ip":"203.0.113.9"}',
      replace: '{"td_browser":"Chrome","td_global_id":null}',
    }
    await append(events(table, '{"td_browser":"td_browser","td_global_id":"td_global_id"}', { facts }))
    await spool.load()
    assert.deepEqual(await room.rowsOf(table), [
      { time: BigInt(T), td_browser: 'Chrome', td_ip: '203.0.113.9' },
    ])
  })

  test('§2.2: td-js-sdk 1.x and 2.x send characters beyond 16 bits as two halves', async () => {
    const halves = Buffer.from('eda0bdedb880', 'hex')
    const body = Buffer.concat([Buffer.from('{"n":"a'), halves, Buffer.from('é'), halves, Buffer.from('"}')])
    await append(events(table, body, { facts: { channel: 'js-legacy' } }))
    await spool.load()
    assert.deepEqual(await ns(), ['a😀é😀'])
    assert.equal(joinSurrogates(halves.subarray(0, 3)).equals(halves.subarray(0, 3)), true)
  })

  test('how long a table’s data took from acceptance to commit is told by its name', async () => {
    const metrics = createRegistry('loader-0')
    const nowMs = RECEIVED_AT_MS + 7_000
    await append(events(table, '{"n":1}'), events(table, '{"n":2}', { receivedAtMs: nowMs }))
    await spool.load({ metrics, clock: { ...systemClock, now: () => new Date(nowMs) } })
    const page = await metrics.metrics()
    assert.match(
      page,
      new RegExp(`table_delay_seconds{table="harbour.events_${tables}",process="loader-0"} 7\n`),
    )
  })

  test('a batch of events and imports of one table makes one chunk', async () => {
    await append(
      anImport(table, [{ time: T, n: 1, uuid: 'x' }]),
      events(table, `{"n":"2","uuid":"${id(900)}"}`),
    )
    await spool.load()
    assert.deepEqual(await room.rowsOf(table), [
      { time: BigInt(T), n: '1', uuid: 'x' },
      { time: R, n: '2', uuid: null },
    ])
    assert.equal((await room.query`SELECT 1 FROM chunks WHERE table_id = ${table}`).length, 1)
  })
})

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type ArchiveRoom, failingAt, HOUR, openArchiveRoom } from './testing.ts'

describe('merging', () => {
  let room: ArchiveRoom
  let tables = 0
  before(async () => {
    room = await openArchiveRoom()
  })
  after(() => room.close())
  const aTable = () => room.addTable(`t${++tables}`)
  const untouched = async (table: bigint, work: () => Promise<unknown>) => {
    const before = await room.fingerprint(table)
    await work()
    assert.deepEqual(await room.fingerprint(table), before)
  }

  test('makes one chunk of an hour, sorted by time, with the same rows', async () => {
    const table = await aTable()
    await room.addChunks(
      table,
      [{ time: HOUR + 50, n: 1, s: "it's" }],
      [
        { time: HOUR + 10, n: 2 },
        { time: HOUR + 3599, s: 'ß', late: { a: [1] } },
      ],
      [{ time: HOUR, n: 3 }],
    )
    await untouched(table, () => room.merge(table))
    const [chunk, ...more] = await room.liveChunks(table)
    assert.deepEqual(more, [])
    assert.match(chunk!.owner, /^merge:\d+$/)
    assert.deepEqual([chunk!.rows, chunk!.from, chunk!.to], [4n, BigInt(HOUR), BigInt(HOUR + 3600)])
    const nulls = Object.fromEntries(Object.entries(chunk!.columns).map(([name, one]) => [name, one.nulls]))
    assert.deepEqual(nulls, { time: 0, n: 1, s: 2, late: 3 })
    const times = (await room.rowsOf(table)).map(({ time }) => Number(time))
    assert.deepEqual(times, [HOUR, HOUR + 10, HOUR + 50, HOUR + 3599])
  })

  test('leaves a footer from which the catalog could be rebuilt', async () => {
    const table = await aTable()
    await room.addChunks(table, [{ time: HOUR, n: 1 }], [{ time: HOUR, n: 2 }])
    await room.merge(table)
    const [chunk] = await room.liveChunks(table)
    const file = room.objects.locate(chunk!.path)
    const pairs = await room.duck.rows(
      `SELECT decode(key) AS key, decode(value) AS value FROM parquet_kv_metadata('${file}')`,
      new AbortController().signal,
    )
    const footer = Object.fromEntries(pairs.map(({ key, value }) => [key, String(value)]))
    assert.equal(footer['millrace.owner'], chunk!.owner)
    assert.deepEqual(JSON.parse(footer['millrace.columns']!), chunk!.columns)
    assert.equal(JSON.parse(footer['millrace.table']!).id, String(table))
  })

  test('writes a column in the form of its type, and as text where a value would not survive that', async () => {
    const table = await aTable()
    await room.addChunks(
      table,
      [{ time: HOUR, widened: 5, declared: '17', doubtful: '007', exact: 2 }],
      [{ time: HOUR + 1, widened: 'five', declared: '-3', doubtful: '8', exact: 3 }],
    )
    await room.run`UPDATE table_columns SET type = 'long' WHERE table_id = ${table} AND name IN ('declared', 'doubtful')`
    await room.run`UPDATE table_columns SET type = 'double' WHERE table_id = ${table} AND name = 'exact'`
    await room.merge(table)
    const [{ columns }] = (await room.liveChunks(table)) as [Awaited<ReturnType<typeof room.liveChunks>>[0]]
    const forms = Object.fromEntries(Object.entries(columns).map(([name, one]) => [name, one.physical]))
    assert.deepEqual(forms, {
      time: 'INT64',
      widened: 'BYTE_ARRAY',
      declared: 'INT64',
      doubtful: 'BYTE_ARRAY',
      exact: 'DOUBLE',
    })
    assert.deepEqual(await room.rowsOf(table), [
      { time: BigInt(HOUR), widened: '5', declared: 17n, doubtful: '007', exact: 2 },
      { time: BigInt(HOUR + 1), widened: 'five', declared: -3n, doubtful: '8', exact: 3 },
    ])
  })

  test('keeps removed columns, and follows renamed ones by their key', async () => {
    const table = await aTable()
    await room.addChunks(table, [{ time: HOUR, gone: 'kept', old: 1 }])
    await room.run`UPDATE table_columns SET removed_at = now() WHERE table_id = ${table} AND name = 'gone'`
    await room.run`UPDATE table_columns SET name = 'fresh' WHERE table_id = ${table} AND name = 'old'`
    await room.addChunks(table, [{ time: HOUR + 1, old: 2 }])
    await room.merge(table)
    assert.deepEqual(await room.rowsOf(table), [
      { time: BigInt(HOUR), gone: 'kept', fresh: 1n },
      { time: BigInt(HOUR + 1), gone: null, fresh: 2n },
    ])
    const [{ columns }] = (await room.liveChunks(table)) as [Awaited<ReturnType<typeof room.liveChunks>>[0]]
    assert.equal(columns.fresh?.key, 'old')
  })

  test('keeps 64-bit numbers and a second key called time exact', async () => {
    const table = await aTable()
    await room.addChunks(
      table,
      [{ time: HOUR, big: 9007199254740993n }],
      [{ time: HOUR + 1, big: -9223372036854775808n, Time: 'mine' }],
    )
    await untouched(table, () => room.merge(table))
  })

  test('keeps tables apart that one engine rewrites at the same time', async () => {
    const [one, other] = [await aTable(), await aTable()]
    const settings = { ...room.settings, leastRows: 2 }
    for (const table of [one, other])
      await room.addChunks(
        table,
        [HOUR, HOUR + 1, HOUR + 3600, HOUR + 3601].map((time) => ({ time, owner: String(table) })),
      )
    const others = Promise.withResolvers<void>()
    const end = Promise.withResolvers<void>()
    let beside: Promise<unknown> | undefined
    const level = { level: 1, start: HOUR - (HOUR % 86_400) }
    const before = [await room.fingerprint(one), await room.fingerprint(other)]
    const faultPoint = async (step: string) => {
      if (step !== 'written' || beside !== undefined) return
      const wait = async (at: string) => {
        if (at !== 'written') return
        others.resolve()
        await end.promise
      }
      beside = room.merge(other, level, { settings, faultPoint: wait })
      await Promise.race([others.promise, beside])
    }
    await room.merge(one, level, { settings, faultPoint })
    end.resolve()
    await beside
    assert.deepEqual([await room.fingerprint(one), await room.fingerprint(other)], before)
    assert.equal((await room.liveChunks(one)).length, 2)
  })

  test('stops when a chunk is retired meanwhile, leaving nothing behind', async () => {
    const table = await aTable()
    await room.addChunks(table, [{ time: HOUR, n: 1 }], [{ time: HOUR, n: 2 }])
    const [first] = await room.liveChunks(table)
    const faultPoint = async (step: string) => {
      if (step === 'stored') await room.run`UPDATE chunks SET retired_at = now() WHERE id = ${first!.id}`
    }
    await assert.rejects(room.merge(table, {}, { faultPoint }), { code: 'merge_abandoned' })
    assert.equal((await room.liveChunks(table)).length, 1)
    const { stored, named } = await room.files()
    assert.deepEqual(stored, named)
    assert.deepEqual(await room.query`SELECT * FROM merge_claims`, [])
  })

  test('of one span is done by one: the second finds the claim, a fenced one commits nothing', async () => {
    const table = await aTable()
    await room.addChunks(table, [{ time: HOUR, n: 1 }], [{ time: HOUR, n: 2 }])
    await room.merge(
      table,
      {},
      {
        async faultPoint(step) {
          if (step === 'written') assert.equal(await room.merge(table, {}, { owner: 'other' }), undefined)
        },
      },
    )
    await room.addChunks(table, [{ time: HOUR, n: 3 }])
    await room.run`UPDATE chunks SET merge_level = 0 WHERE table_id = ${table}`
    const fenced = room.merge(
      table,
      {},
      {
        async faultPoint(step) {
          if (step === 'stored') await room.run`DELETE FROM merge_claims`
        },
      },
    )
    await assert.rejects(fenced, { code: 'merge_abandoned' })
    assert.equal((await room.rowsOf(table)).length, 3)
  })

  test('waits while a job rewrites the same hours', async () => {
    const table = await aTable()
    await room.addChunks(table, [{ time: HOUR, n: 1 }], [{ time: HOUR, n: 2 }])
    await room.run`
      INSERT INTO jobs (id, account_id, user_id, user_name, type, database, query, status, attempt)
      VALUES (77, 1, 1, 'o', 'partialdelete', 'harbour', '', 'running', 1)`
    await room.run`
      INSERT INTO chunk_holds (job_id, attempt, table_id, time_range) VALUES (77, 1, ${table}, int8range(0, NULL))`
    assert.equal(await room.merge(table), undefined)
    await room.run`UPDATE jobs SET status = 'success' WHERE id = 77`
    assert.equal((await room.merge(table))?.chunksIn, 2)
  })

  test('refuses to lose rows when the catalog and a file disagree', async () => {
    const table = await aTable()
    await room.addChunks(table, [{ time: HOUR, n: 1 }], [{ time: HOUR, n: 2 }])
    await room.run`UPDATE chunks SET rows = 2 WHERE table_id = ${table} AND id = (SELECT min(id) FROM chunks WHERE table_id = ${table})`
    await assert.rejects(room.merge(table), { code: 'merge_miscounted' })
    const { stored, named } = await room.files()
    assert.deepEqual(stored, named)
    assert.equal((await room.liveChunks(table)).length, 2)
  })

  test('that fails takes its files back and may be repeated', async () => {
    const table = await aTable()
    await room.addChunks(table, [{ time: HOUR, n: 1 }], [{ time: HOUR, n: 2 }])
    for (const step of ['claimed', 'chosen', 'in-transaction'] as const)
      await assert.rejects(room.merge(table, {}, { faultPoint: failingAt(step) }), /died/)
    assert.equal((await room.merge(table))?.rows, 2)
  })
})

describe('the merger', () => {
  let room: ArchiveRoom
  before(async () => {
    room = await openArchiveRoom()
  })
  after(() => room.close())

  test('brings a table with few rows over years, hour by hour, down to a few chunks', async () => {
    const table = await room.addTable('sparse')
    const hours = Array.from({ length: 30 }, (_, i) => HOUR - i * 9_000_000)
    await room.addChunks(table, ...hours.map((time) => [{ time, n: time }]), [
      { time: HOUR - 5_000_000, n: 1 },
      { time: HOUR - 50_000, n: 2 },
    ])
    const before = await room.fingerprint(table)
    await room.mergeAll()
    assert.deepEqual(await room.fingerprint(table), before)
    const chunks = await room.liveChunks(table)
    assert.ok(chunks.length <= 15, `${chunks.length} chunks`)
    assert.equal(
      chunks.reduce((sum, { rows }) => sum + rows, 0n),
      32n,
    )
  })

  test('cuts chunks that span hours so that a busy hour stands alone', async () => {
    const table = await room.addTable('straddling')
    const rows = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({ time: from + (i % 3600), n: i }))
    await room.addChunks(
      table,
      [...rows(HOUR, 60), { time: HOUR - 7200, n: -1 }],
      [...rows(HOUR, 60), { time: HOUR - 9, n: -2 }],
    )
    await room.mergeAll({ settings: { ...room.settings, leastRows: 100 } })
    const chunks = await room.liveChunks(table)
    const busy = chunks.find(({ rows }) => rows === 120n)
    assert.deepEqual([busy?.from, busy?.to, busy?.level], [BigInt(HOUR), BigInt(HOUR + 60), 9])
    const others = chunks.filter((chunk) => chunk !== busy)
    assert.equal(
      others.reduce((sum, chunk) => sum + chunk.rows, 0n),
      2n,
    )
  })

  test('says when it is behind', async () => {
    const table = await room.addTable('behind')
    await room.addChunks(table, ...Array.from({ length: 4 }, (_, n) => [{ time: HOUR, n }]))
    const settings = { ...room.settings, mostChunksPerHour: 3 }
    const { signal } = new AbortController()
    await room.merger({ settings }).look(signal)
    assert.equal(room.backlogs.at(-1)?.isBehind, true)
    await room.merger({ settings }).look(signal)
    assert.equal(room.backlogs.at(-1)?.isBehind, false)
  })

  test('sets a span aside whose file cannot be read, and goes on with the others', async () => {
    const [bad, good] = [await room.addTable('damaged'), await room.addTable('whole')]
    for (const table of [bad, good])
      await room.addChunks(table, [{ time: HOUR, n: 1 }], [{ time: HOUR, n: 2 }])
    const [chunk] = await room.liveChunks(bad)
    await room.objects.remove(chunk!.path)
    const merger = room.merger()
    const { signal } = new AbortController()
    await merger.look(signal)
    await merger.look(signal)
    assert.equal((await room.liveChunks(good)).length, 1)
    assert.equal((await room.liveChunks(bad)).length, 2)
  })
})

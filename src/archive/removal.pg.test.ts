import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { retireDroppedTables } from '../catalog/index.ts'
import { createStaticGate, servingState } from '../gate/index.ts'
import { createRegistry, silentLog, systemClock } from '../kernel/index.ts'
import { expireRows } from './expiry.ts'
import { archiveMetrics } from './metrics.ts'
import { jobPath, mergePath } from './paths.ts'
import { type AskPins, type RemovalDeps, removeOrphans, removeRetired } from './removal.ts'
import { type ArchiveRoom, HOUR, openArchiveRoom } from './testing.ts'
import { createUpkeep } from './upkeep.ts'

const { signal } = new AbortController()
const NONE_PINNED: AskPins = async () => ({ pinned: new Set(), jobsWaiting: false })

describe('removal', () => {
  let room: ArchiveRoom
  let tables = 0
  before(async () => {
    room = await openArchiveRoom()
  })
  after(() => room.close())
  const aTable = () => room.addTable(`t${++tables}`)

  const gate = () => createStaticGate(servingState(room.db.address, systemClock.now()))
  const remove = (change: Partial<RemovalDeps> = {}, keptMinutes = 0) => {
    const { database, objects } = room.deps
    const common = { database, objects, gate: gate(), clock: systemClock, log: silentLog }
    const deps = { ...common, askPins: NONE_PINNED, faultPoint: () => undefined, ...change }
    return removeRetired(deps, { keptMinutes }, signal)
  }
  /** A table of one live chunk and two that were merged into it so many minutes ago. */
  const aMergedTable = async (minutesAgo = 100) => {
    const table = await aTable()
    await room.addChunks(table, [{ time: HOUR, n: 1 }], [{ time: HOUR, n: 2 }])
    await room.merge(table)
    await room.run`
      UPDATE chunks SET retired_at = clock_timestamp() - make_interval(mins => ${minutesAgo})
       WHERE table_id = ${table} AND retired_at IS NOT NULL`
    return table
  }
  const aJob = async (id: number, status: string, startedMinutesAgo: number) => {
    await room.run`
      INSERT INTO jobs (id, account_id, user_id, user_name, type, database, query, status, attempt, start_at)
      VALUES (${id}, 1, 1, 'o', 'presto', 'harbour', '', ${status}, 1,
              clock_timestamp() - make_interval(mins => ${startedMinutesAgo}))`
  }
  const assertTidy = async () => {
    const { stored, named } = await room.files()
    assert.deepEqual(stored, named)
  }

  test('of retired chunks takes file and row, and nothing that is live', async () => {
    const table = await aMergedTable()
    assert.equal(await remove(), 2)
    assert.equal((await room.rowsOf(table)).length, 2)
    assert.equal((await room.query`SELECT 1 FROM chunks WHERE retired_at IS NOT NULL`).length, 0)
    await assertTidy()
  })

  test('waits for the backup horizon', async () => {
    await aMergedTable(100)
    assert.equal(await remove({}, 101), 0)
    assert.equal(await remove({}, 99), 2)
  })

  test('waits for every running job that may have planned with them', async () => {
    await aMergedTable(200)
    await aJob(1, 'running', 201)
    assert.equal(await remove(), 0)
    await room.run`UPDATE jobs SET start_at = clock_timestamp() - make_interval(mins => 140) WHERE id = 1`
    assert.equal(await remove(), 0, 'it may have planned by a snapshot of an hour before')
    await room.run`UPDATE jobs SET start_at = clock_timestamp() - make_interval(mins => 125) WHERE id = 1`
    await aJob(2, 'success', 300)
    assert.equal(await remove(), 2)
    await room.run`DELETE FROM jobs`
  })

  test('leaves what the snapshot names, and takes the rest', async () => {
    const table = await aMergedTable()
    const [kept] = await room.query<{ id: bigint }>`
      SELECT id FROM chunks WHERE table_id = ${table} AND retired_at IS NOT NULL ORDER BY id LIMIT 1`
    const askPins: AskPins = async () => ({ pinned: new Set([kept!.id]), jobsWaiting: false })
    assert.equal(await remove({ askPins }), 1)
    assert.equal(await remove(), 1)
    await assertTidy()
  })

  test('does nothing when core does not answer, jobs of an absence wait, or the gate is not serving', async () => {
    await aMergedTable()
    const silent: AskPins = async () => {
      throw new Error('no answer')
    }
    await assert.rejects(remove({ askPins: silent }), /no answer/)
    assert.equal(await remove({ askPins: async () => ({ pinned: new Set(), jobsWaiting: true }) }), 0)
    const shut = gate()
    assert.equal(
      await remove({
        gate: shut,
        async askPins() {
          shut.set({ mode: 'draining' })
          return NONE_PINNED([])
        },
      }),
      0,
    )
    assert.equal(await remove({ gate: shut }), 0)
    await assertTidy()
    assert.equal(await remove(), 2)
  })

  test('of orphans takes what merges, jobs and loaders left, never what has a living owner or a name', async () => {
    await aMergedTable()
    const put = (path: string) => room.objects.put(path, Buffer.from('x'))
    const claimed = await room.query<{ attempt: bigint }>`
      INSERT INTO merge_claims (table_id, level, start, owner, attempt) VALUES (1, 0, 0, 'me', 5000) RETURNING attempt`
    await aJob(10, 'running', 1)
    await aJob(11, 'success', 1)
    const epoch = (
      await room.query<{ e: bigint }>`SELECT owner_epoch AS e FROM spool_positions WHERE spool = 'ingest-0'`
    )[0]!.e
    const dead = [
      mergePath(4999n, 1n, 0),
      jobPath(11n, 1, 1n, 0),
      jobPath(10n, 0, 1n, 0),
      jobPath(12n, 1, 1n, 0),
      `chunks/spool/ingest-0/${epoch - 1n}/1-2-3.parquet`,
    ]
    const alive = [
      mergePath(claimed[0]!.attempt, 1n, 0),
      jobPath(10n, 1, 1n, 0),
      `chunks/spool/ingest-0/${epoch}/1-2-3.parquet`,
      'chunks/spool/of-nobody-we-know/1/1-2-3.parquet',
      'chunks/something/else.parquet',
    ]
    for (const path of [...dead, ...alive]) await put(path)
    const deps = { ...room.deps, gate: gate() }
    assert.equal(await removeOrphans(deps, { leastMinutes: 1 }, signal), 0, 'they are young')
    assert.equal(await removeOrphans(deps, { leastMinutes: -1 }, signal), dead.length)
    const { stored, named } = await room.files()
    assert.deepEqual(stored, [...named, ...alive].sort())
    for (const path of alive) await room.objects.remove(path)
    await room.run`DELETE FROM merge_claims`
    await room.run`DELETE FROM jobs`
    await remove()
  })

  test('of dropped tables begins when they cannot be restored any more', async () => {
    const table = await aMergedTable()
    const { database } = room.deps
    await room.run`UPDATE tables SET removed_at = clock_timestamp() - interval '5 hours' WHERE id = ${table}`
    assert.equal(await retireDroppedTables(database, { undeleteHours: 6 }), 0)
    assert.equal(await retireDroppedTables(database, { undeleteHours: 4 }), 1)
    await room.run`UPDATE chunks SET retired_at = retired_at - interval '2 hours' WHERE retired_at IS NOT NULL`
    assert.equal(await remove(), 3)
    await assertTidy()
  })
})

describe('expire_days', () => {
  let room: ArchiveRoom
  before(async () => {
    room = await openArchiveRoom()
  })
  after(() => room.close())
  const DAY = 86_400
  const today = Math.floor(Date.now() / 1000 / DAY) * DAY
  const ages = async (table: bigint) =>
    (await room.rowsOf(table)).map(({ n }) => Number(n)).sort((a, b) => a - b)

  test('retires what is older as a whole, cuts what straddles at the beginning of the day', async () => {
    const table = await room.addTable('expiring')
    const other = await room.addTable('keeping')
    const at = (days: number) => ({ time: today - days * DAY + 7, n: days })
    for (const one of [table, other])
      await room.addChunks(one, [at(100), at(40)], [at(20), at(12)], [at(12), at(8), at(0)], [at(1)])
    await room.run`UPDATE tables SET expire_days = 10 WHERE id = ${table}`
    assert.equal(await expireRows(room.deps, signal), 3)
    assert.deepEqual(await ages(table), [0, 1, 8])
    assert.equal((await room.rowsOf(other)).length, 8)
    assert.equal(await expireRows(room.deps, signal), 0)
    assert.deepEqual(await room.query`SELECT * FROM merge_claims`, [])

    await room.run`UPDATE tables SET expire_days = 1000 WHERE id = ${table}`
    assert.equal(await expireRows(room.deps, signal), 0)
    assert.deepEqual(await ages(table), [0, 1, 8], 'putting it back brings nothing back')
  })

  test('keeps its hands off hours that a job rewrites', async () => {
    const table = await room.addTable('held')
    await room.addChunks(table, [{ time: today - 50 * DAY, n: 50 }])
    await room.run`UPDATE tables SET expire_days = 10 WHERE id = ${table}`
    await room.run`
      INSERT INTO jobs (id, account_id, user_id, user_name, type, database, query, status, attempt)
      VALUES (1, 1, 1, 'o', 'partialdelete', 'harbour', '', 'running', 1)`
    await room.run`
      INSERT INTO chunk_holds (job_id, attempt, table_id, time_range) VALUES (1, 1, ${table}, int8range(0, NULL))`
    assert.equal(await expireRows(room.deps, signal), 0)
    await room.run`UPDATE jobs SET status = 'error'`
    assert.equal(await expireRows(room.deps, signal), 1)
  })

  test('the undo window of a dropped table does not end by a clock that jumped', async () => {
    let jumpedMs = 0
    let ended = 0
    const { now, ...rest } = systemClock
    const upkeep = createUpkeep({
      ...room.deps,
      clock: { ...rest, now: () => new Date(now().getTime() + jumpedMs) },
      gate: createStaticGate(servingState(room.db.address, now())),
      askPins: NONE_PINNED,
      metrics: archiveMetrics(createRegistry('test')),
      retireDropped: async () => ++ended,
    })
    await upkeep.sweep(signal)
    jumpedMs = 40 * 86_400_000
    await upkeep.sweep(signal)
    assert.equal(ended, 1)
  })
})

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createWorker, openEndsJournal } from '../jobs/index.ts'
import { lonelyChannel, silentLog, systemClock } from '../kernel/index.ts'
import { commitDeletion, prepareDeletion, type RowsToDelete } from './delete-rows.ts'
import { createPartialDeleteRunner } from './partial-delete.ts'
import { ADMISSION, type ArchiveRoom, HOUR, openArchiveRoom } from './testing.ts'

const { signal } = new AbortController()

describe('deleting rows', () => {
  let room: ArchiveRoom
  let tables = 0
  let jobs = 0
  before(async () => {
    room = await openArchiveRoom()
  })
  after(() => room.close())

  const aTable = () => room.addTable(`t${++tables}`)
  const aJob = async (status = 'running', query = '') => {
    const id = BigInt(++jobs)
    await room.run`
      INSERT INTO jobs (id, account_id, user_id, user_name, type, database, query, status, attempt)
      VALUES (${id}, 1, 1, 'o', 'partialdelete', 'harbour', ${query}, ${status}, ${status === 'running' ? 1 : 0})`
    return { id, attempt: 1 }
  }
  const prepare = (job: { id: bigint; attempt: number }, wanted: RowsToDelete, stop = signal) =>
    prepareDeletion(room.deps, job, wanted, { signal: stop, onProgress: () => undefined })
  const commit = (job: { id: bigint; attempt: number }, part: { data: Readonly<Record<string, unknown>> }) =>
    room.db.database.write(ADMISSION, (sql) =>
      commitDeletion(sql, job, JSON.parse(JSON.stringify(part.data)) as Record<string, unknown>),
    )
  const numbers = async (table: bigint) =>
    (await room.rowsOf(table)).map(({ n }) => Number(n)).sort((a, b) => a - b)
  const hours = (from: number, to: number) => ({
    from: BigInt(HOUR + from * 3600),
    to: BigInt(HOUR + to * 3600),
  })
  /** n = hour; one chunk of hours 0 to 3, one of hour 1, one of hours 2 and 5. */
  const fill = (table: bigint) =>
    room.addChunks(
      table,
      [0, 1, 2, 3].map((n) => ({ time: HOUR + n * 3600 + 5, n })),
      [{ time: HOUR + 3600, n: 1 }],
      [2, 5].map((n) => ({ time: HOUR + n * 3600 + 3599, n })),
    )

  test('of some hours takes whole chunks away and cuts the others; nothing is seen before the commit', async () => {
    const table = await aTable()
    await fill(table)
    const job = await aJob()
    const deletion = await prepare(job, { tableId: table, range: hours(1, 3) })
    assert.deepEqual([deletion?.rows, deletion?.chunks], [4, 3])
    assert.deepEqual(await numbers(table), [0, 1, 1, 2, 2, 3, 5])
    assert.equal(await commit(job, deletion!.part), undefined)
    assert.deepEqual(await numbers(table), [0, 3, 5])
    assert.deepEqual(await room.query`SELECT * FROM chunk_holds`, [])
  })

  test('counts a chunk whose transaction was under way when it looked, and refuses one that was not counted', async () => {
    const table = await aTable()
    const aChunk = (id: bigint) =>
      room.run`
        INSERT INTO chunks (id, table_id, time_range, rows, bytes, path, owner, columns)
        VALUES (${id}, ${table}, int8range(${HOUR + 3600}, ${HOUR + 3700}), 7, 1, ${`chunks/test/${id}`}, 'test', '{}')`
    const ids = await room.query<{ id: bigint }>`
      SELECT nextval(pg_get_serial_sequence('chunks', 'id')) AS id FROM generate_series(1, 3)`
    const [late, later, stored] = ids.map(({ id }) => id) as [bigint, bigint, bigint]
    await aChunk(stored)
    const job = await aJob()
    const storing = Promise.withResolvers<void>()
    const inserted = Promise.withResolvers<void>()
    const writing = room.db.database.write(ADMISSION, async (sql) => {
      await sql`
        INSERT INTO chunks (id, table_id, time_range, rows, bytes, path, owner, columns)
        VALUES (${late}, ${table}, int8range(${HOUR + 3600}, ${HOUR + 3700}), 7, 1, 'chunks/test/late', 'test', '{}')`
      inserted.resolve()
      await storing.promise
    })
    await inserted.promise
    const preparing = prepare(job, { tableId: table, range: hours(1, 3) })
    await systemClock.sleep(300)
    storing.resolve()
    await writing
    const deletion = await preparing
    assert.deepEqual([deletion?.rows, deletion?.chunks], [14, 2])
    await aChunk(later)
    const refusal = await commit(job, deletion!.part)
    assert.equal(refusal?.name, 'CONFLICT')
    assert.equal((await room.liveChunks(table)).length, 3)
  })

  test('by a condition touches only chunks that lose rows', async () => {
    const table = await aTable()
    await fill(table)
    const before = await room.liveChunks(table)
    const job = await aJob()
    const where = () => '"n" = 5'
    const deletion = await prepare(job, { tableId: table, range: { from: null, to: null }, where })
    assert.deepEqual([deletion?.rows, deletion?.chunks], [1, 1])
    await commit(job, deletion!.part)
    assert.deepEqual(await numbers(table), [0, 1, 1, 2, 2, 3])
    const paths = new Set((await room.liveChunks(table)).map(({ path }) => path))
    assert.equal(before.filter(({ path }) => paths.has(path)).length, 2)
  })

  test('leaves rows alone for which the condition is NULL', async () => {
    const table = await aTable()
    await room.addChunks(table, [
      { time: HOUR, n: 1 },
      { time: HOUR, other: 1 },
      { time: HOUR, n: 2 },
    ])
    const job = await aJob()
    const deletion = await prepare(job, { tableId: table, range: hours(0, 1), where: () => '"n" = 1' })
    await commit(job, deletion!.part)
    assert.deepEqual(await numbers(table), [0, 2])
  })

  test('does not mean rows that come while it runs', async () => {
    const table = await aTable()
    await fill(table)
    const job = await aJob()
    const deletion = await prepare(job, { tableId: table, range: hours(0, 9) })
    await room.addChunks(table, [{ time: HOUR + 3600, n: 7 }])
    await commit(job, deletion!.part)
    assert.deepEqual(await numbers(table), [7])
  })

  test('keeps merges away from its hours until the job has ended', async () => {
    const table = await aTable()
    await room.addChunks(table, [{ time: HOUR, n: 1 }], [{ time: HOUR + 5, n: 2 }])
    const job = await aJob()
    let deletion: Awaited<ReturnType<typeof prepare>>
    const merging = room.merge(
      table,
      {},
      {
        async faultPoint(step) {
          if (step === 'stored') deletion = await prepare(job, { tableId: table, range: hours(0, 1) })
        },
      },
    )
    await assert.rejects(merging, { code: 'merge_abandoned' })
    assert.equal(await commit(job, deletion!.part), undefined)
    assert.deepEqual(await numbers(table), [])
  })

  test('waits for another job in the same hours, not for one elsewhere', async () => {
    const table = await aTable()
    await fill(table)
    const [first, second, elsewhere] = [await aJob(), await aJob(), await aJob()]
    const deletion = await prepare(first, { tableId: table, range: hours(0, 3) })
    await prepare(elsewhere, { tableId: table, range: hours(5, 6) })
    let isDone = false
    const waiting = prepare(second, { tableId: table, range: hours(2, 4) }).then((done) => {
      isDone = true
      return done
    })
    await systemClock.sleep(100)
    assert.equal(isDone, false)
    await commit(first, deletion!.part)
    await room.run`UPDATE jobs SET status = 'success' WHERE id = ${first.id}`
    assert.equal((await waiting)?.rows, 1)
  })

  test('is refused without a trace when a chunk went away all the same', async () => {
    const table = await aTable()
    await fill(table)
    const job = await aJob()
    const deletion = await prepare(job, { tableId: table, range: hours(1, 3) })
    await room.run`UPDATE chunks SET retired_at = now() WHERE table_id = ${table} AND rows = 4`
    const left = await numbers(table)
    assert.equal((await commit(job, deletion!.part))?.name, 'CONFLICT')
    assert.deepEqual(await numbers(table), left)
  })

  test('of a table that is gone finds nothing to do; a fenced attempt gets no further', async () => {
    const table = await aTable()
    const job = await aJob()
    await assert.rejects(prepare({ ...job, attempt: 7 }, { tableId: table, range: hours(0, 1) }), {
      code: 'merge_abandoned',
    })
    await room.run`UPDATE tables SET removed_at = now() WHERE id = ${table}`
    assert.equal(await prepare(job, { tableId: table, range: hours(0, 1) }), undefined)
  })

  test('as a job of type partialdelete goes through a worker, and ends with its effect', async () => {
    const table = await aTable()
    await fill(table)
    await room.run`DELETE FROM jobs`
    const query = { table: `t${tables}`, table_id: String(table), from: HOUR + 3600, to: HOUR + 3 * 3600 }
    const { id } = await aJob('queued', JSON.stringify(query))
    const dataDir = await mkdtemp(join(tmpdir(), 'millrace-partial-'))
    const common = { clock: systemClock, log: silentLog }
    const journal = await openEndsJournal({ dataDir, worker: 'archivist-0', ...common })
    const stopping = new AbortController()
    const worker = createWorker({
      ...common,
      database: room.db.database,
      gate: room.db.gate,
      channel: lonelyChannel,
      runners: [createPartialDeleteRunner(room.deps)],
      journal,
      worker: 'archivist-0',
      concurrency: 1,
      accountConcurrency: 4,
      takeoverSeconds: 30,
      drainSeconds: 1,
    })
    const running = worker.run(stopping.signal)
    const job = async () =>
      (await room.query<{ status: string; log: string }>`SELECT status, log FROM jobs WHERE id = ${id}`)[0]!
    while (!['success', 'error'].includes((await job()).status)) await systemClock.sleep(20)
    stopping.abort()
    await running
    await journal.close()
    await rm(dataDir, { recursive: true })
    assert.deepEqual(await job(), { status: 'success', log: 'deleting 4 rows in 3 chunks\n' })
    assert.deepEqual(await numbers(table), [0, 3, 5])
  })
})

import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { openDatabase } from '../database/index.ts'
import { startTestDatabase, type TestDatabase } from '../database/testing.ts'
import { createStaticGate, servingState } from '../gate/index.ts'
import { createRegistry, randomIds, silentLog, systemClock } from '../kernel/index.ts'
import { createIdSweep, type IdSweepOptions } from './id-sweep.ts'

const WRITE = { class: 'write', deadlineMs: 30_000 } as const
const never = new AbortController().signal

describe('the sweep of ids', () => {
  let db: TestDatabase
  before(async () => {
    db = await startTestDatabase()
  })
  after(() => db.stop())

  const run = <Row>(text: TemplateStringsArray, ...values: unknown[]) =>
    db.database.write(WRITE, (sql) => sql<Row>(text, ...values))
  const addIds = async (count: number, hours: number) => {
    await run`INSERT INTO import_ids SELECT 1, ${hours} || '-' || n, now() - make_interval(hours => ${hours}::int)
                FROM generate_series(1, ${count}::int) n`
    await run`INSERT INTO event_ids SELECT 1, gen_random_uuid(), now() - make_interval(hours => ${hours}::int)
                FROM generate_series(1, ${count}::int) n`
  }
  const left = async () => {
    const [row] = await run<{ imports: number; events: number }>`
      SELECT (SELECT count(*) FROM import_ids)::int AS imports, (SELECT count(*) FROM event_ids)::int AS events`
    return row!
  }
  const aSweep = (options: Partial<IdSweepOptions> = {}) =>
    createIdSweep({
      database: db.database,
      clock: systemClock,
      log: silentLog,
      metrics: createRegistry('test'),
      portion: 100,
      ...options,
    })
  beforeEach(async () => {
    await run`TRUNCATE import_ids, event_ids, recent_requests, spool_positions`
  })

  test('keeps those of imports for 7 days and those of events for 24 hours, and says how many it removed', async () => {
    for (const hours of [0, 23, 25, 167, 169]) await addIds(150, hours)
    const metrics = createRegistry('loader-0')
    await aSweep({ metrics }).sweepOnce(never)
    assert.deepEqual(await left(), { imports: 600, events: 300 })
    const page = await metrics.metrics()
    assert.match(page, /millrace_load_swept_ids_total\{table="import_ids",process="loader-0"\} 150/)
    assert.match(page, /millrace_load_swept_ids_total\{table="event_ids",process="loader-0"\} 450/)
    assert.match(page, /millrace_load_ids_overdue_seconds\{table="import_ids",process="loader-0"\} 360\d/)
  })

  test('keeps those of events for as long as the setting says', async () => {
    for (const hours of [25, 49]) await addIds(10, hours)
    await aSweep({ eventIdHours: 48 }).sweepOnce(never)
    assert.deepEqual(await left(), { imports: 20, events: 10 })
  })

  test('keeps what may be repeated in a spool that is not loaded yet, unless its node is gone for days', async () => {
    await run`INSERT INTO spool_positions (spool, position, updated_at) VALUES
                ('busy', '1:1', now()), ('behind', '1:1', now() - interval '30 hours'),
                ('gone', '1:1', now() - interval '80 hours')`
    for (const hours of [25, 53, 55, 197, 199]) await addIds(10, hours)
    await aSweep().sweepOnce(never)
    assert.deepEqual(await left(), { imports: 40, events: 20 })
    const noteIdle = () =>
      run`UPDATE spool_positions SET updated_at = now() WHERE spool = 'behind'`.then(() => {})
    await aSweep({ noteIdle }).sweepOnce(never)
    assert.deepEqual(await left(), { imports: 30, events: 0 })
  })

  test('removes marks of browser requests after an hour, those somebody may wait for after a day', async () => {
    const add = (hours: number, suspects: string) =>
      run`INSERT INTO recent_requests (received_from_ms, received_to_ms, hashes, suspects, created_at)
          VALUES (1, 2, '\\x00', ${Buffer.from(suspects)}, now() - make_interval(mins => ${hours * 60}::int))`
    for (const hours of [0.5, 2, 30]) {
      await add(hours, '')
      await add(hours, 'x')
    }
    await aSweep().sweepOnce(never)
    assert.equal((await run`SELECT FROM recent_requests`).length, 3)
  })

  test('works in small transactions with rests in between, and stops between two of them', async () => {
    await addIds(1000, 200)
    const stop = new AbortController()
    const rests: number[] = []
    const sizes: number[] = []
    const database: typeof db.database = {
      ...db.database,
      async write(admission, act, hooks) {
        const swept = await db.database.write(admission, act, hooks)
        sizes.push((swept as { rows: number }).rows)
        return swept
      },
    }
    const clock = {
      ...systemClock,
      async sleep(ms: number) {
        rests.push(ms)
        if (rests.length === 3) stop.abort()
      },
    }
    await aSweep({ database, clock }).sweepOnce(stop.signal)
    assert.deepEqual(sizes, [100, 100, 100])
    assert.ok(rests.every((ms) => ms > 0))
    assert.equal((await left()).imports, 700)
  })

  test('of several at once, one works on a table and the others go on to the next', async () => {
    await addIds(1000, 200)
    await Promise.all([aSweep().sweepOnce(never), aSweep().sweepOnce(never), aSweep().sweepOnce(never)])
    await aSweep().sweepOnce(never)
    assert.deepEqual(await left(), { imports: 0, events: 0 })
  })

  test('reads the table by its indexes only, whatever the planner knows of it', async () => {
    await addIds(3000, 200)
    await addIds(3000, 1)
    await db.database.write(WRITE, async (sql) => {
      const scans = async () => {
        await sql`SELECT pg_stat_clear_snapshot()`
        const rows = await sql<{ n: number }>`
          SELECT COALESCE(sum(seq_scan), 0)::int AS n FROM pg_stat_xact_user_tables WHERE relname LIKE 'import\\_ids%'`
        return rows[0]!.n
      }
      const before = await scans()
      const { SWEPT_TABLES } = await import('./id-sweep-store.ts')
      const swept = await SWEPT_TABLES[0]!.sweep(sql, { from: new Date(0), most: 50 })
      assert.equal(swept.rows, 50)
      assert.equal(await scans(), before)
    })
  })

  test('does nothing while the gate is not serving', async () => {
    await addIds(10, 200)
    const gate = createStaticGate({ ...servingState(db.address, new Date()), mode: 'draining', stage: 1 })
    const database = openDatabase({
      gate,
      clock: systemClock,
      log: silentLog,
      ids: randomIds,
      maxConnections: 1,
    })
    const stop = new AbortController()
    const running = aSweep({ database }).run(stop.signal)
    await systemClock.sleep(200)
    assert.deepEqual(await left(), { imports: 10, events: 10 })
    stop.abort()
    await Promise.race([running, systemClock.sleep(100)])
    await database.close()
  })
})

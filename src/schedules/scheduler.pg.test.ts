import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { startTestDatabase, type TestDatabase } from '../database/testing.ts'
import { type Channel, lonelyChannel, silentLog, systemClock } from '../kernel/index.ts'
import { createScheduler, type SchedulerOptions, startDue } from './scheduler.ts'
import { findSchedule, insertSchedule } from './store.ts'
import type { ScheduleText } from './types.ts'

const WRITE = { class: 'write', deadlineMs: 5_000 } as const
const MINUTE_MS = 60_000

describe('the scheduler', () => {
  let db: TestDatabase
  let stops: (() => Promise<void>)[] = []
  before(async () => {
    db = await startTestDatabase({ maxConnections: 12 })
    await db.database.write(WRITE, async (sql) => {
      await sql`INSERT INTO accounts (id, name) VALUES (1, 'shop')`
      await sql`INSERT INTO users (id, account_id, name, email, role) VALUES
        (1, 1, 'Ann Example', 'ann@example.com', 'owner'), (2, 1, 'Bob', 'bob@example.com', 'member')`
      await sql`INSERT INTO databases (id, account_id, name, owner_id) VALUES (7, 1, 'shop', 1)`
    })
  })
  after(() => db.stop())
  beforeEach(() =>
    db.database.write(WRITE, (sql) => sql`TRUNCATE jobs, domain_keys, schedule_runs, schedules CASCADE`),
  )
  afterEach(async () => {
    db.gate.set({ mode: 'serving' })
    for (const stop of stops) await stop()
    stops = []
  })

  const create = async (nextTime: Date | null, change: Partial<ScheduleText> = {}, userId = 1n) => {
    const text: ScheduleText = {
      name: 'every minute',
      cron: '* * * * *',
      timezone: 'UTC',
      delaySeconds: 0,
      type: 'presto',
      database: 'shop',
      query: 'SELECT TD_SCHEDULED_TIME()',
      priority: 1,
      retryLimit: 2,
      poolName: null,
      engineVersion: null,
      ...change,
    }
    const owner = { accountId: 1n, userId }
    return (await db.database.write(WRITE, (sql) => insertSchedule(sql, owner, text, nextTime)))!
  }
  const start = (change: Partial<SchedulerOptions> = {}) => {
    const common = { database: db.database, channel: lonelyChannel, clock: systemClock, log: silentLog }
    const scheduler = createScheduler({ ...common, random: () => 0.5, catchUpSeconds: 900, ...change })
    const stopping = new AbortController()
    const running = scheduler.run(stopping.signal)
    stops.push(async () => {
      stopping.abort()
      await running
    })
  }
  type Run = {
    schedule_id: bigint
    scheduled_at: Date
    due_at: Date
    status: string
    priority: number
    user_name: string
    error_name: string | null
    error_message: string
  }
  const runs = () =>
    db.database.read(WRITE, (sql) => sql<Run>`SELECT * FROM jobs WHERE schedule_id IS NOT NULL ORDER BY id`)
  const next = async (name = 'every minute') =>
    (await db.database.read(WRITE, (sql) => findSchedule(sql, 1n, name)))!.nextTime!
  const eventuallyRuns = async (count: number): Promise<Run[]> => {
    for (let i = 0; i < 500; i++) {
      const found = await runs()
      if (found.length >= count) return found
      await systemClock.sleep(20)
    }
    throw new Error(`there are ${(await runs()).length} runs, not ${count}`)
  }
  const minutesAgo = (minutes: number) => new Date(Math.floor(Date.now() / MINUTE_MS - minutes) * MINUTE_MS)
  /** The last slot of every other minute, so long ago. */
  const evenMinutesAgo = (minutes: number) =>
    new Date(Math.floor(minutesAgo(minutes).getTime() / 120_000) * 120_000)

  test('makes the job of a slot with everything the saved query says, and moves on to the next slot', async () => {
    const slot = new Date(Date.now() - 2_000)
    const { id } = await create(slot)
    const told: string[] = []
    const channel: Channel = {
      ...lonelyChannel,
      notify: (topic, _body, to) => void told.push(`${topic} ${to}`),
    }
    start({ channel })
    const [job] = await eventuallyRuns(1)
    assert.deepEqual(
      [job!.schedule_id, job!.scheduled_at, job!.status, job!.priority, job!.user_name],
      [id, slot, 'queued', 1, 'Ann Example'],
    )
    assert.equal((await next()).getTime(), (Math.floor(slot.getTime() / MINUTE_MS) + 1) * MINUTE_MS)
    assert.ok(job!.due_at <= new Date(), 'at once')
    assert.deepEqual(told, ['job-queued worker'])
  })

  test('runs every slot an absence left out, in order, each with its own time, once, though two are at work', async () => {
    await create(minutesAgo(12))
    await create(evenMinutesAgo(12), { name: 'every other', cron: '*/2 * * * *' })
    start()
    start()
    await eventuallyRuns(18)
    await systemClock.sleep(1_500)
    const found = await runs()
    const slots = (schedule: bigint) =>
      found.filter((run) => run.schedule_id === schedule).map((run) => run.scheduled_at.getTime())
    for (const schedule of new Set(found.map((run) => run.schedule_id))) {
      const times = slots(schedule)
      assert.equal(new Set(times).size, times.length, 'no slot twice')
      assert.deepEqual(
        times,
        [...times].sort((a, b) => a - b),
        'in order',
      )
      const stepMs = times[1]! - times[0]!
      assert.ok(
        times.every((time, i) => i === 0 || time - times[i - 1]! === stepMs),
        'no slot skipped',
      )
    }
    assert.ok((await next()) > new Date())
  })

  test('spreads what it catches up, in order, no further than it may', async () => {
    await create(minutesAgo(30))
    start({ catchUpSeconds: 20 })
    const found = (await eventuallyRuns(29)).slice(0, 29)
    const due = found.map((run) => run.due_at.getTime())
    assert.deepEqual(
      due,
      [...due].sort((a, b) => a - b),
    )
    assert.ok(due[8]! - due[0]! >= 8_000, 'not all at once')
    assert.ok(due.at(-1)! <= Date.now() + 21_000)
  })

  const take = (limit = 500) =>
    db.database.write(WRITE, (sql) => startDue(sql, { limit, startInMs: () => 0 }))

  test('never makes two jobs of one slot, however many try at once', async () => {
    const slot = minutesAgo(0)
    const { id } = await create(slot)
    const batches = await Promise.all(Array.from({ length: 8 }, () => take()))
    assert.equal(batches.filter((batch) => batch.jobs > 0).length, 1)
    // Even if the next slot were set back, the record of the run stands, and the schedule moves on.
    await db.database.write(WRITE, (sql) => sql`UPDATE schedules SET next_time = ${slot} WHERE id = ${id}`)
    const again = await take()
    assert.deepEqual([again.jobs, again.moved, (await runs()).length], [0, 1, 1])
    assert.ok((await next()) > slot)
  })

  test('waits out the delay of a schedule, and still gives the job its slot', async () => {
    const slot = minutesAgo(1)
    await create(slot, { delaySeconds: 3600 })
    assert.equal((await take()).last, undefined)
    await create(slot, { name: 'short delay', delaySeconds: 1 })
    start()
    const [job] = await eventuallyRuns(1)
    assert.deepEqual(job!.scheduled_at, slot)
  })

  test('lets no run start before that of the slot before it, though that one is spread and this one in time', async () => {
    await create(minutesAgo(1))
    await db.database.write(WRITE, (sql) => startDue(sql, { limit: 1, startInMs: () => 240_000 }))
    await take()
    const [missed, inTime] = await runs()
    assert.ok(missed!.due_at.getTime() > Date.now() + 200_000)
    // The driver's dates have milliseconds, the database's microseconds.
    assert.ok(inTime!.due_at.getTime() >= missed!.due_at.getTime() - 1)
  })

  const obstacles: [
    what: string,
    obstacle: string,
    set: (db: TestDatabase['database']) => Promise<unknown>,
  ][] = [
    [
      'whose owner was removed',
      'OWNER_REMOVED',
      (database) => database.write(WRITE, (sql) => sql`UPDATE users SET removed_at = now() WHERE id = 2`),
    ],
    [
      'whose owner lost the permission',
      'PERMISSION_DENIED',
      (database) => database.write(WRITE, (sql) => sql`DELETE FROM database_permissions`),
    ],
    [
      'whose database was dropped',
      'DATABASE_NOT_FOUND',
      (database) => database.write(WRITE, (sql) => sql`UPDATE databases SET removed_at = now()`),
    ],
  ]
  for (const [what, obstacle, set] of obstacles) {
    test(`ends the run of a schedule ${what} as an error that says so, and goes on to the next slot`, async () => {
      await db.database.write(
        WRITE,
        (sql) => sql`INSERT INTO database_permissions VALUES (7, 2, 'query_only')`,
      )
      try {
        const slot = minutesAgo(1)
        await create(slot, {}, 2n)
        assert.equal((await take()).jobs, 1)
        await set(db.database)
        await take()
        const [before, run] = await runs()
        assert.deepEqual(
          [before!.status, run!.status, run!.error_name, run!.scheduled_at.getTime()],
          ['queued', 'error', obstacle, slot.getTime() + MINUTE_MS],
        )
        assert.match(run!.error_message, /schedule 'every minute'/)
        assert.ok((await next()) > run!.scheduled_at)
      } finally {
        await db.database.write(WRITE, async (sql) => {
          await sql`UPDATE users SET removed_at = NULL`
          await sql`UPDATE databases SET removed_at = NULL`
          await sql`DELETE FROM database_permissions`
        })
      }
    })
  }

  test('leaves alone what has no cron, was removed, or lies in the future', async () => {
    await create(null, { cron: null })
    await create(new Date(Date.now() + MINUTE_MS), { name: 'later' })
    const { id } = await create(minutesAgo(1), { name: 'removed' })
    await db.database.write(WRITE, (sql) => sql`UPDATE schedules SET removed_at = now() WHERE id = ${id}`)
    assert.equal((await take()).last, undefined)
    assert.deepEqual(await runs(), [])
  })

  test('goes on with the others when some cannot be run, be they a whole batch', async () => {
    await create(minutesAgo(0), { name: 'sound' })
    await db.database.write(
      WRITE,
      (sql) => sql`
        INSERT INTO schedules (account_id, user_id, name, cron, type, database, query, next_time)
        SELECT 1, 1, 'broken ' || n, 'not a cron', 'presto', 'shop', 'SELECT 1', ${minutesAgo(5)}::timestamptz
          FROM generate_series(1, 501) n`,
    )
    start()
    await eventuallyRuns(1)
  })

  test('goes on with the others when the database refuses one', async () => {
    await create(minutesAgo(1), { name: 'refused', query: 'SELECT refused' })
    await create(minutesAgo(0), { name: 'sound' })
    await db.database.write(
      WRITE,
      (sql) => sql`ALTER TABLE jobs ADD CONSTRAINT refusal CHECK (query <> 'SELECT refused')`,
    )
    try {
      start()
      const found = await eventuallyRuns(1)
      assert.equal(found.length, 1)
    } finally {
      await db.database.write(WRITE, (sql) => sql`ALTER TABLE jobs DROP CONSTRAINT refusal`)
    }
  })

  test('loses and doubles nothing over an absence of the main database', async () => {
    await create(minutesAgo(5))
    db.gate.set({ mode: 'away' })
    start()
    await systemClock.sleep(200)
    db.gate.set({ mode: 'serving' })
    const found = await eventuallyRuns(6)
    const times = found.map((run) => run.scheduled_at.getTime())
    assert.ok(times.every((time, i) => i === 0 || time - times[i - 1]! === MINUTE_MS))
  })
})

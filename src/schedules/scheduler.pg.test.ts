import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { startTestDatabase, type TestDatabase } from '../database/testing.ts'
import { type Channel, lonelyChannel, silentLog, systemClock } from '../kernel/index.ts'
import { createScheduler, type SchedulerOptions, startRun } from './scheduler.ts'
import { findSchedule, insertSchedule, listDueSlots, lockSlot } from './store.ts'
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
      await sql`INSERT INTO users (id, account_id, name, email, role) VALUES (1, 1, 'Ann Example', 'ann@example.com', 'owner')`
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

  const create = async (nextTime: Date | null, change: Partial<ScheduleText> = {}) => {
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
    const owner = { accountId: 1n, userId: 1n }
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
    assert.ok(due[1]! - due[0]! >= 1_000, 'not all at once')
    assert.ok(due.at(-1)! <= Date.now() + 21_000)
  })

  test('never makes two jobs of one slot, however many try at once', async () => {
    const slot = minutesAgo(0)
    const { id } = await create(slot)
    const due = { scheduleId: id, slot, lateSeconds: 0 }
    const jobs = await Promise.all(
      Array.from({ length: 8 }, () => db.database.write(WRITE, (sql) => startRun(sql, due, null))),
    )
    assert.equal(jobs.filter((job) => job !== undefined).length, 1)
    // Even if the next slot were set back, the record of the run stands.
    await db.database.write(WRITE, (sql) => sql`UPDATE schedules SET next_time = ${slot} WHERE id = ${id}`)
    assert.equal(await db.database.write(WRITE, (sql) => startRun(sql, due, null)), undefined)
    assert.equal((await runs()).length, 1)
  })

  test('waits out the delay of a schedule, and still gives the job its slot', async () => {
    const slot = minutesAgo(1)
    await create(slot, { delaySeconds: 3600 })
    assert.deepEqual(await db.database.read(WRITE, (sql) => listDueSlots(sql, 10)), [])
    await create(slot, { name: 'short delay', delaySeconds: 1 })
    start()
    const [job] = await eventuallyRuns(1)
    assert.deepEqual(job!.scheduled_at, slot)
  })

  test('leaves alone what has no cron, was removed, or lies in the future', async () => {
    await create(null, { cron: null })
    await create(new Date(Date.now() + MINUTE_MS), { name: 'later' })
    const slot = minutesAgo(1)
    const { id } = await create(slot, { name: 'removed' })
    await db.database.write(WRITE, (sql) => sql`UPDATE schedules SET removed_at = now() WHERE id = ${id}`)
    const due = { scheduleId: id, slot, lateSeconds: 0 }
    assert.equal(await db.database.write(WRITE, (sql) => lockSlot(sql, due)), undefined)
    start()
    await systemClock.sleep(300)
    assert.deepEqual(await runs(), [])
  })

  test('goes on with the others when one schedule cannot be run', async () => {
    await create(minutesAgo(0), { name: 'broken', cron: 'not a cron' })
    await create(minutesAgo(0), { name: 'sound' })
    start()
    const found = await eventuallyRuns(1)
    assert.equal(found.length, 1)
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

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import type { FastifyInstance } from 'fastify'
import { withAdmin } from '../database/admin.ts'
import type { Database } from '../database/index.ts'
import { startTestDatabase, type TestDatabase } from '../database/testing.ts'
import { createApp, type Principal } from '../kernel/http/index.ts'
import { isRetryable, type Sql, silentLog, systemClock } from '../kernel/index.ts'
import { slotAfter } from './next-slot.ts'
import { addScheduleRoutes, type ScheduleRoutesDeps } from './routes.ts'
import { startDue } from './scheduler.ts'

const RUNS = Number(process.env.MILLRACE_SCHEDULE_RUNS ?? 3)
const SEED = Number(process.env.MILLRACE_SCHEDULE_SEED ?? 1)
const WRITE = { class: 'write', deadlineMs: 10_000 } as const
const MINUTE_MS = 60_000
/** The evening before clocks change in Berlin. */
const START = new Date('2026-10-24T20:00:00Z')
const CRONS = ['*/10 * * * *', '@hourly', '30 2 * * *', '0 */3 * * *', '5,35 0-4 * * *']
const ZONES = ['UTC', 'Europe/Berlin', 'Australia/Lord_Howe']
const OWNER: Principal = {
  accountId: 1n,
  userId: 1n,
  keyId: 1n,
  keyKind: 'master',
  role: 'owner',
  userName: 'Ann Example',
  email: 'ann@example.com',
}

type Edit = { cron?: string; timezone?: string; delay?: string; query?: string }
type Step =
  | { kind: 'wait'; minutes: number }
  | { kind: 'set clock back'; minutes: number }
  /** The database is away meanwhile, and schedulers and users find it so. */
  | { kind: 'absence'; minutes: number }
  /** Each goes so often through what is due; `dieAt`: in the last of these it dies before its statement of that number. They begin at once. */
  | { kind: 'schedulers'; dieAt: (number | null)[]; limit: number; passes: number }
  | { kind: 'edit'; which: number; edit: Edit; dieAt: number | null }

const minutes = fc.integer({ min: 1, max: 400 })
const death = fc.option(fc.integer({ min: 1, max: 5 }), { nil: null, freq: 2 })
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ cron: fc.constantFrom(...CRONS, '') }),
  fc.record({ cron: fc.constantFrom(...CRONS), timezone: fc.constantFrom(...ZONES) }),
  fc.record({ delay: fc.constantFrom('0', '60', '5400') }),
  fc.record({ query: fc.constantFrom('SELECT 1', 'SELECT 2') }),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('wait' as const), minutes }),
  fc.record({ kind: fc.constant('set clock back' as const), minutes }),
  fc.record({ kind: fc.constant('absence' as const), minutes }),
  fc.record({
    kind: fc.constant('schedulers' as const),
    dieAt: fc.array(death, { minLength: 1, maxLength: 2 }),
    limit: fc.constantFrom(1, 500),
    passes: fc.integer({ min: 1, max: 30 }),
  }),
  // Often enough that a cron changes after the clock was set back: slots that have had their runs come once more.
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('edit' as const),
      which: fc.nat({ max: 1 }),
      edit,
      dieAt: death,
    }),
  },
)

/** What is promised of a schedule, without a database: the slots that have had their runs, in order, and the next. */
type Model = { cron: string | null; timezone: string; delayMs: number; next: Date | null; ran: number[] }

describe('schedules with a random life', () => {
  let db: TestDatabase
  let now = START
  before(async () => {
    db = await startTestDatabase({ maxConnections: 8 })
    await takeOverItsClock()
    await db.database.write(WRITE, async (sql) => {
      await sql`INSERT INTO accounts (id, name) VALUES (1, 'shop')`
      await sql`INSERT INTO users (id, account_id, name, email, role) VALUES (1, 1, 'Ann', 'ann@example.com', 'owner')`
      await sql`INSERT INTO databases (id, account_id, name, owner_id) VALUES (7, 1, 'shop', 1)`
    })
  })
  after(() => db.stop())

  /** Statements of ours then read the time that the test says. */
  async function takeOverItsClock(): Promise<void> {
    const { database, user } = db.address
    await withAdmin(db.admin, async (admin) => {
      await admin.query('CREATE SCHEMA model')
      await admin.query(`GRANT USAGE ON SCHEMA model TO PUBLIC`)
      await admin.query('CREATE TABLE model.clock (at timestamptz NOT NULL)')
      await admin.query('INSERT INTO model.clock VALUES (pg_catalog.now())')
      await admin.query('GRANT SELECT, UPDATE ON model.clock TO PUBLIC')
      await admin.query(
        'CREATE FUNCTION model.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ SELECT at FROM model.clock $$',
      )
      await admin.query(
        `ALTER ROLE "${user}" IN DATABASE "${database}" SET search_path = model, pg_catalog, public`,
      )
    })
  }
  const setClock = async (at: Date) => {
    now = at
    await db.database.write(WRITE, (sql) => sql`UPDATE model.clock SET at = ${at}`)
  }

  /** The database for one who dies before a statement: what the transaction did until then is rolled back. */
  const mortal = (dieAt: number | null): Database => ({
    ...db.database,
    write: (admission, run, hooks) =>
      db.database.write(
        admission,
        (sql) => {
          let count = 0
          const dying: Sql = (text, ...values) => {
            count += 1
            return count === dieAt ? Promise.reject(new Error('died')) : sql(text, ...values)
          }
          return run(dying)
        },
        hooks,
      ),
  })
  const appFor = (database: Database): FastifyInstance => {
    const app = createApp({ log: silentLog, authenticate: async () => OWNER })
    const deps = {
      database,
      gate: db.gate,
      access: { requireQuery: async () => 7n, queryable: async () => 'all' },
      clock: { ...systemClock, now: () => now },
      heads: { usable: false, findSchedule: () => ({ kind: 'unknown' }) },
      readDeadlineMs: 5_000,
    }
    addScheduleRoutes(app, deps as unknown as ScheduleRoutesDeps)
    return app
  }
  const post = (database: Database, path: string, payload: object) =>
    appFor(database).inject({ method: 'POST', url: `/v3/schedule/${path}`, payload })

  /** Once through all that is due, as a pass of the scheduler; true when something was moved on. */
  const pass = async (dieAt: number | null, limit: number): Promise<boolean> => {
    let moved = 0
    for (let behind: Parameters<typeof startDue>[1]['behind']; ; ) {
      const batch = await mortal(dieAt).write(WRITE, (sql) =>
        startDue(sql, { behind, limit, startInMs: () => 0 }),
      )
      moved += batch.moved
      if (batch.last === undefined) return moved > 0
      behind = batch.last
    }
  }
  const settle = async () => {
    while (await pass(null, 500));
  }

  const life = async (steps: Step[]): Promise<number> => {
    await db.database.write(WRITE, (sql) => sql`TRUNCATE jobs, schedule_runs, schedules CASCADE`)
    await setClock(START)
    const models = new Map<string, Model>()
    for (const [i, cron] of ['*/10 * * * *', '30 2 * * *'].entries()) {
      const parameters = { cron, timezone: ZONES[i + 1], database: 'shop', type: 'presto', query: 'SELECT 0' }
      assert.equal((await post(db.database, `create/life${i}`, parameters)).statusCode, 200)
      const timezone = ZONES[i + 1]!
      models.set(`life${i}`, {
        cron,
        timezone,
        delayMs: 0,
        next: slotAfter({ cron, timezone }, START),
        ran: [],
      })
    }
    for (const one of steps) {
      await take(one, models)
      await check(models, 'so far')
    }
    await settle()
    for (const model of models.values())
      runUpTo(model, (slot) => slot.getTime() + model.delayMs <= now.getTime())
    await check(models, 'whole')
    return [...models.values()].reduce((sum, { ran }) => sum + ran.length, 0)
  }

  /** Lets the model run its next slots as long as they are ready. */
  const runUpTo = (model: Model, isReady: (slot: Date) => boolean) => {
    while (model.next !== null && isReady(model.next)) {
      const slot = model.next.getTime()
      if (!model.ran.includes(slot)) model.ran.push(slot)
      model.next = slotAfter(model, model.next)
    }
  }

  const take = async (one: Step, models: Map<string, Model>): Promise<void> => {
    switch (one.kind) {
      case 'wait':
        return setClock(new Date(now.getTime() + one.minutes * MINUTE_MS))
      case 'set clock back':
        return setClock(new Date(now.getTime() - one.minutes * MINUTE_MS))
      case 'absence': {
        db.gate.set({ mode: 'away', planned: true })
        await assert.rejects(
          db.database.write({ ...WRITE, deadlineMs: 1 }, (sql) => startDue(sql, ONE)),
          isRetryable,
        )
        assert.equal((await post(db.database, 'update/life0', { cron: '' })).statusCode, 503)
        db.gate.set({ mode: 'serving' })
        return setClock(new Date(now.getTime() + one.minutes * MINUTE_MS))
      }
      case 'schedulers': {
        const work = async (dieAt: number | null) => {
          for (let i = 1; i < one.passes && (await pass(null, one.limit)); i++);
          await pass(dieAt, one.limit)
        }
        const ends = await Promise.allSettled(one.dieAt.map(work))
        for (const end of ends) if (end.status === 'rejected') assert.match(String(end.reason), /died/)
        return
      }
      case 'edit': {
        const name = `life${one.which}`
        const answer = await post(mortal(one.dieAt), `update/${name}`, one.edit)
        // It died and changed nothing, or too many slots are owed.
        if (answer.statusCode === 500 || answer.statusCode === 409) return
        assert.equal(answer.statusCode, 200, answer.body)
        return change(models.get(name)!, one.edit, await runsOf(name))
      }
    }
  }

  const change = (model: Model, { cron, timezone, delay }: Edit, runs: number[]): void => {
    const text = {
      cron: cron === undefined ? model.cron : cron || null,
      timezone: timezone ?? model.timezone,
    }
    if (text.cron !== model.cron || text.timezone !== model.timezone) {
      // What had come is owed, unless the schedule was stopped: then what has begun is all there is.
      if (text.cron === null) model.ran = runs
      else runUpTo(model, (slot) => slot <= now)
      model.next = slotAfter(text, now)
      Object.assign(model, text)
    }
    if (delay !== undefined) model.delayMs = Number(delay) * 1000
  }

  const runsOf = async (name: string): Promise<number[]> => {
    const rows = await db.database.read(
      WRITE,
      (sql) => sql<{ scheduled_at: Date }>`
        SELECT j.scheduled_at FROM jobs j JOIN schedules s ON s.id = j.schedule_id WHERE s.name = ${name} ORDER BY j.id`,
    )
    return rows.map((row) => row.scheduled_at.getTime())
  }

  /** So far: nothing but what the model would run by now, from its beginning. Whole: exactly that, and the next slot is the model's. */
  const check = async (models: Map<string, Model>, how: 'so far' | 'whole'): Promise<void> => {
    for (const [name, model] of models) {
      const runs = await runsOf(name)
      const byNow: Model = { ...model, ran: [...model.ran] }
      runUpTo(byNow, (slot) => slot <= now || runs.includes(slot.getTime()))
      assert.deepEqual(runs, how === 'whole' ? model.ran : byNow.ran.slice(0, runs.length), name)
      if (how === 'so far') {
        // What has run has run, whatever the clock says later.
        runUpTo(model, () => model.ran.length < runs.length)
        continue
      }
      const [row] = await db.database.read(
        WRITE,
        (sql) => sql<{ next_time: Date | null }>`SELECT next_time FROM schedules WHERE name = ${name}`,
      )
      assert.deepEqual(row!.next_time, model.next, name)
    }
  }
  const ONE = { limit: 1, startInMs: () => 0 }

  test('do not run a slot again that comes once more after the clock was set back', async () => {
    const runs = await life([
      { kind: 'wait', minutes: 70 },
      { kind: 'schedulers', dieAt: [null], limit: 500, passes: 10 },
      { kind: 'set clock back', minutes: 60 },
      { kind: 'edit', which: 0, edit: { cron: '@hourly' }, dieAt: null },
      { kind: 'wait', minutes: 100 },
    ])
    assert.equal(runs, 7)
  })

  test(`have one run for each slot, in order, none left out (${RUNS} lives, seed ${SEED})`, async () => {
    let runs = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 30, size: 'max' }), async (steps) => {
        runs += await life(steps)
      }),
      { numRuns: RUNS, seed: SEED },
    )
    // A life without runs would prove nothing.
    assert.ok(runs > RUNS * 10, `only ${runs} runs`)
  })
})

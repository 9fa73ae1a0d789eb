import assert from 'node:assert/strict'
import { after, afterEach, beforeEach, describe, test } from 'node:test'
import type { TestDatabase } from '../database/testing.ts'
import { databaseAway } from '../gate/index.ts'
import { insertJob } from '../jobs/store.ts'
import { aJob } from '../jobs/testing.ts'
import { systemClock } from '../kernel/index.ts'
import { removeOldAlerts } from './retention.ts'
import { eventually } from './testing-receivers.ts'
import { openAlertRoom } from './testing-room.ts'

const WRITE = { class: 'write', deadlineMs: 10_000 } as const
const room = await openAlertRoom()
const { db, mail, hook, call, hookUrl, start, minutesAgo, schedule, take, claim, endAll, owed, settings } =
  room

describe('alerts', () => {
  after(() => room.close())
  beforeEach(() => room.clear())
  afterEach(() => room.settle())

  test('are owed by the end of a run, told over every channel of the rule, once', async () => {
    await schedule()
    const set = await call('PUT', '/account', {
      on: ['failed'],
      emails: ['ann@example.com', 'bob@example.com'],
      webhook_url: hookUrl(),
    })
    assert.equal(set.status, 200, JSON.stringify(set.body))
    await take()
    await endAll()
    assert.deepEqual(
      (await owed()).map(({ event }) => event),
      ['failed', 'failed', 'failed'],
    )
    start()
    start()
    await eventually('three messages', () => mail.mails.length === 2 && hook.calls.length === 1)
    const told = await eventually('all are marked', async () => {
      const { body } = await call('GET', '/messages')
      return body.messages.every(({ status }: { status: string }) => status === 'sent') && body.messages
    })
    assert.equal(told.length, 3)
    assert.match(mail.mails[0]!.text, /Subject: \[Millrace\] Schedule 'report 1' failed/)
    assert.match(mail.mails[0]!.text, /DIVISION_BY_ZERO Division by zero/)
    assert.deepEqual(mail.mails.flatMap(({ to }) => to).sort(), ['ann@example.com', 'bob@example.com'])
    const [alert] = JSON.parse(hook.calls[0]!.body).alerts
    assert.deepEqual(
      [alert.event, alert.schedule.name, alert.error.name],
      ['failed', 'report 1', 'DIVISION_BY_ZERO'],
    )
  })

  test('are not owed for what was rolled back, for success, or for runs by hand', async () => {
    const [id] = await schedule()
    await call('PUT', '/account', { on: ['failed', 'killed', 'late'], webhook_url: hookUrl() })
    await take()
    await endAll('success')
    const byHand = aJob({ scheduleId: id!, scheduledAt: minutesAgo(500) })
    await db.database.write(WRITE, (sql) => insertJob(sql, byHand))
    await endAll()
    const refused = db.database.write(WRITE, async (sql) => {
      await sql`UPDATE jobs SET status = 'error' WHERE schedule_id = ${id}`
      throw new Error('rolled back')
    })
    await assert.rejects(refused, /rolled back/)
    assert.deepEqual(await owed(), [])
  })

  test('tell by the rule of the schedule, which stands before that of the account and may silence it', async () => {
    await schedule(3)
    await call('PUT', '/account', { on: ['failed'], emails: ['ann@example.com'] })
    await call('PUT', '/schedules/report%202', { on: ['failed'], emails: ['bob@example.com'] })
    await call('PUT', '/schedules/report%203', { on: [] })
    await take()
    await endAll()
    start()
    await eventually('both', () => mail.mails.length === 2)
    const told = mail.mails.map(({ to, text }) => `${to} ${/report \d/.exec(text)?.[0]}`).sort()
    assert.deepEqual(told, ['ann@example.com report 1', 'bob@example.com report 2'])
    const listed = (await call('GET', '')).body.alerts
    assert.deepEqual(
      listed.map((rule: { schedule: string | null; emails: string[] }) => [rule.schedule, rule.emails]),
      [
        [null, ['ann@example.com']],
        ['report 2', ['bob@example.com']],
        ['report 3', []],
      ],
    )
  })

  test('about many runs that one absence made late are one message, over all rules that name the address', async () => {
    await schedule(40, 180)
    await call('PUT', '/account', { on: ['late'], emails: ['ann@example.com'] })
    await call('PUT', '/schedules/report%207', { on: ['late'], emails: ['ann@example.com'] })
    await take()
    assert.equal((await owed()).length, 40)
    start()
    await eventually('one message', () => mail.mails.length === 1)
    await systemClock.sleep(300)
    assert.equal(mail.mails.length, 1)
    assert.match(mail.mails[0]!.text.replaceAll('=\r\n', ''), /40 alerts: 40 late of 40 schedules/)
  })

  test('leave an address in peace for a while, and then tell what has come together', async () => {
    await schedule(2)
    await call('PUT', '/account', { on: ['failed'], webhook_url: hookUrl() })
    const [first, second] = ['report 1', 'report 2']
    const fail = (name: string) =>
      db.database.write(WRITE, async (sql) => {
        await sql`UPDATE jobs j SET status = 'error' FROM schedules s WHERE s.id = j.schedule_id AND s.name = ${name}`
      })
    await take()
    await fail(first!)
    start({ settings: { ...settings(), quietSeconds: 3600 } })
    await eventually('the first', () => hook.calls.length === 1)
    await fail(second!)
    await systemClock.sleep(300)
    assert.equal(hook.calls.length, 1)
    assert.deepEqual(
      (await owed()).map(({ message_id }) => message_id === null),
      [false, true],
    )
    await db.database.write(WRITE, (sql) => sql`UPDATE alert_targets SET quiet_until = clock_timestamp()`)
    await eventually('the second', () => hook.calls.length === 2)
  })

  test('about a run are owed when it waits for a worker for too long, once, and when it is claimed late', async () => {
    await schedule(1, 30)
    await call('PUT', '/account', { on: ['late'], webhook_url: hookUrl(), late_after_seconds: 3600 })
    await take()
    assert.deepEqual(await owed(), [])
    await db.database.write(WRITE, (sql) => sql`UPDATE alert_rules SET late_after_seconds = 60`)
    start()
    await eventually('late in the queue', async () => (await owed()).length === 1)
    await claim()
    assert.equal((await owed()).length, 1)
    await db.database.write(WRITE, (sql) => sql`TRUNCATE alert_outbox`)
    await db.database.write(WRITE, (sql) => sql`UPDATE jobs SET status = 'queued', attempt = 0`)
    await claim()
    assert.deepEqual(
      (await owed()).map(({ event }) => event),
      ['late'],
    )
  })

  test('tell that a run could not start, and that one was killed', async () => {
    await schedule(1, 0, 2)
    await call('PUT', '/account', { on: ['failed', 'killed'], webhook_url: hookUrl() })
    await take()
    await db.database.write(
      WRITE,
      (sql) => sql`UPDATE schedules SET user_id = 1, next_time = ${minutesAgo(0)}`,
    )
    await db.database.write(WRITE, (sql) => sql`TRUNCATE schedule_runs`)
    await take()
    await db.database.write(WRITE, (sql) => sql`UPDATE jobs SET status = 'killed' WHERE status = 'queued'`)
    start()
    await eventually('both', () => hook.calls.length > 0)
    const alerts = hook.calls.flatMap(({ body }) => JSON.parse(body).alerts)
    assert.deepEqual(
      alerts.map(({ event, error }) => [event, error?.name ?? null]),
      [
        ['failed', 'PERMISSION_DENIED'],
        ['killed', null],
      ],
    )
  })

  test('are sent again under the same id until they are taken, growing slower', async () => {
    await schedule()
    await call('PUT', '/account', { on: ['failed'], webhook_url: hookUrl() })
    hook.statuses.push(500, 'cut')
    await take()
    await endAll()
    start({ retrySeconds: 0.5 })
    await eventually('the third attempt', () => hook.calls.length >= 3)
    const [first, second, third] = hook.calls
    assert.equal(first!.headers['webhook-id'], third!.headers['webhook-id'])
    assert.equal(second!.body, third!.body)
    const [message] = (await call('GET', '/messages')).body.messages
    assert.ok(message.attempts >= 3)
    assert.equal(message.alerts, 1)
  })

  test('are given up after days, which the list tells, and what came meanwhile goes out', async () => {
    await schedule()
    await call('PUT', '/account', { on: ['failed'], webhook_url: hookUrl() })
    hook.statuses.push(503)
    await take()
    await endAll()
    await db.database.write(
      WRITE,
      (sql) => sql`ALTER TABLE alert_messages ALTER created_at SET DEFAULT now() - interval '100 hours'`,
    )
    try {
      start()
      const message = await eventually('given up', async () => {
        const [one] = (await call('GET', '/messages')).body.messages
        return one?.status === 'given-up' && one
      })
      assert.deepEqual([message.error, message.to], ['the receiver answered 503', `${hook.url}/…`])
    } finally {
      await db.database.write(
        WRITE,
        (sql) => sql`ALTER TABLE alert_messages ALTER created_at SET DEFAULT clock_timestamp()`,
      )
    }
  })

  test('are sent by the next process when one dies between taking and sending, or between sending and noting it', async () => {
    await schedule()
    await call('PUT', '/account', { on: ['failed'], webhook_url: hookUrl() })
    await take()
    await endAll()
    // As a process leaves it that gathered, claimed, sent and was killed before it could note that.
    const dying = { ...db.database, write: withoutMarks(db.database.write) } as TestDatabase['database']
    const stop = start({ database: dying, retrySeconds: 0.5 })
    await eventually('sent once', () => hook.calls.length === 1)
    await systemClock.sleep(900)
    // The same process does not send it again: it knows that it was taken.
    assert.equal(hook.calls.length, 1)
    await stop()
    start({ retrySeconds: 0.5 })
    await eventually('sent again by the next', () => hook.calls.length >= 2)
    const [one, two] = hook.calls
    assert.equal(one!.headers['webhook-id'], two!.headers['webhook-id'])
  })
  /** Transactions that note that something was sent find the database away. */
  const withoutMarks = (write: TestDatabase['database']['write']) =>
    ((admission, run, hooks) =>
      write(
        admission,
        (sql) => {
          const marking: typeof sql = (text, ...values) =>
            text[0]!.includes('SET sent_at')
              ? Promise.reject(databaseAway(db.gate.current(), 'it went'))
              : sql(text, ...values)
          return run(marking)
        },
        hooks,
      )) as typeof write

  test('outlast an absence of the main database, and routes say that it is away', async () => {
    await schedule()
    await call('PUT', '/account', { on: ['failed'], webhook_url: hookUrl() })
    await take()
    await endAll()
    db.gate.set({ mode: 'away', planned: true })
    start()
    const answer = await call('PUT', '/account', { emails: ['ann@example.com'] })
    assert.deepEqual([answer.status, Number(answer.headers['retry-after']) >= 1], [503, true])
    assert.equal((await call('GET', '/account')).status, 503)
    await systemClock.sleep(200)
    assert.equal(hook.calls.length, 0)
    db.gate.set({ mode: 'serving' })
    await eventually('sent', () => hook.calls.length === 1)
  })

  test('keep the URL and the key of a webhook sealed; the key is told once and kept for the same URL', async () => {
    await schedule()
    const first = await call('PUT', '/account', { on: ['failed'], webhook_url: hookUrl('/token-4711') })
    assert.match(first.body.webhook_secret, /^whsec_/)
    assert.equal(first.body.webhook, `${hook.url}/…`)
    const again = await call('PUT', '/schedules/report%201', { webhook_url: hookUrl('/token-4711') })
    assert.deepEqual([again.status, again.body.webhook_secret], [200, undefined])
    assert.equal((await call('GET', '/account')).body.webhook_secret, undefined)
    const own = `whsec_${Buffer.alloc(24, 1).toString('base64')}`
    await call('PUT', '/account', { webhook_url: hookUrl('/token-4711'), webhook_secret: own })
    const stored = await db.database.read(
      WRITE,
      (sql) => sql<{ text: string }>`
        SELECT string_agg(t::text || encode(secret, 'escape'), ' ') AS text FROM alert_targets t`,
    )
    assert.doesNotMatch(stored[0]!.text, /token-4711|whsec_/)
    const audited = await db.database.read(
      WRITE,
      (sql) => sql<{ text: string }>`SELECT string_agg(details::text, ' ') AS text FROM audit_log`,
    )
    assert.doesNotMatch(audited[0]!.text, /token-4711|whsec_/)
  })

  test('that are removed are not sent any more', async () => {
    await schedule()
    await call('PUT', '/account', { on: ['failed'], webhook_url: hookUrl() })
    await take()
    await endAll()
    assert.equal((await call('DELETE', '/account')).status, 200)
    assert.deepEqual(await owed(), [])
    assert.equal((await call('GET', '/account')).status, 404)
    assert.equal((await call('DELETE', '/account')).status, 404)
    const left = await db.database.read(WRITE, (sql) => sql`SELECT FROM alert_targets`)
    assert.equal(left.length, 0)
  })

  test('go with their schedule, and messages some time after they ended; open ones stay', async () => {
    await schedule(2)
    await call('PUT', '/schedules/report%201', { on: ['failed'], webhook_url: hookUrl('/one') })
    await call('PUT', '/schedules/report%202', { on: ['failed'], webhook_url: hookUrl('/two') })
    await take()
    await endAll()
    const stop = start()
    await eventually('both', () => hook.calls.length === 2)
    await stop()
    await db.database.write(WRITE, async (sql) => {
      await sql`UPDATE schedules SET removed_at = now() - interval '2 days' WHERE name = 'report 1'`
      await sql`UPDATE alert_messages SET created_at = now() - interval '40 days'`
      await sql`UPDATE alert_messages SET sent_at = CASE WHEN target_id = (SELECT min(id) FROM alert_targets) THEN now() END`
    })
    await removeOldAlerts(db.database)
    const [left] = await db.database.read(
      WRITE,
      (sql) => sql<Record<string, number>>`
        SELECT (SELECT count(*)::int FROM alert_rules) AS rules, (SELECT count(*)::int FROM alert_targets) AS targets,
               (SELECT count(*)::int FROM alert_messages) AS messages, (SELECT count(*)::int FROM alert_outbox) AS alerts`,
    )
    assert.deepEqual(left, { rules: 1, targets: 1, messages: 1, alerts: 1 })
  })

  test('can be tried: a test goes to everybody the rule names', async () => {
    await schedule()
    assert.equal((await call('POST', '/account/test')).status, 404)
    await call('PUT', '/schedules/report%201', {
      on: ['late'],
      emails: ['ann@example.com'],
      webhook_url: hookUrl(),
    })
    assert.deepEqual((await call('POST', '/schedules/report%201/test')).body, { targets: 2 })
    start()
    await eventually('both', () => mail.mails.length === 1 && hook.calls.length === 1)
    assert.equal(JSON.parse(hook.calls[0]!.body).alerts[0].event, 'test')
  })

  test('are set by who may change the schedule, those of the account by its administrators', async () => {
    await schedule(1)
    const rule = { on: ['failed'], webhook_url: hookUrl() }
    for (const [method, url] of [
      ['PUT', '/account'],
      ['DELETE', '/account'],
      ['PUT', '/schedules/report%201'],
      ['GET', '/schedules/report%201'],
      ['POST', '/schedules/report%201/test'],
      ['GET', '/messages'],
      ['GET', ''],
    ] as const)
      assert.equal(
        (await call(method, url, method === 'GET' ? undefined : rule, 'member')).status,
        403,
        `${method} ${url}`,
      )
    await db.database.write(WRITE, (sql) => sql`UPDATE schedules SET user_id = 2`)
    assert.equal((await call('PUT', '/schedules/report%201', rule, 'member')).status, 200)
    assert.equal((await call('PUT', '/schedules/nothing', rule)).status, 404)
    assert.equal((await call('PUT', '/account', { on: ['failed'] })).status, 422)
  })
})

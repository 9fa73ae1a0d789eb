import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSecretBox } from '../catalog/secret-box.ts'
import { startTestDatabase } from '../database/testing.ts'
import { claimJobs } from '../jobs/claim-store.ts'
import { finishJob } from '../jobs/end-store.ts'
import { createApp, httpErrors, type Principal } from '../kernel/http/index.ts'
import { Registry, silentLog, systemClock } from '../kernel/index.ts'
import { startDue } from '../schedules/scheduler.ts'
import { readAlertSettings } from './config.ts'
import { addAlertRoutes } from './routes.ts'
import { createAlertService } from './service.ts'
import { MEMBER, OWNER, startMailServer, startReceiver } from './testing-receivers.ts'

const WRITE = { class: 'write', deadlineMs: 10_000 } as const
const MINUTE_MS = 60_000

/** Routes and services of alerts over a real database, a real SMTP server and a real receiver of webhooks. */
export async function openAlertRoom() {
  const db = await startTestDatabase({ maxConnections: 12 })
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-alerts-'))
  const secrets = await openSecretBox({ dataDir })
  const mail = await startMailServer()
  const hook = await startReceiver()
  let services: (() => Promise<void>)[] = []
  const settings = () =>
    readAlertSettings({
      MILLRACE_ALERTS_SMTP_HOST: '127.0.0.1',
      MILLRACE_ALERTS_SMTP_PORT: String(mail.port),
      MILLRACE_ALERTS_SMTP_TLS: 'off',
      MILLRACE_ALERTS_PRIVATE_ADDRESSES: 'true',
      MILLRACE_ALERTS_GATHER_SECONDS: '0',
      MILLRACE_ALERTS_QUIET_SECONDS: '0',
    })
  await db.database.write(WRITE, async (sql) => {
    await sql`INSERT INTO accounts (id, name) VALUES (1, 'shop'), (2, 'other')`
    await sql`INSERT INTO users (id, account_id, name, email, role) VALUES
      (1, 1, 'Ann Example', 'ann@example.com', 'owner'), (2, 1, 'Bob', 'bob@example.com', 'member')`
    await sql`INSERT INTO databases (id, account_id, name, owner_id) VALUES (7, 1, 'shop', 1)`
  })
  const app = createApp({
    log: silentLog,
    authenticate: async ({ headers }) => (headers.authorization === 'TD1 member' ? MEMBER : OWNER),
  })
  addAlertRoutes(app, {
    database: db.database,
    gate: db.gate,
    readDeadlineMs: 1_000,
    heads: {
      usable: true,
      ageMs: 0,
      listSchedules: () => [],
      findSchedule: () => ({ kind: 'absent' }),
      findUser: () => ({ kind: 'absent' }),
    },
    access: {
      queryable: async () => new Set(),
      requireAccountAdministrator({ role }: Principal) {
        if (role === 'member') throw httpErrors.not_authorized('to administer this account')
      },
    } as never,
    secrets,
    settings: settings(),
  })
  const call = async (
    method: 'GET' | 'PUT' | 'POST' | 'DELETE',
    url: string,
    payload?: object,
    as = 'owner',
  ) => {
    const answer = await app.inject({
      method,
      url: `/api/alerts${url}`,
      ...(payload && { payload }),
      headers: { authorization: `TD1 ${as}` },
    })
    return { status: answer.statusCode, body: answer.json(), headers: answer.headers }
  }
  const hookUrl = (path = '/hook') => `${hook.url}${path}`
  const start = (change: Partial<Parameters<typeof createAlertService>[0]> = {}) => {
    const service = createAlertService({
      database: db.database,
      secrets,
      settings: settings(),
      publicUrl: 'https://millrace.example',
      version: '1',
      clock: systemClock,
      log: silentLog,
      metrics: new Registry(),
      random: () => 0.5,
      // Longer than sending takes on a busy machine: else a message is sent twice.
      retrySeconds: 60,
      pollMs: 50,
      ...change,
    })
    const stopping = new AbortController()
    const running = service.run(stopping.signal)
    const stop = async () => {
      stopping.abort()
      await running
    }
    services.push(stop)
    return stop
  }
  const minutesAgo = (minutes: number) => new Date(Math.floor(Date.now() / MINUTE_MS - minutes) * MINUTE_MS)
  /** Schedules, all with a slot so many minutes ago. */
  const schedule = async (count = 1, minutes = 0, userId = 1) => {
    const rows = await db.database.write(
      WRITE,
      (sql) => sql<{ id: bigint }>`
        INSERT INTO schedules (account_id, user_id, name, cron, type, database, query, next_time)
        SELECT 1, ${userId}, 'report ' || n, '@hourly', 'presto', 'shop', 'SELECT 1', ${minutesAgo(minutes)}::timestamptz
          FROM generate_series(1, ${count}::int) n RETURNING id`,
    )
    return rows.map(({ id }) => id)
  }
  const take = () => db.database.write(WRITE, (sql) => startDue(sql, { limit: 500, startInMs: () => 0 }))
  const claim = () =>
    db.database.write(WRITE, (sql) =>
      claimJobs(sql, { worker: 'w', types: ['presto'], limit: 100, accountConcurrency: 1000 }),
    )
  /** Runs everything that is queued to an end. */
  const endAll = async (kind: 'success' | 'error' = 'error') => {
    for (const job of await claim())
      await db.database.write(WRITE, (sql) =>
        finishJob(sql, {
          id: job.id,
          attempt: job.attempt,
          endAt: new Date(),
          log: '',
          end:
            kind === 'success'
              ? { kind, cpuMs: 1, result: null }
              : { kind, cpuMs: 1, name: 'DIVISION_BY_ZERO', message: 'Division by zero', retryable: false },
        }),
      )
  }
  const owed = () =>
    db.database.read(
      WRITE,
      (sql) => sql<{ event: string; message_id: bigint | null }>`SELECT * FROM alert_outbox ORDER BY id`,
    )

  return {
    db,
    mail,
    hook,
    call,
    hookUrl,
    start,
    minutesAgo,
    schedule,
    take,
    claim,
    endAll,
    owed,
    settings,
    /** As before the first test. */
    async clear() {
      mail.mails.length = 0
      hook.calls.length = 0
      hook.statuses.length = 0
      await db.database.write(
        WRITE,
        (sql) =>
          sql`TRUNCATE jobs, schedule_runs, schedules, alert_rules, alert_targets, alert_outbox, alert_messages CASCADE`,
      )
    },
    /** After each test: the database is back, no service runs. */
    async settle() {
      db.gate.set({ mode: 'serving' })
      const stops = services
      services = []
      await Promise.all(stops.map((stop) => stop()))
    },
    async close() {
      await app.close()
      await mail.stop()
      await hook.stop()
      await rm(dataDir, { recursive: true })
      await db.stop()
    },
  }
}

/**
 * A hundred thousand schedules, a quarter of them due in the same minute: how long until every one of these has its job, by two schedulers
 * as of two nodes, on a durable database. The ratio is the minute divided by that time. Each must have exactly one job.
 *
 *   node bench/schedule.ts [--schedules 100000] [--schedulers 2]
 */
import { parseArgs } from 'node:util'
import { startTestDatabase } from '../src/database/testing.ts'
import { lonelyChannel, silentLog, systemClock } from '../src/kernel/index.ts'
import { createScheduler } from '../src/schedules/index.ts'

const GOAL = 1
const WITHIN_SECONDS = 60
const ZONES = ['UTC', 'Europe/Berlin', 'America/Los_Angeles', 'Asia/Kolkata']
/** Each has the minute as a slot: what differs is how the next one is found. */
const CRONS = ['* * * * *', '*/1 * * * 0-6', '0-59 * * jan-dec *', '* 0-23 1-31 * *']
const ADMISSION = { class: 'background', deadlineMs: 600_000 } as const

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '100000' },
    schedulers: { type: 'string', default: '2' },
  },
})
const schedules = Number(values.schedules)
const due = Math.floor(schedules / 4)

const db = await startTestDatabase({ durable: true, maxConnections: 12 })
try {
  // Early enough in a minute that its schedules are not due again before they are counted.
  await fill()
  const minute = await waitForMinute()
  const stop = new AbortController()
  const cpuBefore = process.cpuUsage()
  const startedMs = performance.now()
  const common = { database: db.database, channel: lonelyChannel, clock: systemClock, log: silentLog }
  const running = Array.from({ length: Number(values.schedulers) }, () =>
    createScheduler({ ...common, random: Math.random, catchUpSeconds: 300 }).run(stop.signal),
  )
  let jobs = 0
  while (jobs < due && performance.now() - startedMs < 10 * WITHIN_SECONDS * 1000) {
    await systemClock.sleep(200)
    jobs = await started(minute)
  }
  const seconds = (performance.now() - startedMs) / 1000
  const cpu = process.cpuUsage(cpuBefore)
  stop.abort()
  await Promise.all(running)
  const doubled = await countDoubled()
  console.log(
    `${jobs} of ${due} started in ${seconds.toFixed(1)} s (${(jobs / seconds).toFixed(0)} a second), ${doubled} twice, ` +
      `${((cpu.user + cpu.system) / 1e6).toFixed(1)} s of processor time in the schedulers`,
  )
  const ratio = doubled > 0 || jobs < due ? 0 : WITHIN_SECONDS / seconds
  console.log(`schedule ratio=${ratio.toFixed(2)} goal=${GOAL} ${ratio >= GOAL ? 'ok' : 'short'}`)
} finally {
  await db.stop()
}

async function fill(): Promise<void> {
  const portion = 10_000
  await db.database.write(ADMISSION, async (sql) => {
    await sql`INSERT INTO accounts (id, name) VALUES (1, 'bench')`
    await sql`INSERT INTO users (id, account_id, name, email, role) VALUES (1, 1, 'Ann', 'ann@example.com', 'owner')`
    await sql`INSERT INTO databases (id, account_id, name, owner_id) VALUES (1, 1, 'shop', 1)`
  })
  for (let from = 0; from < schedules; from += portion)
    await db.database.write(
      ADMISSION,
      (sql) => sql`
        INSERT INTO schedules (account_id, user_id, name, cron, timezone, type, database, query, next_time)
        SELECT 1, 1, 'report ' || n, (${CRONS}::text[])[1 + n / 4 % 4], (${ZONES}::text[])[1 + n / 16 % 4], 'presto',
               'shop', 'SELECT count(*) FROM orders WHERE TD_INTERVAL(time, ''-1d'') -- ' || n,
               now() + interval '1 day'
          FROM generate_series(${from}::int, ${Math.min(from + portion, schedules) - 1}::int) n`,
    )
}

/** A quarter of them becomes due with the minute that has just begun. */
async function waitForMinute(): Promise<Date> {
  await db.database.write(
    ADMISSION,
    (sql) => sql`
      UPDATE schedules SET next_time = date_trunc('minute', now() + interval '2 minutes')
       WHERE substr(name, 8)::int % 4 = 0`,
  )
  await db.database.write(ADMISSION, (sql) => sql`ANALYZE schedules`)
  const [row] = await db.database.read(
    ADMISSION,
    (sql) => sql<{ next: Date }>`SELECT min(next_time) AS next FROM schedules`,
  )
  const waitMs = row!.next.getTime() - Date.now()
  console.log(`${schedules} schedules, ${due} of them due in ${(waitMs / 1000).toFixed(0)} s`)
  await systemClock.sleep(Math.max(0, waitMs))
  return row!.next
}

async function started(minute: Date): Promise<number> {
  const [row] = await db.database.read(
    ADMISSION,
    (sql) => sql<{ n: number }>`
      SELECT count(*)::int AS n FROM schedule_runs WHERE scheduled_at = ${minute}`,
  )
  return row!.n
}

async function countDoubled(): Promise<number> {
  const [row] = await db.database.read(
    ADMISSION,
    (sql) => sql<{ n: number }>`
      SELECT (count(*) - count(DISTINCT (schedule_id, scheduled_at)))::int AS n FROM jobs`,
  )
  return row!.n
}

/**
 * What jobs cost, and what history costs them.
 *
 * `jobs-cycle`: empty jobs per second through submission, claim and end, with the real worker, its journal and a runner that does
 * nothing, against the goal of 500 per second on two processors. Counted by processor time, here and in the database: what else the
 * machine does changes the clock, not that; the rate by the clock is printed beside it. `jobs-submit-p99`: the 99th percentile of a submission with a long history
 * against that with a thousand jobs; `jobs-list-p99` the same of the newest twenty. Both databases are measured in turns.
 *
 *   node bench/jobs.ts [--history 1000000] [--jobs 2000] [--submits 2000] [--rounds 3]    (the goal speaks of 10,000,000)
 */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createJobPartitions } from '../src/database/index.ts'
import { startTestDatabase, type TestDatabase } from '../src/database/testing.ts'
import { createWorker, insertJob, openEndsJournal, type Runner } from '../src/jobs/index.ts'
import { listJobs } from '../src/jobs/store.ts'
import { aJob } from '../src/jobs/testing.ts'
import { lonelyChannel, silentLog, systemClock } from '../src/kernel/index.ts'

const CYCLE_GOAL_PER_SECOND = 500
const PROCESSORS = 2
/** With history a call may take so much longer. */
const HISTORY_GOAL = 1.2
const SHORT_HISTORY = 1000
const SUBMITTERS = 4
const WORKERS = 2
/** Of the clock in /proc. */
const TICK_MS = 10
const WRITE = { class: 'write', deadlineMs: 600_000 } as const
const base = { clock: systemClock, log: silentLog }

const { values } = parseArgs({
  options: {
    history: { type: 'string', default: '1000000' },
    jobs: { type: 'string', default: '2000' },
    submits: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '3' },
  },
})
const [history, jobs, submits, rounds] = [values.history, values.jobs, values.submits, values.rounds].map(
  Number,
) as [number, number, number, number]

let keys = 0
const short = await startTestDatabase({ durable: true })
const long = await startTestDatabase({ durable: true })
try {
  await addHistory(short, SHORT_HISTORY)
  await addHistory(long, history)
  const cycles: number[] = []
  const submit = { short: [] as number[], long: [] as number[] }
  const list = { short: [] as number[], long: [] as number[] }
  for (let round = 0; round < rounds; round++) {
    // Who is first has the colder machine.
    const order = round % 2 === 0 ? (['short', 'long'] as const) : (['long', 'short'] as const)
    for (const which of order) {
      const db = which === 'short' ? short : long
      submit[which].push(await p99Ms(submits, () => submitOne(db)))
      list[which].push(await p99Ms(submits / 10, () => listOne(db)))
      await endAll(db)
    }
    const cycle = await cycleRate(long)
    const perJobMs = cycle.cpuMsPerJob + cycle.serverMsPerJob
    cycles.push((PROCESSORS * 1000) / perJobMs)
    console.log(
      `round ${round}: ${Math.round(cycle.perSecond)} jobs/s, processor time of each ${cycle.cpuMsPerJob.toFixed(2)} ms here, ${cycle.serverMsPerJob.toFixed(2)} ms in the database; ` +
        `submit p99 ${ms(submit.short)} → ${ms(submit.long)} ms, list p99 ${ms(list.short)} → ${ms(list.long)} ms`,
    )
  }
  const cycle = median(cycles) / CYCLE_GOAL_PER_SECOND
  console.log(`jobs-cycle ratio=${cycle.toFixed(2)} goal=1 ${cycle >= 1 ? 'ok' : 'short'}`)
  for (const [name, { short: before, long: after }] of [
    ['jobs-submit-p99', submit],
    ['jobs-list-p99', list],
  ] as const) {
    const ratio = median(after) / median(before)
    console.log(
      `${name} ratio=${ratio.toFixed(2)} goal=${HISTORY_GOAL} ${ratio <= HISTORY_GOAL ? 'ok' : 'short'}`,
    )
  }
} finally {
  await short.stop()
  await long.stop()
}

/** Finished jobs of one account, as the product leaves them: in their partitions, with their domain keys in a table of their own. */
async function addHistory({ database }: TestDatabase, count: number): Promise<void> {
  const step = 250_000
  for (let first = 1; first <= count; first += step) {
    const size = Math.min(step, count - first + 1)
    await createJobPartitions(database)
    await database.write(WRITE, async (sql) => {
      await sql`ALTER TABLE jobs DISABLE TRIGGER USER`
      await sql`
        INSERT INTO jobs (id, account_id, user_id, user_name, type, database, query, status, attempt, start_at, end_at)
        SELECT nextval('job_ids'), 1, 1, 'Ann Example', 'presto', 'shop', 'SELECT 1', 'success', 1, now(), now()
          FROM generate_series(1, ${size}::int)`
      await sql`
        INSERT INTO domain_keys (account_id, key, job_id)
        SELECT 1, gen_random_uuid()::text, n FROM generate_series(${first}::bigint, ${first + size - 1}::bigint) AS n`
      await sql`ALTER TABLE jobs ENABLE TRIGGER USER`
    })
  }
  await createJobPartitions(database)
  await database.write(WRITE, (sql) => sql`ANALYZE jobs, domain_keys`)
}

/** As digdag does: each with a key of its own. */
function submitOne({ database }: TestDatabase): Promise<bigint> {
  const domainKey = `bench-${process.pid}-${keys++}`
  return database.write(WRITE, (sql) => insertJob(sql, aJob({ domainKey })))
}

function listOne({ database }: TestDatabase): Promise<unknown> {
  const filter = { accountId: 1n, userId: 1n, databases: null, statuses: null, slowerThanSeconds: null }
  return database.read({ class: 'read', deadlineMs: 600_000 }, (sql) =>
    listJobs(sql, { ...filter, offset: 0, limit: 20 }),
  )
}

function endAll({ database }: TestDatabase): Promise<unknown> {
  return database.write(WRITE, (sql) => sql`UPDATE jobs SET status = 'killed' WHERE status = 'queued'`)
}

/** Calls from several callers at once; the 99th percentile of a call. */
async function p99Ms(calls: number, call: () => Promise<unknown>): Promise<number> {
  const took: number[] = []
  const caller = async () => {
    while (took.length < calls) {
      const started = performance.now()
      await call()
      took.push(performance.now() - started)
    }
  }
  await Promise.all(Array.from({ length: SUBMITTERS }, caller))
  return took.sort((a, b) => a - b)[Math.floor(took.length * 0.99)]!
}

async function cycleRate(
  db: TestDatabase,
): Promise<{ perSecond: number; cpuMsPerJob: number; serverMsPerJob: number }> {
  const room = await mkdtemp(join(tmpdir(), 'mr-bench-'))
  const stopping = new AbortController()
  let [begun, ended] = [0, 0]
  const runner: Runner = {
    types: ['presto'],
    async run() {
      begun++
      return { kind: 'success', cpuMs: 0 }
    },
  }
  const channel = {
    ...lonelyChannel,
    notify(topic: string) {
      if (topic === 'job-ended') ended++
    },
  }
  const workers = await Promise.all(
    Array.from({ length: WORKERS }, async (_, i) => {
      const journal = await openEndsJournal({ ...base, dataDir: room, worker: `worker-${i}` })
      const limits = { concurrency: 8, accountConcurrency: 1000, takeoverSeconds: 30, drainSeconds: 0 }
      const worker = createWorker({
        ...base,
        ...db,
        ...limits,
        channel,
        runners: [runner],
        journal,
        worker: `w${i}`,
      })
      return { run: worker.run(stopping.signal), journal }
    }),
  )
  const cpu = process.cpuUsage()
  const before = await serverCpuMs(db)
  const started = performance.now()
  let left = jobs
  const submitter = async () => {
    while (left-- > 0) await submitOne(db)
  }
  await Promise.all(Array.from({ length: SUBMITTERS }, submitter))
  while (ended < jobs) await systemClock.sleep(5)
  const seconds = (performance.now() - started) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const serverMsPerJob = ((await serverCpuMs(db)) - before) / jobs
  stopping.abort()
  for (const { run, journal } of workers) {
    await run
    await journal.close()
  }
  await rm(room, { recursive: true, force: true })
  if (begun !== jobs) throw new Error(`${jobs} jobs were run ${begun} times`)
  return { perSecond: jobs / seconds, cpuMsPerJob: (user + system) / 1000 / jobs, serverMsPerJob }
}

/** Processor time of the server for our connections; autovacuum has its own. A busy machine falsifies clocks, not this. */
async function serverCpuMs({ database }: TestDatabase): Promise<number> {
  const rows = await database.read(
    { class: 'read', deadlineMs: 10_000 },
    (sql) => sql<{ pid: number }>`SELECT pid FROM pg_stat_activity WHERE usename = session_user`,
  )
  const ticks = rows.map(({ pid }) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return Number(fields[11]) + Number(fields[12])
  })
  return TICK_MS * ticks.reduce((sum, one) => sum + one, 0)
}

function median(list: number[]): number {
  return [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0
}

function ms(list: number[]): string {
  return list.at(-1)!.toFixed(1)
}

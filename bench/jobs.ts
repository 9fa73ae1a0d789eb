/**
 * What history costs: jobs issued and jobs run (claimed, then ended) per second with half a million finished jobs behind them,
 * against an empty table.
 *
 *   node bench/jobs.ts [--history 500000] [--seconds 3] [--rounds 3]
 */
import { parseArgs } from 'node:util'
import { startTestDatabase, type TestDatabase } from '../src/database/testing.ts'
import { claimJobs } from '../src/jobs/claim-store.ts'
import { finishJob } from '../src/jobs/end-store.ts'
import { insertJob } from '../src/jobs/store.ts'
import { aJob } from '../src/jobs/testing.ts'

const GOAL = 0.8
const CALLERS = 4
const WRITE = { class: 'write', deadlineMs: 10_000 } as const

const { values } = parseArgs({
  options: {
    history: { type: 'string', default: '500000' },
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
  },
})
const seconds = Number(values.seconds)

const empty = await startTestDatabase({ durable: true })
const old = await startTestDatabase({ durable: true })
try {
  await addHistory(old, Number(values.history))
  const ratios = { 'job-issue': [] as number[], 'job-run': [] as number[] }
  for (let round = 0; round < Number(values.rounds); round++) {
    const issue = [await issueRate(empty), await issueRate(old)] as const
    const run = [await runRate(empty), await runRate(old)] as const
    ratios['job-issue'].push(issue[1] / issue[0])
    ratios['job-run'].push(run[1] / run[0])
    console.log(`round ${round}: issue ${rates(issue)}, run ${rates(run)} (empty → with history, per second)`)
  }
  for (const [name, list] of Object.entries(ratios)) {
    const ratio = median(list)
    console.log(`${name} ratio=${ratio.toFixed(2)} goal=${GOAL} ${ratio >= GOAL ? 'ok' : 'short'}`)
  }
} finally {
  await empty.stop()
  await old.stop()
}

async function addHistory({ database }: TestDatabase, jobs: number): Promise<void> {
  for (let first = 1; first <= jobs; first += 50_000) {
    const count = Math.min(50_000, jobs - first + 1)
    await database.write({ ...WRITE, deadlineMs: 60_000 }, async (sql) => {
      await sql`ALTER TABLE jobs DISABLE TRIGGER USER`
      await sql`
        INSERT INTO jobs (id, account_id, user_id, user_name, type, database, query, status, attempt, start_at, end_at)
        SELECT nextval('job_ids'), 1, 1, 'Ann Example', 'presto', 'shop', 'SELECT 1', 'success', 1, now(), now()
          FROM generate_series(1, ${count}::int)`
      await sql`ALTER TABLE jobs ENABLE TRIGGER USER`
    })
  }
}

/** Calls as often as it can, from several callers at once; per second. */
async function rate(work: () => Promise<number>): Promise<number> {
  const untilMs = performance.now() + seconds * 1000
  let done = 0
  const caller = async () => {
    while (performance.now() < untilMs) done += await work()
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  return done / seconds
}

function issueRate({ database }: TestDatabase): Promise<number> {
  return rate(async () => {
    await database.write(WRITE, (sql) => insertJob(sql, aJob()))
    return 1
  })
}

function runRate({ database }: TestDatabase): Promise<number> {
  return rate(async () => {
    const request = { worker: 'w', types: ['presto'], limit: 1, accountConcurrency: 1000 }
    const [job] = await database.write(WRITE, (sql) => claimJobs(sql, request))
    if (job === undefined) return 0
    const end = { kind: 'success', cpuMs: 1, result: null } as const
    await database.write(WRITE, (sql) =>
      finishJob(sql, { id: job.id, attempt: job.attempt, endAt: new Date(), log: '', end }),
    )
    return 1
  })
}

function rates([before, after]: readonly [number, number]): string {
  return `${Math.round(before)} → ${Math.round(after)}`
}

function median(list: number[]): number {
  return [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0
}

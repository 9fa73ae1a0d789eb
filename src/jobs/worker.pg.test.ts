import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { startTestDatabase, type TestDatabase } from '../database/testing.ts'
import { type Channel, lonelyChannel, silentLog, systemClock } from '../kernel/index.ts'
import { claimJobs, listLeases } from './claim-store.ts'
import { requestKill } from './end-store.ts'
import { createEndsReader, type EndsJournal, openEndsJournal } from './ends.ts'
import { announceJob } from './issue.ts'
import type { Runner } from './runner.ts'
import { findJob, insertJob } from './store.ts'
import {
  aJob,
  bringBack,
  channelPair,
  createTestRunner,
  eventually,
  fastClock,
  sendAway,
  WRITE,
} from './testing.ts'
import type { NewJob } from './types.ts'
import { createWorker, type Worker, type WorkerOptions } from './worker.ts'

describe('a worker', () => {
  let db: TestDatabase
  let dataDir: string
  let stops: (() => Promise<void>)[] = []
  before(async () => {
    db = await startTestDatabase()
  })
  after(() => db.stop())
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'millrace-worker-'))
    await db.database.write(WRITE, (sql) => sql`TRUNCATE jobs, job_results, domain_keys`)
  })
  afterEach(async () => {
    bringBack(db)
    for (const stop of stops) await stop()
    stops = []
    await rm(dataDir, { recursive: true })
  })

  const issue = (change: Partial<NewJob> = {}) =>
    db.database.write(WRITE, (sql) => insertJob(sql, aJob(change)))
  const find = async (id: bigint) => (await db.database.read(WRITE, (sql) => findJob(sql, 1n, id)))!
  const statusIs = (id: bigint, status: string) =>
    eventually(async () => {
      const job = await find(id)
      return job.status === status && job
    })

  const start = async (change: Partial<WorkerOptions> = {}, name = 'worker-0') => {
    const runner = createTestRunner()
    const clock = change.clock ?? systemClock
    const journal: EndsJournal = await openEndsJournal({ dataDir, worker: name, clock, log: silentLog })
    const worker: Worker = createWorker({
      database: db.database,
      gate: db.gate,
      channel: lonelyChannel,
      clock,
      log: silentLog,
      runners: [runner],
      journal,
      worker: name,
      concurrency: 4,
      accountConcurrency: 100,
      takeoverSeconds: 30,
      drainSeconds: 0,
      ...change,
    })
    const stopping = new AbortController()
    const running = worker.run(stopping.signal)
    const stop = async () => {
      stopping.abort()
      await running
      await journal.close()
    }
    stops.push(stop)
    return { runner, worker, journal, stop }
  }

  test('runs a job to its end and keeps what it logged', async () => {
    const id = await issue()
    await start()
    const job = await statusIs(id, 'success')
    assert.equal(job.log, 'started at attempt 1\n')
    assert.equal(job.cpuMs, 3n)
    assert.ok(job.startAt! >= job.createdAt && job.endAt! >= job.startAt!)
  })

  test('ends a job as an error when what it changed cannot be stored, and says why', async () => {
    const runner: Runner = {
      types: ['presto'],
      run: async () => ({ kind: 'success', cpuMs: 3, commit: { kind: 'faulty', data: {} } }),
      commits: { faulty: async (sql) => void (await sql`SELECT 1 / 0`) },
    }
    const id = await issue()
    await start({ runners: [runner] })
    const job = await statusIs(id, 'error')
    assert.equal(job.errorName, 'GENERIC_INTERNAL_ERROR')
    assert.match(job.errorMessage!, /could not be stored, and nothing of it was: .*division by zero/)
  })

  test('starts a job as soon as it is told of one, well before it would look for itself', async () => {
    const [core, worker] = channelPair()
    await start({
      channel: worker,
      clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms * 100, signal) },
    })
    const id = await issue()
    const before = performance.now()
    announceJob(core)
    await statusIs(id, 'success')
    assert.ok(performance.now() - before < 2_000)
  })

  test('shows the log of a running job while it runs', async () => {
    const id = await issue({ query: 'wait' })
    await start()
    await eventually(async () => (await find(id)).log === 'started at attempt 1\n')
    assert.equal((await find(id)).status, 'running')
  })

  test('never runs more at once than it may', async () => {
    for (let i = 0; i < 6; i++) await issue({ query: 'wait' })
    const { worker, runner } = await start({ concurrency: 2 })
    await eventually(() => worker.running() === 2)
    await systemClock.sleep(1_200)
    assert.equal(runner.begun.length, 2)
    runner.release()
    await eventually(() => runner.begun.length === 6)
  })

  test('ends a job killed as soon as it is told, and says so', async () => {
    const [core, worker] = channelPair()
    const id = await issue({ query: 'wait' })
    await start({ channel: worker })
    await statusIs(id, 'running')
    await db.database.write(WRITE, (sql) => requestKill(sql, 1n, id))
    assert.deepEqual(await core.ask('kill', { id: String(id) }, { timeoutMs: 1_000 }), ['taken'])
    await statusIs(id, 'killed')
    assert.deepEqual(await core.ask('kill', { id: String(id) }, { timeoutMs: 1_000 }), ['not-mine'])
  })

  test('learns of a kill that no message brought when it renews its lease', async () => {
    const id = await issue({ query: 'wait' })
    await start({ clock: fastClock(20) })
    await statusIs(id, 'running')
    await db.database.write(WRITE, (sql) => requestKill(sql, 1n, id))
    await statusIs(id, 'killed')
  })

  test('reports the error of a query, and a fault of the runner as an internal error', async () => {
    const wrong = await issue({ query: 'fail' })
    const broken = await issue({ query: 'throw' })
    await start()
    assert.equal((await statusIs(wrong, 'error')).errorName, 'SYNTAX_ERROR')
    const job = await statusIs(broken, 'error')
    assert.deepEqual([job.errorName, job.errorMessage], ['GENERIC_INTERNAL_ERROR', 'a fault of ours'])
  })

  test('advances the lease of what it runs, so that nobody takes it', async () => {
    await issue({ query: 'wait' })
    await start({ clock: fastClock(50), takeoverSeconds: 30 })
    await start({ clock: fastClock(50), takeoverSeconds: 30 }, 'worker-1')
    await eventually(async () => ((await db.database.read(WRITE, listLeases))[0]?.lease ?? 0n) > 12n)
    const [lease] = await db.database.read(WRITE, listLeases)
    assert.equal(lease?.attempt, 1)
  })

  test('takes a job from a worker that has gone, and runs it again as the next attempt', async () => {
    const id = await issue()
    await db.database.write(WRITE, (sql) =>
      claimJobs(sql, { worker: 'gone', types: ['presto'], limit: 1, accountConcurrency: 10 }),
    )
    const { runner } = await start({ clock: fastClock(50) })
    await statusIs(id, 'success')
    assert.deepEqual(runner.begun, [`${id}:2`])
  })

  test('takes nothing over while the gate does not serve, however long that lasts', async () => {
    const id = await issue()
    await db.database.write(WRITE, (sql) =>
      claimJobs(sql, { worker: 'gone', types: ['presto'], limit: 1, accountConcurrency: 10 }),
    )
    sendAway(db)
    const { runner } = await start({ clock: fastClock(100) })
    await systemClock.sleep(1_000)
    assert.deepEqual(runner.begun, [])
    bringBack(db)
    assert.equal((await find(id)).status, 'running')
    await statusIs(id, 'success')
  })

  test('gives up a job that was taken from it, without a word', async () => {
    const id = await issue({ query: 'wait' })
    const { worker } = await start({ clock: fastClock(20) })
    await statusIs(id, 'running')
    await db.database.write(
      WRITE,
      (sql) => sql`UPDATE jobs SET attempt = attempt + 1, worker = 'other' WHERE id = ${id}`,
    )
    await eventually(() => worker.running() === 0)
    assert.equal((await find(id)).status, 'running')
  })

  test('finishes a job while the main database is away, keeps its end on disk, and reports it afterwards', async () => {
    const id = await issue({ query: 'wait' })
    const { runner, journal, worker } = await start()
    await statusIs(id, 'running')
    sendAway(db)
    runner.release()
    await eventually(() => worker.running() === 0 && journal.pending().length === 1)
    const known = (await createEndsReader(dataDir).all()).get(id)
    assert.deepEqual([known?.end.end.kind, known?.job.query], ['success', 'wait'])
    const endedAt = known!.end.endAt
    await systemClock.sleep(50)
    bringBack(db)
    const job = await statusIs(id, 'success')
    assert.equal(job.endAt?.getTime(), endedAt.getTime())
    await eventually(() => journal.pending().length === 0)
  })

  test('reports after a restart what an earlier start had only written down', async () => {
    const id = await issue()
    const [job] = await db.database.write(WRITE, (sql) =>
      claimJobs(sql, { worker: 'worker-0', types: ['presto'], limit: 1, accountConcurrency: 10 }),
    )
    const journal = await openEndsJournal({ dataDir, worker: 'worker-0', clock: systemClock, log: silentLog })
    const end = { kind: 'killed', cpuMs: null } as const
    await journal.record(job!, { id, attempt: 1, endAt: new Date(), end, log: 'was here\n' })
    await journal.close()
    const { runner } = await start()
    assert.equal((await statusIs(id, 'killed')).log, 'was here\n')
    assert.deepEqual(runner.begun, [])
  })

  test('lets its jobs finish when it is told to stop', async () => {
    const id = await issue({ query: 'wait' })
    const { runner, stop } = await start({ drainSeconds: 5 })
    await statusIs(id, 'running')
    const stopped = stop()
    // A claim that was under way may still take what it sees.
    await new Promise((resolve) => setTimeout(resolve, 300))
    const later = await issue()
    runner.release()
    await stopped
    assert.equal((await find(id)).status, 'success')
    assert.equal((await find(later)).status, 'queued')
  })

  test('puts back what it cannot finish before its time to stop is over', async () => {
    const id = await issue({ query: 'wait' })
    const { stop } = await start()
    await statusIs(id, 'running')
    await stop()
    const job = await find(id)
    assert.deepEqual([job.status, job.attempt, job.startAt], ['queued', 1, null])
  })

  test('reports an end directly when the disk refuses to keep it', async () => {
    const id = await issue()
    const refusing: EndsJournal = {
      record: () => Promise.reject(new Error('ENOSPC: no space left on device')),
      pending: () => [],
      reported: async () => undefined,
      close: async () => undefined,
    }
    await start({ journal: refusing })
    await statusIs(id, 'success')
  })

  test('answers nobody else about jobs: a kill of one it does not run is not its own', async () => {
    const [core, worker]: [Channel, Channel] = channelPair()
    await start({ channel: worker })
    assert.deepEqual(await core.ask('kill', { id: '999' }, { timeoutMs: 1_000 }), ['not-mine'])
  })
})

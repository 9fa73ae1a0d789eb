import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { type Database, databaseErrors } from '../database/index.ts'
import { startTestDatabase, type TestDatabase } from '../database/testing.ts'
import { type Clock, silentLog, systemClock } from '../kernel/index.ts'
import { listLeases } from './claim-store.ts'
import { createEndsReader, openEndsJournal } from './ends.ts'
import { issueJob } from './issue.ts'
import { killJob } from './kill.ts'
import { addLocalClaims, type LocalGrant } from './local-claims.ts'
import { lookUpJob, lookUpJobs } from './lookup.ts'
import { type LocalQueue, openLocalQueue } from './queue.ts'
import { createQueueService } from './queue-service.ts'
import { jobFromRow } from './row.ts'
import { findJob, insertJob } from './store.ts'
import {
  aJob,
  bringBack,
  channelHub,
  createTestRunner,
  eventually,
  fastClock,
  headsOf,
  READ,
  sendAway,
  WRITE,
} from './testing.ts'
import type { NewJob } from './types.ts'
import { createWorker } from './worker.ts'

describe('a query submitted while the main database is away', () => {
  let db: TestDatabase
  let dataDir: string
  let hub: ReturnType<typeof channelHub>
  let core: Awaited<ReturnType<typeof startCore>>
  let stops: (() => Promise<void>)[] = []
  before(async () => {
    db = await startTestDatabase({ maxConnections: 12 })
  })
  after(() => db.stop())

  /** Queue, hand-out and looks as in the core process; the service that enters jobs only when asked for. */
  const startCore = async ({
    clock = systemClock,
    accountConcurrency = 100,
    database = db.database,
  }: {
    clock?: Clock
    accountConcurrency?: number
    database?: Database
  } = {}) => {
    const base = { channel: hub.join('core'), clock, log: silentLog, gate: db.gate }
    const queue: LocalQueue = await openLocalQueue({ dataDir, clock, log: silentLog })
    const ends = createEndsReader(dataDir)
    const readsOnly = ({ query }: { query: string }) => !query.startsWith('INSERT')
    addLocalClaims({ ...base, queue, ends, readsOnly, accountConcurrency, takeoverSeconds: 30 })
    const service = createQueueService({ ...base, database, queue, ends, reservedIds: 20 })
    const limits = { submitWaitMs: 200, readDeadlineMs: 200 }
    const deps = { ...base, ...limits, database, queue, ends, heads: headsOf(), queueService: service }
    const stopping = new AbortController()
    let running: Promise<void> | undefined
    return {
      ...deps,
      startService: () => {
        running = service.run(stopping.signal)
      },
      async stop() {
        stopping.abort()
        await running
        base.channel.leave()
        await queue.close()
      },
    }
  }
  const startWorker = async ({ clock = systemClock, name = 'worker-0', concurrency = 4 } = {}) => {
    const runner = createTestRunner()
    const journal = await openEndsJournal({ dataDir, worker: name, clock, log: silentLog })
    const channel = hub.join(name)
    const worker = createWorker({
      database: db.database,
      gate: db.gate,
      channel,
      clock,
      log: silentLog,
      runners: [runner],
      journal,
      worker: `${name}-1`,
      concurrency,
      accountConcurrency: 100,
      takeoverSeconds: 30,
      drainSeconds: 0,
    })
    const stopping = new AbortController()
    const running = worker.run(stopping.signal)
    const stop = async () => {
      if (stopping.signal.aborted) return
      stopping.abort()
      await running
      channel.leave()
      await journal.close()
    }
    stops.push(stop)
    return { runner, worker, journal, stop }
  }
  /** A worker that only says what the test says. */
  const startPuppet = async (name: string) => {
    const channel = hub.join(name)
    const worker = `puppet-${name}`
    const journal = await openEndsJournal({ dataDir, worker, clock: systemClock, log: silentLog })
    stops.push(() => journal.close())
    return {
      journal,
      claim: async (free = 1, held: { id: string; attempt: number }[] = []) => {
        const body = { worker: `${name}-1`, types: ['presto'], free, held }
        const grant = (await channel.ask('claim-local', body, { to: 'core', timeoutMs: 1_000 })) as LocalGrant
        return { ...grant, start: grant.start.map(jobFromRow) }
      },
      succeed: (job: ReturnType<typeof jobFromRow>) =>
        journal.record(job, {
          id: job.id,
          attempt: job.attempt,
          endAt: new Date(),
          end: { kind: 'success', cpuMs: 1, result: null },
          log: 'by the puppet\n',
          local: true,
        }),
    }
  }

  beforeEach(async () => {
    await db.database.write(WRITE, (sql) => sql`TRUNCATE jobs, job_results, domain_keys`)
    dataDir = await mkdtemp(join(tmpdir(), 'millrace-away-'))
    hub = channelHub()
    core = await startCore()
    await core.queue.reserved.replace(Array.from({ length: 20 }, (_, i) => BigInt(i + 1)))
  })
  afterEach(async () => {
    for (const stop of stops) await stop()
    stops = []
    await core.stop()
    bringBack(db)
    await rm(dataDir, { recursive: true })
  })
  const restartCore = async (change: Parameters<typeof startCore>[0] = {}) => {
    await core.stop()
    core = await startCore(change)
  }
  const issue = (change: Partial<NewJob> = {}) => issueJob(core, aJob(change))
  const look = async (id: bigint) => (await lookUpJob(core, 1n, id)).value
  const seen = (id: bigint, status: string) =>
    eventually(async () => {
      const job = await look(id)
      return job.status === status && job
    })
  const stored = (id: bigint) => db.database.read(READ, (sql) => findJob(sql, 1n, id))
  const storedAs = (id: bigint, status: string) =>
    eventually(async () => {
      const job = await stored(id)
      return job?.status === status && job
    })
  const count = async () => {
    const [row] = await db.database.read(
      READ,
      (sql) => sql<{ n: number }>`SELECT count(*)::int AS n FROM jobs`,
    )
    return row!.n
  }

  test('runs at once, tells its true end, and is in the database afterwards, once, as it ended', async () => {
    if (db.embedded) await db.kill()
    else sendAway(db)
    const { runner, journal } = await startWorker()
    sendAway(db)
    const good = await issue()
    const bad = await issue({ query: 'fail' })
    const before = [await seen(good, 'success'), await seen(bad, 'error')]
    assert.deepEqual(
      before.map((job) => [job.attempt, job.errorName, job.log]),
      [
        [1, null, 'started at attempt 1\n'],
        [1, 'SYNTAX_ERROR', 'started at attempt 1\n'],
      ],
    )
    const filter = { accountId: 1n, userId: 1n, databases: null, slowerThanSeconds: null }
    const listed = await lookUpJobs(core, { ...filter, statuses: ['success'], offset: 0, limit: 20 })
    assert.deepEqual(
      listed.value.map((job) => job.id),
      [good],
    )
    if (db.embedded) await db.start()
    bringBack(db)
    core.startService()
    await eventually(() => core.queue.waitingJobs().length === 0 && journal.pending().length === 0)
    const after = [await stored(good), await stored(bad)]
    assert.deepEqual(
      after.map((job) => [job?.status, job?.attempt, job?.endAt, job?.errorName]),
      before.map((job) => [job.status, 1, job.endAt, job.errorName]),
    )
    assert.equal(await count(), 2)
    assert.deepEqual(runner.begun.sort(), [`${good}:1`, `${bad}:1`])
  })

  test('is running in the database, under its lease, when that comes back before it has ended', async () => {
    sendAway(db)
    const clock = fastClock(20)
    const { runner, worker } = await startWorker({ clock })
    const id = await issue({ query: 'wait' })
    await seen(id, 'running')
    bringBack(db)
    // The worker renews its leases meanwhile, and asks nobody about a job that is not there yet.
    await systemClock.sleep(700)
    assert.deepEqual([worker.running(), await stored(id)], [1, undefined])
    core.startService()
    await storedAs(id, 'running')
    await eventually(async () => ((await db.database.read(READ, listLeases))[0]?.lease ?? 0n) > 3n)
    runner.release()
    const job = await storedAs(id, 'success')
    assert.deepEqual([job.attempt, runner.begun], [1, [`${id}:1`]])
  })

  test('keeps an end that comes before the job has entered the database, and reports it when it has', async () => {
    sendAway(db)
    const { runner, journal } = await startWorker()
    const id = await issue({ query: 'wait' })
    await seen(id, 'running')
    bringBack(db)
    runner.release()
    const { endAt } = await seen(id, 'success')
    await systemClock.sleep(600)
    assert.deepEqual([journal.pending().length, await stored(id)], [1, undefined])
    core.startService()
    const job = await eventually(() => stored(id))
    assert.deepEqual([job.status, job.endAt], ['success', endAt], 'nobody sees it running again')
    await eventually(() => journal.pending().length === 0)
  })

  test('is killed while it runs: it ends killed, and is so in the database', async () => {
    sendAway(db)
    await startWorker()
    const id = await issue({ query: 'wait' })
    await seen(id, 'running')
    assert.equal(await killJob(core, 1n, id), 'running')
    await seen(id, 'killed')
    bringBack(db)
    core.startService()
    await storedAs(id, 'killed')
    await eventually(() => core.queue.waitingKills().length === 0)
  })

  test('is killed though its worker says it succeeded a moment later; one that had succeeded before stays so', async () => {
    sendAway(db)
    const puppet = await startPuppet('worker-7')
    const [killedId, lateId] = [await issue(), await issue()]
    const { start } = await puppet.claim(2)
    const [killed, late] = [killedId, lateId].map((id) => start.find((job) => job.id === id)!)
    assert.equal(await killJob(core, 1n, killedId), 'running')
    assert.deepEqual((await puppet.claim(0, [{ id: String(killedId), attempt: 1 }])).killed, [
      String(killedId),
    ])
    await puppet.succeed(killed!)
    await puppet.succeed(late!)
    assert.equal(await killJob(core, 1n, lateId), 'success')
    assert.deepEqual([(await look(killedId)).status, (await look(lateId)).status], ['killed', 'success'])
    bringBack(db)
    core.startService()
    await storedAs(killedId, 'killed')
    await storedAs(lateId, 'success')
  })

  test('is run again, as the next attempt, when its worker was killed; ends of the first count for nothing', async () => {
    sendAway(db)
    const dead = await startPuppet('worker-0')
    const id = await issue()
    const [first] = (await dead.claim()).start
    assert.equal((await look(id)).status, 'running')
    const { runner, journal } = await startWorker()
    const job = await seen(id, 'success')
    assert.deepEqual([job.attempt, runner.begun], [2, [`${id}:2`]])
    await dead.succeed(first!)
    assert.equal((await look(id)).log, 'started at attempt 2\n')
    bringBack(db)
    core.startService()
    await eventually(() => core.queue.waitingJobs().length === 0 && journal.pending().length === 0)
    assert.deepEqual([(await stored(id))?.attempt, await count()], [2, 1])
  })

  test('is taken over by another worker when its own has said nothing for half a minute, no sooner', async () => {
    await restartCore({ clock: fastClock(50) })
    sendAway(db)
    const gone = await startPuppet('worker-9')
    const id = await issue()
    await gone.claim()
    const other = await startPuppet('worker-8')
    await systemClock.sleep(200)
    assert.deepEqual((await other.claim()).start, [])
    const [taken] = await eventually(async () => {
      const { start } = await other.claim()
      return start.length > 0 && start
    })
    assert.deepEqual([taken?.id, taken?.attempt], [id, 2])
    assert.deepEqual((await gone.claim(0, [{ id: String(id), attempt: 1 }])).lost, [String(id)])
  })

  test('that keeps losing its workers ends as an error; a killed one whose worker has gone ends killed', async () => {
    sendAway(db)
    const puppet = await startPuppet('worker-0')
    const poison = await issue()
    for (let attempt = 1; attempt <= 5; attempt++)
      assert.deepEqual(
        (await puppet.claim()).start.map((job) => job.attempt),
        [attempt],
      )
    assert.deepEqual((await puppet.claim()).start, [])
    assert.deepEqual((await look(poison)).errorName, 'WORKER_LOST')
    const killed = await issue()
    await puppet.claim()
    await killJob(core, 1n, killed)
    assert.deepEqual((await puppet.claim()).start, [])
    assert.equal((await look(killed)).status, 'killed')
    await restartCore()
    bringBack(db)
    core.startService()
    assert.equal((await storedAs(poison, 'error')).errorName, 'WORKER_LOST')
    await storedAs(killed, 'killed')
  })

  test('goes on with its worker when core is killed, and is handed to no other', async () => {
    sendAway(db)
    const { runner } = await startWorker()
    const id = await issue({ query: 'wait' })
    await seen(id, 'running')
    await restartCore()
    const other = await startWorker({ name: 'worker-1' })
    await systemClock.sleep(1_500)
    assert.deepEqual([(await look(id)).status, other.runner.begun], ['running', []])
    runner.release()
    assert.equal((await seen(id, 'success')).attempt, 1)
  })

  test('is handed out again when the answer that named its worker was lost on the way', async () => {
    sendAway(db)
    const puppet = await startPuppet('worker-0')
    const id = await issue()
    await puppet.claim()
    const [again] = (await puppet.claim()).start
    assert.deepEqual([again?.id, again?.attempt], [id, 2])
    assert.deepEqual((await puppet.claim(1, [{ id: String(id), attempt: 2 }])).start, [])
  })

  test('waits for the database when it writes, and when the snapshot cannot answer it', async () => {
    sendAway(db)
    const { runner } = await startWorker()
    const writes = await issue({ query: 'INSERT' })
    const asks = await issue({ query: 'ask' })
    await eventually(() => runner.begun.length === 1)
    await systemClock.sleep(1_300)
    assert.deepEqual(runner.begun, [`${asks}:1`])
    assert.deepEqual([(await look(writes)).status, (await look(asks)).status], ['queued', 'queued'])
    bringBack(db)
    core.startService()
    await storedAs(writes, 'success')
    await eventually(() => runner.begun.includes(`${asks}:2`))
  })

  test('that failed and may be repeated is, after its wait', async () => {
    const clock = fastClock(20)
    await restartCore({ clock: { ...clock, now: () => new Date(clock.monotonicMs()) } })
    sendAway(db)
    const { runner } = await startWorker({ clock: { ...clock, now: () => new Date(clock.monotonicMs()) } })
    const id = await issue({ query: 'stumble', retryLimit: 1 })
    const job = await seen(id, 'error')
    assert.deepEqual([job.attempt, job.log], [2, 'started at attempt 1\nstarted at attempt 2\n'])
    assert.deepEqual(runner.begun, [`${id}:1`, `${id}:2`])
  })

  test('comes to each account in turn, of each in the order of priority and age, no more than may run, no more than are free', async () => {
    await restartCore({ accountConcurrency: 2 })
    sendAway(db)
    const puppet = await startPuppet('worker-0')
    const low = await issue({ priority: -1 })
    const first = await issue()
    const second = await issue()
    const high = await issue({ priority: 2 })
    const others = await issue({ accountId: 2n })
    await issue({ accountId: 3n, type: 'hive' })
    await issue({ accountId: 3n, dueAt: new Date(Date.now() + 60_000) })
    const { start } = await puppet.claim(1)
    assert.deepEqual(
      start.map((job) => job.id),
      [high],
    )
    const held = start.map((job) => ({ id: String(job.id), attempt: job.attempt }))
    const more = (await puppet.claim(9, held)).start
    assert.deepEqual(
      more.map((job) => job.id),
      [others, first],
    )
    assert.ok(low > 0n && second > 0n)
  })

  test('goes back when its worker is told to stop, for another to run', async () => {
    sendAway(db)
    const { stop } = await startWorker()
    const id = await issue({ query: 'wait' })
    await seen(id, 'running')
    await stop()
    assert.equal((await look(id)).status, 'queued')
    const { runner } = await startWorker({ name: 'worker-1' })
    await eventually(() => runner.begun.includes(`${id}:2`))
    runner.release()
    assert.equal((await seen(id, 'success')).attempt, 2)
  })

  const losing = (): Database => ({
    ...db.database,
    async write(admission, run, hooks) {
      await db.database.write(admission, run, hooks)
      throw databaseErrors.write_outcome_unknown()
    },
  })

  test('is never run here when the database may have it since it was issued', async () => {
    const id = await issueJob({ ...core, database: losing() }, aJob())
    sendAway(db)
    const puppet = await startPuppet('worker-0')
    assert.deepEqual((await puppet.claim()).start, [])
    bringBack(db)
    core.startService()
    await eventually(() => core.queue.waitingJobs().length === 0)
    assert.deepEqual([(await stored(id))?.status, await count()], ['queued', 1])
  })

  test('is never run here once it may have entered the database, nor after core was killed then', async () => {
    await restartCore({ database: losing() })
    sendAway(db)
    const id = await issue()
    bringBack(db)
    core.startService()
    await storedAs(id, 'queued')
    sendAway(db)
    const puppet = await startPuppet('worker-0')
    assert.deepEqual((await puppet.claim()).start, [])
    await restartCore()
    assert.deepEqual((await puppet.claim()).start, [])
    bringBack(db)
    core.startService()
    await eventually(() => core.queue.waitingJobs().length === 0)
    assert.deepEqual([(await stored(id))?.status, await count()], ['queued', 1])
  })

  test('may be run here again when the database certainly refused it', async () => {
    const refusing: Database = {
      ...db.database,
      write: () => Promise.reject(databaseErrors.database_busy('not now')),
    }
    await restartCore({ database: refusing })
    sendAway(db)
    const id = await issue()
    bringBack(db)
    core.startService()
    await systemClock.sleep(700)
    sendAway(db)
    const puppet = await startPuppet('worker-0')
    const [job] = await eventually(async () => {
      const { start } = await puppet.claim()
      return start.length > 0 && start
    })
    assert.deepEqual([job?.id, job?.attempt], [id, 1])
  })

  test('that was answered keeps its end, when its domain key turns out to be taken', async () => {
    const holder = await db.database.write(WRITE, (sql) => insertJob(sql, aJob({ domainKey: 'k' })))
    sendAway(db)
    const { journal, stop } = await startWorker()
    const id = await issue({ domainKey: 'k' })
    await seen(id, 'success')
    await stop()
    bringBack(db)
    core.startService()
    const job = await storedAs(id, 'success')
    assert.equal(job.domainKey, null)
    assert.equal((await stored(holder))?.status, 'queued')
    assert.equal(journal.pending().length, 1)
  })
})

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { type Database, databaseErrors } from '../database/index.ts'
import { startTestDatabase, type TestDatabase } from '../database/testing.ts'
import { type AppError, lonelyChannel, silentLog, systemClock } from '../kernel/index.ts'
import { claimJobs } from './claim-store.ts'
import { createEndsReader, openEndsJournal } from './ends.ts'
import { issueJob } from './issue.ts'
import { type KillAnswer, killJob } from './kill.ts'
import { countQueued, readJobLoad } from './load-store.ts'
import { lookUpDomainKey, lookUpJob, lookUpJobs } from './lookup.ts'
import { type LocalQueue, openLocalQueue } from './queue.ts'
import { createQueueRoom } from './queue-room.ts'
import { createQueueService } from './queue-service.ts'
import { rowFromJob } from './row.ts'
import { findJob, insertJob } from './store.ts'
import { aJob, bringBack, channelPair, eventually, headsOf, READ, sendAway, WRITE } from './testing.ts'
import type { JobHeads, NewJob } from './types.ts'

describe('issuing jobs', () => {
  let db: TestDatabase
  let dataDir: string
  let queue: LocalQueue
  let stopService: () => Promise<void>
  let deps: ReturnType<typeof depsWith>
  before(async () => {
    db = await startTestDatabase({ maxConnections: 12 })
  })
  after(() => db.stop())

  const depsWith = (database: Database = db.database, heads: JobHeads = headsOf()) => {
    const ends = createEndsReader(dataDir)
    const common = { channel: lonelyChannel, clock: systemClock, log: silentLog }
    const gate = db.gate
    const service = createQueueService({ database, gate, queue, ends, ...common, reservedIds: 20 })
    const limits = { submitWaitMs: 200, readDeadlineMs: 200 }
    return { database, gate, queue, heads, ends, ...common, ...limits, queueService: service, service }
  }
  const startService = () => {
    const stopping = new AbortController()
    const running = deps.service.run(stopping.signal)
    stopService = async () => {
      stopping.abort()
      await running
    }
  }
  beforeEach(async () => {
    await db.database.write(WRITE, (sql) => sql`TRUNCATE jobs, job_results, domain_keys`)
    dataDir = await mkdtemp(join(tmpdir(), 'millrace-issue-'))
    queue = await openLocalQueue({ dataDir, clock: systemClock, log: silentLog })
    deps = depsWith()
    startService()
    await eventually(() => queue.reserved.left === 20)
  })
  afterEach(async () => {
    bringBack(db)
    await stopService()
    await queue.close()
    await rm(dataDir, { recursive: true })
  })

  const issue = (change: Partial<NewJob> = {}) => issueJob(deps, aJob(change))
  const stored = (id: bigint) => db.database.read(READ, (sql) => findJob(sql, 1n, id))
  const count = async () => {
    const [row] = await db.database.read(
      READ,
      (sql) => sql<{ n: number }>`SELECT count(*)::int AS n FROM jobs`,
    )
    return row!.n
  }
  const claim = () =>
    db.database.write(WRITE, (sql) =>
      claimJobs(sql, { worker: 'worker-0', types: ['presto'], limit: 10, accountConcurrency: 10 }),
    )

  test('starts one job for a domain key, however many ask at once; the others learn which', async () => {
    // None shall take the main database for away because the machine is busy.
    const patient = { ...deps, submitWaitMs: 30_000 }
    const ask = () => issueJob(patient, aJob({ domainKey: 'k' }))
    const answers = await Promise.allSettled(Array.from({ length: 8 }, ask))
    const accepted = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
    assert.equal(accepted.length, 1)
    for (const answer of answers) {
      if (answer.status === 'fulfilled') continue
      const { code, details } = answer.reason as AppError
      assert.deepEqual([code, details], ['domain_key_used', { conflicts_with: String(accepted[0]) }])
    }
    assert.equal(await count(), 1)
  })

  test('refuses them while the account has as many waiting as it may, and names the job of a domain key all the same', async () => {
    const most = 3
    const room = createQueueRoom({
      most,
      count: (accountId) => db.database.read(READ, (sql) => countQueued(sql, accountId, most)),
      monotonicMs: systemClock.monotonicMs,
    })
    const limited = { ...deps, room }
    const first = await issueJob(limited, aJob({ domainKey: 'k' }))
    for (let i = 1; i < most; i++) await issueJob(limited, aJob())
    await assert.rejects(issueJob(limited, aJob()), { code: 'account_queue_full', status: 429 })
    await assert.rejects(issueJob(limited, aJob({ domainKey: 'new' })), { code: 'account_queue_full' })
    await assert.rejects(issueJob(limited, aJob({ domainKey: 'k' })), {
      code: 'domain_key_used',
      details: { conflicts_with: String(first) },
    })
    await issueJob(limited, aJob({ accountId: 2n }))
    assert.equal(await count(), 4)
    const load = await db.database.read(READ, readJobLoad)
    assert.deepEqual([load.queued, load.running, load.mostQueuedOfAccount], [4, 0, 3])
    assert.ok(load.oldestDueSeconds > 0 && load.oldestDueSeconds < 60)
  })

  test('accepts them while the main database is away; each enters it once when it is back', async () => {
    sendAway(db)
    const first = await issue({ query: 'SELECT 1' })
    const second = await issue({ query: 'SELECT 2' })
    assert.equal((await lookUpJob(deps, 1n, first)).value.status, 'queued')
    const filter = { accountId: 1n, userId: 1n, databases: null, statuses: null, slowerThanSeconds: null }
    const listed = await lookUpJobs(deps, { ...filter, offset: 0, limit: 20 })
    assert.deepEqual(
      listed.value.map((job) => job.id),
      [second, first],
    )
    bringBack(db)
    await eventually(() => queue.waitingJobs().length === 0)
    assert.equal((await stored(second))?.query, 'SELECT 2')
    assert.equal(await count(), 2)
    assert.equal((await lookUpJob(deps, 1n, first)).value.status, 'queued')
  })

  test('accepts them when the database dies without a word, and after both have been restarted', async () => {
    if (!db.embedded) return
    await db.kill()
    const id = await issue({ domainKey: 'k' })
    assert.equal((await lookUpDomainKey(deps, 1n, 'k')).value.id, id)
    await assert.rejects(issue({ domainKey: 'k' }), { code: 'domain_key_used' })
    await stopService()
    await queue.close()
    await db.start()
    queue = await openLocalQueue({ dataDir, clock: systemClock, log: silentLog })
    deps = depsWith()
    startService()
    await eventually(async () => (await stored(id))?.status === 'queued')
    await eventually(() => queue.waitingJobs().length === 0)
    assert.equal(await count(), 1)
    await assert.rejects(issue({ domainKey: 'k' }), { details: { conflicts_with: String(id) } })
  })

  test('stores a job once though the reply to its COMMIT is lost and nobody can say how it ended', async () => {
    const losing: Database = {
      ...db.database,
      async write(admission, run, hooks) {
        await db.database.write(admission, run, hooks)
        throw databaseErrors.write_outcome_unknown()
      },
    }
    const id = await issueJob({ ...deps, database: losing }, aJob({ domainKey: 'k' }))
    assert.equal((await stored(id))?.id, id)
    await eventually(() => queue.waitingJobs().length === 0)
    assert.equal(await count(), 1)
    assert.equal((await stored(id))?.domainKey, 'k')
  })

  test('says which job had a domain key before the absence, from the snapshot', async () => {
    const before = await issue({ domainKey: 'k' })
    const head = rowFromJob((await stored(before))!)
    sendAway(db)
    const asking = { ...deps, heads: headsOf([head]) }
    await assert.rejects(issueJob(asking, aJob({ domainKey: 'k' })), {
      code: 'domain_key_used',
      details: { conflicts_with: String(before) },
    })
    assert.equal((await lookUpDomainKey(asking, 1n, 'k')).value.id, before)
  })

  test('does not run a second job for a key that nobody could check: it ends saying whose the key is', async () => {
    const before = await issue({ domainKey: 'k' })
    sendAway(db)
    const second = await issue({ domainKey: 'k' })
    bringBack(db)
    await eventually(() => queue.waitingJobs().length === 0)
    const job = await stored(second)
    assert.deepEqual([job?.status, job?.errorName], ['error', 'DOMAIN_KEY_USED'])
    assert.match(job?.errorMessage ?? '', new RegExp(`by job ${before}$`))
  })

  test('an accepted job is not lost when a restored database has given its number to another', async () => {
    sendAway(db)
    const id = await issue({ query: 'SELECT 1' })
    await stopService()
    bringBack(db)
    await db.database.write(WRITE, (sql) => insertJob(sql, aJob({ query: 'SELECT 2' }), { id }))
    startService()
    await systemClock.sleep(700)
    assert.equal(queue.find(1n, id)?.query, 'SELECT 1')
    assert.equal((await stored(id))?.query, 'SELECT 2')
  })

  test('throws away reserved numbers that the sequence would give again', async () => {
    await db.database.write(WRITE, (sql) => sql`SELECT setval('job_ids', 1)`)
    await stopService()
    deps = depsWith()
    startService()
    await eventually(() => queue.reserved.highest === 21n)
  })

  test('gives no number twice, also when many are accepted at once in an absence', async () => {
    const before = await issue()
    sendAway(db)
    const ids = await Promise.all(Array.from({ length: 15 }, () => issue()))
    assert.equal(new Set(ids).size, 15)
    bringBack(db)
    await eventually(() => queue.waitingJobs().length === 0)
    const after = await issue()
    assert.ok(!ids.includes(before) && !ids.includes(after))
    assert.equal(await count(), 17)
  })

  test('a waiting job that is killed never runs', async () => {
    sendAway(db)
    const id = await issue()
    assert.equal(await killJob(deps, 1n, id), 'queued')
    assert.equal((await lookUpJob(deps, 1n, id)).value.status, 'killed')
    assert.equal(await killJob(deps, 1n, id), 'killed')
    bringBack(db)
    await eventually(() => queue.waitingKills().length === 0)
    assert.equal((await stored(id))?.status, 'killed')
    assert.deepEqual(await claim(), [])
  })

  test('a running job is killed while the database is away: its worker is told, and the kill is kept', async () => {
    const id = await issue()
    const [job] = await claim()
    sendAway(db)
    const [core, worker] = channelPair()
    worker.on('kill', (): KillAnswer => 'taken')
    const asking = { ...deps, channel: core, heads: headsOf([rowFromJob(job!)]) }
    assert.equal(await killJob(asking, 1n, id), 'running')
    bringBack(db)
    await eventually(async () => (await stored(id))?.killRequested === true)
  })

  test('a job that ended by itself just before a kill stays what it was', async () => {
    const id = await issue()
    const [job] = await claim()
    sendAway(db)
    const journal = await openEndsJournal({ dataDir, worker: 'worker-0', clock: systemClock, log: silentLog })
    const [core, worker] = channelPair()
    worker.on('kill', async (): Promise<KillAnswer> => {
      const end = { kind: 'success', cpuMs: 1, result: null } as const
      await journal.record(job!, { id, attempt: 1, endAt: new Date(), end, log: '' })
      return 'late'
    })
    const asking = { ...deps, channel: core, heads: headsOf([rowFromJob(job!)]) }
    assert.equal(await killJob(asking, 1n, id), 'success')
    assert.equal((await lookUpJob(asking, 1n, id)).value.status, 'success')
    bringBack(db)
    await eventually(() => queue.waitingKills().length === 0)
    assert.equal((await stored(id))?.killRequested, false)
    await journal.close()
  })

  test('a job is unknown only when the database says so; away, and nowhere remembered, it is to be asked for again', async () => {
    await assert.rejects(lookUpJob(deps, 1n, 424242n), { code: 'job_unknown', status: 404 })
    sendAway(db)
    await assert.rejects(lookUpJob(deps, 1n, 424242n), { code: 'job_away', status: 503, advice: 'retry' })
    await assert.rejects(lookUpDomainKey(deps, 1n, 'never'), { code: 'job_away', status: 503 })
  })

  test("another account's jobs do not exist", async () => {
    const id = await issue()
    await assert.rejects(lookUpJob(deps, 2n, id), { code: 'job_unknown' })
    await assert.rejects(killJob(deps, 2n, id), { code: 'job_unknown' })
    const head = rowFromJob((await stored(id))!)
    sendAway(db)
    await assert.rejects(lookUpJob({ ...deps, heads: headsOf([head]) }, 2n, id), { code: 'job_away' })
  })
})

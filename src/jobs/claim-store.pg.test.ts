import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { startTestDatabase, type TestDatabase } from '../database/testing.ts'
import { createAccountTurns } from './account-turns.ts'
import { anyJobDue, type ClaimRequest, claimJobs, listLeases, renewLeases } from './claim-store.ts'
import { finishJob, releaseJob, requestKill, takeOverJob } from './end-store.ts'
import { endFromJson, endToJson } from './row.ts'
import type { CommitEnd } from './runner.ts'
import { findJob, insertJob } from './store.ts'
import { aJob, WRITE } from './testing.ts'
import type { EndRecord, Job, NewJob } from './types.ts'

describe('claiming jobs', () => {
  let db: TestDatabase
  before(async () => {
    db = await startTestDatabase({ maxConnections: 16 })
  })
  after(() => db.stop())
  beforeEach(() => db.database.write(WRITE, (sql) => sql`TRUNCATE jobs, job_results, domain_keys`))

  const issue = (change: Partial<NewJob> = {}) =>
    db.database.write(WRITE, (sql) => insertJob(sql, aJob(change)))
  const claim = (change: Partial<ClaimRequest> = {}) =>
    db.database.write(WRITE, (sql) =>
      claimJobs(sql, { worker: 'w', types: ['presto'], limit: 1, accountConcurrency: 100, ...change }),
    )
  const find = async (id: bigint) => (await db.database.read(WRITE, (sql) => findJob(sql, 1n, id)))!
  const end = ({ id, attempt }: Job, kind: 'success' | 'killed' = 'success'): EndRecord => ({
    id,
    attempt,
    endAt: new Date(),
    log: '',
    end: kind === 'success' ? { kind, cpuMs: 5, result: null } : { kind, cpuMs: null },
  })
  const finish = (record: EndRecord) => db.database.write(WRITE, (sql) => finishJob(sql, record))

  test('gives each job to one worker only, however many claim at once', async () => {
    for (let i = 0; i < 40; i++) await issue()
    const claims = await Promise.all(
      Array.from({ length: 8 }, async (_, worker) => {
        const mine: Job[] = []
        for (let got = await claim({ worker: `w${worker}`, limit: 3 }); got.length > 0; ) {
          mine.push(...got)
          got = await claim({ worker: `w${worker}`, limit: 3 })
        }
        return mine
      }),
    )
    const ids = claims.flat().map((job) => job.id)
    assert.equal(ids.length, 40)
    assert.equal(new Set(ids).size, 40)
    assert.ok(claims.flat().every((job) => job.attempt === 1 && job.status === 'running'))
  })

  test('never lets an account run more than it may, however many claim at once', async () => {
    for (let i = 0; i < 30; i++) await issue()
    for (let i = 0; i < 5; i++) await issue({ accountId: 2n })
    const claims = await Promise.all(
      Array.from({ length: 8 }, () => claim({ limit: 5, accountConcurrency: 4 })),
    )
    const running = (account: bigint) => claims.flat().filter((job) => job.accountId === account).length
    assert.ok(running(1n) <= 4)
    assert.ok(running(2n) <= 4)
    for (let i = 0; i < 3; i++) claims.push(await claim({ limit: 5, accountConcurrency: 4 }))
    assert.equal(running(1n), 4)
    assert.equal(running(2n), 4)
  })

  test('serves every account in turn, however long the queue of another and however high its priorities', async () => {
    for (let i = 0; i < 20; i++) await issue({ priority: 2 })
    const late = [await issue({ accountId: 2n, priority: -2 }), await issue({ accountId: 3n })]
    const first = await claim({ limit: 3 })
    assert.deepEqual(first.map((job) => job.accountId).sort(), [1n, 2n, 3n])
    assert.ok(late.every((id) => first.some((job) => job.id === id)))
    const turns = createAccountTurns()
    const order: bigint[] = []
    for (let i = 0; i < 3; i++) await issue({ accountId: 2n })
    for (let i = 0; i < 4; i++) {
      for (const job of [...first.splice(0), ...(await claim({ turns }))]) {
        if (i > 0) order.push(job.accountId)
        await finish(end(job))
      }
    }
    assert.deepEqual(order, [2n, 1n, 2n])
  })

  test('takes the higher priority first, then the older', async () => {
    const low = await issue({ priority: -2 })
    const first = await issue()
    const second = await issue()
    const high = await issue({ priority: 2 })
    const got = await claim({ limit: 10 })
    assert.deepEqual(
      got.map((job) => job.id),
      [high, first, second, low],
    )
  })

  test('takes jobs of the same moment by their numbers, 99 before 100', async () => {
    const dueAt = new Date(Date.now() - 1_000)
    const enter = (id: bigint) => db.database.write(WRITE, (sql) => insertJob(sql, aJob({ dueAt }), { id }))
    for (const id of [100n, 99n, 1000n]) await enter(id)
    const got: bigint[] = []
    for (let i = 0; i < 3; i++) got.push((await claim())[0]!.id)
    assert.deepEqual(got, [99n, 100n, 1000n])
  })

  test('leaves jobs alone that are not due, or of a type the worker does not run', async () => {
    await issue({ dueAt: new Date(Date.now() + 60_000) })
    await issue({ type: 'hive' })
    assert.deepEqual(await claim({ limit: 10 }), [])
    assert.equal(await db.database.read(WRITE, (sql) => anyJobDue(sql, ['presto'])), false)
    assert.equal(await db.database.read(WRITE, (sql) => anyJobDue(sql, ['hive'])), true)
  })

  test('advances a lease only for the attempt that holds it', async () => {
    await issue()
    const [job] = await claim()
    assert.ok(job)
    const renew = (attempt: number) =>
      db.database.write(WRITE, (sql) => renewLeases(sql, [{ id: job.id, attempt }]))
    assert.deepEqual(await renew(1), [{ id: job.id, attempt: 1, killRequested: false }])
    assert.deepEqual(await renew(2), [])
    const [lease] = await db.database.read(WRITE, listLeases)
    assert.equal(lease?.lease, 2n)
  })

  test('takes a job whose lease stood still back, and then ignores the worker that had it', async () => {
    const id = await issue()
    const [late] = await claim({ worker: 'slow' })
    const [seen] = await db.database.read(WRITE, listLeases)
    assert.ok(late && seen)
    assert.equal(await db.database.write(WRITE, (sql) => takeOverJob(sql, seen)), 'queued')
    const [taken] = await claim({ worker: 'quick' })
    assert.equal(taken?.attempt, 2)
    assert.deepEqual(await finish(end(late)), { kind: 'fenced' })
    assert.deepEqual(await finish(end(taken)), { kind: 'ended', status: 'success' })
    assert.equal((await find(id)).status, 'success')
  })

  test('costs a job no retry when its worker is lost, drained or waits for the database', async () => {
    const id = await issue({ retryLimit: 1 })
    const fail = (job: Job) =>
      finish({ ...end(job), end: { kind: 'error', cpuMs: null, name: 'X', message: 'x', retryable: true } })
    const again = async () => {
      await db.database.write(WRITE, (sql) => sql`UPDATE jobs SET due_at = now() WHERE id = ${id}`)
      return (await claim())[0]!
    }
    const drained = await again()
    assert.ok(await db.database.write(WRITE, (sql) => releaseJob(sql, drained, { log: '' })))
    await again()
    const [seen] = await db.database.read(WRITE, listLeases)
    assert.equal(await db.database.write(WRITE, (sql) => takeOverJob(sql, seen!)), 'queued')
    assert.deepEqual(await fail(await again()), { kind: 'ended', status: 'queued' }, 'its first failure')
    const { givenBack, workersLost, attempt } = await find(id)
    assert.deepEqual({ givenBack, workersLost, attempt }, { givenBack: 1, workersLost: 1, attempt: 3 })
    assert.deepEqual(await fail(await again()), { kind: 'ended', status: 'error' }, 'its second')
  })

  test('counts an attempt that was taken for lost and failed after all', async () => {
    const id = await issue({ retryLimit: 0 })
    const late = (await claim())[0]!
    const [seen] = await db.database.read(WRITE, listLeases)
    await db.database.write(WRITE, (sql) => takeOverJob(sql, seen!))
    const failure = { kind: 'error', cpuMs: null, name: 'X', message: 'x', retryable: true } as const
    assert.deepEqual(await finish({ ...end(late), end: failure }), { kind: 'ended', status: 'error' })
    assert.equal((await find(id)).status, 'error')
  })

  test('does not take a job over whose lease has moved since it was looked at', async () => {
    const id = await issue()
    const [job] = await claim()
    const [seen] = await db.database.read(WRITE, listLeases)
    assert.ok(job && seen)
    await db.database.write(WRITE, (sql) => renewLeases(sql, [job]))
    assert.equal(await db.database.write(WRITE, (sql) => takeOverJob(sql, seen)), undefined)
    assert.equal((await find(id)).status, 'running')
  })

  test('accepts the end of an attempt that was taken for lost, as long as nobody has claimed the job again', async () => {
    const id = await issue()
    const [job] = await claim()
    const [seen] = await db.database.read(WRITE, listLeases)
    assert.ok(job && seen)
    await db.database.write(WRITE, (sql) => takeOverJob(sql, seen))
    assert.deepEqual(await finish(end(job)), { kind: 'ended', status: 'success' })
    assert.deepEqual(await claim(), [])
    assert.equal((await find(id)).status, 'success')
  })

  test('ends a job that keeps losing its workers', async () => {
    const id = await issue()
    for (let attempt = 1; attempt <= 5; attempt++) {
      assert.equal((await claim()).length, 1)
      const [seen] = await db.database.read(WRITE, listLeases)
      await db.database.write(WRITE, (sql) => takeOverJob(sql, seen!))
    }
    const job = await find(id)
    assert.deepEqual([job.status, job.errorName], ['error', 'WORKER_LOST'])
  })

  test('gets back what a stopping worker had not finished, and runs it again', async () => {
    await issue()
    const [job] = await claim()
    assert.ok(job)
    assert.equal(await db.database.write(WRITE, (sql) => releaseJob(sql, job, { log: 'half done\n' })), true)
    const [again] = await claim()
    assert.deepEqual([again?.id, again?.attempt, again?.log], [job.id, 2, 'half done\n'])
    assert.equal(await db.database.write(WRITE, (sql) => releaseJob(sql, job, { log: '' })), false)
  })
})

describe('the end of a job', () => {
  let db: TestDatabase
  before(async () => {
    db = await startTestDatabase({ maxConnections: 16 })
  })
  after(() => db.stop())

  const running = async (change: Partial<NewJob> = {}): Promise<Job> => {
    const id = await db.database.write(WRITE, (sql) => insertJob(sql, aJob(change)))
    const jobs = await db.database.write(WRITE, (sql) =>
      claimJobs(sql, { worker: 'w', types: ['presto'], limit: 1000, accountConcurrency: 100_000 }),
    )
    return jobs.find((job) => job.id === id)!
  }
  const find = async (id: bigint) => (await db.database.read(WRITE, (sql) => findJob(sql, 1n, id)))!
  const finish = (record: EndRecord) => db.database.write(WRITE, (sql) => finishJob(sql, record))
  const kill = (id: bigint) => db.database.write(WRITE, (sql) => requestKill(sql, 1n, id))
  const success = ({ id, attempt }: Job): EndRecord => ({
    id,
    attempt,
    endAt: new Date(),
    log: 'done\n',
    end: {
      kind: 'success',
      cpuMs: 7,
      result: {
        path: `results/${id}/${attempt}.msgpack.gz`,
        rows: 3n,
        bytes: 40n,
        schema: [['n', 'bigint']],
      },
    },
  })
  const failure = ({ id, attempt }: Job, retryable: boolean): EndRecord => ({
    id,
    attempt,
    endAt: new Date(),
    log: '',
    end: { kind: 'error', cpuMs: null, name: 'SYNTAX_ERROR', message: 'line 1:1: no', retryable },
  })
  const resultsOf = async (id: bigint) =>
    (await db.database.read(WRITE, (sql) => sql`SELECT 1 FROM job_results WHERE job_id = ${id}`)).length

  test('brings status and result together', async () => {
    const job = await running()
    assert.deepEqual(await finish(success(job)), { kind: 'ended', status: 'success' })
    const ended = await find(job.id)
    assert.deepEqual(
      [ended.status, ended.resultRows, ended.resultBytes, ended.resultSchema, ended.log, ended.cpuMs],
      ['success', 3n, 40n, [['n', 'bigint']], 'done\n', 7n],
    )
    assert.ok(ended.endAt! >= ended.startAt!)
    assert.equal(await resultsOf(job.id), 1)
  })

  test('counts once when it is reported twice', async () => {
    const job = await running()
    await finish(success(job))
    assert.deepEqual(await finish(success(job)), { kind: 'fenced' })
    assert.equal(await resultsOf(job.id), 1)
  })

  test('puts a failed job back while retries are left, and no longer', async () => {
    const job = await running({ retryLimit: 1 })
    assert.deepEqual(await finish(failure(job, true)), { kind: 'ended', status: 'queued' })
    const waiting = await find(job.id)
    assert.equal(waiting.startAt, null)
    await db.database.write(WRITE, (sql) => sql`UPDATE jobs SET due_at = now() WHERE id = ${job.id}`)
    const [again] = await db.database.write(WRITE, (sql) =>
      claimJobs(sql, { worker: 'w', types: ['presto'], limit: 1, accountConcurrency: 100_000 }),
    )
    assert.equal(again?.attempt, 2)
    assert.deepEqual(await finish(failure(again!, true)), { kind: 'ended', status: 'error' })
    assert.equal((await find(job.id)).errorMessage, 'line 1:1: no')
  })

  test('of a query that is wrong comes at once, whatever retries it was given', async () => {
    const job = await running({ retryLimit: 5 })
    assert.deepEqual(await finish(failure(job, false)), { kind: 'ended', status: 'error' })
  })

  test('is killed for every job that was asked to die, even when it succeeded meanwhile', async () => {
    const job = await running()
    assert.equal(await kill(job.id), 'running')
    assert.deepEqual(await finish(success(job)), { kind: 'ended', status: 'killed' })
    assert.equal((await find(job.id)).resultPath, null)
    assert.equal(await resultsOf(job.id), 0)
  })

  describe('with a part that commits with it', () => {
    const mark: CommitEnd = async (sql, { id, attempt }, { key }) => {
      const taken = await sql`
        INSERT INTO domain_keys (account_id, key, job_id) VALUES (9, ${key}, ${id * 100n + BigInt(attempt)})
        ON CONFLICT DO NOTHING RETURNING 1`
      return taken.length === 1 ? undefined : { name: 'KEY_TAKEN', message: 'somebody was quicker' }
    }
    const withPart = (job: Job, key: string, kind = 'mark'): EndRecord => ({
      ...success(job),
      end: { kind: 'success', cpuMs: 7, result: null, commit: { kind, data: { key } } },
    })
    const report = (record: EndRecord) =>
      db.database.write(WRITE, (sql) =>
        finishJob(sql, endFromJson(JSON.parse(JSON.stringify(endToJson(record)))), { mark }),
      )
    const marks = async (key: string) =>
      (await db.database.read(WRITE, (sql) => sql`SELECT 1 FROM domain_keys WHERE key = ${key}`)).length

    test('stores both or neither, once', async () => {
      const job = await running()
      assert.deepEqual(await report(withPart(job, 'once')), { kind: 'ended', status: 'success' })
      assert.equal(await marks('once'), 1)
      assert.deepEqual(await report(withPart(job, 'twice')), { kind: 'fenced' })
      assert.equal(await marks('twice'), 0)
    })

    test('ends as an error when the part is refused', async () => {
      await report(withPart(await running(), 'wanted'))
      const job = await running({ retryLimit: 3 })
      assert.deepEqual(await report(withPart(job, 'wanted')), { kind: 'ended', status: 'error' })
      const { errorName, errorMessage, log } = await find(job.id)
      assert.deepEqual(
        [errorName, errorMessage, log],
        ['KEY_TAKEN', 'somebody was quicker', 'done\nKEY_TAKEN: somebody was quicker\n'],
      )
    })

    test('leaves the part out when the job was killed', async () => {
      const job = await running()
      await kill(job.id)
      assert.deepEqual(await report(withPart(job, 'killed')), { kind: 'ended', status: 'killed' })
      assert.equal(await marks('killed'), 0)
    })

    test('waits for somebody who knows the part', async () => {
      const job = await running()
      await assert.rejects(report(withPart(job, 'odd', 'unheard-of')), /nothing here can commit/)
      assert.equal((await find(job.id)).status, 'running')
    })
  })

  test('stays what it was when somebody kills the job afterwards', async () => {
    const job = await running()
    await finish(success(job))
    assert.equal(await kill(job.id), 'success')
    const ended = await find(job.id)
    assert.deepEqual([ended.status, ended.killRequested], ['success', false])
  })

  test('is one of the two, and the one that was answered, when a kill and a success race', async () => {
    const outcomes = new Set<string>()
    for (let round = 0; round < 60; round++) {
      const job = await running()
      const [former, finished] = await Promise.all(
        round % 2 === 0
          ? [kill(job.id), finish(success(job))]
          : [finish(success(job)), kill(job.id)].reverse(),
      )
      const { status, resultPath } = await find(job.id)
      outcomes.add(status)
      if (former === 'running') assert.equal(status, 'killed', 'a killed job is never successful')
      else assert.equal(status, 'success', 'a finished job is never killed')
      assert.equal((finished as { status: string }).status, status)
      assert.equal(resultPath !== null, status === 'success')
    }
    assert.deepEqual([...outcomes].sort(), ['killed', 'success'], 'both ends of the race must have been seen')
  })

  test('comes at once for a queued job that is killed, and no worker gets it', async () => {
    const id = await db.database.write(WRITE, (sql) => insertJob(sql, aJob({ type: 'trino' })))
    assert.equal(await kill(id), 'queued')
    const jobs = await db.database.write(WRITE, (sql) =>
      claimJobs(sql, { worker: 'w', types: ['trino'], limit: 10, accountConcurrency: 100_000 }),
    )
    assert.deepEqual(jobs, [])
    assert.equal((await find(id)).status, 'killed')
  })

  test("is nobody else's business: another account cannot kill the job", async () => {
    const job = await running()
    assert.equal(await db.database.write(WRITE, (sql) => requestKill(sql, 2n, job.id)), undefined)
    assert.equal((await find(job.id)).killRequested, false)
  })
})

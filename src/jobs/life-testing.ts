import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Database, databaseErrors } from '../database/index.ts'
import type { TestDatabase } from '../database/testing.ts'
import { AppError, type Clock, silentLog, systemClock } from '../kernel/index.ts'
import { createEndsReader, openEndsJournal } from './ends.ts'
import { issueJob } from './issue.ts'
import { killJob } from './kill.ts'
import { attemptsThatCount, isFinished, type JobStatus } from './life.ts'
import { addLocalClaims } from './local-claims.ts'
import { lookUpJob } from './lookup.ts'
import { openLocalQueue } from './queue.ts'
import { createQueueService } from './queue-service.ts'
import { type JobRow, jobFromRow } from './row.ts'
import type { Runner, RunOutcome } from './runner.ts'
import { aJob, bringBack, channelHub, eventually, headsOf, READ, sendAway, WRITE } from './testing.ts'
import type { Job, JobHeads } from './types.ts'
import { createWorker } from './worker.ts'

/** What becomes of the answer to a write: `lost` = stored, and nobody says so; `unsent` = not stored, and nobody says so. */
export type Reply = 'kept' | 'lost' | 'unsent'

/** What may happen to jobs and to those who run them. `pick` chooses among what is there. */
export type LifeStep =
  | { do: 'issue'; account: bigint; key: string | null; retryLimit: number; writes: boolean; reply: Reply }
  | { do: 'finish'; pick: number; how: 'success' | 'stumble' | 'fail' }
  | { do: 'kill'; pick: number }
  | { do: 'database'; is: 'away' | 'back' }
  | { do: 'die'; worker: number }
  | { do: 'revive'; worker: number }
  | { do: 'lose-reply'; worker: number; reply: Reply }
  | { do: 'restart-core' }
  | { do: 'set-clock'; hours: number }
  | { do: 'wait'; ms: number }

/** What was promised about a job, and what anybody has seen of it. */
type Promised = {
  accountId: bigint
  retryLimit: number
  key: string | null
  /** The first end somebody saw; nothing else may ever be seen after it. */
  seen?: { status: JobStatus; attempt: number; resultPath: string | null }
  /** A kill was answered while it had not ended: it must not succeed. */
  isDoomed?: boolean
  /** What happened to it, for whoever reads a failure. */
  story: string[]
}

/** Time runs so much faster for workers and core: a take-over waits for half a minute. */
const HASTE = 40
const WORKERS = 2
const RESERVED_IDS = 200

/**
 * Core and workers as they are, with their files, on a real database, in one process: a death is that they do and say nothing
 * any more, while what they had begun may still have its effect.
 */
export async function startLifeWorld(db: TestDatabase) {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-life-'))
  const hub = channelHub()
  const promised = new Map<bigint, Promised>()
  /** Runs that wait for their outcome, by `id:attempt`. */
  const open = new Map<string, (outcome: RunOutcome) => void>()
  const begun: string[] = []
  let clockOffsetMs = 0
  let isAway = false
  let sealed: JobHeads = headsOf()

  const clock: Clock = {
    now: () => new Date(systemClock.now().getTime() + clockOffsetMs),
    monotonicMs: () => systemClock.monotonicMs() * HASTE,
    sleep: (ms, signal) => systemClock.sleep(ms / HASTE, signal),
  }
  const base = { clock, log: silentLog, gate: db.gate }
  const heads: JobHeads = {
    get usable() {
      return sealed.usable
    },
    get ageMs() {
      return sealed.ageMs
    },
    jobHead: (id) => sealed.jobHead(id),
    jobByDomainKey: (account, key) => sealed.jobByDomainKey(account, key),
    recentJobs: (account, limit) => sealed.recentJobs(account, limit),
  }

  /** The database as one process reaches it. */
  const reached = () => {
    const fate = { isDead: false, reply: 'kept' as Reply }
    const dead = () => databaseErrors.database_busy('this process is dead')
    const database: Database = {
      ...db.database,
      async read(...how) {
        if (fate.isDead) throw dead()
        const value = await db.database.read(...how)
        if (fate.isDead) throw dead()
        return value
      },
      async write(...how) {
        if (fate.isDead) throw dead()
        const { reply } = fate
        fate.reply = 'kept'
        if (reply === 'unsent') throw databaseErrors.write_outcome_unknown()
        const value = await db.database.write(...how)
        if (reply === 'lost') throw databaseErrors.write_outcome_unknown()
        if (fate.isDead) throw dead()
        return value
      },
    }
    return { fate, database }
  }

  const startCore = async () => {
    const { fate, database } = reached()
    const channel = hub.join('core')
    const queue = await openLocalQueue({ dataDir, ...base })
    const ends = createEndsReader(dataDir)
    const readsOnly = ({ query }: { query: string }) => !query.startsWith('INSERT')
    addLocalClaims({ ...base, channel, queue, ends, readsOnly, accountConcurrency: 3, takeoverSeconds: 30 })
    const service = createQueueService({ ...base, channel, database, queue, ends, reservedIds: RESERVED_IDS })
    const limits = { submitWaitMs: 50, readDeadlineMs: 50 }
    const deps = { ...base, ...limits, channel, database, queue, ends, heads, queueService: service }
    const stopping = new AbortController()
    const running = service.run(stopping.signal)
    return {
      deps,
      fate,
      async stop() {
        fate.isDead = true
        stopping.abort()
        await running
        channel.leave()
        await queue.close()
      },
    }
  }

  const runner: Runner = {
    types: ['presto'],
    run(job, report, signal) {
      const key = `${job.id}:${job.attempt}`
      begun.push(key)
      report.log(`attempt ${job.attempt}`)
      return new Promise((resolve, reject) => {
        const leave = () => {
          open.delete(key)
          reject(signal.reason)
        }
        if (signal.aborted) return leave()
        signal.addEventListener('abort', leave)
        open.set(key, (outcome) => {
          open.delete(key)
          resolve(outcome)
        })
      })
    },
  }

  const startWorker = async (index: number) => {
    const { fate, database } = reached()
    const name = `worker-${index}`
    const files = await openEndsJournal({ dataDir, worker: name, ...base })
    const alive = <T>(act: () => Promise<T>): Promise<T> =>
      fate.isDead ? Promise.reject(new Error('this process is dead')) : act()
    const journal = {
      ...files,
      record: (...how: Parameters<typeof files.record>) => alive(() => files.record(...how)),
      reported: (...how: Parameters<typeof files.reported>) => alive(() => files.reported(...how)),
    }
    const channel = hub.join(name)
    const mine = new Set<string>()
    const worker = createWorker({
      ...base,
      database,
      channel,
      journal,
      ends: createEndsReader(dataDir),
      runners: [
        {
          types: runner.types,
          run(job, ...how) {
            mine.add(`${job.id}:${job.attempt}`)
            return runner.run(job, ...how)
          },
        },
      ],
      worker: `${name}-${begun.length}`,
      concurrency: 2,
      accountConcurrency: 3,
      takeoverSeconds: 30,
      drainSeconds: 0,
    })
    const stopping = new AbortController()
    const running = worker.run(stopping.signal)
    return {
      fate,
      async die() {
        fate.isDead = true
        channel.leave()
        // What it ran ends with it.
        for (const key of mine) open.delete(key)
        stopping.abort()
        await running.catch(() => undefined)
        await files.close()
      },
    }
  }

  let core = await startCore()
  const workers: (Awaited<ReturnType<typeof startWorker>> | undefined)[] = []
  for (let i = 0; i < WORKERS; i++) workers.push(await startWorker(i))
  await eventually(() => core.deps.queue.reserved.left === RESERVED_IDS)

  const rows = async (): Promise<Job[]> =>
    (await db.database.read(READ, (sql) => sql<JobRow>`SELECT * FROM jobs ORDER BY id`)).map(jobFromRow)
  const seal = async () => {
    const all = await db.database.read(
      READ,
      (sql) =>
        sql<{
          row: Record<string, unknown>
        }>`SELECT to_jsonb(jobs) - 'log' AS row FROM jobs ORDER BY id DESC`,
    )
    sealed = headsOf(all.map(({ row }) => row))
  }
  const away = async () => {
    if (isAway) return
    isAway = true
    // As an operation that is planned: writes are closed, then the snapshot is sealed.
    db.gate.set({ mode: 'held', reason: 'being drained', planned: true })
    await systemClock.sleep(20)
    db.gate.set({ mode: 'serving', reason: 'to seal', planned: false })
    await seal()
    sendAway(db)
  }
  const back = () => {
    isAway = false
    bringBack(db)
  }

  const pickFrom = <T>(list: readonly T[], pick: number): T | undefined =>
    list[pick % Math.max(1, list.length)]

  const issue = async (step: Extract<LifeStep, { do: 'issue' }>) => {
    core.fate.reply = isAway ? 'kept' : step.reply
    const query = step.writes ? 'INSERT INTO t SELECT 1' : 'SELECT 1'
    const job = aJob({ accountId: step.account, domainKey: step.key, retryLimit: step.retryLimit, query })
    try {
      const id = await issueJob(core.deps, job)
      assert.ok(!promised.has(id), `two jobs were accepted as ${id}`)
      promised.set(id, {
        accountId: step.account,
        retryLimit: step.retryLimit,
        key: step.key,
        story: [`issued ${isAway ? 'away' : step.reply}`],
      })
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'domain_key_used') throw error
      const holder = promised.get(BigInt(String(error.details?.conflicts_with)))
      assert.deepEqual([holder?.accountId, holder?.key], [step.account, step.key], 'the key of another job')
    } finally {
      core.fate.reply = 'kept'
    }
  }

  const kill = async (pick: number) => {
    const chosen = pickFrom([...promised], pick)
    if (chosen === undefined) return
    const [id, job] = chosen
    try {
      const former = await killJob(core.deps, job.accountId, id)
      job.story.push(`killed ${isAway ? 'away ' : ''}while ${former}`)
      if (isFinished(former)) note(id, job, { ...(await look(id, job)), status: former })
      else job.isDoomed = true
    } catch (error) {
      // Nobody could take the kill: nothing was promised.
      if (!(error instanceof AppError) || error.advice !== 'retry') throw error
    }
  }

  const look = async (id: bigint, { accountId }: Promised): Promise<Job> =>
    (await lookUpJob(core.deps, accountId, id)).value

  /** What was seen once stays so; and a job that is to die does not succeed. */
  const note = (id: bigint, job: Promised, { status, attempt, resultPath }: Job) => {
    const sight = `${isAway ? 'away ' : ''}${status} ${attempt}`
    if (job.story.at(-1) !== sight) job.story.push(sight)
    if (!isFinished(status))
      return assert.equal(
        job.seen,
        undefined,
        `job ${id} is ${status} after ${job.seen?.status}: ${job.story.join(', ')}`,
      )
    assert.ok(
      !(job.isDoomed && status === 'success'),
      `job ${id} was killed, and is successful: ${job.story.join(', ')}`,
    )
    job.seen ??= { status, attempt, resultPath }
    assert.equal(status, job.seen.status, `job ${id}: ${job.story.join(', ')}`)
  }

  const finish = (pick: number, how: 'success' | 'stumble' | 'fail') => {
    const [key, resolve] = pickFrom([...open], pick) ?? []
    if (key === undefined || resolve === undefined) return
    const [id, attempt] = key.split(':')
    if (how === 'success') {
      const schema: [string, string][] = [['n', 'bigint']]
      resolve({ kind: 'success', result: { path: `results/${id}/${attempt}`, rows: 1n, bytes: 20n, schema } })
    } else resolve({ kind: 'error', name: how.toUpperCase(), message: how, retryable: how === 'stumble' })
  }

  const restartCore = async () => {
    await core.stop()
    core = await startCore()
  }
  const revive = async (index: number) => {
    workers[index] ??= await startWorker(index)
  }

  return {
    begun,
    promised,
    async step(step: LifeStep): Promise<void> {
      if (step.do === 'issue') await issue(step)
      if (step.do === 'finish') finish(step.pick, step.how)
      if (step.do === 'kill') await kill(step.pick)
      if (step.do === 'database') await (step.is === 'away' ? away() : back())
      if (step.do === 'die') {
        const worker = workers[step.worker]
        workers[step.worker] = undefined
        await worker?.die()
      }
      if (step.do === 'revive') await revive(step.worker)
      if (step.do === 'lose-reply' && workers[step.worker] !== undefined)
        workers[step.worker]!.fate.reply = isAway ? 'kept' : step.reply
      if (step.do === 'restart-core') await restartCore()
      if (step.do === 'set-clock') clockOffsetMs += step.hours * 3_600_000
      if (step.do === 'wait') await systemClock.sleep(step.ms)
    },
    /** What must hold at every moment. */
    async check(): Promise<void> {
      assert.equal(new Set(begun).size, begun.length, `an attempt was begun twice: ${begun.join(' ')}`)
      for (const [id, job] of promised) {
        try {
          note(id, job, await look(id, job))
        } catch (error) {
          if (!(error instanceof AppError)) throw error
          assert.equal(error.advice, 'retry', `job ${id} looks unknown: ${error.message}`)
        }
      }
    },
    /** Everybody is there again; every job ends, and the account is closed. */
    async settle(): Promise<void> {
      back()
      for (let i = 0; i < WORKERS; i++) await revive(i)
      await eventually(async () => {
        for (const key of open.keys()) open.get(key)?.({ kind: 'success' })
        await db.database.write(WRITE, (sql) => sql`UPDATE jobs SET due_at = now() WHERE status = 'queued'`)
        const there = new Map((await rows()).map((job) => [job.id, job]))
        return [...promised.keys()].every((id) => isFinished(there.get(id)?.status ?? 'queued'))
      }, 60_000)
      await this.check()
      const stored = await rows()
      assert.deepEqual(
        stored.map(({ id }) => id),
        [...promised.keys()].sort((a, b) => (a < b ? -1 : 1)),
        'every accepted job is in the database, once, and no other',
      )
      for (const job of stored) closeAccount(job, promised.get(job.id)!)
      const keys = stored.flatMap(({ accountId, domainKey }) =>
        domainKey === null ? [] : `${accountId} ${domainKey}`,
      )
      assert.equal(new Set(keys).size, keys.length, 'one job for a domain key')
      const results = await db.database.read(
        READ,
        (sql) => sql<{ path: string }>`SELECT path FROM job_results ORDER BY job_id`,
      )
      assert.deepEqual(
        results.map(({ path }) => path),
        stored.flatMap(({ resultPath }) => resultPath ?? []),
        'a result for each job that has one, and for no other',
      )
    },
    async stop(): Promise<void> {
      back()
      for (const worker of workers) await worker?.die()
      await core.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

function closeAccount(job: Job, promised: Promised): void {
  const { id, status, resultPath, attempt } = job
  if (promised.isDoomed)
    assert.notEqual(status, 'success', `job ${id} was killed: ${promised.story.join(', ')}`)
  if (promised.seen !== undefined)
    assert.equal(status, promised.seen.status, `job ${id} was seen so: ${promised.story.join(', ')}`)
  if (status !== 'success') assert.equal(resultPath, null, `job ${id} is ${status} and has a result`)
  if (resultPath !== null)
    assert.equal(resultPath, `results/${id}/${attempt}`, 'of the attempt that ended it')
  assert.ok(
    attemptsThatCount(job) <= promised.retryLimit + 1,
    `job ${id} was tried ${attemptsThatCount(job)} times on its own account`,
  )
}

import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { silentLog, systemClock } from '../kernel/index.ts'
import { openLocalQueue } from './queue.ts'
import { rangesOf } from './reserved-ids.ts'
import { aJob } from './testing.ts'

describe('the local queue', () => {
  let dataDir: string
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'millrace-queue-'))
  })
  afterEach(() => rm(dataDir, { recursive: true }))
  const stored = async () => undefined
  const open = () => openLocalQueue({ dataDir, clock: systemClock, log: silentLog })
  const openWithIds = async (...ids: bigint[]) => {
    const queue = await open()
    await queue.reserved.replace(ids)
    return queue
  }

  test('keeps what it accepted across a restart', async () => {
    const queue = await openWithIds(100n, 101n)
    const dueAt = new Date('2026-11-22T12:00:00Z')
    const id = await queue.accept(aJob({ query: 'SELECT 2', domainKey: 'k', databaseId: 7n, dueAt }))
    assert.equal(id, 100n)
    await queue.close()
    const again = await open()
    assert.equal(again.find(1n, 100n)?.status, 'queued')
    assert.deepEqual(
      again.waitingJobs()[0]?.request,
      aJob({ query: 'SELECT 2', domainKey: 'k', databaseId: 7n, dueAt }),
    )
    assert.equal(await again.findDomainKey(1n, 'k'), 100n)
    assert.equal(again.find(2n, 100n), undefined, "another account's job is not found")
    await again.close()
  })

  test('never gives an id twice: not after a restart, not after its files were made small', async () => {
    const queue = await openWithIds(1n, 2n, 3n, 4n, 5n)
    assert.equal(await queue.accept(aJob()), 1n)
    await queue.close()
    const second = await open()
    assert.equal(await second.accept(aJob()), 2n)
    await second.enter(1n, stored)
    await second.enter(2n, stored)
    await second.tidy()
    await second.close()
    assert.equal((await readFile(join(dataDir, 'jobs', 'queue.jsonl'), 'utf8')).length, 0)
    const third = await open()
    assert.equal(await third.accept(aJob()), 3n)
    await third.close()
  })

  test('refuses, to be tried again, when the reserved ids are used up', async () => {
    const queue = await openWithIds(1n)
    await queue.accept(aJob())
    await assert.rejects(queue.accept(aJob()), { code: 'queue_full', status: 503, advice: 'retry' })
    await queue.close()
  })

  test('starts one job for a domain key, however many ask for it at once', async () => {
    const queue = await openWithIds(1n, 2n, 3n, 4n)
    const answers = await Promise.allSettled([1, 2, 3, 4].map(() => queue.accept(aJob({ domainKey: 'k' }))))
    const accepted = answers.filter((answer) => answer.status === 'fulfilled')
    assert.equal(accepted.length, 1)
    const [refused] = answers.filter((answer) => answer.status === 'rejected')
    assert.deepEqual(
      [refused?.reason.code, refused?.reason.details],
      ['domain_key_used', { conflicts_with: '1' }],
    )
    assert.equal(queue.waitingJobs().length, 1)
    await queue.close()
  })

  test('lets a domain key go when the disk refused the job that had it', async () => {
    const queue = await openWithIds(1n, 2n, 3n)
    const path = join(dataDir, 'jobs', 'queue.jsonl')
    await mkdir(path)
    const answers = await Promise.allSettled([1, 2].map(() => queue.accept(aJob({ domainKey: 'k' }))))
    assert.deepEqual(
      answers.map((answer) => answer.status === 'rejected' && answer.reason.code),
      ['queue_full', 'queue_full'],
    )
    await rm(path, { recursive: true })
    assert.equal(await queue.accept(aJob({ domainKey: 'k' })), 3n)
    await queue.close()
  })

  test('takes a job the main database may already have under that same id', async () => {
    const queue = await openWithIds(1n)
    assert.equal(await queue.accept(aJob({ domainKey: 'k' }), 77n), 77n)
    assert.equal(await queue.accept(aJob({ domainKey: 'k' }), 77n), 77n)
    assert.equal(queue.waitingJobs().length, 1)
    await queue.close()
  })

  test('kills a waiting job at once and remembers the kill until it is applied', async () => {
    const queue = await openWithIds(1n)
    await queue.accept(aJob())
    assert.equal((await queue.killWaiting(1n, 1n, async ({ job }) => job))?.status, 'queued')
    await queue.kill(1n, 50n)
    await queue.close()
    const again = await open()
    assert.equal(again.find(1n, 1n)?.status, 'killed')
    await again.enter(1n, stored)
    assert.deepEqual(
      again.waitingKills().map(({ id }) => id),
      [1n, 50n],
    )
    await again.killed(1n)
    await again.killed(50n)
    await again.tidy()
    assert.deepEqual([again.waitingJobs(), again.waitingKills()], [[], []])
    await again.close()
  })

  test('knows after a restart who runs what, what was given back, how it ended, and what the database may have', async () => {
    const queue = await openWithIds(1n, 2n, 3n, 4n)
    for (let i = 0; i < 4; i++) await queue.accept(aJob())
    const run = { worker: 'worker-0-abc', process: 'worker-0' }
    for (const id of [1n, 2n, 3n])
      assert.equal((await queue.start(id, run, { log: 'before\n', afterLoss: false }))?.attempt, 1)
    assert.equal(await queue.putBack(2n, 2, { log: '', needsDatabase: false }), false, 'not that attempt')
    assert.equal(await queue.putBack(2n, 1, { log: 'half\n', needsDatabase: true }), true)
    const end = { kind: 'killed', cpuMs: null } as const
    await queue.end({ id: 3n, attempt: 1, endAt: new Date(), end, log: '' })
    await assert.rejects(queue.enter(4n, () => Promise.reject(new Error('the reply is lost'))))
    await queue.close()
    const again = await open()
    const [first, second, third, fourth] = [1n, 2n, 3n, 4n].map((id) => again.waitingJob(id)!)
    assert.deepEqual([first?.job.status, first?.job.attempt, first?.run], ['running', 1, run])
    assert.deepEqual([second?.job.status, second?.job.log, second?.needsDatabase], ['queued', 'half\n', true])
    assert.equal(third?.end?.end.kind, 'killed')
    assert.equal(fourth?.mayBeStored, true)
    assert.equal(
      await again.start(4n, run, { log: '', afterLoss: false }),
      undefined,
      'the database hands it out, if it has it',
    )
    await again.close()
  })

  test('lists the waiting jobs of an account, newest first', async () => {
    const queue = await openWithIds(1n, 2n, 3n)
    await queue.accept(aJob())
    await queue.accept(aJob({ accountId: 2n }))
    await queue.accept(aJob())
    assert.deepEqual(
      queue.list(1n).map((job) => job.id),
      [3n, 1n],
    )
    await queue.close()
  })

  test('writes a block of ids as one range', () => {
    assert.deepEqual(rangesOf([1n, 2n, 3n, 7n, 9n, 10n]), [
      ['1', '3'],
      ['7', '7'],
      ['9', '10'],
    ])
  })
})

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startTestDatabase, type TestDatabase } from '../database/testing.ts'
import { silentLog } from '../kernel/index.ts'
import { createLocalStore, type ObjectStore } from '../storage/index.ts'
import { removeOldJobs, removeOrphanResults } from './retention.ts'
import { findJob, insertJob } from './store.ts'
import { aJob, READ, WRITE } from './testing.ts'

describe('old jobs', () => {
  let db: TestDatabase
  let room: string
  let store: ObjectStore
  before(async () => {
    db = await startTestDatabase()
    room = await mkdtemp(join(tmpdir(), 'millrace-retention-'))
    store = await createLocalStore(room)
  })
  after(async () => {
    await db.stop()
    await rm(room, { recursive: true })
  })

  const find = (id: bigint) => db.database.read(READ, (sql) => findJob(sql, 1n, id))
  const remove = () =>
    removeOldJobs(
      { database: db.database, store, log: silentLog },
      { jobRetentionDays: 365, resultRetentionDays: 30 },
    )
  /** A job that ended so many days ago, with a result. */
  const ended = async (id: bigint, daysAgo: number, status = 'success') => {
    const path = `results/${id}.msgpack.gz`
    await store.put(path, Buffer.from('rows'))
    await db.database.write(WRITE, async (sql) => {
      await insertJob(sql, aJob({ domainKey: `k${id}` }), { id })
      await sql`UPDATE jobs SET status = ${status}, attempt = 1, result_path = ${path},
                       updated_at = now() - make_interval(days => ${daysAgo}) WHERE id = ${id}`
      await sql`UPDATE domain_keys SET created_at = now() - make_interval(days => ${daysAgo}) WHERE job_id = ${id}`
      await sql`INSERT INTO job_results (job_id, attempt, path, rows, bytes, created_at)
                VALUES (${id}, 1, ${path}, 1, 4, now() - make_interval(days => ${daysAgo}))`
    })
    return path
  }

  test('lose their results first, then themselves and their domain keys; young and unfinished ones stay', async () => {
    const old = await ended(1n, 400)
    const middle = await ended(2n, 40)
    const young = await ended(3n, 4)
    await ended(4n, 400, 'queued')
    const removed = await remove()
    assert.deepEqual(removed, { results: 3, domainKeys: 2, partitions: 0, jobs: 1 })
    assert.deepEqual(await Promise.all([old, middle, young].map((path) => store.exists(path))), [
      false,
      false,
      true,
    ])
    assert.equal(await find(1n), undefined)
    assert.deepEqual([(await find(2n))?.resultPath, (await find(3n))?.resultPath], [null, young])
    assert.equal((await find(4n))?.status, 'queued')
  })

  test('go by the whole partition once every job in it is old, and not before', async () => {
    await db.database.write(WRITE, (sql) => sql`SELECT setval('job_ids', 2500000)`)
    await ended(1_000_001n, 4)
    assert.equal((await remove()).partitions, 0, 'partition 0 still holds an unfinished job')
    await db.database.write(WRITE, (sql) => sql`DELETE FROM jobs WHERE id < 1000000`)
    assert.equal((await remove()).partitions, 1)
    assert.equal((await find(1_000_001n))?.status, 'success')
    assert.equal((await remove()).partitions, 0)
  })

  test('leave no result behind that belongs to no attempt, but none that may yet be reported is touched', async () => {
    const deps = { database: db.database, store, log: silentLog }
    const id = 1_500_000n
    await ended(id, 0)
    await ended(id + 1n, 0, 'running')
    const at = (job: bigint, attempt: number) => `results/${job}/${attempt}.msgpack.gz`
    for (const path of [at(id, 1), at(id, 2), at(id + 1n, 1), at(id + 2n, 1)])
      await store.put(path, Buffer.from('rows'))
    await db.database.write(
      WRITE,
      (sql) => sql`UPDATE job_results SET path = ${at(id, 2)} WHERE job_id = ${id}`,
    )
    const isWaiting = () => false
    assert.equal(
      await removeOrphanResults(deps, { now: new Date(), isWaiting }),
      0,
      'a young file may be about to be reported',
    )
    const now = new Date(Date.now() + 25 * 3_600_000)
    assert.equal(
      await removeOrphanResults(deps, { now, isWaiting: () => true }),
      0,
      'a job of the local queue may be about to enter the main database',
    )
    assert.equal(await removeOrphanResults(deps, { now, isWaiting }), 2)
    const left = await Promise.all(
      [at(id, 1), at(id, 2), at(id + 1n, 1), at(id + 2n, 1)].map((p) => store.exists(p)),
    )
    assert.deepEqual(left, [false, true, true, false])
  })
})

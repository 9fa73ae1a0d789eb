import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startTestDatabase } from '../database/testing.ts'
import { silentLog, systemClock } from '../kernel/index.ts'
import { createEndsReader } from './ends.ts'
import { openLocalQueue } from './queue.ts'
import { findJob, insertJob } from './store.ts'
import { aJob, eventually, READ, WRITE } from './testing.ts'

const CHILD = fileURLToPath(new URL('./testing-child.ts', import.meta.url))

describe('after kill -9', () => {
  let dataDir: string
  let children: ChildProcess[] = []
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'millrace-death-'))
  })
  afterEach(async () => {
    for (const child of children) await killed(child)
    children = []
    await rm(dataDir, { recursive: true })
  })
  const start = (...args: string[]) => {
    const child = fork(CHILD, args, { execArgv: [] })
    children.push(child)
    return child
  }
  const killed = async (child: ChildProcess) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  const heard = async (child: ChildProcess, message: string) => {
    for (;;) {
      const [said] = await once(child, 'message')
      if (said === message) return
    }
  }
  const order = async (child: ChildProcess, what: string) => {
    const answer = heard(child, what)
    child.send(what)
    await answer
  }

  test('a worker reports, once and as it was, what it had finished while the database was away', async () => {
    const db = await startTestDatabase()
    try {
      const id = await db.database.write(WRITE, (sql) => insertJob(sql, aJob({ query: 'wait' })))
      const find = async () => (await db.database.read(READ, (sql) => findJob(sql, 1n, id)))!
      const first = start('worker', dataDir, JSON.stringify(db.address))
      await heard(first, 'running')
      await order(first, 'away')
      await order(first, 'release')
      const known = await eventually(async () => (await createEndsReader(dataDir).all()).get(id))
      await killed(first)
      assert.equal((await find()).status, 'running')

      const second = start('worker', dataDir, JSON.stringify(db.address))
      const job = await eventually(async () => {
        const now = await find()
        return now.status === 'success' && now
      })
      assert.deepEqual([job.attempt, job.endAt], [1, known.end.endAt])
      await killed(second)
    } finally {
      await db.stop()
    }
  })

  test('every job the local queue had answered for is there, under its own number', async () => {
    const acknowledged = new Set<string>()
    for (let round = 0; round < 3; round++) {
      const child = start('queue', dataDir)
      child.on('message', (id) => {
        assert.ok(!acknowledged.has(String(id)), `job ${id} was given twice`)
        acknowledged.add(String(id))
      })
      await eventually(() => acknowledged.size > (round + 1) * 40)
      await killed(child)
    }
    const queue = await openLocalQueue({ dataDir, clock: systemClock, log: silentLog })
    const kept = queue.waitingJobs().map(({ job }) => String(job.id))
    assert.equal(new Set(kept).size, kept.length)
    for (const id of acknowledged) assert.ok(kept.includes(id), `job ${id} was acknowledged and is lost`)
    await queue.close()
  })
})

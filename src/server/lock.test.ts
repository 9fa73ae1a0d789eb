import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { lockDataDirectory } from './lock.ts'

describe('the lock of a data directory', () => {
  let dataDir: string
  const now = new Date('2026-11-22T00:00:00Z')
  const holder = () => JSON.parse(readFileSync(join(dataDir, 'lock.json'), 'utf8'))
  const leave = (lock: Record<string, unknown>) =>
    writeFileSync(join(dataDir, 'lock.json'), JSON.stringify(lock))
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'millrace-lock-'))
  })
  afterEach(() => rmSync(dataDir, { recursive: true }))

  const release = async (lock: Promise<() => void>) => (await lock)()
  /** Takes the lock in another process and stays. */
  const holdElsewhere = async (host: string) => {
    const lock = new URL('./lock.ts', import.meta.url).href
    const script = `const { lockDataDirectory } = await import('${lock}')
      await lockDataDirectory('${dataDir}', { now: new Date(), host: '${host}' })
      process.send('held'); setInterval(() => undefined, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    await once(child, 'message')
    return child
  }
  const kill = async (child: ChildProcess) => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  test('names its holder and is gone after release', async () => {
    const held = await lockDataDirectory(dataDir, { now, host: 'mill' })
    assert.equal(holder().pid, process.pid)
    held()
    assert.deepEqual(readdirSync(dataDir), [])
  })

  test('refuses a second start and says who holds it', async () => {
    const held = await lockDataDirectory(dataDir, { now, host: 'mill' })
    await assert.rejects(lockDataDirectory(dataDir, { now, host: 'mill' }), {
      code: 'already_running',
      message: new RegExp(`process ${process.pid} on mill`),
    })
    assert.equal(holder().pid, process.pid)
    held()
    assert.deepEqual(readdirSync(dataDir), [])
  })

  test('is got by exactly one of several that start at once', async () => {
    const starts = Array.from({ length: 8 }, () => lockDataDirectory(dataDir, { now, host: 'mill' }))
    const got = (await Promise.allSettled(starts)).filter(({ status }) => status === 'fulfilled')
    assert.equal(got.length, 1)
  })

  test('is taken over from a process that was killed', async () => {
    const child = spawn('sleep', ['60'])
    const { pid } = child
    await kill(child)
    leave({ pid, startedAt: 'x', startTicks: '1', host: 'mill' })
    await release(lockDataDirectory(dataDir, { now, host: 'mill' }))
  })

  test('is taken over when its pid belongs to another process by now', async () => {
    leave({ pid: process.pid, startedAt: 'x', startTicks: '1', host: 'mill' })
    await release(lockDataDirectory(dataDir, { now, host: 'mill' }))
  })

  test('of another container on this machine holds while its process lives, and goes with it', async () => {
    const child = await holdElsewhere('container-1')
    await assert.rejects(lockDataDirectory(dataDir, { now, host: 'container-2' }), {
      code: 'already_running',
      message: /on container-1/,
    })
    // The same name and other pids: what one looks like from within another.
    leave({ ...holder(), pid: 2 ** 22 + 1, host: 'container-2' })
    await assert.rejects(lockDataDirectory(dataDir, { now, host: 'container-2' }), {
      code: 'already_running',
    })
    await kill(child)
    await release(lockDataDirectory(dataDir, { now, host: 'container-3' }))
    assert.deepEqual(readdirSync(dataDir), [])
  })

  test('of another machine is given up on the operator’s word only, and for that machine only', async () => {
    leave({
      pid: 1,
      startedAt: 'x',
      startTicks: '1',
      host: 'elsewhere',
      bootId: 'other',
      socket: 'lock-ab.sock',
    })
    const take = (takeOverFrom?: string) => lockDataDirectory(dataDir, { now, host: 'mill', takeOverFrom })
    await assert.rejects(take(), { code: 'held_elsewhere', message: /--take-over-from elsewhere/ })
    await assert.rejects(take('another'), { code: 'held_elsewhere' })
    await release(take('elsewhere'))
  })

  test('is not given up on anybody’s word while its process lives', async () => {
    const child = await holdElsewhere('mill')
    await assert.rejects(lockDataDirectory(dataDir, { now, host: 'mill2', takeOverFrom: 'mill' }), {
      code: 'already_running',
    })
    await kill(child)
  })

  test('of this machine before it was started anew holds nobody up', async () => {
    leave({ pid: 1, startedAt: 'x', startTicks: '1', host: 'mill', bootId: 'before', socket: 'lock-ab.sock' })
    await release(lockDataDirectory(dataDir, { now, host: 'mill' }))
  })

  test('that a crash left damaged holds nobody up', async () => {
    writeFileSync(join(dataDir, 'lock.json'), '{"pid": 12')
    await release(lockDataDirectory(dataDir, { now, host: 'mill' }))
  })

  test('works in a directory with a long name', async () => {
    const long = join(dataDir, 'a'.repeat(120))
    mkdirSync(long)
    const held = await lockDataDirectory(long, { now, host: 'mill' })
    await assert.rejects(lockDataDirectory(long, { now, host: 'other' }), { code: 'already_running' })
    held()
  })
})

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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

  test('names its holder and is gone after release', () => {
    const release = lockDataDirectory(dataDir, { now, host: 'mill' })
    assert.equal(holder().pid, process.pid)
    release()
    assert.deepEqual(readdirSync(dataDir), [])
  })

  test('refuses a second start and says who holds it', () => {
    const release = lockDataDirectory(dataDir, { now, host: 'mill' })
    assert.throws(() => lockDataDirectory(dataDir, { now, host: 'mill' }), {
      code: 'already_running',
      message: new RegExp(`process ${process.pid} on mill`),
    })
    release()
  })

  test('is taken over from a process that was killed', async () => {
    const child = spawn('sleep', ['60'])
    const { pid } = child
    child.kill('SIGKILL')
    await once(child, 'exit')
    leave({ pid, startedAt: 'x', startTicks: '1', host: 'mill' })
    lockDataDirectory(dataDir, { now, host: 'mill' })()
  })

  test('is taken over when its pid belongs to another process by now', () => {
    leave({ pid: process.pid, startedAt: 'x', startTicks: '1', host: 'mill' })
    lockDataDirectory(dataDir, { now, host: 'mill' })()
  })

  test('is never taken over from another host, which cannot be seen from here', () => {
    leave({ pid: 1, startedAt: 'x', startTicks: '1', host: 'elsewhere' })
    assert.throws(() => lockDataDirectory(dataDir, { now, host: 'mill' }), { code: 'already_running' })
  })

  test('that a crash left damaged holds nobody up', () => {
    writeFileSync(join(dataDir, 'lock.json'), '{"pid": 12')
    lockDataDirectory(dataDir, { now, host: 'mill' })()
  })
})

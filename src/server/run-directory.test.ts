import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { ownMark } from '../kernel/index.ts'
import { removeRunDirectory, sweepRunDirectories } from './run-directory.ts'

const HOUR_AGO = Date.now() / 1000 - 3600
const GONE = { pid: 2 ** 22 + 1, startTicks: '1' }

describe('run directories', () => {
  let parent: string
  let own: string
  const make = (tag: string, owner?: unknown, { old = true } = {}) => {
    const path = join(parent, `millrace-${tag}`)
    mkdirSync(path)
    const file = join(path, 'owner.json')
    if (owner !== undefined) writeFileSync(file, JSON.stringify(owner))
    if (old)
      for (const aged of owner === undefined ? [path] : [file, path]) utimesSync(aged, HOUR_AGO, HOUR_AGO)
    return path
  }
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'run-'))
    own = make('0123456789', ownMark(), { old: false })
  })
  afterEach(() => rmSync(parent, { recursive: true }))

  test('of dead supervisors go, also those that do not say whose they were', async () => {
    const left = [make('aaaaaaaaaa', GONE), make('bbbbbbbbbb')]
    await sweepRunDirectories(own)
    assert.deepEqual(left.filter(existsSync), [])
    assert.ok(existsSync(own))
  })

  test('stay while their supervisor lives, or may just be starting, or are something else', async () => {
    const kept = [
      make('aaaaaaaaaa', ownMark()),
      make('bbbbbbbbbb', GONE, { old: false }),
      make('not-a-tag', GONE),
      make('1000-aaaaaaaaaa', GONE),
    ]
    await sweepRunDirectories(own)
    assert.deepEqual(kept.filter(existsSync), kept)
  })

  test('stay while anything in them answers, such as a PostgreSQL that was left behind', async () => {
    const path = make('aaaaaaaaaa', GONE)
    mkdirSync(join(path, 'pg'))
    const postgres = createServer().listen(join(path, 'pg', '.s.PGSQL.5432'))
    await once(postgres, 'listening')
    await sweepRunDirectories(own)
    await removeRunDirectory(path)
    assert.ok(existsSync(path))
    postgres.close()
    await sweepRunDirectories(own)
    assert.ok(!existsSync(path))
  })

  test('hold no socket file that would keep them: one whose listener was killed does not answer', async () => {
    const path = make('aaaaaaaaaa', GONE)
    const socket = join(path, 'core.sock')
    const script = `require('net').createServer().listen('${socket}', () => process.send('listening'))`
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    await once(child, 'message')
    child.kill('SIGKILL')
    await once(child, 'exit')
    assert.ok(existsSync(socket))
    await sweepRunDirectories(own)
    assert.ok(!existsSync(path))
    assert.equal(JSON.parse(readFileSync(join(own, 'owner.json'), 'utf8')).pid, process.pid)
  })
})

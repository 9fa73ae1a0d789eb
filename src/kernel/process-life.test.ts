import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { isAlive, ownDirectory, ownMark } from './process-life.ts'

describe('a directory of a process’s own', () => {
  let parent: string
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'millrace-own-'))
  })
  afterEach(() => rmSync(parent, { recursive: true }))
  const leave = (name: string) => {
    mkdirSync(join(parent, name))
    writeFileSync(join(parent, name, 'draft'), 'x')
  }

  test('stays what it is when asked for again', async () => {
    const own = await ownDirectory(parent)
    writeFileSync(join(own, 'draft'), 'mine')
    assert.equal(await ownDirectory(parent), own)
    assert.equal(readFileSync(join(own, 'draft'), 'utf8'), 'mine')
  })

  test('sweeps what killed processes left, never what a living one holds', async () => {
    const child = spawn('sleep', ['60'])
    const ticks = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[19]
    leave(`${child.pid}-${ticks}`)
    // The pid lives again, in another process; and a file of a layout before this one.
    leave(`${process.pid}-1`)
    writeFileSync(join(parent, '12-1.msgpack.gz'), 'x')
    const own = basename(await ownDirectory(parent))
    assert.deepEqual(readdirSync(parent).sort(), [`${child.pid}-${ticks}`, own].sort())
    child.kill('SIGKILL')
    await once(child, 'exit')
    await ownDirectory(parent)
    assert.deepEqual(readdirSync(parent), [own])
  })

  test('belongs to a process that is alive', () => {
    assert.ok(isAlive(ownMark()))
    assert.ok(!isAlive({ ...ownMark(), startTicks: '1' }))
    assert.ok(!isAlive({ pid: 0, startTicks: '' }))
  })
})

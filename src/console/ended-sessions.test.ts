import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { openEndedSessions } from './ended-sessions.ts'

describe('the sessions people signed out of', () => {
  let dataDir: string
  let nowMs: number
  const clock = { now: () => new Date(nowMs), monotonicMs: () => 0, sleep: async () => undefined }
  const session = (id: string, endsAtMs = 43_200_000) => ({
    accountId: 1n,
    userId: 2n,
    id,
    passwordMark: '',
    endsAtMs,
  })
  const open = () => openEndedSessions({ dataDir, clock })
  const path = () => join(dataDir, 'ended-sessions.json')
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'millrace-ended-'))
    nowMs = 0
  })
  afterEach(() => rmSync(dataDir, { recursive: true }))

  test('are remembered over a restart, all of them', async () => {
    const ended = open()
    await Promise.all(['a', 'b', 'c'].map((id) => ended.end(session(id))))
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((id) => open().has(id)),
      [true, true, true, false],
    )
  })

  test('are forgotten a day after their cookies end, not before', async () => {
    await open().end(session('a'))
    nowMs = 43_200_000 + 3600_000
    await open().end(session('b', nowMs))
    assert.ok(open().has('a'))
    nowMs += 24 * 3600_000
    await open().end(session('c', nowMs))
    assert.deepEqual(
      JSON.parse(readFileSync(path(), 'utf8')).ended.map(([id]: [string]) => id),
      ['b', 'c'],
    )
  })

  test('end in this process also when the disk refuses, which is said', async () => {
    mkdirSync(`${path()}.${process.pid}.tmp`)
    const ended = open()
    await assert.rejects(ended.end(session('a')), { code: 'sign_out_unsaved', status: 503 })
    assert.ok(ended.has('a'))
    rmSync(`${path()}.${process.pid}.tmp`, { recursive: true })
    await ended.end(session('a'))
    assert.ok(open().has('a'))
  })

  test('are not guessed at when a newer release wrote them', () => {
    writeFileSync(path(), '{"format":2}')
    assert.throws(open, { code: 'ended_sessions_unreadable', message: /format 2/ })
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { queuedJob } from './row.ts'
import { createShownEnds } from './shown-ends.ts'
import { aJob } from './testing.ts'

describe('an end that was shown', () => {
  const running = {
    ...queuedJob(7n, aJob({ query: 'SELECT 7' }), new Date(0)),
    status: 'running' as const,
    attempt: 1,
  }
  const ended = {
    ...running,
    status: 'success' as const,
    endAt: new Date(5),
    resultRows: 3n,
    resultPath: 'r',
    log: 'long',
  }

  test('is not taken back by a snapshot that is behind', () => {
    const shown = createShownEnds()
    shown.note(ended)
    const { status, endAt, resultPath, query, log } = shown.with(running)
    assert.deepEqual([status, endAt, resultPath, query, log], ['success', new Date(5), 'r', 'SELECT 7', ''])
  })

  test('is the only thing that is remembered', () => {
    const shown = createShownEnds()
    shown.note(running)
    assert.deepEqual(shown.with(running), running)
    assert.deepEqual(shown.with({ ...running, id: 8n }).status, 'running')
  })

  test('is forgotten when very many have been shown since', () => {
    const shown = createShownEnds()
    for (let id = 1n; id <= 10_001n; id++) shown.note({ ...ended, id })
    assert.equal(shown.with({ ...running, id: 1n }).status, 'running')
    assert.equal(shown.with({ ...running, id: 10_001n }).status, 'success')
  })
})

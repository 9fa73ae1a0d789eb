import assert from 'node:assert/strict'
import { test } from 'node:test'
import { channelPair } from '../jobs/testing.ts'
import { followMergeBacklog, tellMergeBacklog } from './back-pressure.ts'

test('loaders stretch their commits while an hour fills faster than it is merged, and no longer than they hear of it', () => {
  const [archivist, loader] = channelPair()
  let nowMs = 0
  const backlog = followMergeBacklog(loader, { monotonicMs: () => nowMs })
  const tell = tellMergeBacklog(archivist)
  const about = (isCrowded: boolean) =>
    tell({ chunks: 1, mostInOneSpan: 1, oldestSeconds: 1, isCrowded, isBehind: true })
  assert.equal(backlog.stretch(), 1)
  about(true)
  assert.equal(backlog.stretch(), 4)
  nowMs += 119_000
  assert.equal(backlog.stretch(), 4)
  nowMs += 2_000
  assert.equal(backlog.stretch(), 1, 'the archivist is away')
  about(true)
  about(false)
  assert.equal(backlog.stretch(), 1)
})

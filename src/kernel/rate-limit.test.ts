import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createRateLimit } from './rate-limit.ts'

describe('a rate limit', () => {
  const limit = (perSecond: number, burstSeconds: number) => {
    let nowMs = 0
    const { take } = createRateLimit({ perSecond, burstSeconds, monotonicMs: () => nowMs })
    const pass = (ms: number) => {
      nowMs += ms
    }
    return { take, pass }
  }

  test('lets a burst pass and says how long to wait for the next', () => {
    const { take, pass } = limit(2, 3)
    for (let i = 0; i < 6; i++) assert.equal(take('a'), undefined)
    assert.equal(take('a'), 1)
    pass(499)
    assert.equal(take('a'), 1)
    pass(1)
    assert.equal(take('a'), undefined)
    assert.equal(take('a'), 1)
  })

  test('holds each key to its own', () => {
    const { take } = limit(1, 1)
    assert.equal(take('a'), undefined)
    assert.equal(take('a'), 1)
    assert.equal(take('b'), undefined)
  })

  test('saves up no more than the burst, however long a key rests', () => {
    const { take, pass } = limit(1, 2)
    pass(3_600_000)
    assert.deepEqual([take('a'), take('a'), take('a')], [undefined, undefined, 1])
  })

  test('of nothing is none', () => {
    const { take } = limit(0, 1)
    for (let i = 0; i < 1000; i++) assert.equal(take('a'), undefined)
  })

  test('does not grow with the keys that have come and gone', () => {
    const { take, pass } = limit(1, 1)
    for (let i = 0; i < 30_000; i++) {
      pass(1)
      assert.equal(take(`key-${i}`), undefined)
    }
    assert.equal(take('key-29999'), 1, 'those of this moment are not forgotten')
  })
})

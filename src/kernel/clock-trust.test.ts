import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createClockTrust } from './clock-trust.ts'

describe('a wall clock', () => {
  test('is not believed for some hours after the clock jumped', () => {
    let wallMs = 1_000_000
    let monotonicMs = 0
    const trust = createClockTrust({ now: () => new Date(wallMs), monotonicMs: () => monotonicMs })
    const pass = (ms: number) => {
      wallMs += ms
      monotonicMs += ms
      return trust.isTrusted()
    }
    assert.equal(pass(300_000), true)
    wallMs += 40 * 86_400_000
    assert.equal(pass(300_000), false)
    assert.equal(pass(5 * 3_600_000), false)
    assert.equal(pass(3_600_000), true)
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createLeaseWatch } from './lease-watch.ts'

const watch = () => createLeaseWatch({ patienceMs: 30_000, mostStepMs: 10_000 })
const lease = (value: bigint, attempt = 1) => [{ id: 1n, attempt, lease: value }]

describe('watching leases', () => {
  test('finds one that stood still for the whole patience, and not before', () => {
    const one = watch()
    for (let ms = 0; ms < 30_000; ms += 5_000) assert.deepEqual(one.observe(lease(7n), ms), [])
    assert.deepEqual(one.observe(lease(7n), 30_000), lease(7n))
  })

  test('starts anew whenever the counter moves', () => {
    const one = watch()
    for (let ms = 0; ms <= 25_000; ms += 5_000) one.observe(lease(7n), ms)
    assert.deepEqual(one.observe(lease(8n), 30_000), [])
    for (let ms = 35_000; ms < 60_000; ms += 5_000) assert.deepEqual(one.observe(lease(8n), ms), [])
    assert.deepEqual(one.observe(lease(8n), 60_000), lease(8n))
  })

  test('starts anew with another attempt', () => {
    const one = watch()
    for (let ms = 0; ms <= 25_000; ms += 5_000) one.observe(lease(7n), ms)
    assert.deepEqual(one.observe(lease(7n, 2), 30_000), [])
  })

  test('forgets everything when the gate did not serve: an absence expires no lease', () => {
    const one = watch()
    for (let ms = 0; ms <= 25_000; ms += 5_000) one.observe(lease(7n), ms)
    one.interrupt()
    for (let ms = 900_000; ms < 930_000; ms += 5_000) assert.deepEqual(one.observe(lease(7n), ms), [])
    assert.deepEqual(one.observe(lease(7n), 930_000), lease(7n))
  })

  test('does not count the time it was stopped itself', () => {
    const one = watch()
    one.observe(lease(7n), 0)
    assert.deepEqual(one.observe(lease(7n), 3_600_000), [])
    assert.deepEqual(one.observe(lease(7n), 3_605_000), [])
  })
})

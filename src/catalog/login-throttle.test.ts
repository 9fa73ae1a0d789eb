import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { AppError } from '../kernel/index.ts'
import { createLoginThrottle, type LoginFrom, type LoginThrottle } from './login-throttle.ts'

const ANN = { user: 'ann@example.com', address: '192.0.2.1' }
const ELSEWHERE = '198.51.100.9'

describe('the throttle of logins', () => {
  let nowMs: number
  let throttle: LoginThrottle
  beforeEach(() => {
    nowMs = 5_000
    throttle = createLoginThrottle({ clock: { monotonicMs: () => nowMs } })
  })
  const fail = (from: LoginFrom, times = 1) => {
    for (let i = 0; i < times; i++) throttle.begin(from)
  }
  const succeed = (from: LoginFrom) => throttle.begin(from).succeeded()
  /** Seconds until the next attempt is heard; 0 when it was, and failed. */
  const waitOf = (from: LoginFrom): number => {
    try {
      throttle.begin(from)
      return 0
    } catch (error) {
      assert.ok(error instanceof AppError && error.code === 'login_throttled' && error.status === 429)
      return error.retryAfterSeconds
    }
  }

  test('lets ten failures pass and then makes each wait twice as long, up to a minute', () => {
    fail(ANN, 10)
    const waits: number[] = []
    for (let i = 0; i < 9; i++) {
      const seconds = waitOf(ANN)
      waits.push(seconds)
      nowMs += seconds * 1000
      assert.equal(waitOf(ANN), 0)
    }
    assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60])
  })

  test('does not count what it refuses: whoever waits is heard', () => {
    fail(ANN, 10)
    for (let i = 0; i < 1000; i++) assert.equal(waitOf(ANN), 1)
    nowMs += 1_000
    succeed(ANN)
    assert.equal(waitOf(ANN), 0)
  })

  test('counts attempts at the same moment, before any of them has failed', () => {
    for (let i = 0; i < 10; i++) throttle.begin(ANN)
    assert.throws(() => throttle.begin(ANN), { code: 'login_throttled' })
  })

  test('counts by name, in any spelling and from any address', () => {
    for (let i = 0; i < 10; i++) fail({ user: ' ANN@example.com', address: `192.0.2.${i}` })
    assert.ok(waitOf(ANN) > 0)
    assert.equal(waitOf({ ...ANN, user: 'bob@example.com' }), 0)
  })

  test('counts by address, whatever names are tried', () => {
    for (let i = 0; i < 10; i++) fail({ user: `user${i}`, address: ELSEWHERE })
    assert.ok(waitOf({ user: 'another', address: ELSEWHERE }) > 0)
    assert.equal(waitOf(ANN), 0)
  })

  test('takes a /64 of IPv6 for one address, and a mapped IPv4 address for itself', () => {
    for (let i = 0; i < 10; i++) fail({ user: `user${i}`, address: `2001:db8:0:7::${i + 1}` })
    assert.ok(waitOf({ user: 'another', address: '2001:0DB8:0:7:9:9:9:9' }) > 0)
    assert.equal(waitOf({ user: 'another', address: '2001:db8:0:8::1' }), 0)
    for (let i = 0; i < 10; i++) fail({ user: `user${i}`, address: '::ffff:192.0.2.77' })
    assert.ok(waitOf({ user: 'another', address: '192.0.2.77' }) > 0)
  })

  test('lets nobody keep a person out of an address where that person has signed in', () => {
    succeed(ANN)
    fail({ ...ANN, address: ELSEWHERE }, 10)
    for (let i = 0; i < 10; i++) fail({ user: `user${i}`, address: ANN.address })
    assert.ok(waitOf({ ...ANN, address: ELSEWHERE }) > 0)
    succeed(ANN)
  })

  test('gives no further guesses at an address to the holder of one account', () => {
    for (let i = 0; i < 9; i++) {
      fail({ user: `victim${i}`, address: ELSEWHERE })
      succeed({ user: 'mallory', address: ELSEWHERE })
    }
    fail({ user: 'victim', address: ELSEWHERE })
    assert.ok(waitOf({ user: 'victim', address: ELSEWHERE }) > 0)
  })

  test('holds nothing against those who could not be checked', () => {
    for (let i = 0; i < 100; i++) throttle.begin(ANN).undecided()
    succeed(ANN)
  })

  test('forgets after an hour without a failure', () => {
    fail(ANN, 10)
    nowMs += 3601_000
    fail(ANN, 9)
    assert.equal(waitOf(ANN), 0)
  })
})

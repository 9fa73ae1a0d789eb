import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createAccountTurns } from './account-turns.ts'

const loads = (...running: number[]) =>
  running.map((count, i) => ({ account: BigInt(i + 1), running: count }))
const shares = (dealt: { account: bigint; slots: number }[]) =>
  Object.fromEntries(dealt.map(({ account, slots }) => [String(account), slots]))

describe('the turns of accounts', () => {
  test('give each slot to the account that runs fewest', () => {
    const { share } = createAccountTurns()
    assert.deepEqual(shares(share(loads(0, 0), { slots: 4, most: 10 })), { 1: 2, 2: 2 })
    assert.deepEqual(shares(share(loads(5, 1, 3), { slots: 2, most: 10 })), { 2: 2 })
    assert.deepEqual(shares(share(loads(5, 1, 3), { slots: 4, most: 10 })), { 2: 3, 3: 1 })
  })

  test('give an account no more than it may run, and leave a slot free rather than exceed that', () => {
    const { share } = createAccountTurns()
    assert.deepEqual(shares(share(loads(3, 4), { slots: 10, most: 4 })), { 1: 1 })
    assert.deepEqual(share([], { slots: 3, most: 4 }), [])
    assert.deepEqual(share(loads(0), { slots: 0, most: 4 }), [])
  })

  test('alternate between accounts that run equally many, whoever queued first', () => {
    const { share, served } = createAccountTurns()
    const order: bigint[] = []
    for (let i = 0; i < 6; i++) {
      const [next] = share(loads(0, 0, 0), { slots: 1, most: 4 })
      order.push(next!.account)
      served(next!.account)
    }
    assert.deepEqual(order, [1n, 2n, 3n, 1n, 2n, 3n])
  })
})

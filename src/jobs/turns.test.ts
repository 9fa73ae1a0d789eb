import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createTurns } from './turns.ts'

describe('turns', () => {
  test('come one after the other for one key, in order, also after a failure; keys do not wait for each other', async () => {
    const turns = createTurns()
    const order: string[] = []
    const step = (name: string, ms: number) => async () => {
      order.push(`${name} begins`)
      await new Promise((resolve) => setTimeout(resolve, ms))
      order.push(`${name} ends`)
      if (name === 'a') throw new Error('a failed')
    }
    const a = turns.take(1n, step('a', 20))
    const b = turns.take(1n, step('b', 0))
    assert.deepEqual([turns.isTaken(1n), turns.isTaken(2n)], [true, false])
    await turns.take(2n, step('other', 0))
    await assert.rejects(a, { message: 'a failed' })
    await b
    assert.deepEqual(
      order.filter((line) => !line.startsWith('other')),
      ['a begins', 'a ends', 'b begins', 'b ends'],
    )
    assert.ok(order.indexOf('other ends') < order.indexOf('a ends'))
    assert.equal(turns.isTaken(1n), false)
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { atMost } from './at-most.ts'

describe('at most so many at the same time', () => {
  test('the others wait, begin in the order they came, and one that fails gives its place on', async () => {
    const turn = atMost(2)
    const begun: number[] = []
    let running = 0
    let most = 0
    const task = (n: number) => async () => {
      begun.push(n)
      most = Math.max(most, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
      if (n % 3 === 0) throw new Error(`${n} failed`)
      return n
    }
    const ends = await Promise.allSettled([1, 2, 3, 4, 5, 6, 7].map((n) => turn(task(n))))
    assert.deepEqual(begun, [1, 2, 3, 4, 5, 6, 7])
    assert.equal(most, 2)
    assert.deepEqual(
      ends.map(({ status }) => status === 'fulfilled'),
      [true, true, false, true, true, false, true],
    )
    assert.equal(await turn(async () => 'later'), 'later')
  })
})

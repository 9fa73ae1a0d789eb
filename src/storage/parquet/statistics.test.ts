import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { cutTextBounds } from './statistics.ts'

describe('bounds of texts', () => {
  test('are cut so that they stay bounds and stay UTF-8', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 90 }),
        fc.string({ unit: 'binary', maxLength: 90 }),
        (a, b) => {
          const [min, max] = [Buffer.from(a), Buffer.from(b)]
          const bounds = cutTextBounds(min, max)
          if (bounds === null) return
          assert.ok(Buffer.compare(bounds.min, min) <= 0 && Buffer.compare(bounds.max, max) >= 0)
          assert.ok(bounds.min.length <= 64 && bounds.max.length <= 64)
          for (const bound of [bounds.min, bounds.max]) assert.deepEqual(Buffer.from(bound.toString()), bound)
          assert.equal(bounds.minExact, bounds.min.equals(min))
          assert.equal(bounds.maxExact, bounds.max.equals(max))
        },
      ),
    )
  })

  test('are left out when no text above the cut one can be found', () => {
    assert.equal(cutTextBounds(Buffer.from('a'), Buffer.from('日'.repeat(40))), null)
  })
})

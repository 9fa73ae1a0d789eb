import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { EVERYTHING, intersect, NOTHING, overlaps, range, type TimeRange, union } from './ranges.ts'

const bound = fc.option(fc.bigInt({ min: 0n, max: 20n }), { nil: null })
const list = fc
  .array(fc.tuple(bound, bound))
  .map((pairs) => union(pairs.map(([from, to]) => range(from, to))))
const holds = (ranges: readonly TimeRange[], time: bigint): boolean => overlaps(ranges, time, time)
const TIMES = Array.from({ length: 24 }, (_, i) => BigInt(i - 2))

describe('lists of time ranges', () => {
  test('hold exactly the times of both in a union, of each in an intersection', () => {
    fc.assert(
      fc.property(list, list, (a, b) => {
        for (const time of TIMES) {
          assert.equal(holds(union([a, b]), time), holds(a, time) || holds(b, time))
          assert.equal(holds(intersect(a, b), time), holds(a, time) && holds(b, time))
        }
      }),
    )
  })

  test('stay sorted and apart', () => {
    fc.assert(
      fc.property(list, (ranges) => {
        for (const [i, { from }] of ranges.entries()) {
          if (i > 0) assert.ok(from !== null && ranges[i - 1]!.to !== null && ranges[i - 1]!.to! < from)
        }
      }),
    )
  })

  test('touch a chunk whose bounds, both inclusive, meet them', () => {
    const ranges = range(10n, 20n)
    assert.equal(overlaps(ranges, 0n, 9n), false)
    assert.equal(overlaps(ranges, 0n, 10n), true)
    assert.equal(overlaps(ranges, 19n, 30n), true)
    assert.equal(overlaps(ranges, 20n, 30n), false)
    assert.equal(overlaps(NOTHING, 0n, 30n), false)
    assert.equal(overlaps(EVERYTHING, 5n, 5n), true)
  })

  test('are replaced by their hull when there are thousands', () => {
    const many = union(Array.from({ length: 5000 }, (_, i) => range(BigInt(i * 2), BigInt(i * 2 + 1))))
    assert.deepEqual(many, [{ from: 0n, to: 9999n }])
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { murmur3 } from '../hashes.ts'
import {
  addHashes,
  cardinality,
  emptyHyperLogLog,
  mergeHyperLogLogs,
  readHyperLogLog,
  writeHyperLogLog,
} from './hyperloglog.ts'
import * as qdigest from './qdigest.ts'
import {
  jaccardIndex,
  mergeSetDigests,
  readSetDigest,
  setDigestOf,
  sizeOf,
  writeSetDigest,
} from './set-digest.ts'
import { mergeTDigests, readTDigest, tdigestOf, valueAtQuantile, writeTDigest } from './tdigest.ts'

function hashOf(value: number): bigint {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64LE(BigInt(value))
  return Buffer.from(murmur3(bytes)).readBigInt64LE(0)
}
const hashes = (from: number, to: number): bigint[] =>
  Array.from({ length: to - from + 1 }, (_, i) => hashOf(from + i))
const setOf = (from: number, to: number) => addHashes(emptyHyperLogLog(12), hashes(from, to))

describe('a HyperLogLog', () => {
  test('counts within four times its standard error of 1.6 %, however many there are', () => {
    for (const count of [1, 10, 511, 512, 3000, 5000, 20_000, 100_000]) {
      const estimate = Number(cardinality(setOf(1, count)))
      assert.ok(Math.abs(estimate - count) <= Math.max(1, 0.065 * count), `${estimate} for ${count}`)
    }
  })

  test('becomes dense where Presto does', () => {
    assert.equal(setOf(1, 511).form, 'sparse')
    assert.equal(setOf(1, 512).form, 'dense')
  })

  test('of two sets merged is that of their union, in each mixture of forms', () => {
    for (const [a, b] of [
      [200, 400],
      [400, 900],
      [900, 400],
      [3000, 6000],
    ] as const) {
      const merged = mergeHyperLogLogs(setOf(1, a), setOf(100, b))
      assert.equal(cardinality(merged), cardinality(setOf(1, Math.max(a, b))))
    }
  })

  test('is read as it was written', () => {
    for (const count of [0, 100, 2000]) {
      const bytes = writeHyperLogLog(setOf(1, count))
      assert.deepEqual(Buffer.from(writeHyperLogLog(readHyperLogLog(bytes))), Buffer.from(bytes))
    }
  })

  test('of another number of buckets cannot be merged', () => {
    assert.throws(() => mergeHyperLogLogs(setOf(1, 2), emptyHyperLogLog(11)), /4096 vs 2048/)
  })
})

describe('a set digest', () => {
  test('is exact up to 8191 values and estimates beyond', () => {
    assert.equal(sizeOf(setDigestOf(hashes(1, 8191))), 8191n)
    const estimate = Number(sizeOf(setDigestOf(hashes(1, 20_000))))
    assert.ok(Math.abs(estimate - 20_000) < 2000, `${estimate}`)
  })

  test('tells how alike two sets are', () => {
    const index = jaccardIndex(setDigestOf(hashes(1, 6000)), setDigestOf(hashes(3001, 9000)))
    assert.ok(Math.abs(index - 1 / 3) < 0.05, `${index}`)
  })

  test('merged, counts each value as often as it came', () => {
    const merged = mergeSetDigests(setDigestOf(hashes(1, 2)), setDigestOf(hashes(2, 3)))
    assert.equal(merged.counts.get(hashOf(2)), 2)
    assert.deepEqual(readSetDigest(writeSetDigest(merged)).counts, merged.counts)
  })
})

describe('a t-digest', () => {
  const numbers = Array.from({ length: 10_000 }, (_, i) => ({ value: (i * 7919) % 10_000, weight: 1 }))

  test('finds quantiles within half a percent of the rank', () => {
    const digest = tdigestOf(numbers)
    for (const quantile of [0, 0.001, 0.1, 0.5, 0.9, 0.999, 1]) {
      const value = valueAtQuantile(digest, quantile)
      assert.ok(Math.abs(value - quantile * 9999) < 50, `${value} at ${quantile}`)
    }
  })

  test('stays small, and merged as good as one of all', () => {
    const parts = [0, 1, 2, 3].map((part) => tdigestOf(numbers.filter((_, i) => i % 4 === part)))
    const merged = mergeTDigests(parts)
    assert.ok(merged.centroids.length < 200)
    assert.equal(merged.total, 10_000)
    assert.ok(Math.abs(valueAtQuantile(merged, 0.5) - 5000) < 50)
  })

  test('is read as it was written', () => {
    const digest = tdigestOf(numbers)
    assert.deepEqual(readTDigest(writeTDigest(digest)), digest)
  })
})

describe('a q-digest', () => {
  const ofRange = (from: number, to: number, maxError: number): qdigest.QuantileDigest => {
    const digest = qdigest.emptyQuantileDigest(maxError)
    for (let value = from; value <= to; value++) qdigest.addValue(digest, BigInt(value), 1)
    return digest
  }

  test('finds quantiles within its error, also of negative numbers and merged', () => {
    for (const maxError of [0.01, 0.1]) {
      const digest = ofRange(-3000, -1001, maxError)
      qdigest.mergeQuantileDigests(digest, ofRange(-1000, 999, maxError))
      for (const quantile of [0.01, 0.25, 0.5, 0.75, 0.99]) {
        const rank = (Number(qdigest.valueAtQuantile(digest, quantile)) + 3000) / 4000
        assert.ok(rank >= quantile - 0.001 && rank <= quantile + maxError + 0.001, `${rank} for ${quantile}`)
      }
    }
  })

  test('has a size of the order of its error, not of what it was given', () => {
    assert.ok(qdigest.writeQuantileDigest(ofRange(1, 20_000, 0.1)).length < 10_000)
  })

  test('orders doubles and reals as numbers, and gives them back', () => {
    const doubles = [Number.NEGATIVE_INFINITY, -1.5, -0, 0, 1e-300, 2.5, Number.POSITIVE_INFINITY]
    const sortable = doubles.map(qdigest.sortableOfDouble)
    assert.deepEqual(
      sortable,
      [...sortable].sort((a, b) => (a < b ? -1 : 1)),
    )
    assert.deepEqual(sortable.map(qdigest.doubleOfSortable), doubles)
    assert.deepEqual(
      [-2, -0.5, 0, 0.5].map(qdigest.sortableOfReal).map(qdigest.realOfSortable),
      [-2, -0.5, 0, 0.5],
    )
  })
})

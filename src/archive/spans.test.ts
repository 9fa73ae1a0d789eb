import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { cutSpan, decide, levelAfter, SETTLED, startOf } from './spans.ts'
import type { SpanContent } from './types.ts'

const NOW = 1_700_000_000n
const RULES = { fanIn: 32, leastRows: 100_000, quietSeconds: 120, mostChunks: 500 }
const LIMITS = { leastRows: 100_000, settledRows: 1_000_000, settledBytes: 1 << 27 }

function content(change: Partial<SpanContent> = {}): SpanContent {
  const chunks = change.chunks ?? 5
  return {
    tableId: 1n,
    level: 0,
    start: startOf(0, NOW - 7200n),
    sizes: [{ size: 1, chunks, rows: 100 * chunks }],
    chunks,
    rows: 100 * chunks,
    only: chunks === 1 ? { id: 1n, sorted: false } : undefined,
    quietSeconds: 600,
    ...change,
  }
}
const current = startOf(0, NOW)

describe('what to do with a span', () => {
  test('over and quiet: all its chunks become one', () => {
    const all = { kind: 'merge', upToSize: 4, closes: true, urgent: false }
    assert.deepEqual(decide(content(), NOW, RULES), all)
    assert.deepEqual(decide(content({ quietSeconds: 119 }), NOW, RULES), { kind: 'leave' })
  })

  test('one chunk alone is carried on to the next wider span', () => {
    assert.deepEqual(decide(content({ chunks: 1 }), NOW, RULES), { kind: 'carry' })
    assert.deepEqual(decide(content({ chunks: 1, level: 4, start: 0n }), NOW, RULES), { kind: 'leave' })
  })

  test('one large chunk as a loader wrote it is sorted first', () => {
    const unsorted = content({ chunks: 1, rows: 200_000 })
    assert.equal(decide(unsorted, NOW, RULES).kind, 'merge')
    assert.equal(decide({ ...unsorted, only: { id: 1n, sorted: true } }, NOW, RULES).kind, 'carry')
  })

  test('all of time is never over: late rows gather there by size class, and never cost a large chunk', () => {
    const all = { level: 4, start: 0n }
    const sizes = [
      { size: 0, chunks: 15, rows: 100 },
      { size: 3, chunks: 1, rows: 90_000 },
    ]
    assert.equal(decide(content({ ...all, chunks: 16, sizes }), NOW, RULES).kind, 'leave')
    const more = [{ size: 0, chunks: 16, rows: 100 }, sizes[1]!]
    const decision = decide(content({ ...all, chunks: 17, sizes: more }), NOW, RULES)
    assert.deepEqual(decision, { kind: 'merge', upToSize: 0, closes: false, urgent: false })
  })

  test('an hour being written waits until a size class is full, and takes the smaller ones along', () => {
    const open = { start: current, quietSeconds: 0 }
    assert.equal(decide(content({ ...open, chunks: 127 }), NOW, RULES).kind, 'leave')
    const full = decide(content({ ...open, chunks: 128 }), NOW, RULES)
    assert.deepEqual(full, { kind: 'merge', upToSize: 1, closes: false, urgent: false })
    const mixed = {
      ...open,
      chunks: 70,
      sizes: [
        { size: 0, chunks: 5, rows: 10 },
        { size: 2, chunks: 33, rows: 1 },
        { size: 3, chunks: 31, rows: 1 },
      ],
    }
    assert.deepEqual(decide(content(mixed), NOW, RULES), {
      kind: 'merge',
      upToSize: 2,
      closes: false,
      urgent: false,
    })
  })

  test('an overfull hour goes before everything else', () => {
    const decision = decide(content({ start: current, quietSeconds: 0, chunks: 501 }), NOW, RULES)
    assert.equal(decision.kind === 'merge' && decision.urgent, true)
  })

  test('a span in the far future, from a wrong clock, is over when nobody writes there', () => {
    const future = content({ start: startOf(0, 50_000_000_000n) })
    assert.equal(decide(future, NOW, RULES).kind, 'merge')
    assert.equal(decide({ ...future, quietSeconds: 1 }, NOW, RULES).kind, 'leave')
  })
})

describe('a hot hour', () => {
  const sizeOf = (rows: number) => [32, 1024, 32_768, 1_048_576].filter((least) => rows >= least).length

  for (const [rowsOfChunk, chunksPerLook, most] of [
    [3, 25, 4],
    [200, 5, 4],
    [5_000, 12, 3],
    [50_000, 60, 2],
  ] as const)
    test(`of 9,000 chunks of ${rowsOfChunk} rows writes each row at most ${most} times`, () => {
      let chunks: number[] = []
      let written = 0
      const act = (quietSeconds: number, now: bigint) => {
        const open = chunks.filter((rows) => rows < 1_000_000)
        const sizes = [0, 1, 2, 3, 4].map((size) => {
          const of = open.filter((rows) => sizeOf(rows) === size)
          return { size, chunks: of.length, rows: of.reduce((a, b) => a + b, 0) }
        })
        const decision = decide(
          content({ start: current, sizes, chunks: open.length, only: undefined, quietSeconds }),
          now,
          RULES,
        )
        if (decision.kind !== 'merge' || open.length < 2) return false
        const taken: number[] = []
        let rows = 0
        for (const one of open.sort((a, b) => a - b))
          if (sizeOf(one) <= decision.upToSize && rows + one <= 5_000_000 && taken.length < 512) {
            taken.push(one)
            rows += one
          }
        for (const one of taken) chunks.splice(chunks.indexOf(one), 1)
        chunks.push(rows)
        written += rows
        return taken.length > 1
      }
      for (let i = 0; i < 9_000; i++) {
        chunks.push(rowsOfChunk)
        if (i % chunksPerLook === 0) while (act(0, NOW));
      }
      while (act(600, current + 3600n));
      chunks = chunks.filter((rows) => rows > 0)
      const total = 9_000 * rowsOfChunk
      assert.equal(
        chunks.reduce((a, b) => a + b, 0),
        total,
      )
      assert.ok(written / total <= most, `${(written / total).toFixed(2)} times`)
      assert.ok(chunks.length <= Math.ceil(total / 1_000_000) + 1, `${chunks.length} chunks are left`)
    })
})

describe('where a merged chunk belongs', () => {
  test('large ones are settled, small ones of a span that is over go on to the next, others stay', () => {
    const at = { level: 0, closes: true }
    assert.equal(levelAfter({ rows: 1_000_000, bytes: 1 }, { level: 0, closes: false }, LIMITS), SETTLED)
    assert.equal(levelAfter({ rows: 10, bytes: 1 << 27 }, { level: 0, closes: false }, LIMITS), SETTLED)
    assert.equal(levelAfter({ rows: 100_000, bytes: 1 }, at, LIMITS), SETTLED)
    assert.equal(levelAfter({ rows: 99_999, bytes: 1 }, at, LIMITS), 1)
    assert.equal(levelAfter({ rows: 99_999, bytes: 1 }, { level: 0, closes: false }, LIMITS), 0)
    assert.equal(levelAfter({ rows: 1, bytes: 1 }, { level: 4, closes: true }, LIMITS), 4)
  })
})

describe('cutting a wide span', () => {
  const hours = fc
    .uniqueArray(fc.tuple(fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 1, max: 150_000 })), {
      selector: ([hour]) => hour,
      maxLength: 60,
    })
    .map((list) =>
      list.sort(([a], [b]) => a - b).map(([hour, rows]) => ({ start: BigInt(hour) * 3600n, rows })),
    )

  test('puts every row into exactly one file, whole hours at a time', () => {
    fc.assert(
      fc.property(hours, fc.integer({ min: 0, max: 4 }), (list, level) => {
        const cuts = cutSpan(list, level, 100_000)
        for (const { start, rows } of list) {
          const homes = cuts.filter(({ ranges }) =>
            ranges.some(({ from, to }) => start >= from && start < to),
          )
          assert.equal(homes.length, 1, `${start} with ${rows}`)
        }
        const total = list.reduce((sum, { rows }) => sum + rows, 0)
        assert.equal(
          cuts.reduce((sum, { rows }) => sum + rows, 0),
          total,
        )
      }),
    )
  })

  test('gives a busy hour a file of its own and a few rows over years one together', () => {
    const sparse = Array.from({ length: 50 }, (_, i) => ({ start: BigInt(i) * 2_000_000n * 3600n, rows: 3 }))
    const busy = { start: 3600n, rows: 100_000 }
    const cuts = cutSpan([sparse[0]!, busy, ...sparse.slice(1)], 4, 100_000)
    assert.deepEqual(
      cuts.map(({ rows, level }) => [rows, level]).sort(),
      [
        [100_000, 0],
        [150, 4],
      ].sort(),
    )
  })
})

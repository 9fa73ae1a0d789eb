import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encode } from '@msgpack/msgpack'
import fc from 'fast-check'
import { createTableBatch, sortByTime, wholeValues } from './index.ts'
import { cellsByName, cellsOf } from './testing.ts'

const pack = (record: unknown): Buffer => Buffer.from(encode(record))
const finish = (records: unknown[]) => {
  const batch = createTableBatch({ known: [] })
  batch.addImport(Buffer.concat(records.map(pack)), { receivedAtSeconds: 0 })
  return batch.finish()
}
/** The rows as objects, in the order of the file. */
const rowsOf = (finished: ReturnType<typeof finish>) => {
  const cells = cellsByName(finished)
  return cellsOf(finished.columns[0]!, finished.rows).map((time, row) => ({
    time,
    ...Object.fromEntries(Object.entries(cells).map(([name, values]) => [name, values[row]])),
  }))
}

describe('rows in the order of their time', () => {
  test('are the same rows, those of one second as they came', () => {
    const record = fc.record(
      {
        time: fc.integer({ min: 0, max: 20 }),
        n: fc.integer(),
        x: fc.double({ noNaN: true, noDefaultInfinity: true }),
        s: fc.string(),
        nested: fc.array(fc.integer(), { maxLength: 2 }),
      },
      { requiredKeys: ['time'] },
    )
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 30 }), (records) => {
        const finished = finish(records)
        const expected = rowsOf(finished)
          .map((row, i) => ({ row, i }))
          .sort((a, b) => Number(a.row.time) - Number(b.row.time) || a.i - b.i)
          .map(({ row }) => row)
        assert.deepEqual(rowsOf(sortByTime(finished)), expected)
      }),
      { numRuns: 200 },
    )
  })

  test('cost nothing when they are in order already', () => {
    const finished = finish([{ time: 1 }, { time: 1 }, { time: 9 }])
    assert.equal(sortByTime(finished), finished)
  })
})

describe('the whole values at the start of a piece', () => {
  const records = [{ time: 1, a: 'x'.repeat(40) }, { time: 2, list: [1, { b: null }] }, { time: 3 }].map(pack)
  const all = Buffer.concat(records)

  test('end where a record does, wherever the piece was cut', () => {
    const ends = records.map((_, i) => Buffer.concat(records.slice(0, i + 1)).length)
    for (let cut = 0; cut <= all.length; cut++) {
      const last = ends.filter((end) => end <= cut).at(-1) ?? 0
      assert.deepEqual(wholeValues(all.subarray(0, cut)), { length: last, broken: false }, `cut at ${cut}`)
    }
  })

  test('end before a byte that is no MessagePack', () => {
    assert.deepEqual(wholeValues(Buffer.concat([records[0]!, Buffer.from([0xc1])])), {
      length: records[0]!.length,
      broken: true,
    })
  })
})

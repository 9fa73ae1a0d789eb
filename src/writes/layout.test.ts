import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { layOut } from './layout.ts'

const HOUR = 3600n
const hours = (...rows: number[]) => rows.map((count, i) => ({ start: BigInt(i) * HOUR, rows: count }))
const cut = (given: ReturnType<typeof hours>, mostRows = 1000) =>
  layOut(given, { leastRows: 100, mostRows }).map(({ ranges, rows, window }) => [
    ranges.map(({ from, to }) => `${from / HOUR}-${to / HOUR}`).join(' '),
    rows,
    ...(window === undefined ? [] : [window.from, window.to]),
  ])

describe('the layout of new rows', () => {
  test('gives an hour with rows enough a file of its own, the rest share one', () => {
    assert.deepEqual(cut(hours(200, 5, 300, 7)), [
      ['0-1', 200],
      ['2-3', 300],
      ['1-2 3-4', 12],
    ])
  })

  test('cuts what is too large at whole hours, and an hour that is too large by its rows', () => {
    assert.deepEqual(cut(hours(60, 60, 60), 100), [
      ['0-1', 60],
      ['1-2', 60],
      ['2-3', 60],
    ])
    assert.deepEqual(cut(hours(10, 250, 10), 100), [
      ['1-2', 83, 10, 93],
      ['1-2', 83, 93, 176],
      ['1-2', 84, 176, 260],
      ['0-1 2-3', 20],
    ])
  })

  test('takes every row once, however they lie', () => {
    let state = 1
    const random = (below: number) => {
      state = (state * 48_271) % 2_147_483_647
      return state % below
    }
    for (let run = 0; run < 200; run++) {
      const given = Array.from({ length: 1 + random(60) }, (_, i) => ({
        start: (BigInt(i * 40 + random(40)) - 600n) * HOUR,
        rows: 1 + random(random(4) === 0 ? 900 : 60),
      }))
      const files = layOut(given, { leastRows: 100, mostRows: 250 })
      for (const { rows } of files) assert.ok(rows <= 250)
      for (const { start, rows } of given) {
        const mine = files.filter(({ ranges }) => ranges.some(({ from, to }) => start >= from && start < to))
        if (mine.length === 1) continue
        assert.equal(
          mine.reduce((sum, file) => sum + file.rows, 0),
          rows,
        )
        const windows = mine.map(({ window }) => window!)
        for (const [i, { from }] of windows.entries()) assert.equal(from, i === 0 ? from : windows[i - 1]!.to)
      }
      const total = (list: { rows: number }[]) => list.reduce((sum, { rows }) => sum + rows, 0)
      assert.equal(total(files), total(given))
    }
  })
})

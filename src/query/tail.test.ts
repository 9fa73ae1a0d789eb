import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { SnapshotChunk } from '../snapshot/index.ts'
import { newest } from './tail.ts'

const chunk = (timeMin: number, timeMax: number, rows: number): SnapshotChunk => ({
  id: BigInt(timeMin * 1000 + timeMax),
  tableId: 1n,
  timeMin: BigInt(timeMin),
  timeMax: BigInt(timeMax),
  rows,
  bytes: 1,
  path: `${timeMin}-${timeMax}`,
  columns: {},
})
const paths = (chunks: SnapshotChunk[], count: number) => newest(chunks, count).map(({ path }) => path)

describe('the chunks that may hold the newest rows', () => {
  test('are the last ones, as many as hold enough rows', () => {
    assert.deepEqual(paths([chunk(0, 9, 5), chunk(10, 19, 5), chunk(20, 29, 5)], 7), ['20-29', '10-19'])
  })
  test('include one that overlaps them although it ends earlier', () => {
    assert.deepEqual(paths([chunk(0, 25, 5), chunk(20, 29, 10)], 7), ['20-29', '0-25'])
  })
  test('are all when there are not enough rows, and none of none', () => {
    assert.equal(paths([chunk(0, 1, 1), chunk(2, 3, 1)], 7).length, 2)
    assert.deepEqual(paths([], 7), [])
  })
})

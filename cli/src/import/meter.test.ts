import assert from 'node:assert/strict'
import { test } from 'node:test'
import { meterText } from './meter.ts'

test('the meter says share, time left, rows, rate and size, the most important first', () => {
  const tally = { rows: 1_234_567, bytes: 42e6, rejected: 3 }
  assert.equal(
    meterText(tally, { name: 'orders.csv', totalBytes: 100e6, elapsedMs: 4_000, since: 2e6 }),
    'orders.csv ███████░░░░░░░░░ 42 %  0:06 left  1,234,567 rows  3 refused  10.0 MB/s  of 100.0 MB',
  )
  assert.equal(
    meterText(
      { ...tally, rejected: 0 },
      { name: 'standard input', totalBytes: undefined, elapsedMs: 0, since: 0 },
    ),
    'standard input  1,234,567 rows  42.0 MB',
  )
})

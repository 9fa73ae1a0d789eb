import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRegistry } from '../kernel/index.ts'
import { loadMetrics } from './metrics.ts'
import type { BuiltBatch } from './types.ts'

const START_MS = Date.parse('2026-03-11T18:00:00Z')

function create() {
  let nowMs = START_MS
  const registry = createRegistry('loader-0')
  const metrics = loadMetrics(registry, () => new Date(nowMs))
  const batch = { chunks: [], errors: [], rows: 0, repeatedPayloads: 0, repeatedEvents: 0, counters: {} }
  return {
    metrics,
    pass: (ms: number) => {
      nowMs += ms
    },
    /** Table → age of its oldest request, in milliseconds. */
    commit(ages: Record<string, number>) {
      const oldest = new Map(Object.entries(ages).map(([table, ageMs]) => [table, nowMs - ageMs]))
      metrics.committed({ ...batch, oldest } as unknown as BuiltBatch, {
        seconds: 0,
        commitSeconds: 0,
        oldestSeconds: 0,
        nowMs,
      })
    },
    series: async () =>
      [...(await registry.metrics()).matchAll(/^millrace_load_table_delay_seconds\{table="([^"]+)"/gm)].map(
        ([, table]) => table!,
      ),
  }
}

test('the delay of a table is that of its last commit, for an hour', () => {
  const { metrics, commit, pass } = create()
  commit({ 'a.slow': 5_000, 'a.fast': 100 })
  pass(1_000)
  commit({ 'a.slow': 2_000 })
  assert.deepEqual(metrics.delays(10), [
    { table: 'a.slow', delaySeconds: 2, committedAtMs: START_MS + 1_000 },
    { table: 'a.fast', delaySeconds: 0.1, committedAtMs: START_MS },
  ])
  pass(3_599_000)
  assert.deepEqual(
    metrics.delays(10).map(({ table }) => table),
    ['a.slow'],
  )
  pass(1_000)
  assert.deepEqual(metrics.delays(10), [])
})

test('of ten thousand tables the hundred most delayed have a series', async () => {
  const { commit, series, metrics } = create()
  commit(Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`a.t${n}`, n])))
  const found = await series()
  assert.equal(found.length, 100)
  assert.deepEqual([found[0], found[99]], ['a.t9999', 'a.t9900'])
  assert.equal(metrics.delays(20_000).length, 10_000)
})

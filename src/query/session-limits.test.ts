import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EngineLimits } from './engine/index.ts'
import { narrowedLimits } from './session-limits.ts'
import { propertyMatters, setSessionText } from './session-properties.ts'

describe('the limits of a script', () => {
  const LIMITS: EngineLimits = {
    memoryBytes: 1,
    threads: 1,
    cpuSeconds: 1000,
    wallSeconds: 1000,
    tempBytes: 1,
    resultBytes: 1,
    writeBytes: 1,
  }
  const cases: [text: string, wallSeconds: number, cpuSeconds: number][] = [
    ['SELECT 1', 1000, 1000],
    [`SET SESSION query_max_run_time = '1.5m'; SELECT 1`, 90, 1000],
    [
      `SET SESSION QUERY_MAX_RUN_TIME = '20s'; SET SESSION query_max_execution_time = '500ms'; SELECT 1`,
      0.5,
      1000,
    ],
    [`SET SESSION query_max_cpu_time = '1h'; SET SESSION query_max_cpu_time = '7s'; SELECT 1`, 1000, 7],
    [`SET SESSION query_max_run_time = '1d'; SELECT 1`, 1000, 1000],
    [`SET SESSION query_max_run_time = '1s'; RESET SESSION query_max_run_time; SELECT 1`, 1000, 1000],
    [`SET SESSION query_max_run_time = 'soon'; SELECT 1`, 1000, 1000],
    [`SET SESSION query_max_run_time = '1s'; SELEC 1`, 1000, 1000],
  ]
  for (const [text, wallSeconds, cpuSeconds] of cases)
    test(`are narrowed by ${text}`, () =>
      assert.deepEqual(narrowedLimits(LIMITS, text), { ...LIMITS, wallSeconds, cpuSeconds }))
})

describe('a property that a client says in a header', () => {
  const cases: [name: string, text: string, statement: string, matters: boolean][] = [
    ['query_max_run_time', '1h', `SET SESSION "query_max_run_time" = '1h'`, true],
    ['task_concurrency', '8', 'SET SESSION "task_concurrency" = 8', false],
    ['task_concurrency', 'many', `SET SESSION "task_concurrency" = 'many'`, true],
    ['Enable_Dynamic_Filtering', 'TRUE', 'SET SESSION "Enable_Dynamic_Filtering" = true', false],
    ['join_distribution_type', 'broadcast', `SET SESSION "join_distribution_type" = 'broadcast'`, false],
    [
      'filter_conjunction_independence_factor',
      '.5',
      'SET SESSION "filter_conjunction_independence_factor" = 5e-1',
      false,
    ],
    ['td-presto.no"pe', `it's`, `SET SESSION "td-presto"."no""pe" = 'it''s'`, true],
  ]
  for (const [name, text, statement, matters] of cases)
    test(`${name}=${text}`, () =>
      assert.deepEqual([setSessionText(name, text), propertyMatters(name, text)], [statement, matters]))
})

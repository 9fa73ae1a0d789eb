import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog, systemClock } from '../kernel/index.ts'
import type { Runner, RunReport } from './runner.ts'
import { startJob } from './running-job.ts'
import type { Job } from './types.ts'

const JOB = {
  id: 1n,
  attempt: 1,
  type: 'presto',
  log: '',
  createdAt: new Date(0),
  scheduledAt: null,
} as unknown as Job

test('the progress of a job never goes back, and says 100 only when the end is stored', async () => {
  const reported = Promise.withResolvers<RunReport>()
  const finished = Promise.withResolvers<void>()
  const runner: Runner = {
    types: ['presto'],
    async run(_, report) {
      reported.resolve(report)
      await finished.promise
      return { kind: 'error', name: 'GENERIC_USER_ERROR', message: 'over', retryable: false }
    },
  }
  const running = startJob(JOB, runner, { clock: systemClock, log: silentLog })
  const report = await reported.promise
  const seen = [running.percent()]
  for (const percent of [10, 4, 35.5, -1, 100, 99.5, 60]) {
    report.progress(percent)
    seen.push(running.percent())
  }
  finished.resolve()
  await running.ended
  assert.deepEqual(seen, [null, 10, 10, 35.5, 35.5, 99, 99, 99])
})

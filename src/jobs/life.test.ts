import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { advance, isFinished, JOB_STATUSES, JOB_STEPS, LIFE, stepOfEnd } from './life.ts'

describe('the life of a job', () => {
  test('ends for good: nothing leads out of success, error or killed', () => {
    for (const status of JOB_STATUSES.filter(isFinished)) {
      assert.deepEqual(LIFE[status], {})
      for (const step of JOB_STEPS)
        assert.throws(() => advance(status, step), { code: 'step_refused', status: 409 })
    }
  })

  test('knows an answer to every way an attempt can end while it is not finished', () => {
    for (const status of JOB_STATUSES.filter((one) => !isFinished(one))) {
      for (const step of ['succeed', 'fail', 'die', 'requeue'] as const) assert.ok(LIFE[status][step])
    }
  })

  test('is claimed only from the queue', () => {
    assert.deepEqual(
      JOB_STATUSES.filter((status) => LIFE[status].claim !== undefined),
      ['queued'],
    )
  })

  test('reaches killed only by a kill, and success only by succeeding', () => {
    for (const status of JOB_STATUSES) {
      for (const step of JOB_STEPS) {
        const next = LIFE[status][step]
        if (next === 'killed') assert.ok(step === 'die' || step === 'ask_kill')
        if (next === 'success') assert.equal(step, 'succeed')
      }
    }
  })

  test('ends killed once somebody asked for it, however the attempt ended', () => {
    const ends = [
      { kind: 'success' },
      { kind: 'killed' },
      { kind: 'error', retryable: true },
      { kind: 'error', retryable: false },
    ] as const
    for (const end of ends) assert.equal(stepOfEnd(end, { killRequested: true, retriesLeft: true }), 'die')
  })

  test('goes back into the queue only for an error that may pass, with retries left', () => {
    const steps = [true, false].flatMap((retryable) =>
      [true, false].map((retriesLeft) =>
        stepOfEnd({ kind: 'error', retryable }, { killRequested: false, retriesLeft }),
      ),
    )
    assert.deepEqual(steps, ['requeue', 'fail', 'fail', 'fail'])
  })
})

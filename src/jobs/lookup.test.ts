import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { endFromJson, endToJson, jobFromRow, queuedJob, rowFromJob } from './row.ts'
import { aJob } from './testing.ts'
import type { EndRecord, Job, JobEnd } from './types.ts'
import { withEnd } from './with-end.ts'

const at = (second: number) => new Date(Date.UTC(2026, 10, 22, 12, 0, second))
const running: Job = { ...queuedJob(5n, aJob(), at(0)), status: 'running', attempt: 2, startAt: at(1) }
const SUCCESS: JobEnd = {
  kind: 'success',
  cpuMs: 12,
  result: { path: 'r/5', rows: 3n, bytes: 40n, schema: [['n', 'bigint']] },
}
const ended = (end: JobEnd, change: Partial<EndRecord> = {}) => ({
  job: running,
  end: { id: 5n, attempt: 2, endAt: at(9), log: 'done\n', end, ...change },
})

describe('what is told of a job whose end has not reached the main database', () => {
  test('is its true end, with its result and log', () => {
    const job = withEnd(running, ended(SUCCESS))
    assert.deepEqual(
      [job.status, job.endAt, job.resultPath, job.resultBytes, job.log, job.cpuMs],
      ['success', at(9), 'r/5', 40n, 'done\n', 12n],
    )
  })

  test('is its error, and its message', () => {
    const end: JobEnd = { kind: 'error', cpuMs: null, name: 'SYNTAX_ERROR', message: 'no', retryable: false }
    const job = withEnd(running, ended(end))
    assert.deepEqual([job.status, job.errorName, job.errorMessage], ['error', 'SYNTAX_ERROR', 'no'])
  })

  test('is that it waits again, when it failed and has retries left', () => {
    const end: JobEnd = { kind: 'error', cpuMs: null, name: 'ENGINE_LOST', message: 'gone', retryable: true }
    const job = withEnd({ ...running, retryLimit: 2 }, ended(end))
    assert.deepEqual([job.status, job.startAt, job.errorName], ['queued', null, null])
  })

  test('is killed for a job that was asked to die, whatever its attempt did', () => {
    const job = withEnd({ ...running, killRequested: true }, ended(SUCCESS))
    assert.deepEqual([job.status, job.resultPath], ['killed', null])
  })

  test('is nothing new when the end is of an earlier attempt, or the job is known to have ended', () => {
    assert.equal(withEnd(running, ended(SUCCESS, { attempt: 1 })), running)
    const killed: Job = { ...running, status: 'killed' }
    assert.equal(withEnd(killed, ended(SUCCESS)), killed)
    assert.equal(withEnd(running, undefined), running)
  })
})

describe('a job written down', () => {
  test('reads back as it was', () => {
    const job = withEnd({ ...running, scheduleId: 3n, scheduledAt: at(0), domainKey: 'k' }, ended(SUCCESS))
    assert.deepEqual(jobFromRow(JSON.parse(JSON.stringify(rowFromJob(job)))), job)
  })

  test('has an end that reads back as it was', () => {
    const ends: JobEnd[] = [
      SUCCESS,
      { kind: 'success', cpuMs: null, result: null },
      { kind: 'error', cpuMs: 1, name: 'N', message: 'm', retryable: true },
      { kind: 'killed', cpuMs: null },
    ]
    for (const end of ends) {
      const record = ended(end).end
      assert.deepEqual(endFromJson(JSON.parse(JSON.stringify(endToJson(record)))), record)
    }
  })
})

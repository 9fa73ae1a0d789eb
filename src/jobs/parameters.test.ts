import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { instantOf, issueParameters, jobIdOf } from './parameters.ts'

describe('the parameters of a new job', () => {
  const least = { type: 'presto', db: 'shop', query: 'SELECT 1' }

  test('have defaults where nothing, or nothing but emptiness, was sent', () => {
    const empty = {
      priority: '',
      retry_limit: '',
      result: '',
      domain_key: '',
      engine_version: '',
      pool_name: '',
    }
    assert.deepEqual(issueParameters({ ...least, ...empty }), {
      type: 'presto',
      database: 'shop',
      query: 'SELECT 1',
      priority: 0,
      retryLimit: 0,
      poolName: null,
      engineVersion: null,
      domainKey: null,
      scheduledAt: null,
    })
  })

  test('may come without a database', () => {
    assert.equal(issueParameters({ ...least, db: '' }).database, '')
  })

  const refused: [what: string, change: Record<string, unknown>, code: string, status: number][] = [
    ['a type no engine runs', { type: 'hive' }, 'type_not_offered', 400],
    ['a result URL', { result: 'mysql://h/db/t' }, 'output_not_offered', 400],
    ['a result connection', { result_connection_id: 17 }, 'output_not_offered', 400],
    ['no query', { query: '' }, 'query_missing', 422],
    ['more text than a query may have', { query: ' '.repeat(10_000_000) }, 'query_too_long', 422],
    ['a priority out of range', { priority: '3' }, 'bad_request', 400],
    ['too many retries', { retry_limit: '33' }, 'bad_request', 400],
    ['a scheduled time that is none', { scheduled_time: 'tomorrow' }, 'bad_request', 400],
  ]
  for (const [what, change, code, status] of refused) {
    test(`are refused with ${what}`, () => {
      assert.throws(() => issueParameters({ ...least, ...change }), { code, status, advice: 'final' })
    })
  }

  test('name a time in unix seconds or as ISO text, in any zone', () => {
    const same = [
      '1714555800',
      '2024-05-01T09:30:00Z',
      '2024-05-01 09:30:00 UTC',
      '2024-05-01 18:30:00 +0900',
      '2024-05-01T09:30',
    ]
    for (const text of same) {
      assert.equal(instantOf({ t: text }, 't')?.toISOString(), '2024-05-01T09:30:00.000Z', text)
    }
    assert.equal(instantOf({ t: 1714555800 }, 't')?.toISOString(), '2024-05-01T09:30:00.000Z')
    assert.throws(() => instantOf({ t: '2024-13-45T09:30:00Z' }, 't'), { code: 'bad_request' })
  })

  test('with a job number that cannot be one are about a job that does not exist', () => {
    assert.equal(jobIdOf({ id: '19' }), 19n)
    assert.equal(jobIdOf({ id: '19.json' }), 19n)
    for (const id of ['x/y', '', '-1', '99999999999999999999']) {
      assert.throws(() => jobIdOf({ id }), { code: 'job_unknown', status: 404 })
    }
  })
})

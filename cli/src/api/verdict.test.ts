import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { verdictOf } from './verdict.ts'

const NOW = Date.parse('2026-11-22T12:00:00Z')
const body = (code: string, more = {}) =>
  JSON.stringify({ error: 'text', message: 'text', error_code: code, ...more })

describe('the verdict on an answer', () => {
  test('is later, nothing was changed, for what a Millrace refuses by a code of its own', () => {
    assert.deepEqual(verdictOf(503, { 'retry-after': '7' }, body('database_away'), NOW), {
      kind: 'later',
      reason: 'text',
      retryAfterMs: 7_000,
      untilMs: undefined,
    })
  })
  test('is unclear where a 5xx says nothing about the effect', () => {
    for (const [status, text] of [
      [503, body('core_away')],
      [503, body('write_outcome_unknown')],
      [500, body('internal')],
      [502, '<html>Bad Gateway</html>'],
      [503, '{"error":"maintenance"}'],
    ] as [number, string][])
      assert.equal(verdictOf(status, {}, text, NOW).kind, 'unclear', text)
  })
  test('is refused for every other 4xx, with the words of whatever server it is', () => {
    for (const text of ['{"message":"no"}', '{"error":"no"}', '{"text":"no"}', 'no\nmore']) {
      const verdict = verdictOf(422, {}, text, NOW)
      assert.equal(verdict.kind === 'refused' && verdict.error.message, 'no')
    }
    assert.equal(verdictOf(429, {}, '', NOW).kind, 'later')
  })
  test('knows when a maintenance was announced to end, and Retry-After as a date', () => {
    const until = '2026-11-22T12:10:00Z'
    const announced = {
      'x-maintenance': `id=abc; phase=operating; until=${until}`,
      'retry-after': 'Sun, 22 Nov 2026 12:00:30 GMT',
    }
    for (const verdict of [
      verdictOf(503, announced, body('database_away'), NOW),
      verdictOf(503, { 'retry-after': '30' }, body('database_away', { details: { until } }), NOW),
    ]) {
      assert.ok(verdict.kind === 'later')
      assert.equal(verdict.untilMs, Date.parse(until))
      assert.equal(verdict.retryAfterMs, 30_000)
    }
  })
})

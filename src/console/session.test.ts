import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { cookieOf, csrfToken, isCsrfToken, openSession, sealSession } from './session.ts'

const key = Buffer.alloc(32, 7)
const session = {
  accountId: 1n,
  userId: 42n,
  id: 'ab'.repeat(16),
  passwordMark: 'cd'.repeat(8),
  endsAtMs: 2_000,
}

describe('a console session', () => {
  test('is read back from its cookie without any database', () => {
    assert.deepEqual(openSession(sealSession(session, key), key, 1_999), session)
  })
  test('has ended at its end', () => {
    assert.equal(openSession(sealSession(session, key), key, 2_000), undefined)
  })
  test('of another key, another user or a changed end is not ours', () => {
    const sealed = sealSession(session, key)
    assert.equal(openSession(sealed, Buffer.alloc(32, 8), 0), undefined)
    assert.equal(openSession(sealed.replace('.42.', '.43.'), key, 0), undefined)
    assert.equal(openSession(sealed.replace('.2000.', '.9000.'), key, 0), undefined)
    assert.equal(openSession('nonsense', key, 0), undefined)
  })
  test('has a token of its own for changes', () => {
    const sealed = sealSession(session, key)
    assert.ok(isCsrfToken(csrfToken(sealed, key), sealed, key))
    assert.ok(!isCsrfToken(csrfToken(`${sealed}x`, key), sealed, key))
    assert.ok(!isCsrfToken(undefined, sealed, key))
  })
  test('is found among other cookies', () => {
    assert.equal(cookieOf('a=1; millrace_session=xyz; b=2', 'millrace_session'), 'xyz')
    assert.equal(cookieOf(undefined, 'millrace_session'), undefined)
  })
})

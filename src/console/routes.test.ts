import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { createApp, httpErrors, type Principal } from '../kernel/http/index.ts'
import { randomIds, silentLog, systemClock } from '../kernel/index.ts'
import { type ConsoleDeps, consoleRoutes, openEndedSessions, withConsoleSessions } from './index.ts'

const ANN: Principal = {
  accountId: 1n,
  userId: 2n,
  keyId: 3n,
  keyKind: 'master',
  role: 'owner',
  userName: 'Ann',
  email: 'ann@example.com',
}
type Signed = { cookie: string; csrf: string }

describe('signing in and out of the console', () => {
  let dataDir: string
  let app: FastifyInstance
  let seenAddress: string
  let passwordHash: string
  /** What core is after a restart: everything again, from the data directory. */
  const startCore = () => {
    const deps: ConsoleDeps = {
      clock: systemClock,
      ids: randomIds,
      sessionKey: Buffer.alloc(32, 7),
      endedSessions: openEndedSessions({ dataDir, clock: systemClock }),
      async signIn(credentials, { address }) {
        seenAddress = address
        if ('apikey' in credentials || credentials.password !== 'right') throw httpErrors.failed_to_login()
        return ANN
      },
      passwordHashOf: () => passwordHash,
      findPrincipal: async () => ({ kind: 'found', value: ANN }),
      mode: () => ({ mode: 'away', reason: 'a test' }),
    }
    const trustsProxy = (address: string) => address === '10.0.0.1'
    app = createApp({
      log: silentLog,
      authenticate: withConsoleSessions(async () => ANN, deps),
      trustsProxy,
    })
    consoleRoutes(app, deps)
    app.get('/v3/anything', async () => ({ served: true }))
  }
  beforeEach(() => {
    passwordHash = 'of the first password'
    dataDir = mkdtempSync(join(tmpdir(), 'millrace-console-'))
    startCore()
  })
  afterEach(async () => {
    await app.close()
    rmSync(dataDir, { recursive: true })
  })

  const signIn = async (headers = {}): Promise<Signed> => {
    const answer = await app.inject({
      method: 'POST',
      url: '/app/session',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      payload: 'user=ann&password=right',
    })
    assert.equal(answer.statusCode, 200)
    return { cookie: String(answer.headers['set-cookie']).split(';')[0]!, csrf: answer.json().csrf }
  }
  const signOut = ({ cookie, csrf }: Signed) =>
    app.inject({ method: 'DELETE', url: '/app/session', headers: { cookie, 'x-millrace-csrf': csrf } })
  const statusWith = async ({ cookie }: Signed) =>
    (await app.inject({ url: '/v3/anything', headers: { cookie } })).statusCode
  const userSeenWith = async ({ cookie }: Signed) =>
    (await app.inject({ url: '/app/session', headers: { cookie } })).json().user

  test('a copy of the cookie is worth nothing after signing out, also after a restart of core', async () => {
    const signed = await signIn()
    assert.equal(await statusWith(signed), 200)
    assert.equal((await signOut(signed)).statusCode, 200)
    for (const restart of [() => undefined, startCore]) {
      restart()
      assert.equal(await statusWith(signed), 401)
      assert.equal(await userSeenWith(signed), null)
    }
  })

  test('signing out ends this session and no other of the same person', async () => {
    const [here, there] = [await signIn(), await signIn()]
    await signOut(here)
    assert.equal(await statusWith(there), 200)
  })

  test('a session ends with the password it began under', async () => {
    const signed = await signIn()
    passwordHash = 'of another password'
    assert.equal(await statusWith(signed), 401)
    assert.equal(await userSeenWith(signed), null)
    assert.equal(await statusWith(await signIn()), 200)
  })

  test('signing out needs the token of the page, and may be repeated', async () => {
    const signed = await signIn()
    assert.equal((await signOut({ ...signed, csrf: 'x' })).statusCode, 403)
    assert.equal(await statusWith(signed), 200)
    await signOut(signed)
    assert.equal((await signOut(signed)).statusCode, 200)
  })

  test('the address that signs in is the first one no trusted proxy vouches for', async () => {
    await signIn({ 'x-forwarded-for': '198.51.100.7' })
    assert.equal(seenAddress, '198.51.100.7')
    await signIn({ 'x-forwarded-for': '203.0.113.5, 198.51.100.7, 10.0.0.1' })
    assert.equal(seenAddress, '198.51.100.7')
    await signIn({ 'x-forwarded-for': '10.0.0.1, 198.51.100.7' })
    assert.equal(seenAddress, '198.51.100.7')
  })
})

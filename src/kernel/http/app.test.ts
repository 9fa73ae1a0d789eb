import assert from 'node:assert/strict'
import net, { type AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { silentLog } from '../log.ts'
import { createApp, type Principal } from './app.ts'
import { httpErrors } from './errors.ts'

const ANN: Principal = {
  accountId: 1n,
  userId: 2n,
  keyId: 3n,
  keyKind: 'master',
  role: 'owner',
  userName: 'Ann',
  email: 'ann@example.com',
}
const BODY_BYTES = 32 * 1024 * 1024

describe('a request with a body', () => {
  let app: FastifyInstance
  let port: number

  before(async () => {
    app = createApp({
      log: silentLog,
      authenticate: async ({ headers }) => {
        if (headers.authorization === 'TD1 away') throw httpErrors.internal('the key cannot be looked up')
        if (headers.authorization === 'TD1 writer') return { ...ANN, keyKind: 'write-only' }
        if (headers.authorization !== 'TD1 ann') throw httpErrors.failed_to_login()
        return ANN
      },
    })
    const echo = async ({ parameters }: { parameters: Record<string, unknown> }) => parameters
    app.post('/v3/things', echo)
    app.post('/v3/sign_in', { config: { public: true } }, echo)
    await app.listen({ port: 0, host: '127.0.0.1' })
    port = (app.server.address() as AddressInfo).port
  })
  after(() => app.close())

  /** Sends the head of a POST, none of the body it announces, and returns what is answered to that. */
  const answerToHead = (path: string, headers: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1')
      socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n`)
      socket.setTimeout(5000, () => socket.destroy(new Error('no answer to the head alone')))
      socket.once('error', reject)
      socket.once('data', (bytes) => {
        socket.destroy()
        resolve(bytes.toString())
      })
    })

  const refusals: [string, string, string, RegExp][] = [
    [
      'an unknown key',
      '/v3/things',
      'Authorization: TD1 nobody',
      /^HTTP\/1.1 401 .*"error":"Failed to Login"/s,
    ],
    ['no key at all', '/v3/things', 'Accept: */*', /^HTTP\/1.1 401 .*"error_code":"failed_to_login"/s],
    [
      'a key that only writes',
      '/v3/things',
      'Authorization: TD1 writer',
      /^HTTP\/1.1 403 .*"not_authorized"/s,
    ],
    ['a key nobody can check now', '/v3/things', 'Authorization: TD1 away', /^HTTP\/1.1 500 .*"internal"/s],
    ['a path that is not there', '/v3/nothing', 'Authorization: TD1 ann', /^HTTP\/1.1 404 .*"path_unknown"/s],
  ]
  for (const [who, path, headers, expected] of refusals) {
    for (const [sent, length] of [
      ['announced', `Content-Length: ${BODY_BYTES}`],
      ['chunked', 'Transfer-Encoding: chunked'],
    ]) {
      test(`from ${who} is refused before its ${sent} body is read`, async () => {
        assert.match(await answerToHead(path, `${headers}\r\n${length}`), expected)
      })
    }
  }

  test('from a good key may have 32 MiB', async () => {
    const url = `http://127.0.0.1:${port}/v3/things`
    const send = (body: string) =>
      fetch(url, {
        method: 'POST',
        body,
        headers: { authorization: 'TD1 ann', 'content-type': 'application/json' },
      })
    const text = 'x'.repeat(BODY_BYTES - 100)
    assert.deepEqual(await (await send(JSON.stringify({ text }))).json(), { text })
    const refused = await answerToHead(
      '/v3/things',
      `Authorization: TD1 ann\r\nContent-Length: ${BODY_BYTES + 1}`,
    )
    assert.match(refused, /^HTTP\/1.1 413 .*"error_code":"body_too_large"/s)
  })

  test('that needs no key may have 64 KiB', async () => {
    const sent = (value: string) => ({
      method: 'POST',
      body: new URLSearchParams({ value }),
    })
    const url = `http://127.0.0.1:${port}/v3/sign_in`
    const value = 'x'.repeat(60_000)
    assert.deepEqual(await (await fetch(url, sent(value))).json(), { value })
    const refused = await fetch(url, sent('x'.repeat(70_000)))
    assert.equal(refused.status, 413)
    assert.equal(((await refused.json()) as { error_code: string }).error_code, 'body_too_large')
    assert.match(
      await answerToHead('/v3/sign_in', `Content-Length: ${BODY_BYTES}`),
      /^HTTP\/1.1 413 .*"body_too_large"/s,
    )
  })

  test('that was refused leaves the connection usable: its body is thrown away as it comes', async () => {
    const text = await new Promise<string>((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1')
      const body = Buffer.alloc(1_000_000, 'x')
      socket.write(`POST /v3/things HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`)
      socket.write(body)
      socket.write(
        'POST /v3/things?a=1 HTTP/1.1\r\nHost: x\r\nAuthorization: TD1 ann\r\nConnection: close\r\n\r\n',
      )
      let all = ''
      socket.on('data', (bytes) => {
        all += bytes
      })
      socket.once('error', reject)
      socket.once('close', () => resolve(all))
    })
    assert.match(text, /^HTTP\/1.1 401 .*HTTP\/1.1 200 .*\{"a":"1"\}$/s)
  })
})

describe('a request that comes too often', () => {
  test('is told so in the form of the protocol, with the time to wait, before its body is read', async () => {
    const app = createApp({
      log: silentLog,
      authenticate: async () => ANN,
      admit: ({ keyId }) => {
        if (keyId === 3n) throw httpErrors.too_many_requests('5 a second are allowed').after(2)
      },
    })
    let isReached = false
    app.post('/v3/things', async () => {
      isReached = true
      return {}
    })
    const { statusCode, headers, json } = await app.inject({ method: 'POST', url: '/v3/things', body: 'a=1' })
    await app.close()
    assert.deepEqual([statusCode, headers['retry-after'], isReached], [429, '2', false])
    const { error, message, text, status_code } = json()
    const said = 'too many requests: 5 a second are allowed'
    assert.deepEqual([error, message, text, status_code], [said, said, said, 429])
  })
})

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import http from 'node:http'
import net from 'node:net'
import { describe, test } from 'node:test'
import { systemClock } from '../kernel/index.ts'
import { readIngestSettings } from './config.ts'
import { trustedProxies } from './forwarded.ts'
import { drainServer } from './server.ts'
import { KEY, oneEvent, put, withEdge } from './testing.ts'

async function withCore(
  path: string,
  answer: http.RequestListener,
  run: (core: http.Server) => Promise<void>,
): Promise<void> {
  const core = http.createServer(answer).listen(path)
  await once(core, 'listening')
  try {
    await run(core)
  } finally {
    core.close()
    core.closeAllConnections()
  }
}

/** Sends the bytes and returns everything that comes back until the connection ends. */
async function exchange(port: number, request: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1')
  socket.write(request)
  let text = ''
  for await (const chunk of socket) text += chunk
  return text
}

describe('the edge answers itself', () => {
  test('the server status, with status 200 also during a maintenance', () =>
    withEdge({ serverStatus: () => 'maintenance' }, async ({ url }) => {
      for (const path of ['/v3/system/server_status', '//v3/system/server_status?']) {
        const response = await fetch(url + path)
        assert.equal(response.status, 200)
        assert.equal(await response.text(), '{"status":"maintenance"}')
      }
    }))

  test('GET / with a redirect to the console, unless it is the global id call of a browser', () =>
    withEdge({}, async ({ url }) => {
      const response = await fetch(url, { redirect: 'manual' })
      assert.equal(response.status, 302)
      assert.equal(response.headers.get('location'), '/app/')
      const accept = 'application/vnd.treasuredata.v1.js+json'
      const answer = (await (await fetch(url, { headers: { accept } })).json()) as { global_id: string }
      assert.match(answer.global_id, /^[0-9a-f-]{36}$/)
    }))
})

describe('every other path goes to core', () => {
  test('with method, path, body and end-to-end headers as sent, and the answer as core gave it', () =>
    withEdge({}, async ({ port, coreSocketPath }) => {
      let seen: { method?: string; url?: string; headers: string[]; body: string } | undefined
      const answer: http.RequestListener = async (request, response) => {
        let body = ''
        for await (const chunk of request) body += chunk
        seen = { method: request.method!, url: request.url!, headers: request.rawHeaders, body }
        const headers = [
          'ETag',
          '"x"',
          'Set-Cookie',
          'a=1',
          'Set-Cookie',
          'b=2',
          'Content-Length',
          '3',
          'Content-Range',
          'bytes 0-2/9',
        ]
        response.sendDate = false
        response.writeHead(206, headers).end('abc')
      }
      await withCore(coreSocketPath, answer, async () => {
        const reply = await exchange(
          port,
          'POST //v3/job/issue/presto/a%2Fb?x=%20 HTTP/1.1\r\nHost: api.example\r\nX-Odd: 1\r\nX-Odd: 2\r\n' +
            'X-Hop: secret\r\nConnection: close, X-Hop\r\nX-Forwarded-For: 6.6.6.6\r\nContent-Length: 5\r\n\r\nquery',
        )
        assert.equal(seen?.url, '//v3/job/issue/presto/a%2Fb?x=%20')
        assert.equal(seen.method, 'POST')
        assert.equal(seen.body, 'query')
        assert.deepEqual(seen.headers.slice(0, -2), [
          ...['Host', 'api.example', 'X-Odd', '1', 'X-Odd', '2', 'Content-Length', '5'],
          ...['X-Forwarded-For', '127.0.0.1', 'X-Forwarded-Proto', 'http', 'X-Forwarded-Host', 'api.example'],
        ])
        const [head, body] = reply.split('\r\n\r\n')
        assert.equal(body, 'abc')
        const lines = head!.split('\r\n')
        assert.equal(lines[0], 'HTTP/1.1 206 Partial Content')
        for (const line of ['ETag: "x"', 'Set-Cookie: a=1', 'Set-Cookie: b=2', 'Content-Length: 3'])
          assert.ok(lines.includes(line), line)
      })
    }))

  test('believing X-Forwarded-… only from a trusted proxy', () =>
    withEdge(
      { settings: readIngestSettings({ MILLRACE_TRUSTED_PROXIES: '127.0.0.0/8' }) },
      async ({ url, coreSocketPath }) => {
        const answer: http.RequestListener = ({ headers }, response) =>
          response.end(
            [headers['x-forwarded-for'], headers['x-forwarded-proto'], headers['x-forwarded-host']].join(),
          )
        await withCore(coreSocketPath, answer, async () => {
          const headers = {
            'x-forwarded-for': '203.0.113.9',
            'x-forwarded-proto': 'https',
            'x-forwarded-host': 'td.example',
          }
          const text = await (await fetch(`${url}/v3/x`, { headers })).text()
          assert.equal(text, '203.0.113.9, 127.0.0.1,https,td.example')
        })
      },
    ))

  test('a trusted proxy that is no address stops the start, naming it', () => {
    for (const entry of ['proxy.example', '10.0.0.0/99', '10.0.0.0/x']) {
      assert.throws(() => trustedProxies([entry]), { code: 'setting_invalid', message: new RegExp(entry) })
    }
  })

  test('streaming chunked bodies both ways, and HEAD without a body', () =>
    withEdge({}, async ({ url, coreSocketPath }) => {
      const echo: http.RequestListener = (request, response) => {
        if (request.method === 'HEAD') return void response.writeHead(200, { 'content-length': 12345 }).end()
        request.pipe(response)
      }
      await withCore(coreSocketPath, echo, async () => {
        const big = Buffer.alloc(5_000_000, 'x')
        const init = { method: 'POST', body: new Blob([big]).stream(), duplex: 'half' }
        const back = Buffer.from(await (await fetch(`${url}/v3/x`, init as RequestInit)).arrayBuffer())
        assert.ok(back.equals(big))
        const head = await fetch(`${url}/v3/x`, { method: 'HEAD' })
        assert.equal(head.headers.get('content-length'), '12345')
      })
    }))

  test('whose answer also reaches a client that sends everything first, when core gives it without reading the body', () =>
    withEdge({}, async ({ port, coreSocketPath }) => {
      const refuse: http.RequestListener = ({ url }, response) =>
        response.writeHead(url === '/v3/big' ? 401 : 200, { 'Content-Length': 2 }).end('ok')
      await withCore(coreSocketPath, refuse, async () => {
        const socket = net.connect(port, '127.0.0.1')
        socket.pause()
        const body = Buffer.alloc(32 * 1024 * 1024)
        socket.write(`POST /v3/big HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`)
        await new Promise((sent) => socket.write(body, sent))
        socket.write('GET /v3/next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
        let text = ''
        for await (const chunk of socket) text += chunk
        assert.match(text, /^HTTP\/1.1 401 .*ok.*HTTP\/1.1 200 .*ok$/s)
      })
    }))

  test('over connections that are kept', () =>
    withEdge({}, async ({ url, coreSocketPath }) => {
      await withCore(
        coreSocketPath,
        (request, response) => void request.pipe(response),
        async (core) => {
          let connections = 0
          core.on('connection', () => {
            connections++
          })
          for (let i = 0; i < 5; i++) {
            const response = await fetch(`${url}/v3/x`, { method: 'POST', body: `${i}` })
            assert.equal(await response.text(), `${i}`)
          }
          assert.equal(connections, 1)
        },
      )
    }))

  test('waiting while core restarts', () =>
    withEdge({}, async ({ url, coreSocketPath }) => {
      const response = fetch(`${url}/v3/x`, { method: 'POST', body: 'hello' })
      await new Promise((resolve) => setTimeout(resolve, 200))
      await withCore(
        coreSocketPath,
        (request, answer) => request.pipe(answer),
        async () => assert.equal(await (await response).text(), 'hello'),
      )
    }))

  test('and is told to come back when core stays away', () =>
    withEdge(
      { settings: readIngestSettings({ MILLRACE_INGEST_CORE_WAIT_SECONDS: '0' }) },
      async ({ url }) => {
        const response = await fetch(`${url}/v3/database/list`)
        assert.equal(response.status, 503)
        assert.equal(response.headers.get('retry-after'), '5')
        assert.equal(((await response.json()) as { error_code: string }).error_code, 'core_away')
      },
    ))

  test('and is told to come back when core ends before it has answered', () =>
    withEdge({}, async ({ url, coreSocketPath }) => {
      let requests = 0
      const die: http.RequestListener = (request) => {
        requests++
        request.socket.destroy()
      }
      await withCore(coreSocketPath, die, async () => {
        const response = await fetch(`${url}/v3/job/issue/presto/x`, { method: 'POST', body: 'query=1' })
        assert.equal(response.status, 503)
        assert.equal(requests, 1)
      })
    }))

  test('and an answer that core breaks off is broken off here, not ended', () =>
    withEdge({}, async ({ url, coreSocketPath }) => {
      const half: http.RequestListener = (_request, response) => {
        response.writeHead(200, { 'content-length': 100 })
        response.write('half')
        setTimeout(() => response.destroy(), 20)
      }
      await withCore(coreSocketPath, half, async () => {
        const response = await fetch(`${url}/v3/x`)
        await assert.rejects(response.text())
      })
    }))

  test('except imports, which need no core', () =>
    withEdge({}, async ({ url, coreSocketPath }) => {
      await rm(coreSocketPath, { force: true })
      const response = await put(`${url}/v3/table/import/harbour/boats/msgpack.gz`, oneEvent)
      assert.equal(response.status, 200)
    }))
})

describe('a draining edge', () => {
  test('takes no new connection, answers what is under way with Connection: close, and then has none left', () =>
    withEdge({}, async ({ port, server, edge, coreSocketPath }) => {
      const slow: http.RequestListener = (_request, response) =>
        void setTimeout(() => response.end('done'), 300)
      await withCore(coreSocketPath, slow, async () => {
        const underWay = exchange(port, 'GET /v3/x HTTP/1.1\r\nHost: x\r\n\r\n')
        await new Promise((resolve) => setTimeout(resolve, 50))
        const idle = net.connect(port, '127.0.0.1')
        await once(idle, 'connect')
        const settings = readIngestSettings({})
        const drained = drainServer(server, edge, { settings, clock: systemClock })
        const head = `PUT /v3/table/import/harbour/boats/msgpack.gz HTTP/1.1\r\nHost: x\r\nAuthorization: TD1 ${KEY}\r\n`
        idle.write(
          Buffer.concat([Buffer.from(`${head}Content-Length: ${oneEvent.length}\r\n\r\n`), oneEvent]),
        )
        let text = ''
        for await (const chunk of idle) text += chunk
        assert.match(text, /^HTTP\/1.1 200 /)
        assert.match(text, /Connection: close/)
        assert.match(await underWay, /Connection: close\r\n(.*\r\n)*\r\ndone$/)
        await assert.rejects(fetch(`http://127.0.0.1:${port}/v3/x`))
        await drained
      })
    }))
})

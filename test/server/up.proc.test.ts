import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { dirname } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { encode } from '@msgpack/msgpack'
import { holdSocket } from '../../src/server/listeners.ts'
import { until } from '../faults/support.ts'
import { startServer, type TestServer } from '../support/server.ts'

/** MILLRACE_TEST_CREATES=10000 is the long form. */
const creates = Number(process.env.MILLRACE_TEST_CREATES ?? 200)
const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH')
    return false
  }
}
const run = (...args: string[]) =>
  promisify(execFile)('bin/millrace', args).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
      code,
      stdout,
      stderr,
    }),
  )

const freePort = async () => {
  const socket = await holdSocket('127.0.0.1', 0)
  socket.close()
  return socket.port
}

describe('millrace up', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
  })
  after(async () => {
    await server?.stop()
    server?.remove()
  })
  const put = (path: string) =>
    fetch(`${server.url}/v3/table/import/${path}/msgpack.gz`, {
      method: 'PUT',
      headers: { authorization: `TD1 ${server.apiKey}` },
      body: new Uint8Array(gzipSync(Buffer.from(encode({ time: 1_700_000_000, n: 1 })))),
    })
  const post = (path: string) =>
    fetch(`${server.url}${path}`, { method: 'POST', headers: { authorization: `TD1 ${server.apiKey}` } })

  test('says owner, password and two keys at its first start', () => {
    const { email, password, masterKey, writeOnlyKey } = server.firstAccount
    assert.equal(email, 'owner@localhost')
    assert.ok(password.length >= 16)
    for (const key of [masterKey, writeOnlyKey]) assert.match(key, /^1\/[0-9a-f]{40}$/)
  })

  test('refuses a second start on the same data directory and names the first', async () => {
    const { code, stderr } = await run('up', '--data-dir', server.dataDir, '--port', '0', '--admin-port', '0')
    assert.equal(code, 1)
    assert.match(
      stderr,
      new RegExp(`another millrace is running on this data directory: process ${server.pid}`),
    )
  })

  test('refuses a port that is taken and ends, whichever of the two it is', async () => {
    const taken = new URL(server.url).port
    for (const [port, adminPort] of [
      [taken, '0'],
      ['0', taken],
    ]) {
      const dataDir = `${server.dataDir}/taken`
      const { code, stderr } = await run(
        ...['up', '--data-dir', dataDir, '--port', port!, '--admin-port', adminPort!],
      )
      assert.equal(code, 1)
      assert.match(stderr, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${taken}[\\s\\S]*EADDRINUSE`))
    }
  })

  test('gives a port that two starts want at the same moment to exactly one of them', async () => {
    const port = await freePort()
    const starts = ['one', 'two'].map((name) =>
      startServer({ dataDir: `${server.dataDir}/${name}`, args: ['--port', String(port)] }),
    )
    const ends = await Promise.allSettled(starts)
    const [won, lost] = [...ends].sort((a) => (a.status === 'fulfilled' ? -1 : 1))
    assert.deepEqual([won!.status, lost!.status], ['fulfilled', 'rejected'])
    const { reason } = lost as PromiseRejectedResult
    assert.match(String(reason), new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}`))
    const { value } = won as PromiseFulfilledResult<TestServer>
    assert.equal((await fetch(`${value.url}/v3/system/server_status`)).status, 200)
    await value.stop()
  })

  test('writes no key into the log, wherever a client puts it', async () => {
    const key = server.firstAccount.writeOnlyKey
    await fetch(`${server.url}/js/v3/event/a/b?api_key=${key}`)
    await fetch(`${server.url}/v3/database/list?apikey=${key}`)
    const lines = server
      .log()
      .split('\n')
      .filter((line) => !line.includes('"firstAccount"'))
    assert.ok(
      lines.some((line) => line.includes('/js/v3/event/a/b')),
      'the refusal itself is logged',
    )
    assert.equal(lines.filter((line) => line.includes(key.slice(2))).length, 0)
  })

  test('slows down guessing by the address of the connection, whatever a stranger claims to forward', async () => {
    const statuses: number[] = []
    for (let i = 0; i < 11; i++) {
      const response = await fetch(`${server.url}/v3/user/authenticate`, {
        method: 'POST',
        headers: { 'x-forwarded-for': `198.51.100.${i}` },
        body: new URLSearchParams({ user: `user${i}@example.com`, password: 'guess' }),
      })
      statuses.push(response.status)
    }
    assert.deepEqual(statuses, [...Array(10).fill(401), 429])
  })

  test('lets nobody else at its sockets', async () => {
    const { adminSocket } = JSON.parse(readFileSync(`${server.dataDir}/run.json`, 'utf8'))
    for (const path of [adminSocket, adminSocket.replace('admin.sock', 'core.sock')])
      assert.equal(statSync(path).mode & 0o077, 0, path)
  })

  test('refuses plain http beyond loopback and says what to do instead', async () => {
    const { code, stderr } = await run('up', '--host', '0.0.0.0', '--data-dir', `${server.dataDir}/other`)
    assert.equal(code, 1)
    assert.match(stderr, /refusing to serve plain http on 0\.0\.0\.0[\s\S]*--tls self-signed/)
  })

  test('refuses a data directory that a newer release has written, and leaves it as it is', async () => {
    const dataDir = `${server.dataDir}/newer`
    mkdirSync(dataDir)
    writeFileSync(`${dataDir}/format.json`, '{"formats":{"spool":99}}')
    const { code, stderr } = await run('up', '--data-dir', dataDir, '--port', '0', '--admin-port', '0')
    assert.equal(code, 1)
    assert.match(stderr, /written by a newer release: .*spool 99 \(this release knows 1\)/)
    // The cache of compiled modules, where there is none elsewhere, is this release's own.
    assert.deepEqual(
      readdirSync(dataDir).filter((name) => name !== 'cache'),
      ['format.json', 'spool'],
    )
    assert.deepEqual(readdirSync(`${dataDir}/spool`), [])
  })

  test('shows its processes, alive and ready', async () => {
    const { code, stdout } = await run('status', '--data-dir', server.dataDir)
    assert.equal(code, 0, stdout)
    for (const name of ['core-0', 'ingest-0', 'loader-0', 'worker-0', 'archivist-0', 'database-gate'])
      assert.match(stdout, new RegExp(`● ${name}`))
  })

  test('reports the metrics of every process on one page, each family once', async () => {
    const text = await (await fetch(`${server.adminUrl}/metrics`)).text()
    for (const name of ['millrace_spool_pending_bytes', 'millrace_load_lag_seconds', 'millrace_gate_open']) {
      assert.equal(text.split('\n').filter((line) => line.startsWith(`# TYPE ${name} `)).length, 1, name)
    }
    assert.match(text, /process="loader-0"/)
  })

  test('makes keys on the machine; a write-only one may import and nothing else', async () => {
    const { stdout } = await run('key:create', 'agent', '--kind', 'write-only', '--data-dir', server.dataDir)
    const key = stdout.trim()
    await post('/v3/database/create/keys')
    await post('/v3/table/create/keys/events/log')
    const headers = { authorization: `TD1 ${key}` }
    assert.equal((await fetch(`${server.url}/v3/database/list`, { headers })).status, 403)
    const body = new Uint8Array(gzipSync(Buffer.alloc(0)))
    assert.equal(
      (await fetch(`${server.url}/v3/table/import/keys/events/msgpack.gz`, { method: 'PUT', headers, body }))
        .status,
      200,
    )
  })

  test(`takes an import into a table created a moment before, ${creates} times`, async () => {
    await post('/v3/database/create/atonce')
    for (let n = 0; n < creates; n++) {
      assert.equal((await post(`/v3/table/create/atonce/table_${n}/log`)).status, 200)
      assert.equal((await put(`atonce/table_${n}`)).status, 200, `table ${n}`)
    }
  })

  test('leaves no process behind when the supervisor is killed, and goes on where it was', async () => {
    const { dataDir } = server
    const pids = (await server.processes()).flatMap(({ pid }) => pid ?? [])
    assert.ok(pids.length >= 4)
    await server.kill()
    await until(() => pids.every((pid) => !isAlive(pid)), 'every child has ended', 20_000)
    server = await startServer({ dataDir })
    assert.equal((await put('atonce/table_0')).status, 200)
  })

  test('drains and ends with exit code 0, the edge first and the database last', async () => {
    const { dataDir } = server
    const { adminSocket } = JSON.parse(readFileSync(`${dataDir}/run.json`, 'utf8'))
    assert.equal(await server.stop(), 0)
    assert.ok(!existsSync(dirname(adminSocket)), 'the directory of its sockets is gone')
    const stopped = server
      .log()
      .split('\n')
      .filter((line) => line.includes('"process stopped"'))
      .map((line) => JSON.parse(line).child)
    assert.deepEqual([stopped[0], ...stopped.slice(1, 3).sort()], ['ingest-0', 'archivist-0', 'worker-0'])
    assert.deepEqual(stopped.slice(3), ['loader-0', 'core-0'])
    server = await startServer({ dataDir, args: ['--tls', 'self-signed'] })
    assert.equal(server.firstAccount, undefined)
  })

  test('is said not to run after kill -9, and can be started again', async () => {
    const { dataDir } = server
    await server.kill()
    const { code, stderr } = await run('status', '--data-dir', dataDir)
    assert.equal(code, 1)
    assert.match(stderr, /no Millrace is running on/)
    server = await startServer({ dataDir, args: ['--tls', 'self-signed'] })
  })

  test('serves TLS with a certificate of its own making', async () => {
    const answer = await new Promise<{ status?: number; certificate: string }>((resolve, reject) => {
      const call = request(
        `${server.url}/v3/system/server_status`,
        { rejectUnauthorized: false },
        (response) => {
          const { subject } = (response.socket as import('node:tls').TLSSocket).getPeerCertificate()
          response
            .resume()
            .on('end', () => resolve({ status: response.statusCode, certificate: String(subject.CN) }))
        },
      )
      call.on('error', reject)
      call.end()
    })
    assert.deepEqual(answer, { status: 200, certificate: 'localhost' })
  })
})

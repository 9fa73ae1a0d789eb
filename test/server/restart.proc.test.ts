import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { encode } from '@msgpack/msgpack'
import { restClient } from '../../script/support/client.ts'
import { postmasterPid, until } from '../faults/support.ts'
import { startServer, type TestServer } from '../support/server.ts'

/** MILLRACE_TEST_RESTARTS=20 is the long form. */
const restarts = Number(process.env.MILLRACE_TEST_RESTARTS ?? 1)
const ALL = ['ingest-0', 'archivist-0', 'worker-0', 'loader-0', 'core-0']
const run = (...args: string[]) =>
  promisify(execFile)('bin/millrace', args).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({
      code,
      stdout,
      stderr,
    }),
  )

type Shape = { method: string; path: string; headers: Record<string, string>; body: string | Buffer }

/**
 * A sender over kept connections that never repeats anything, as td-js-sdk does not: what is refused or cut is lost to it, and kept
 * here in `broken`.
 */
function startSender(server: TestServer, shapeOf: (id: number) => Shape, firstId: number, pauseMs: number) {
  const { hostname, port } = new URL(server.url)
  const agent = new Agent({ keepAlive: true, maxSockets: 2 })
  const acknowledged: number[] = []
  const broken: string[] = []
  let stopped = false
  const send = (id: number) =>
    new Promise<void>((resolve) => {
      const { method, path, headers, body } = shapeOf(id)
      const length = method === 'GET' ? {} : { 'content-length': Buffer.byteLength(body) }
      const call = request(
        { hostname, port, agent, method, path, headers: { ...headers, ...length } },
        (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (part: string) => {
            text += part
          })
          response.on('end', () => {
            if (response.statusCode === 200) acknowledged.push(id)
            else broken.push(`${id}: ${response.statusCode} ${text}`)
            resolve()
          })
        },
      )
      call.on('error', (error: NodeJS.ErrnoException) => {
        broken.push(`${id}: ${error.code} ${error.message}`)
        resolve()
      })
      call.end(method === 'GET' ? undefined : body)
    })
  const one = async (lane: number) => {
    for (let n = 0; !stopped; n++) {
      await send(firstId + 2 * n + lane)
      await pause(pauseMs)
    }
  }
  const done = Promise.all([one(0), one(1)])
  return {
    acknowledged,
    broken,
    async stop() {
      stopped = true
      await done
      agent.destroy()
    },
  }
}

/** Warnings and worse, the last ones. */
const troubles = (log: string) =>
  log
    .split('\n')
    .filter((line) => /"level":[456]0/.test(line))
    .slice(-20)
    .join('\n')

describe('a rolling restart', () => {
  let server: TestServer
  let client: ReturnType<typeof restClient>
  let key: string
  before(async () => {
    server = await startServer()
    client = restClient(server.url, server.apiKey)
    key = await server.makeKey('write-only')
    await client.ensure('/v3/database/create/web')
    for (const table of ['events', 'chunks']) await client.ensure(`/v3/table/create/web/${table}/log`)
  })
  after(async () => {
    await server?.stop()
    server?.remove()
  })

  const startLoad = (from: number) => {
    const post = (id: number): Shape => ({
      method: 'POST',
      path: '/web/events',
      headers: { authorization: `TD1 ${key}`, 'content-type': 'application/vnd.treasuredata.v1.js+json' },
      body: JSON.stringify({ events: [{ id, page: `/p/${id}` }] }),
    })
    const get = (id: number): Shape => ({
      method: 'GET',
      path: `/js/v3/event/web/events?api_key=${encodeURIComponent(key)}&modified=${id}&data=${encodeURIComponent(Buffer.from(JSON.stringify({ id, page: `/p/${id}` })).toString('base64'))}`,
      headers: {},
      body: '',
    })
    const chunk = (id: number): Shape => ({
      method: 'PUT',
      path: `/v3/table/import_with_id/web/chunks/c-${id}/msgpack.gz`,
      headers: { authorization: `TD1 ${key}` },
      body: gzipSync(
        Buffer.concat([0, 1, 2].map((i) => Buffer.from(encode({ time: 1_700_000_000, id, i })))),
      ),
    })
    return {
      events: [startSender(server, post, from, 3), startSender(server, get, from + 500_000, 40)],
      chunks: startSender(server, chunk, from, 10),
    }
  }
  const stopLoad = async ({ events, chunks }: ReturnType<typeof startLoad>) => {
    for (const sender of [...events, chunks]) await sender.stop()
    for (const sender of [...events, chunks])
      assert.deepEqual(sender.broken, [], 'nothing was refused, nothing was cut')
    return { events: events.flatMap(({ acknowledged }) => acknowledged), chunks: chunks.acknowledged }
  }
  /** Each acknowledged id as often as it must be, nothing else. */
  const account = async (table: string, rowsOfEach: number, expected: number[]) => {
    const stored = async () => {
      const { rows } = await client.query('web', `SELECT id, count(*) FROM ${table} GROUP BY id`)
      return new Map(rows.map(([id, times]) => [Number(id), Number(times)]))
    }
    await until(async () => (await stored()).size >= expected.length, `all of ${table} are loaded`)
    const found = await stored()
    assert.deepEqual(
      expected.filter((id) => found.get(id) !== rowsOfEach),
      [],
    )
    assert.equal(found.size, expected.length)
  }
  const acknowledged = { events: [] as number[], chunks: [] as number[] }
  const note = (more: typeof acknowledged) => {
    acknowledged.events.push(...more.events)
    acknowledged.chunks.push(...more.chunks)
  }

  test(`of every process refuses nothing and loses nothing, ${restarts} times under load`, async () => {
    const before = await server.processes()
    const load = startLoad(0)
    await pause(500)
    for (let n = 0; n < restarts; n++) {
      const { code, stdout, stderr } = await run('restart', '--data-dir', server.dataDir)
      assert.equal(code, 0, stdout + stderr)
      const order = [...stdout.matchAll(/● (\S+) +ready after/g)].map(([, name]) => name)
      assert.deepEqual(order, ALL, 'one line each, the edge first')
    }
    await pause(300)
    note(await stopLoad(load))
    const processes = await server.processes()
    for (const { name, pid, restarts } of processes.filter(({ name }) => name !== 'database-gate')) {
      assert.notEqual(pid, before.find((one) => one.name === name)?.pid, `${name} is another process`)
      assert.equal(restarts, 0, `${name} ended by itself:\n${troubles(server.log())}`)
    }
    await account('events', 1, acknowledged.events)
    await account('chunks', 3, acknowledged.chunks)
  })

  test('takes the database along when asked to: callers wait, collecting does not notice', async () => {
    const pid = postmasterPid(server)
    const load = startLoad(1_000_000)
    const lists: number[] = []
    let isOver = false
    const reading = (async () => {
      while (!isOver) {
        const response = await fetch(`${server.url}/v3/database/list`, {
          headers: { authorization: `TD1 ${server.apiKey}` },
        })
        lists.push(response.status)
        await response.body?.cancel()
        await pause(20)
      }
    })()
    const { code, stdout, stderr } = await run(
      ...['restart', 'archivist-0', '--with-database', '--json', '--data-dir', server.dataDir],
    )
    isOver = true
    await reading
    assert.equal(code, 0, stdout + stderr)
    const { state, steps } = JSON.parse(stdout) as { state: string; steps: { process: string }[] }
    assert.equal(state, 'done')
    assert.deepEqual(
      steps.map(({ process }) => process),
      ['archivist-0', 'database'],
    )
    assert.notEqual(postmasterPid(server), pid)
    assert.deepEqual(new Set(lists), new Set([200]))
    note(await stopLoad(load))
    await account('events', 1, acknowledged.events)
    await account('chunks', 3, acknowledged.chunks)
  })

  test('refuses a process that does not exist and changes nothing', async () => {
    const before = await server.processes()
    const { code, stderr } = await run('restart', 'inges-0', '--data-dir', server.dataDir)
    assert.equal(code, 1)
    assert.match(stderr, /nothing was restarted: there is no process 'inges-0'; there are: core-0, ingest-0/)
    assert.deepEqual(await server.processes(), before)
  })

  test('opens the gate again at the next start when the supervisor dies in the middle', async () => {
    const { dataDir } = server
    const { adminSocket } = JSON.parse(readFileSync(`${dataDir}/run.json`, 'utf8'))
    const state = () => server.processes().then(([gate]) => gate!.state)
    await new Promise<void>((resolve, reject) => {
      const call = request(
        { socketPath: adminSocket, method: 'POST', path: '/restart?process=archivist-0&database=true' },
        (response) => response.resume().on('end', () => resolve()),
      )
      call.on('error', reject)
      call.end()
    })
    await until(async () => /^held/.test(await state()), 'the gate is held')
    await server.kill()
    server = await startServer({ dataDir })
    await until(async () => /^serving/.test(await state()), 'the gate serves again')
  })
})

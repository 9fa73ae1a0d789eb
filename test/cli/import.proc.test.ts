import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { restClient } from '../../script/support/client.ts'
import { startServer, type TestServer } from '../support/server.ts'

const command = join(import.meta.dirname, '..', '..', 'bin', 'millrace')
const ROUNDS = Number(process.env.MILLRACE_IMPORT_ROUNDS ?? 1)
const SEED = Number(process.env.MILLRACE_IMPORT_SEED ?? 1)

type Ended = { code: number | null; stdout: string; stderr: string }

/** Between command and server, and as bad as networks and maintenances are. */
type Proxy = { url: string; server: Server; faults: Record<string, number>; isBad: boolean; close(): void }

/** Closed at the end whatever happens: one that listens keeps the test from ending. */
const proxies: Proxy[] = []

async function startProxy(target: string, random: () => number): Promise<Proxy> {
  const proxy: Proxy = { url: '', server: createServer(), faults: {}, isBad: true, close: () => undefined }
  const note = (fault: string) => {
    proxy.faults[fault] = (proxy.faults[fault] ?? 0) + 1
  }
  proxy.server.on('request', (incoming, outgoing) => {
    const dice = proxy.isBad && incoming.method === 'PUT' ? random() : 1
    if (dice < 0.15) {
      note('503')
      incoming.resume()
      outgoing.writeHead(503, { 'content-type': 'application/json', 'retry-after': '0.05' })
      return outgoing.end('{"error":"maintenance in progress"}')
    }
    if (dice < 0.2) {
      note('429')
      incoming.resume()
      return outgoing.writeHead(429, { 'retry-after': '0.02' }).end()
    }
    if (dice < 0.25) {
      note('cut before')
      return incoming.socket.destroy()
    }
    const forward = request(`${target}${incoming.url}`, {
      method: incoming.method,
      headers: incoming.headers,
    })
    forward.on('response', (answer) => {
      if (dice < 0.4) {
        // The server has it, and the sender does not know.
        note('answer lost')
        answer.resume()
        return incoming.socket.destroy()
      }
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(outgoing)
    })
    forward.on('error', () => incoming.socket.destroy())
    incoming.on('error', () => forward.destroy())
    incoming.pipe(forward)
  })
  proxy.server.listen(0, '127.0.0.1')
  await once(proxy.server, 'listening')
  proxy.url = `http://127.0.0.1:${(proxy.server.address() as AddressInfo).port}`
  proxies.push(proxy)
  proxy.close = () => {
    proxy.server.closeAllConnections()
    proxy.server.close()
  }
  return proxy
}

/** Numbers that are the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

describe('millrace table:import', () => {
  let room: string
  let server: TestServer
  let client: ReturnType<typeof restClient>
  before(async () => {
    room = mkdtempSync(join(tmpdir(), 'millrace-cli-import-'))
    server = await startServer()
    client = restClient(server.url, server.apiKey)
  })
  after(async () => {
    for (const { close } of proxies) close()
    await server?.stop()
    server?.remove()
    rmSync(room, { recursive: true, force: true })
  })

  const environment = (endpoint: string) => ({
    ...process.env,
    XDG_STATE_HOME: join(room, 'state'),
    MILLRACE_ENDPOINT: endpoint,
    MILLRACE_API_KEY: server.apiKey,
  })
  const start = (args: string[], endpoint = server.url, words = ['table:import', 'shop']) => {
    const child = spawn(command, [...words, ...args], {
      env: environment(endpoint),
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    return { child, ended: ending(child) }
  }
  const run = (
    args: string[],
    {
      input = '',
      endpoint = server.url,
      words,
    }: { input?: string; endpoint?: string; words?: string[] } = {},
  ): Promise<Ended> => {
    const { child, ended } = start(args, endpoint, words)
    child.stdin!.end(input)
    return ended
  }
  const file = (name: string, text: string) => {
    writeFileSync(join(room, name), text)
    return join(room, name)
  }
  /** What the loader has not committed yet is waited for; then a little longer, for rows too many. */
  const rowsOf = async (table: string, least: number): Promise<unknown[]> => {
    const sql = `SELECT count(*), count(DISTINCT n), coalesce(sum(n), 0) FROM ${table}`
    let row: unknown[] = []
    for (let tries = 0; tries < 200 && Number(row[0] ?? 0) < least; tries++) {
      await pause(100)
      // The column comes with the first rows.
      row = await client.query('shop', sql).then(
        ({ rows }) => rows[0]!,
        (error: unknown) => {
          if (!/cannot be resolved/.test(String(error))) throw error
          return []
        },
      )
    }
    return row.map(Number)
  }

  test('stores every row of a file once, whatever the network answers and however often it is killed', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const random = randomFrom(SEED + round)
      const proxy = await startProxy(server.url, random)
      const rows = 40_000
      const path = file(
        `chaos${round}.csv`,
        `time,n,note\n${Array.from({ length: rows }, (_, n) => `${1_714_555_800 + n},${n},"${'x'.repeat(300)}\n${n}"\n`).join('')}`,
      )
      let kills = 0
      let last: Ended
      for (;;) {
        const { child, ended } = start(
          [`chaos${round}`, path, '--auto-create-table', '--chunk-size', '1', '--parallel', '3'],
          proxy.url,
        )
        const timer = setTimeout(() => child.kill('SIGKILL'), kills < 5 ? 300 + random() * 700 : 120_000)
        last = await ended
        clearTimeout(timer)
        if (last.code !== null) break
        kills++
      }
      assert.equal(last.code, 0, `${last.stderr} seed=${SEED + round}`)
      assert.ok(kills >= 3, `only ${kills} kills happened before the end`)
      const faults = Object.values(proxy.faults).reduce((sum, count) => sum + count, 0)
      assert.ok(faults >= 3, JSON.stringify(proxy.faults))
      assert.deepEqual(
        await rowsOf(`chaos${round}`, rows),
        [rows, rows, (rows * (rows - 1)) / 2],
        `seed=${SEED + round}`,
      )
      const repeated = await run([`chaos${round}`, path], { endpoint: proxy.url })
      assert.equal(repeated.code, 0, repeated.stderr)
      assert.match(repeated.stderr, /nothing to do/)
      proxy.close()
    }
  })

  test('waits while nothing listens, says so, and goes on by itself', async () => {
    const proxy = await startProxy(server.url, () => 0.17)
    const { port } = new URL(proxy.url)
    const path = file('waiting.csv', 'time,n\n1714555800,1\n1714555801,2\n')
    const { child, ended } = start(['waiting', path, '--auto-create-table'], proxy.url)
    child.stdin!.end()
    while ((proxy.faults['429'] ?? 0) < 2) await pause(20)
    proxy.close()
    await once(proxy.server, 'close')
    await pause(1_000)
    proxy.isBad = false
    proxy.server.listen(Number(port), '127.0.0.1')
    const { code, stderr } = await ended
    proxy.close()
    assert.equal(code, 0, stderr)
    assert.match(stderr, /to store rows in 'shop\.waiting': /)
    assert.deepEqual(await rowsOf('waiting', 2), [2, 2, 3])
  })

  test('ends at Ctrl-C with 130, says what is stored, and goes on at the next run', async () => {
    const random = randomFrom(SEED)
    // Each request takes a while, so that there is a middle.
    const proxy = await startProxy(server.url, () => (random() < 0.7 ? 0.1 : 1))
    const path = file(
      'ctrl-c.csv',
      `time,n,note\n${Array.from({ length: 40_000 }, (_, n) => `${1_714_555_800 + n},${n},${'y'.repeat(150)}\n`).join('')}`,
    )
    const args = ['interrupted', path, '--auto-create-table', '--chunk-size', '1', '--parallel', '1']
    const { child, ended } = start(args, proxy.url)
    while ((proxy.faults['503'] ?? 0) < 4) await pause(10)
    child.kill('SIGINT')
    const first = await ended
    assert.equal(first.code, 130, first.stderr)
    assert.match(first.stderr, /interrupted; [\d,]+ rows of ctrl-c\.csv are stored\nThe same command goes on/)
    proxy.isBad = false
    const second = await run(args, { endpoint: proxy.url })
    proxy.close()
    assert.equal(second.code, 0, second.stderr)
    assert.deepEqual((await rowsOf('interrupted', 40_000)).slice(0, 2), [40_000, 40_000])
  })

  test('counts rows that cannot be read, shows and keeps them, and ends with 5', async () => {
    const path = file('faulty.csv', 'time,n\n1714555800,1\nsoon,2\n1714555801,3,4\n1714555802,5\n')
    const { code, stderr } = await run(['faulty', path, '--auto-create-table', '--save-rejected'])
    assert.equal(code, 5)
    assert.match(stderr, /faulty\.csv:3: column 'time': 'soon' is no time/)
    assert.match(stderr, /faulty\.csv:4: 3 fields instead of 2/)
    assert.match(stderr, /2 rows stored in shop\.faulty, 2 could not be read/)
    assert.equal(readFileSync(`${path}.rejected`, 'utf8'), 'time,n\nsoon,2\n1714555801,3,4\n')
  })

  test('refuses a file that has changed, and with --restart stores only what was added', async () => {
    const path = file('growing.csv', 'time,n\n1714555800,1\n1714555801,2\n')
    assert.equal((await run(['growing', path, '--auto-create-table'])).code, 0)
    appendFileSync(path, '1714555802,3\n')
    const refused = await run(['growing', path])
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /it has changed: \d+ bytes then, \d+ now\n--restart/)
    assert.equal((await run(['growing', path, '--restart'])).code, 0)
    assert.deepEqual(await rowsOf('growing', 3), [3, 3, 6])
    assert.equal((await run(['growing', path, '--again'])).code, 0)
    assert.deepEqual(await rowsOf('growing', 6), [6, 3, 12])
  })

  test('reads a pipe that is named like a file', async () => {
    const { code, stderr } = await new Promise<Ended>((resolve) =>
      execFile(
        'bash',
        [
          '-c',
          `"$0" table:import shop fifo <(printf 'time,n\\n1714555800,1\\n') --csv --auto-create-table`,
          command,
        ],
        { env: environment(server.url) },
        (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      ),
    )
    assert.equal(code, 0, stderr)
    assert.deepEqual(await rowsOf('fifo', 1), [1, 1, 1])
  })

  test('reads what comes through a pipe; under a name it is the same import again', async () => {
    const input = '{"time":1714555800,"n":1}\n'
    const args = ['piped', '-', '--format', 'json', '--auto-create-table']
    assert.equal((await run(args, { input })).code, 0)
    assert.equal((await run(args, { input })).code, 0)
    assert.deepEqual(await rowsOf('piped', 2), [2, 1, 2])
    for (const _ of [1, 2]) assert.equal((await run([...args, '--import-name', 'x'], { input })).code, 0)
    await pause(1_000)
    assert.deepEqual(await rowsOf('piped', 3), [3, 1, 3])
  })

  test('in a bulk import session goes from files to the commit, also when it is killed on the way', async () => {
    const random = randomFrom(SEED + 7)
    const proxy = await startProxy(server.url, random)
    const rows = 30_000
    const path = file(
      'session.csv',
      `time,n,note\n${Array.from({ length: rows }, (_, n) => `${1_714_555_800 + n},${n},${'z'.repeat(400)}\n`).join('')}`,
    )
    const args = [
      'night',
      path,
      '--auto-create',
      'shop.night',
      '--auto-commit',
      '--auto-delete',
      '-s',
      '1024',
    ]
    const words = ['bulk_import:upload']
    let kills = 0
    let last: Ended
    for (;;) {
      const { child, ended } = start(args, proxy.url, words)
      const timer = setTimeout(() => child.kill('SIGKILL'), kills < 3 ? 400 + random() * 800 : 240_000)
      last = await ended
      clearTimeout(timer)
      if (last.code !== null) break
      kills++
    }
    assert.equal(last.code, 0, last.stderr)
    assert.ok(kills >= 2, `only ${kills} kills happened before the end`)
    assert.match(last.stderr, /is committed\./)
    assert.deepEqual(await rowsOf('night', rows), [rows, rows, (rows * (rows - 1)) / 2])
    const { stdout } = await run(['--json'], { words: ['bulk_import:list'] })
    assert.deepEqual(JSON.parse(stdout), [])
    proxy.close()
  })

  test('in a bulk import session takes the steps one by one', async () => {
    const path = file('steps.csv', 'time,n\n1714555800,1\nsoon,2\n1714555802,3\n')
    const step = async (name: string, ...args: string[]) => {
      const ended = await run(args, { words: [`bulk_import:${name}`] })
      return { ...ended, said: ended.stdout + ended.stderr }
    }
    await client.ensure('/v3/table/create/shop/steps/log')
    assert.equal((await step('create', 'steps', 'shop', 'steps')).code, 0)
    assert.equal((await step('prepare_parts', path, '-o', join(room, 'parts'), '--save-rejected')).code, 5)
    const raw = file('raw.csv', 'n,at\n9,x\n')
    const parts = [join(room, 'parts', 'steps_0.msgpack.gz'), raw]
    assert.equal((await step('upload_parts', 'steps', ...parts)).code, 0)
    assert.match((await step('upload_parts', 'steps', ...parts)).said, /raw\.csv is there already, as 'raw'/)
    assert.match((await step('show', 'steps')).said, /Uploading[\s\S]*raw\s+steps_0/)
    assert.equal((await step('perform', 'steps', '--wait')).code, 0)
    const [refused] = (await step('error_records', 'steps')).stdout.trim().split('\n')
    assert.equal((JSON.parse(refused!) as { part: string }).part, 'raw')
    assert.match((await step('commit', 'steps', '-w')).said, /is committed/)
    assert.deepEqual(await rowsOf('steps', 2), [2, 2, 4])
    assert.equal((await step('delete', 'steps')).code, 0)
    assert.equal((await step('show', 'steps')).code, 1)
  })

  test('sends nothing when table, key or command line are wrong', async () => {
    const path = file('refused.csv', 'time,n\n1714555800,1\n')
    const noTable = await run(['nowhere', path])
    assert.equal(noTable.code, 1)
    assert.match(noTable.stderr, /--auto-create-table makes it/)
    const wrong = await run(['piped', path, '--time-zone', 'Mars/Base'])
    assert.equal(wrong.code, 2)
    assert.match(wrong.stderr, /no time zone 'Mars\/Base'/)
    const missing = await run(['piped', join(room, 'missing.csv')])
    assert.equal(missing.code, 1)
    assert.ok(!existsSync(`${path}.rejected`))
  })
})

async function ending(child: ChildProcess): Promise<Ended> {
  let stdout = ''
  let stderr = ''
  child.stdout!.setEncoding('utf8').on('data', (part: string) => {
    stdout += part
  })
  child.stderr!.setEncoding('utf8').on('data', (part: string) => {
    stderr += part
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}

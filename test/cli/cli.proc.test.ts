import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { runCli } from '../../cli/src/testing/run.ts'
import { restClient } from '../../script/support/client.ts'
import { startTestDatabase, type TestDatabase } from '../../src/database/testing.ts'
import { until } from '../faults/support.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { hasTerminal, onTerminal } from './terminal.ts'
import { replay } from './transcript.ts'

describe('the command line against a server', () => {
  let external: TestDatabase
  let server: TestServer
  let env: Record<string, string>
  let home: string
  const cli = (...args: string[]) => runCli(args, { env })
  const gate = async () => (await server.processes()).find(({ name }) => name === 'database-gate')!.state

  before(async () => {
    external = await startTestDatabase({ env: {} })
    const { host, port, user, password, database } = external.admin
    const url = `postgres://${user}:${encodeURIComponent(password)}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`
    server = await startServer({
      env: { MILLRACE_DATABASE_URL: url, MILLRACE_CATALOG_WRITE_WAIT_SECONDS: '1' },
    })
    home = mkdtempSync(join(tmpdir(), 'millrace-cli-'))
    env = { MILLRACE_ENDPOINT: server.url, MILLRACE_API_KEY: server.apiKey, HOME: home, TZ: 'UTC' }
  })
  after(async () => {
    await server?.stop()
    server?.remove()
    await external?.stop()
    rmSync(home, { recursive: true, force: true })
  })

  describe('shows', () => {
    const transcript = (name: string) => join(import.meta.dirname, 'transcripts', `${name}.txt`)
    const isAsWritten = async (name: string) => {
      const { seen, written } = await replay(transcript(name), env)
      assert.equal(seen, written, 'MILLRACE_TRANSCRIPTS=write writes what is seen; read the difference')
    }
    test('databases, tables and schemas', () => isAsWritten('databases'))
    test('queries, jobs and results', async () => {
      const client = restClient(server.url, server.apiKey)
      await client.ensure('/v3/database/create/site')
      await client.ensure('/v3/table/create/site/views/log')
      await client.importRecords('site', 'views', 'one', [
        { time: 1_700_000_000, path: '/', visits: 1, note: 'a "quoted", one' },
        { time: 1_700_000_001, path: '/', visits: 2 },
        { time: 1_700_000_002, path: '/about', visits: 3, note: 'tab\there' },
      ])
      await until(
        async () => (await cli('table:show', 'site', 'views', '--json')).out.includes('"count":3'),
        'three rows are loaded',
      )
      await isAsWritten('queries')
    })
    test('schedules', () => isAsWritten('schedules'))
    test('users, keys and permissions', () => isAsWritten('users'))
  })

  test('signs in, keeps the key, and finds it again', async () => {
    const { email, password } = server.firstAccount
    const signingIn = { HOME: home, MILLRACE_ENDPOINT: server.url }
    const { exitCode, err } = await runCli(['account', email], { env: signingIn, input: `${password}\n` })
    assert.equal(exitCode, 0, err)
    // Key and server, both from the file now.
    assert.match((await runCli(['whoami'], { env: { HOME: home } })).out, /Email +: owner@localhost/)
    const wrong = await runCli(['account', email, '-f'], { env: signingIn, input: 'wrong\n' })
    assert.equal(wrong.exitCode, 1)
    assert.match(wrong.err, /incorrect email or password/)
  })

  test('completes names that the server knows', async () => {
    assert.equal((await cli('__complete', '--', 'table:show', 'si')).out, 'site\n')
    assert.equal((await cli('__complete', '--', 'table:show', 'site', '')).out, 'views\n')
    assert.equal((await cli('__complete', '--', 'query', '-w', '-d', 'sh')).out, 'shop\n')
  })

  test('writes a result into a file as a whole, or none', async () => {
    const file = join(home, 'views.csv')
    const sql = 'SELECT path FROM views ORDER BY visits'
    const { exitCode, out } = await cli('query', '-w', '-d', 'site', '-f', 'csv', '-o', file, sql)
    assert.deepEqual([exitCode, out, readFileSync(file, 'utf8')], [0, '', '/\n/\n/about\n'])
    const nowhere = await cli('query', '-w', '-d', 'site', '-o', join(home, 'none', 'x'), sql)
    assert.equal(nowhere.exitCode, 1)
    assert.match(nowhere.err, /none\/x cannot be written: ENOENT/)
  })

  describe('on a terminal', { skip: hasTerminal ? false : '/usr/bin/script is not here' }, () => {
    test('has colours, unless NO_COLOR is set', async () => {
      const bold = onTerminal('db:list', env)
      assert.equal(await bold.ended, 0)
      assert.match(bold.shown(), /\u001b\[1mName/)
      const plain = onTerminal('db:list', { ...env, NO_COLOR: '1' })
      assert.equal(await plain.ended, 0)
      assert.match(plain.shown(), /\| Name/)
      assert.doesNotMatch(plain.shown(), /\u001b\[1m/)
    })
    test('shows how a query stands; Ctrl-C ends the waiting and not the job', async () => {
      const slow = `SELECT count(*) FROM UNNEST(SEQUENCE(1, 1000)) a (x) CROSS JOIN UNNEST(SEQUENCE(1, 10000)) b (y) CROSS JOIN UNNEST(SEQUENCE(1, 10000)) c (z) WHERE (x * y + z) % 7 = 3`
      const waiting = onTerminal(`query -w '${slow}'`, env)
      await waiting.until(/job \d+ running 0:0\d/)
      waiting.type('\u0003')
      assert.equal(await waiting.ended, 130)
      const [, id] = /interrupted; job (\d+) goes on/.exec(waiting.shown())!
      assert.match(waiting.shown(), new RegExp(`millrace job:kill ${id}`))
      assert.equal((await cli('job:status', id!)).out, 'running\n')
      assert.match((await cli('job:kill', id!)).err, /is killed/)
    })
  })

  describe('while the main database is away', () => {
    before(async () => {
      await external.kill()
      await until(async () => (await gate()).startsWith('away'), 'the breaker has shut the gate')
    })

    test('reads answer from the snapshot and say how old it is', async () => {
      await until(async () => {
        const { exitCode, out, err } = await cli('db:list', '-f', 'csv')
        assert.equal(exitCode, 0, err)
        assert.match(out, /^Name,Count\n/)
        return /^as of \d+ s ago: the main database is away/.test(err)
      }, 'the answer says how old it is')
    })
    test('a query that reads runs on the snapshot', async () => {
      const { out, err } = await cli('query', '-w', '-d', 'site', '-f', 'csv', 'SELECT count(*) FROM views')
      assert.equal(out, '3\n', err)
    })
    test('a write gives up when it was told to, with exit code 3 and nothing changed', async () => {
      const { exitCode, err } = await cli('--wait', '3s', 'db:create', 'given_up')
      assert.equal(exitCode, 3)
      assert.match(
        err,
        /^waited 0:0\d of 0:0[23], next try in 0:0\d, to create the database 'given_up': the main database is/,
      )
      assert.match(err, /could not create the database 'given_up': .*\nNothing was changed/)
    })
    test('Ctrl-C while a write waits says that it was not done', {
      skip: hasTerminal ? false : '/usr/bin/script is not here',
    }, async () => {
      const waiting = onTerminal('db:create interrupted', env)
      await waiting.until(/next try in 0:0\d, to create the database 'interrupted'/)
      waiting.type('\u0003')
      assert.equal(await waiting.ended, 130)
      assert.match(waiting.shown(), /interrupted; not done: create the database 'interrupted'/)
    })
    test('a write waits with a line that is drawn anew, and carries on when the database is back', {
      skip: hasTerminal ? false : '/usr/bin/script is not here',
    }, async () => {
      const waiting = onTerminal('db:create afterwards', env)
      await waiting.until(
        /\r\u001b\[K.*waited 0:0\d of 1[45]:\d\d, .*to create the database 'afterwards': the main/,
      )
      const drawn = waiting.shown().split('\r\u001b[K').length
      await waiting.until(/waited 0:0[2-9] of/)
      assert.ok(waiting.shown().split('\r\u001b[K').length > drawn + 3, 'the line runs')
      await external.start()
      assert.equal(await waiting.ended, 0, waiting.shown())
      assert.match(waiting.shown(), /Database 'afterwards' is created\./)
      const { out } = await cli('db:list', '-f', 'csv')
      assert.match(out, /^afterwards,0$/m)
      assert.doesNotMatch(out, /interrupted|given_up/)
    })
  })
})

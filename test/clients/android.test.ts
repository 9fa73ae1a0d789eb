import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { restClient } from '../../script/support/client.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { missingJava, withRetries } from './java-support.ts'

const project = 'test/clients/android'
const EVENTS = 1000

describe('the core of the Android SDK', { skip: missingJava() }, () => {
  let server: TestServer
  let client: ReturnType<typeof restClient>
  let work: string
  let key: string
  before(async () => {
    work = mkdtempSync(join(tmpdir(), 'millrace-android-'))
    server = await startServer()
    client = restClient(server.url, server.apiKey)
    // Before Maven blocks this process for longer than an idle connection lives.
    key = await server.makeKey('write-only')
    await client.ensure('/v3/database/create/app')
    for (const table of ['taps', 'screens']) await client.ensure(`/v3/table/create/app/${table}/log`)
  })
  after(async () => {
    await server?.stop()
    server?.remove()
    rmSync(work, { recursive: true, force: true })
  })

  test('empties its store although every third answer is lost, and each event is there once', async () => {
    const classPathFile = join(work, 'classpath')
    withRetries(() =>
      execFileSync(
        'mvn',
        ['-q', '-B', '-f', project, 'dependency:build-classpath', `-Dmdep.outputFile=${classPathFile}`],
        {
          stdio: 'pipe',
        },
      ),
    )
    const classPath = readFileSync(classPathFile, 'utf8')
    execFileSync(
      'javac',
      ['-nowarn', '-d', work, '-cp', classPath, `${project}/src/main/java/millrace/Phone.java`],
      {
        stdio: 'pipe',
      },
    )
    const store = join(work, 'store')
    mkdirSync(store)
    const { stdout } = await promisify(execFile)('java', [
      '-cp',
      `${work}:${classPath}`,
      'millrace.Phone',
      server.url,
      key,
      store,
      String(EVENTS),
      'app',
    ])
    const phone = JSON.parse(stdout.trim().split('\n').at(-1)!)
    assert.equal(phone.left, 0, 'the phone keeps nothing')
    assert.ok(phone.lostAnswers > 0, 'batches were sent again')

    const all =
      'SELECT count(*), count(DISTINCT n), min(n), max(n) FROM (SELECT n FROM taps UNION ALL SELECT n FROM screens)'
    let rows: unknown[][] = []
    for (let tries = 0; tries < 50; tries++) {
      ;({ rows } = await client.query('app', all))
      if (Number(rows[0]![0]) >= EVENTS) break
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    assert.deepEqual(rows[0]!.map(Number), [EVENTS, EVENTS, 0, EVENTS - 1])
    const columns = await client.query('app', 'SELECT text, time FROM taps WHERE n = 10')
    assert.equal(columns.rows[0]![0], 'tap é 日 10')
    assert.ok(Math.abs(Number(columns.rows[0]![1]) - Date.now() / 1000) < 600)
  })
})

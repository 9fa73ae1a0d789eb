import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { restClient } from '../../script/support/client.ts'
import { startEmbedded, withAdmin } from '../../src/database/index.ts'
import { startCuttingProxy } from '../../src/database/proxy-testing.ts'
import { randomIds, silentLog, systemClock } from '../../src/kernel/index.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from './support.ts'

/** The version of before: it knows the schema up to 0009, and no jobs of type export. Another commit or tag by MILLRACE_DRILL_OLD. */
const OLD = process.env.MILLRACE_DRILL_OLD ?? '4ecd576619ab74bac8e05c505bdabc69087e6d8b'
const DATABASE = 'across'
const PATIENCE_MS = 120_000

/** Why this checkout cannot make the version of before; undefined when it can. */
function whyNot(): string | undefined {
  try {
    execFileSync('git', ['cat-file', '-e', `${OLD}^{commit}`], { stdio: 'ignore' })
    return undefined
  } catch {
    return `this checkout has no commit ${OLD}: fetch the whole history, or name another by MILLRACE_DRILL_OLD`
  }
}

/** The tree of the version of before, with the packages of this one. */
function oldTree(room: string): string {
  const tree = join(room, 'old')
  execFileSync('mkdir', ['-p', tree])
  execFileSync('sh', ['-c', `git archive ${OLD} | tar -x -C '${tree}'`])
  symlinkSync(join(import.meta.dirname, '..', '..', 'node_modules'), join(tree, 'node_modules'))
  return join(tree, 'bin', 'millrace')
}

describe('l5nytq6mm02x: one upgrade, node after node, with the worker of before under the API of now, and the reverse', {
  skip: whyNot(),
}, () => {
  const room = mkdtempSync(join(tmpdir(), 'mo-'))
  let database: Awaited<ReturnType<typeof startEmbedded>>
  let proxy: Awaited<ReturnType<typeof startCuttingProxy>>
  let oldCommand: string
  const running = new Map<string, TestServer>()
  let masterKey: string | undefined

  before(async () => {
    execFileSync('chmod', ['711', room])
    oldCommand = oldTree(room)
    const base = { clock: systemClock, log: silentLog, ids: randomIds }
    database = await startEmbedded({
      ...base,
      dataDir: join(room, 'database'),
      runDir: join(room, 'r'),
      settings: { fsync: 'off' },
    })
    await withAdmin(database.address, (connection) => connection.query('CREATE DATABASE millrace'))
    proxy = await startCuttingProxy(database.address, () => 'none')
  })
  after(async () => {
    for (const server of running.values()) await server.stop()
    await proxy?.stop()
    await database?.stop()
    rmSync(room, { recursive: true, force: true })
  })

  const start = async (name: string, version: 'old' | 'new', workers: number) => {
    const { user, password } = database.address
    const server = await startServer({
      dataDir: join(room, name),
      ...(version === 'old' && { command: oldCommand }),
      ...(masterKey !== undefined && { apiKey: masterKey }),
      readyWithinMs: 180_000,
      env: {
        MILLRACE_DATABASE_URL: `postgres://${user}:${password}@127.0.0.1:${proxy.address.port}/millrace?sslmode=disable`,
        MILLRACE_OBJECTS_DIR: join(room, 'objects'),
        MILLRACE_INGEST_OTHER_NODES: 'true',
        MILLRACE_WORKER_PROCESSES: String(workers),
        MILLRACE_EXPORT_DIRECTORY: room,
        MILLRACE_JOBS_TAKEOVER_SECONDS: '5',
      },
    })
    masterKey ??= server.apiKey
    running.set(name, server)
    return server
  }
  const stop = async (name: string) => {
    await running.get(name)!.stop()
    running.delete(name)
  }
  const clientOf = (server: TestServer) => restClient(server.url, masterKey!)
  const post = async (server: TestServer, path: string, form: Record<string, string>) =>
    (await clientOf(server).json<{ job_id: string }>('POST', path, new URLSearchParams(form))).job_id
  const issue = (server: TestServer, query: string, form: Record<string, string> = {}) =>
    post(server, `/v3/job/issue/presto/${DATABASE}`, { query, ...form })
  const statusOf = async (server: TestServer, job: string) =>
    (await clientOf(server).json<{ status: string }>('GET', `/v3/job/status/${job}`)).status
  const endOf = async (server: TestServer, job: string) => {
    let status = ''
    await until(
      async () => {
        status = await statusOf(server, job)
        return ['success', 'error', 'killed'].includes(status)
      },
      async () => `the end of job ${job}, which is ${status}`,
      PATIENCE_MS,
    )
    return status
  }
  const count = async (server: TestServer) =>
    Number((await clientOf(server).query(DATABASE, 'SELECT count(*) FROM kept')).rows[0]![0])

  test('every job ends truly, whoever issued and whoever ran it, and what the worker of before does not know waits', async () => {
    const old = await start('a', 'old', 1)
    await clientOf(old).ensure(`/v3/database/create/${DATABASE}`)
    assert.equal(await endOf(old, await issue(old, 'CREATE TABLE kept (n bigint)')), 'success')

    // The API of now migrates the schema under the worker of before.
    const now = await start('b', 'new', 0)
    const jobs = [
      await issue(now, 'INSERT INTO kept (n) VALUES (1)', { domain_key: 'one' }),
      await issue(now, 'SELECT nothing_of_the_kind', { retry_limit: '2' }),
      await issue(old, 'INSERT INTO kept (n) VALUES (2)'),
    ]
    const unknown = await post(now, `/v3/export/run/${DATABASE}/kept`, { storage_type: 's3', bucket: 'over' })
    assert.deepEqual(await Promise.all(jobs.map((job) => endOf(now, job))), ['success', 'error', 'success'])
    assert.deepEqual(await Promise.all(jobs.map((job) => endOf(old, job))), ['success', 'error', 'success'])
    assert.equal(await count(now), 2)
    assert.equal(await statusOf(now, unknown), 'queued', 'nobody there who knows how')

    // The worker of now under the API of before; the one of before goes while it is told to.
    const atWork = await issue(old, 'INSERT INTO kept (n) VALUES (3)')
    await stop('b')
    await start('b', 'new', 1)
    await stop('a')
    const upgraded = running.get('b')!
    assert.equal(await endOf(upgraded, atWork), 'success')
    assert.equal(await endOf(upgraded, unknown), 'success')
    const before = await start('a', 'old', 0)
    const later = [
      await issue(before, 'INSERT INTO kept (n) VALUES (4)'),
      await issue(before, 'SELECT count(*) FROM kept'),
    ]
    assert.deepEqual(await Promise.all(later.map((job) => endOf(before, job))), ['success', 'success'])
    assert.deepEqual(await Promise.all(later.map((job) => endOf(upgraded, job))), ['success', 'success'])
    assert.equal(await count(before), 4)
  })
})

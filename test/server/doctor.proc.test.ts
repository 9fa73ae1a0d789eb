import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { globSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { restClient } from '../../script/support/client.ts'
import { startServer, type TestServer } from '../support/server.ts'

const command = join(import.meta.dirname, '..', '..', 'bin', 'millrace')
/** Of the machine that runs the test, not of the installation. */
const OF_THE_MACHINE = ['disk', 'memory', 'open-files']

type Report = {
  verdict: string
  checks: { name: string; findings: { severity: string; message: string }[] }[]
}

function doctor(
  server: TestServer,
  env: Record<string, string> = {},
): Promise<{ code: number; found: string[] }> {
  const args = ['doctor', '--data-dir', server.dataDir, '--json']
  // Whoever runs the tests has variables of their own.
  const outside = Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_'))
  const ports = { MILLRACE_PORT: '0', MILLRACE_ADMIN_PORT: '0' }
  return new Promise((resolve, reject) =>
    execFile(
      command,
      args,
      { env: { ...Object.fromEntries(outside), ...ports, ...env } },
      (error, stdout, stderr) => {
        if (stdout === '') return reject(new Error(stderr))
        const { checks } = JSON.parse(stdout) as Report
        const found = checks
          .filter(({ name }) => !OF_THE_MACHINE.includes(name))
          .flatMap(({ name, findings }) =>
            findings.map(({ severity, message }) => `${severity} ${name}: ${message}`),
          )
        resolve({ code: error === null ? 0 : Number(error.code), found })
      },
    ),
  )
}

describe('millrace doctor', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
    const client = restClient(server.url, server.apiKey)
    await client.ensure('/v3/database/create/shop')
    await client.ensure('/v3/table/create/shop/orders/log')
    await client.importRecords('shop', 'orders', 'one', [{ time: 1_714_555_800, n: 1 }])
    // Committed, and in the snapshot.
    for (let tries = 0; tries < 300; tries++) {
      const { count } = await client.json<{ count: number }>('GET', '/v3/table/show/shop/orders')
      if (count === 1) break
      await pause(50)
    }
    await pause(500)
  })
  after(async () => {
    await server?.stop()
    server?.remove()
  })

  test('finds nothing in a sound installation while it runs', async () => {
    assert.deepEqual((await doctor(server)).found, [])
  })

  test('finds a misspelt setting, and says so by its exit code', async () => {
    const { code, found } = await doctor(server, { MILLRACE_WORKER_PROCESES: '2' })
    assert.deepEqual(found, [
      'warning settings: MILLRACE_WORKER_PROCESES is no setting; did you mean MILLRACE_WORKER_PROCESSES?',
    ])
    assert.equal(code, 1)
  })

  test('finds nothing in a sound installation that was stopped, and a lock after a kill', async () => {
    await server.stop()
    assert.deepEqual((await doctor(server)).found, [])
    writeFileSync(
      join(server.dataDir, 'lock.json'),
      JSON.stringify({
        pid: 2 ** 22 - 1,
        startedAt: '2026-01-01T00:00:00Z',
        startTicks: '1',
        host: (await import('node:os')).hostname(),
      }),
    )
    const { code, found } = await doctor(server)
    assert.match(found[0]!, /^warning lock: the lock of process 4194303 is left/)
    assert.deepEqual([code, found.length], [1, 1])
    rmSync(join(server.dataDir, 'lock.json'))
  })

  test('finds the file of a chunk that is gone', async () => {
    const chunk = globSync(join(server.dataDir, 'objects', 'chunks', '**', '*.parquet'))[0]
    rmSync(chunk!)
    const { code, found } = await doctor(server)
    assert.match(
      found.join(),
      /^error chunks: 1 of a sample of chunks are not as the catalog says: chunks\/.* is gone$/,
    )
    assert.equal(code, 2)
  })
})

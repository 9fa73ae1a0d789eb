import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { restClient } from '../../script/support/client.ts'
import { postmasterPid } from '../faults/support.ts'
import { startServer, type TestServer } from '../support/server.ts'

const millrace = join(import.meta.dirname, '..', '..', 'bin', 'millrace')

describe('local-twice, and the data directory’s disk is lost', () => {
  let room: string
  let server: TestServer
  const env = () => ({ MILLRACE_DURABILITY: 'local-twice', MILLRACE_SPOOL_SECOND_DIR: join(room, 'disk2') })
  before(async () => {
    room = mkdtempSync(join(tmpdir(), 'millrace-twice-'))
    chmodSync(room, 0o711)
    server = await startServer({ dataDir: join(room, 'disk1'), env: env() })
  })
  after(async () => {
    await server?.stop()
    rmSync(room, { recursive: true, force: true })
  })

  test('what was acknowledged and not yet loaded comes back from the second one', async () => {
    let client = restClient(server.url, server.apiKey)
    const rows = (from: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({ time: 1_700_000_000, n: from + i }))
    const count = async () =>
      (await client.query('shop', 'SELECT count(*), count(DISTINCT n) FROM orders')).rows[0]!.map(Number)
    await client.ensure('/v3/database/create/shop')
    await client.ensure('/v3/table/create/shop/orders/log')
    await client.importRecords('shop', 'orders', 'before', rows(0, 100))
    while (Number((await client.query('shop', 'SELECT count(*) FROM orders')).rows[0]![0]) < 100)
      await pause(50)
    const place = join(room, 'backups')
    await promisify(execFile)(millrace, ['backup', place, '--data-dir', server.dataDir])

    // From here on nothing is loaded: it is acknowledged, and on the two disks only.
    const loader = (await server.processes()).find(({ name }) => name === 'loader-0')!
    process.kill(loader.pid!, 'SIGSTOP')
    await client.importRecords('shop', 'orders', 'after', rows(100, 50))
    const key = server.apiKey
    const postmaster = postmasterPid(server)
    process.kill(loader.pid!, 'SIGKILL')
    await server.kill()
    process.kill(postmaster, 'SIGKILL')
    rmSync(join(room, 'disk1'), { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })

    await promisify(execFile)(millrace, ['restore', place, '--data-dir', join(room, 'disk3')])
    server = await startServer({ dataDir: join(room, 'disk3'), env: env() })
    client = restClient(server.url, key)
    while ((await count())[0]! < 150) await pause(50)
    await pause(500)
    assert.deepEqual(await count(), [150, 150])
    assert.ok(readdirSync(join(room, 'disk2', 'ingest-0')).some((name) => name.startsWith('segment-')))
  })
})

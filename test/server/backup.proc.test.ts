import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { restClient } from '../../script/support/client.ts'
import { postmasterPid } from '../faults/support.ts'
import { startServer, type TestServer } from '../support/server.ts'

const command = join(import.meta.dirname, '..', '..', 'bin', 'millrace')

type Ended = { code: number; stdout: string; stderr: string }

function millrace(...args: string[]): Promise<Ended> {
  return new Promise((resolve) =>
    execFile(command, args, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    ),
  )
}

describe('a backup', () => {
  let room: string
  let place: string
  let server: TestServer
  let client: ReturnType<typeof restClient>
  const rowsOf = async (sql: string) => (await client.query('shop', sql)).rows
  const importRows = async (id: string, from: number, count: number) => {
    const rows = Array.from({ length: count }, (_, i) => ({
      time: 1_700_000_000 + i,
      n: from + i,
      big: '9'.repeat(30),
    }))
    await client.importRecords('shop', 'orders', id, rows)
  }
  const untilRows = async (count: number) => {
    while (Number((await rowsOf('SELECT count(*) FROM orders'))[0]![0]) < count) await pause(50)
  }
  before(async () => {
    room = mkdtempSync(join(tmpdir(), 'millrace-backup-'))
    // PostgreSQL runs under its own user when we are root, and must be let through.
    chmodSync(room, 0o711)
    place = join(room, 'backups')
    server = await startServer()
    client = restClient(server.url, server.apiKey)
    await client.ensure('/v3/database/create/shop')
    await client.ensure('/v3/table/create/shop/orders/log')
    await importRows('first', 0, 1000)
    await untilRows(1000)
  })
  after(async () => {
    await server?.stop()
    server?.remove()
    rmSync(room, { recursive: true, force: true })
  })

  test('is taken while everything runs, and is whole', async () => {
    const taken = await millrace('backup', place, '--data-dir', server.dataDir)
    assert.equal(taken.code, 0, taken.stderr)
    assert.match(taken.stdout, /^Backup \d{8}T\d{6}Z in .*: [\d,]+ database rows, \d+ objects/)
    const verified = await millrace('verify', place)
    assert.equal(verified.code, 0, verified.stderr)
    assert.match(verified.stdout, /is whole/)
  })

  test('brings everything back after the data directory is lost', async () => {
    const job = (await client.query('shop', 'SELECT sum(n) FROM orders')).jobId
    await importRows('second', 1000, 500)
    await untilRows(1500)
    const taken = await millrace('backup', place, '--data-dir', server.dataDir, '--json')
    assert.equal(taken.code, 0, taken.stderr)
    const keyBefore = server.apiKey
    const wasAt = server.dataDir
    const postmaster = postmasterPid(server)
    await server.kill()
    process.kill(postmaster, 'SIGKILL')
    rmSync(wasAt, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })

    const dataDir = join(room, 'restored')
    const restored = await millrace('restore', place, '--data-dir', dataDir)
    assert.equal(restored.code, 0, restored.stderr)
    server = await startServer({ dataDir })
    client = restClient(server.url, keyBefore)
    assert.deepEqual((await rowsOf('SELECT count(*), sum(n), max(big) FROM orders'))[0], [
      1500,
      (1499 * 1500) / 2,
      '9'.repeat(30),
    ])
    // A job of before answers as before, from its stored result.
    const result = await fetch(`${server.url}/v3/job/result/${job}?format=json`, {
      headers: { authorization: `TD1 ${keyBefore}` },
    })
    assert.deepEqual(JSON.parse((await result.text()).trim()), [(999 * 1000) / 2])
    // What was stored under an id before is known to be stored, and collecting goes on.
    await importRows('second', 1000, 500)
    await importRows('third', 1500, 10)
    await untilRows(1510)
    await pause(500)
    assert.equal((await rowsOf('SELECT count(*) FROM orders'))[0]![0], 1510)
    // Ids that may have been given out after the backup do not come again.
    assert.ok(Number((await client.query('shop', 'SELECT 1')).jobId) > Number(job) + 1000)
  })

  test('of a place with earlier ones copies only what is new, and keeps as many as it is told', async () => {
    const before = objectsOf(place)
    await importRows('fourth', 1510, 10)
    await untilRows(1520)
    const taken = await millrace('backup', place, '--data-dir', server.dataDir, '--keep', '1')
    assert.equal(taken.code, 0, taken.stderr)
    assert.equal(readdirSync(place).filter((name) => name !== 'objects').length, 1)
    assert.ok(objectsOf(place).size > 0 && [...objectsOf(place)].some((path) => before.has(path)))
    assert.equal((await millrace('verify', place)).code, 0)
  })

  test('refuses a data directory that holds something, and one of a backup that is damaged', async () => {
    const full = await millrace('restore', place, '--data-dir', server.dataDir)
    assert.equal(full.code, 1)
    assert.match(full.stderr, /there is something already|another millrace is running/i)

    const object = join(place, 'objects', [...objectsOf(place)][0]!)
    const bytes = readFileSync(object)
    truncateSync(object, bytes.length - 1)
    appendFileSync(object, Buffer.from([bytes.at(-1)! ^ 1]))
    const verified = await millrace('verify', place)
    assert.equal(verified.code, 1)
    assert.match(verified.stderr, /is not what was written/)
    const refused = await millrace('restore', place, '--data-dir', join(room, 'never'))
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /the backup is damaged/)
  })

  test('inside the data directory is refused', async () => {
    const refused = await millrace('backup', join(server.dataDir, 'backups'), '--data-dir', server.dataDir)
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /inside the data directory/)
  })
})

function objectsOf(place: string): Set<string> {
  return new Set(
    readdirSync(join(place, 'objects'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(join(place, 'objects').length + 1)),
  )
}

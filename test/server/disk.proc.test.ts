import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { encode } from '@msgpack/msgpack'
import { restClient } from '../../script/support/client.ts'
import { until } from '../faults/support.ts'
import { startServer, type TestServer } from '../support/server.ts'

const MEGABYTE = 1024 * 1024
const SIZE_MEGABYTES = 900
const RESERVE_MEGABYTES = 48

/** A disk of its own, which only root may make; undefined where that is not allowed. */
function smallDisk(): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MEGABYTES}m`, 'none', directory], {
      stdio: 'ignore',
    })
    return directory
  } catch {
    rmSync(directory, { recursive: true })
    return undefined
  }
}
const disk = smallDisk()

describe('a disk that somebody else fills up', {
  skip: disk === undefined ? 'a small disk can be mounted by root only' : false,
}, () => {
  let server: TestServer
  let client: ReturnType<typeof restClient>
  before(async () => {
    const dataDir = join(disk!, 'data')
    mkdirSync(dataDir)
    server = await startServer({
      dataDir,
      env: {
        MILLRACE_DISK_TEMP_FREE_BYTES: String(250 * MEGABYTE),
        MILLRACE_DISK_RESULTS_FREE_BYTES: String(200 * MEGABYTE),
        MILLRACE_DISK_COMPACTION_FREE_BYTES: String(150 * MEGABYTE),
        MILLRACE_DISK_IMPORTS_FREE_BYTES: String(100 * MEGABYTE),
        MILLRACE_DISK_RESERVE_BYTES: String(RESERVE_MEGABYTES * MEGABYTE),
        MILLRACE_SPOOL_SEGMENT_BYTES: String(MEGABYTE),
        MILLRACE_SPOOL_RESERVE_BYTES: '0',
      },
    })
    client = restClient(server.url, server.apiKey)
    await client.ensure('/v3/database/create/ops')
    await client.ensure('/v3/table/create/ops/events/log')
    await client.ensure('/v3/bulk_import/create/session/ops/events')
  })
  after(async () => {
    await server?.stop()
    execFileSync('umount', ['-l', disk!])
    rmSync(disk!, { recursive: true })
  })

  const freeBytes = () => {
    const { bavail, bsize } = statfsSync(disk!)
    return bavail * bsize
  }
  let filled = 0
  /** Writes until so much is free. */
  const fillUntil = (leftMegabytes: number) => {
    const fd = openSync(join(disk!, `filler-${filled++}`), 'w')
    const zeros = Buffer.alloc(MEGABYTE)
    try {
      while (freeBytes() > leftMegabytes * MEGABYTE) writeSync(fd, zeros)
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
    } finally {
      closeSync(fd)
    }
  }
  const ready = async () => {
    const response = await fetch(`${server.adminUrl}/readyz`)
    const { notes } = (await response.json()) as { notes: string[] }
    return { status: response.status, notes: notes.join('; ') }
  }
  const stage = (name: string) =>
    until(async () => (await ready()).notes.includes(`disk budget: ${name} `), `stage ${name}`)
  const put = async (id: string) => {
    const response = await fetch(`${server.url}/v3/table/import_with_id/ops/events/${id}/msgpack.gz`, {
      method: 'PUT',
      headers: { authorization: `TD1 ${server.apiKey}` },
      body: new Uint8Array(gzipSync(encode({ time: 1_700_000_000, id }))),
    })
    return {
      status: response.status,
      text: await response.text(),
      after: response.headers.get('retry-after'),
    }
  }
  const issue = () =>
    client.json<{ job_id: string }>(
      'POST',
      '/v3/job/issue/presto/ops',
      new URLSearchParams({ query: 'SELECT count(*) FROM events' }),
    )
  const statusOf = async (id: string) =>
    (await client.json<{ status: string }>('GET', `/v3/job/status/${id}`)).status
  const metric = async (name: string) =>
    Number(
      new RegExp(`^${name}\\{.*\\} (\\S+)$`, 'm').exec(
        await (await fetch(`${server.adminUrl}/metrics`)).text(),
      )![1],
    )

  test('has a reserve some seconds after the start', async () => {
    assert.deepEqual(await ready(), { status: 200, notes: '' })
    assert.equal((await put('first')).status, 200)
    await until(
      async () => (await metric('millrace_disk_reserve_bytes')) === RESERVE_MEGABYTES * MEGABYTE,
      'the reserve is filled',
    )
  })

  test('takes jobs from beginning, then imports from being accepted; the database never notices', async () => {
    fillUntil(240)
    await stage('engine-temp')
    const before = await issue()
    await until(async () => (await statusOf(before.job_id)) === 'success', 'a query without temporary disk')

    fillUntil(190)
    await stage('results')
    const waiting = await issue()

    fillUntil(90)
    await stage('imports')
    assert.equal((await ready()).status, 503, 'a balancer sends its traffic elsewhere')
    const refused = await put('refused')
    assert.equal(refused.status, 503)
    assert.match(refused.text, /disk_short/)
    assert.equal(refused.after, '10')
    const others = [
      ['POST', '/ops/events', 'application/vnd.treasuredata.v1+json', '{"events":[{"id":"refused"}]}'],
      ['PUT', '/v3/bulk_import/upload_part/session/part', 'application/octet-stream', 'refused'],
    ] as const
    for (const [method, path, type, body] of others) {
      const headers = { authorization: `TD1 ${server.apiKey}`, 'content-type': type }
      const response = await fetch(`${server.url}${path}`, { method, headers, body })
      assert.equal(response.status, 503, path)
      assert.match(await response.text(), /disk is almost full/, path)
    }
    assert.equal(await metric('millrace_disk_stage'), 4)
    assert.equal(await statusOf(waiting.job_id), 'queued')

    fillUntil(0)
    await until(
      async () => (await metric('millrace_disk_reserve_bytes')) === 0,
      'the reserve is released on a full disk',
    )
    await until(async () => freeBytes() > 0, 'what it held is free')
    for (let n = 0; n < 5; n++) await client.ensure(`/v3/table/create/ops/full_${n}/log`)

    for (let n = 0; n < filled; n++) rmSync(join(disk!, `filler-${n}`))
    await until(async () => (await ready()).notes === '', 'there is room again')
    assert.equal((await put('second')).status, 200)
    await until(async () => (await statusOf(waiting.job_id)) === 'success', 'the job that waited runs')
    await until(async () => {
      const { rows } = await client.query('ops', 'SELECT id FROM events ORDER BY id')
      return JSON.stringify(rows) === '[["first"],["second"]]'
    }, 'what was acknowledged is stored, what was refused is not')
    assert.ok(
      (await server.processes()).every(({ restarts }) => restarts === 0),
      'nothing ended by itself',
    )
  })
})

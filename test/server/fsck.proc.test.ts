import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { restClient } from '../../script/support/client.ts'
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

/** 2023-11-14 22:00:00 UTC: the beginning of an hour, long over. */
const HOUR = 1_699_999_200
const MERGES_AT_ONCE = { MILLRACE_MERGE_SECONDS: '1', MILLRACE_MERGE_QUIET_SECONDS: '0' }

describe('fsck', () => {
  let server: TestServer
  let client: ReturnType<typeof restClient>
  const importRows = (table: string, id: string, from: number, count: number) =>
    client.importRecords(
      'shop',
      table,
      id,
      Array.from({ length: count }, (_, i) => ({
        time: HOUR + (from + i),
        n: from + i,
        'Odd Name': `x${i}`,
      })),
    )
  const sums = async (table: string) =>
    (await client.query('shop', `SELECT count(*), sum(n), max(odd_name), max(time) FROM ${table}`)).rows[0]!
  const until = async (what: () => Promise<boolean>) => {
    for (let tries = 0; !(await what()); tries++) {
      assert.ok(tries < 300, 'it does not come to be')
      await pause(100)
    }
  }
  const fsck = async (...options: string[]) => {
    const { stdout, stderr } = await millrace('fsck', '--data-dir', server.dataDir, '--json', ...options)
    assert.notEqual(stdout, '', stderr)
    return JSON.parse(stdout).report as {
      chunks: { live: number; retired: number; rows: number }
      counts: { error: number; warning: number }
      findings: { subject: string }[]
    }
  }
  before(async () => {
    server = await startServer({ env: MERGES_AT_ONCE })
    client = restClient(server.url, server.apiKey)
    await client.ensure('/v3/database/create/shop')
    for (const table of ['orders', 'visits', 'dropped', 'before'])
      await client.ensure(`/v3/table/create/shop/${table}/log`)
    for (let i = 0; i < 4; i++) await importRows('orders', `o${i}`, 100 * i, 100)
    await importRows('visits', 'v', 0, 8000)
    await importRows('dropped', 'd', 0, 10)
    await importRows('before', 'b', 0, 10)
    const counted: [string, number][] = [
      ['orders', 400],
      ['visits', 8000],
      ['dropped', 10],
      ['before', 10],
    ]
    for (const [table, rows] of counted) await until(async () => Number((await sums(table))[0]) === rows)
  })
  after(async () => {
    await server?.stop()
    server?.remove()
  })

  test('finds catalog and files in agreement while merges and deletions go on', async () => {
    await client.json('POST', '/v3/table/delete/shop/dropped')
    await client.json('POST', '/v3/table/rename/shop/before/after')
    await client.json('POST', `/v3/table/partialdelete/shop/visits?from=${HOUR}&to=${HOUR + 3600}`)
    await until(async () => Number((await sums('visits'))[0]) === 4400)
    const { counts, findings } = await fsck('--deep')
    assert.deepEqual([counts.error, counts.warning], [0, 0], JSON.stringify(findings))
    const { code, stdout } = await millrace('fsck', '--data-dir', server.dataDir)
    assert.equal(code, 0)
    assert.match(stdout, /0 errors, 0 warnings/)
  })

  for (const keepsSnapshot of [true, false])
    test(`makes a lost catalog anew ${keepsSnapshot ? 'as the snapshot last knew it' : 'from the footers alone'}`, async () => {
      const expected = await Promise.all(['orders', 'visits', 'after'].map(sums))
      const { dataDir, apiKey } = server
      await server.stop()
      rmSync(join(dataDir, 'postgres'), { recursive: true })
      if (!keepsSnapshot) rmSync(join(dataDir, 'snapshot'), { recursive: true })

      const refused = await millrace('up', '--data-dir', dataDir, '--port', '0', '--admin-port', '0')
      assert.equal(refused.code, 1)
      assert.match(refused.stderr + refused.stdout, /millrace fsck --rebuild-catalog/)
      assert.ok(!existsSync(join(dataDir, 'postgres')))

      const rebuilt = await millrace('fsck', '--rebuild-catalog', '--data-dir', dataDir)
      assert.equal(rebuilt.code, keepsSnapshot ? 0 : rebuilt.code, rebuilt.stdout + rebuilt.stderr)
      assert.match(rebuilt.stdout, /The catalog is made anew: 1 databases/, rebuilt.stderr)
      const [, key] = /Master key {2}(\S+)/.exec(rebuilt.stdout)!
      if (keepsSnapshot) assert.match(rebuilt.stdout, /table shop\.dropped \(\d+\) is there as a deleted one/)
      const again = await millrace('fsck', '--rebuild-catalog', '--data-dir', dataDir)
      assert.match(again.stderr, /there is a catalog already/)

      server = await startServer({ dataDir, env: MERGES_AT_ONCE })
      // With the snapshot the keys of before go on; without one there is the one that was printed.
      client = restClient(server.url, keepsSnapshot ? apiKey : key!)
      // From footers alone a table is called as it was when its newest chunk was written, before the renaming or after.
      const { tables } = await client.json<{ tables: { name: string }[] }>('GET', '/v3/table/list/shop')
      const renamed = tables.map(({ name }) => name).filter((name) => name === 'before' || name === 'after')
      assert.equal(renamed.length, 1)
      if (keepsSnapshot) assert.deepEqual(renamed, ['after'])
      const found = await Promise.all(['orders', 'visits', ...renamed].map(sums))
      if (keepsSnapshot) {
        assert.deepEqual(found, expected)
        await client.json('POST', '/v3/table/undelete/shop/dropped')
        assert.equal(Number((await sums('dropped'))[0]), 10)
        await client.json('POST', '/v3/table/delete/shop/dropped')
      } else {
        assert.deepEqual([found[0], found[2]], [expected[0], expected[2]])
      }
      assert.deepEqual((await fsck('--deep')).counts.error, 0)
      await importRows('orders', `more-${keepsSnapshot}`, 1000, 50)
      await until(async () => Number((await sums('orders'))[0]) === Number(expected[0]![0]) + 50)
    })

  test('names every chunk that is gone, and is content again when they are back', async () => {
    const { stdout } = await millrace('fsck', '--data-dir', server.dataDir, '--json')
    const live = JSON.parse(stdout).report.chunks.live as number
    assert.ok(live > 0)
    const merged = join(server.dataDir, 'objects', 'chunks')
    renameSync(merged, `${merged}-away`)
    const { code, stdout: text } = await millrace('fsck', '--data-dir', server.dataDir)
    renameSync(`${merged}-away`, merged)
    assert.equal(code, 1)
    assert.match(text, /^✕ chunks\/.* is gone: .* rows of shop\./m)
    assert.deepEqual((await fsck()).counts.error, 0)
  })
})

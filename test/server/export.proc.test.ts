import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { restClient } from '../../script/support/client.ts'
import { until } from '../faults/support.ts'
import { startServer, type TestServer } from '../support/server.ts'

const FIRST = 1_700_000_000

describe('a table exported into the directory of the operator', () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-exports-'))
  let server: TestServer
  let client: ReturnType<typeof restClient>
  before(async () => {
    server = await startServer({
      env: { MILLRACE_EXPORT_DIRECTORY: directory, MILLRACE_JOBS_TAKEOVER_SECONDS: '5' },
    })
    client = restClient(server.url, server.apiKey)
    await client.ensure('/v3/database/create/shop')
    await client.ensure('/v3/table/create/shop/orders/log')
    await client.ensure('/v3/table/create/shop/nothing/log')
    const records = Array.from({ length: 100 }, (_, n) => ({
      time: FIRST + n,
      n,
      ...(n % 2 === 0 && { item: `tea "${n}"` }),
    }))
    await client.importRecords('shop', 'orders', 'once', records)
    await until(
      async () => Number((await client.query('shop', 'SELECT count(*) FROM orders')).rows[0]![0]) === 100,
      'the rows are there',
    )
  })
  after(async () => {
    await server?.stop()
    server?.remove()
    rmSync(directory, { recursive: true, force: true })
  })

  const start = async (table: string, form: Record<string, string>) => {
    const body = new URLSearchParams({
      storage_type: 's3',
      bucket: 'daily',
      access_key_id: 'AKIA-1',
      secret_access_key: 's3cret',
      ...form,
    })
    return (await client.json<{ job_id: string }>('POST', `/v3/export/run/shop/${table}`, body)).job_id
  }
  const show = (id: string) =>
    client.json<{ status: string; type: string; query: string; debug: { cmdout: string } }>(
      'GET',
      `/v3/job/show/${id}`,
    )
  const ended = async (id: string) => {
    await until(
      async () => ['success', 'error', 'killed'].includes((await show(id)).status),
      `job ${id} ends`,
    )
    return show(id)
  }
  const fileOf = (name: string) => gunzipSync(readFileSync(join(directory, '1', 'daily', name))).toString()
  const run = async (table: string, file_format: string, form: Record<string, string> = {}) => {
    const id = await start(table, { file_format, file_prefix: 'o_', ...form })
    const job = await ended(id)
    assert.equal(job.status, 'success', job.debug.cmdout)
    return fileOf(`o_${id}.${file_format}`)
  }
  const lines = (text: string) => text.split('\n').filter((line) => line !== '')

  test('has an object on each line, without what is NULL', async () => {
    for (const format of ['jsonl.gz', 'line-json.gz']) {
      const rows = lines(await run('orders', format)).map(
        (line) => JSON.parse(line) as Record<string, unknown>,
      )
      assert.equal(rows.length, 100)
      const byNumber = new Map(rows.map((row) => [row.n, row]))
      assert.deepEqual(byNumber.get(4), { n: 4, item: 'tea "4"', time: FIRST + 4 })
      assert.deepEqual(byNumber.get(5), { n: 5, time: FIRST + 5 })
    }
  })

  test('is one array in json.gz, also of nothing, and a table with a head in tsv.gz', async () => {
    assert.equal((JSON.parse(await run('orders', 'json.gz')) as unknown[]).length, 100)
    assert.deepEqual(JSON.parse(await run('nothing', 'json.gz')), [])
    assert.equal(await run('nothing', 'jsonl.gz'), '')
    const [head, ...rows] = lines(await run('orders', 'tsv.gz'))
    assert.deepEqual(head!.split('\t').sort(), ['item', 'n', 'time'])
    assert.equal(rows.length, 100)
  })

  test('holds the times asked for, the first and not the last', async () => {
    const text = await run('orders', 'jsonl.gz', { from: String(FIRST + 10), to: String(FIRST + 20) })
    const numbers = lines(text).map((line) => (JSON.parse(line) as { n: number }).n)
    assert.deepEqual(
      numbers.sort((a, b) => a - b),
      [10, 11, 12, 13, 14, 15, 16, 17, 18, 19],
    )
  })

  test('is a job like any other, which keeps no credentials', async () => {
    const id = await start('orders', { domain_key: 'export-1' })
    const job = await ended(id)
    assert.equal(job.type, 'export')
    assert.match(job.debug.cmdout, /100 rows, \d+ bytes: .*\/1\/daily\/\d+\.json\.gz/)
    assert.doesNotMatch(JSON.stringify(job), /AKIA-1|s3cret/)
    const again = await fetch(`${server.url}/v3/export/run/shop/orders`, {
      method: 'POST',
      headers: { authorization: `TD1 ${server.apiKey}` },
      body: new URLSearchParams({ storage_type: 's3', bucket: 'daily', domain_key: 'export-1' }),
    })
    assert.equal(again.status, 409)
    assert.deepEqual(((await again.json()) as { details: unknown }).details, { conflicts_with: id })
    assert.doesNotMatch(server.log(), /s3cret/)
  })

  test('is whole when its worker was killed meanwhile, and leaves nothing beside', async () => {
    const id = await start('orders', { file_format: 'jsonl.gz', file_prefix: 'killed/' })
    const worker = (await server.processes()).find(({ name }) => name === 'worker-0')!
    process.kill(worker.pid!, 'SIGKILL')
    const job = await ended(id)
    assert.equal(job.status, 'success', job.debug.cmdout)
    assert.equal(lines(fileOf(`killed/${id}.jsonl.gz`)).length, 100)
    assert.deepEqual(readdirSync(join(directory, '1', 'daily', 'killed')), [`${id}.jsonl.gz`])
    assert.deepEqual(readdirSync(join(directory, '.millrace')), [])
  })

  test('fails as a job, with a reason, when the directory is not there', async () => {
    rmSync(directory, { recursive: true })
    const id = await start('orders', {})
    assert.match((await ended(id)).debug.cmdout, /EXPORT_DIRECTORY_UNAVAILABLE/)
    assert.equal((await show(id)).status, 'error')
  })
})

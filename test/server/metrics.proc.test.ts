import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { restClient } from '../../script/support/client.ts'
import { metricFamilies } from '../../script/support/metrics.ts'
import { until } from '../faults/support.ts'
import { startServer, type TestServer } from '../support/server.ts'

type Family = { help: string; type: string; samples: { labels: Record<string, string>; value: number }[] }

function parse(text: string): Map<string, Family> {
  const families = new Map<string, Family>()
  for (const line of text.split('\n')) {
    const head = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line)
    if (head) {
      const family = families.get(head[2]!) ?? { help: '', type: '', samples: [] }
      family[head[1] === 'HELP' ? 'help' : 'type'] = head[3]!
      families.set(head[2]!, family)
      continue
    }
    const sample = /^([a-z_0-9]+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? (\S+)$/.exec(line)
    if (!sample) continue
    const family = families.get(sample[1]!) ?? families.get(line.split(/[{ ]/)[0]!)
    const labels = Object.fromEntries(
      [...(sample[2] ?? '').matchAll(/(\w+)="([^"]*)"/g)].map(([, a, b]) => [a, b]),
    )
    family?.samples.push({ labels, value: Number(sample[3]) })
  }
  return families
}

const run = (...args: string[]) => promisify(execFile)('bin/millrace', args).then(({ stdout }) => stdout)

describe('the metrics of a running server', () => {
  let server: TestServer
  let client: ReturnType<typeof restClient>
  before(async () => {
    server = await startServer()
    client = restClient(server.url, server.apiKey)
    await client.ensure('/v3/database/create/ops')
    await client.ensure('/v3/table/create/ops/events/log')
  })
  after(async () => {
    await server?.stop()
    server?.remove()
  })
  const read = async () => parse(await (await fetch(`${server.adminUrl}/metrics`)).text())
  /** The sum of the samples that have these labels. */
  const total = async (name: string, labels: Record<string, string> = {}) =>
    (await read())
      .get(name)!
      .samples.filter((sample) => Object.entries(labels).every(([key, text]) => sample.labels[key] === text))
      .reduce((sum, { value }) => sum + value, 0)

  test('are those of the reference, no more and no less, each with its help and type', async () => {
    const expected = metricFamilies()
      .map(({ name, help, type }) => ({ name, help, type }))
      // Plain http has none.
      .filter(({ name }) => name !== 'millrace_certificate_expires_timestamp_seconds')
    const found = [...(await read())].map(([name, { help, type }]) => ({ name, help, type }))
    found.sort((a, b) => a.name.localeCompare(b.name))
    assert.deepEqual(found, expected)
    for (const { name, help } of expected) {
      assert.match(name, /^millrace_[a-z0-9_]+$/)
      assert.ok(help.length > 10, `${name} says what it is`)
    }
  })

  test('say how every process does', async () => {
    let metrics = await read()
    const names = (await server.processes())
      .map(({ name }) => name)
      .filter((name) => name !== 'database-gate')
    for (const family of ['millrace_process_event_loop_lag_seconds', 'millrace_process_resident_bytes'])
      assert.deepEqual(
        [...new Set(metrics.get(family)!.samples.map(({ labels }) => labels.process))].sort(),
        ['supervisor', ...names].sort(),
      )
    assert.equal(await total('millrace_process_up'), names.length)
    assert.equal(await total('millrace_process_restarts_total'), 0)
    assert.ok((await total('millrace_disk_free_bytes')) > 0)
    const room = () => metrics.get('millrace_head_room_ratio')!.samples
    assert.deepEqual(
      room()
        .map(({ labels }) => labels.of)
        .sort(),
      [
        'account-queue',
        'connections',
        'ids',
        'job-partitions',
        'reserved-job-ids',
        'table-size',
        'transaction-ids',
      ],
    )
    // Ids for jobs of an absence are reserved a moment after the start.
    await until(async () => {
      metrics = await read()
      return room().every(({ value }) => value > 0.25 && value <= 1)
    }, 'there is room for everything')
  })

  test('follow an import from its acceptance to its table, its repeat and its refusals', async () => {
    await client.importRecords('ops', 'events', 'once', [{ time: 1_700_000_000, n: 1 }])
    await until(async () => (await total('millrace_load_rows_total')) === 1, 'it is loaded')
    await client.importRecords('ops', 'events', 'once', [{ time: 1_700_000_000, n: 1 }])
    await until(async () => (await total('millrace_load_repeats_total')) === 1, 'its repeat is dropped')
    await fetch(`${server.url}/v3/table/import/ops/events/msgpack.gz`, {
      method: 'PUT',
      headers: { authorization: 'TD1 1/unknown' },
      body: 'x',
    })
    assert.equal(await total('millrace_ingest_accepted_total'), 2)
    assert.ok((await total('millrace_ingest_accepted_bytes_total')) > 0)
    assert.equal(await total('millrace_ingest_refused_total'), 1)
    assert.equal(await total('millrace_spool_quota_bytes'), 10 * 2 ** 30)
    const delays = (await read()).get('millrace_load_table_delay_seconds')!.samples
    assert.deepEqual(
      delays.map(({ labels }) => labels.table),
      ['ops.events'],
    )
  })

  test('are told table by table by millrace lag', async () => {
    const { tables, waiting } = JSON.parse(await run('lag', '--json', '--data-dir', server.dataDir)) as {
      tables: { table: string; delaySeconds: number }[]
      waiting: unknown
    }
    assert.deepEqual(
      tables.map(({ table }) => table),
      ['ops.events'],
    )
    assert.ok(tables[0]!.delaySeconds >= 0 && tables[0]!.delaySeconds < 60)
    assert.deepEqual(waiting, [{ spool: 'ingest-0', requests: 0, oldestSeconds: null }])
    assert.match(await run('lag', '--data-dir', server.dataDir), /^ops\.events +\d+\.\d\d s {2}last loaded /)
    assert.equal((await fetch(`${server.adminUrl}/lag?limit=0`)).status, 400)
  })
})

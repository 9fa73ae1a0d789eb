/**
 * How long `millrace up` takes on a data directory that has been used: 230,000 rows in four tables, imported through the API,
 * and queried; then again with 100,000 more chunks in the catalog. From starting the command to run.json, which is written when
 * every process is ready and the gate is open. The server was stopped in order; files may be in the page cache.
 * Against `node -e 0`, the start of the bare runtime, in the same rounds. The first query after it is measured too.
 * And `start-first`: the embedded database on an empty directory, initdb and the first start, until it answers.
 *
 *   node bench/start.ts [--rounds 5] [--rows 230000] [--chunks 100000]
 */
import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { pause, type RestClient, restClient } from '../script/support/client.ts'
import { openDatabase, probeDatabase, startEmbedded } from '../src/database/index.ts'
import { createStaticGate, readGateFile } from '../src/gate/index.ts'
import { randomIds, silentLog, systemClock } from '../src/kernel/index.ts'
import { startServer, type TestServer } from '../test/support/server.ts'

const GOAL_MS = 3_000
const FIRST_GOAL_MS = 1_500
const IMPORT_ROWS = 10_000
const TABLES = ['flights', 'visits', 'orders', 'errors']

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    rows: { type: 'string', default: '230000' },
    chunks: { type: 'string', default: '100000' },
  },
})

await main()

async function main(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-start-'))
  try {
    await withServer(dataDir, async (_, client) => fillTables(client, Number(values.rows)))
    const results = [await measureFirst()]
    results.push(await measure('start', dataDir, `${values.rows} rows`))
    await withServer(dataDir, async () => addChunks(dataDir, Number(values.chunks)))
    results.push(await measure('start-chunks', dataDir, `${values.chunks} chunks more`))
    for (const result of results) console.log(result)
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
}

/** Schema and login role are not in it: `up` makes them while the other processes start. */
async function measureFirst(): Promise<string> {
  const times: number[] = []
  const bare: number[] = []
  for (let round = 0; round <= Number(values.rounds); round++) {
    const bareMs = await timed(() => promisify(execFile)(process.execPath, ['-e', '0']))
    const room = mkdtempSync(join(tmpdir(), 'mr-first-'))
    const options = { dataDir: join(room, 'data'), runDir: join(room, 'run') }
    chmodSync(room, 0o711)
    try {
      const startedMs = performance.now()
      const server = await startEmbedded({ ...options, clock: systemClock, log: silentLog, ids: randomIds })
      await probeDatabase(server.address)
      const firstMs = performance.now() - startedMs
      await server.stop()
      if (round === 0) continue
      times.push(firstMs)
      bare.push(bareMs)
    } finally {
      rmSync(room, { recursive: true, force: true })
    }
  }
  const firstMs = median(times)
  console.log(
    `start-first: the database answers after ${firstMs.toFixed(0)} ms (${times.map((ms) => ms.toFixed(0)).join(', ')}), ` +
      `${(firstMs / median(bare)).toFixed(0)} times the bare runtime's ${median(bare).toFixed(0)} ms`,
  )
  const ratio = firstMs / FIRST_GOAL_MS
  return `start-first ratio=${ratio.toFixed(2)} goal=1 ${ratio <= 1 ? 'ok' : 'short'}`
}

async function withServer(
  dataDir: string,
  use: (server: TestServer, client: RestClient) => Promise<void>,
): Promise<void> {
  const server = await startServer({ dataDir })
  try {
    await use(server, restClient(server.url, server.apiKey))
  } finally {
    await server.stop()
  }
}

/** One line of result; the first start only warms up. */
async function measure(name: string, dataDir: string, what: string): Promise<string> {
  const starts: number[] = []
  const bare: number[] = []
  const queries: number[] = []
  for (let round = 0; round <= Number(values.rounds); round++) {
    const bareMs = await timed(() => promisify(execFile)(process.execPath, ['-e', '0']))
    const startedMs = Date.now()
    await withServer(dataDir, async (_, client) => {
      const startMs = statSync(join(dataDir, 'run.json')).mtimeMs - startedMs
      const queryMs = await timed(() =>
        client.query('site', 'SELECT origin, count(*) FROM flights GROUP BY 1'),
      )
      if (round === 0) return
      starts.push(startMs)
      bare.push(bareMs)
      queries.push(queryMs)
    })
  }
  const startMs = median(starts)
  console.log(
    `${name} (${what}): ready after ${startMs.toFixed(0)} ms (${starts.map((ms) => ms.toFixed(0)).join(', ')}), ` +
      `${(startMs / median(bare)).toFixed(0)} times the bare runtime's ${median(bare).toFixed(0)} ms; first query ${median(queries).toFixed(0)} ms`,
  )
  const ratio = startMs / GOAL_MS
  return `${name} ratio=${ratio.toFixed(2)} goal=1 ${ratio <= 1 ? 'ok' : 'short'}`
}

async function fillTables(client: RestClient, rows: number): Promise<void> {
  await client.ensure('/v3/database/create/site')
  for (const table of TABLES) await client.ensure(`/v3/table/create/site/${table}/log`)
  for (let from = 0; from < rows; from += IMPORT_ROWS) {
    const records = Array.from({ length: Math.min(IMPORT_ROWS, rows - from) }, (_, i) => ({
      time: 1_700_000_000 + (from + i) * 11,
      origin: `A${(from + i) % 300}`,
      delay: ((from + i) * 7) % 90,
      distance: ((from + i) * 31) % 4000,
    }))
    const table = from % (5 * IMPORT_ROWS) === 0 ? TABLES[(from / IMPORT_ROWS) % 4]! : 'flights'
    await client.importRecords('site', table, `rows-${from}`, records)
  }
  for (let loaded = 0; loaded < rows; await pause(100)) {
    const { tables } = await client.json<{ tables: { count: number }[] }>('GET', '/v3/table/list/site')
    loaded = tables.reduce((sum, { count }) => sum + count, 0)
  }
  await client.query('site', 'SELECT count(DISTINCT origin) FROM flights')
}

/** Rows of the catalog only, of a table that nobody reads; the snapshot learns of them as of any others. */
async function addChunks(dataDir: string, chunks: number): Promise<void> {
  const file = await readGateFile(dataDir)
  if (file.kind !== 'found') throw new Error(`the gate file is ${file.kind}`)
  const gate = createStaticGate(file.state)
  const common = { clock: systemClock, log: silentLog, ids: randomIds }
  const database = openDatabase({ ...common, gate, maxConnections: 1 })
  for (let first = 0; first < chunks; first += 10_000) {
    await database.write({ class: 'write', deadlineMs: 60_000 }, async (sql) => {
      await sql`
        INSERT INTO chunks (table_id, time_range, rows, bytes, path, owner, columns)
        SELECT (SELECT id FROM tables WHERE name = 'errors'), int8range(n * 60, n * 60 + 60), 2000, 40000,
               'chunks/bench/' || n || '.parquet', 'spool:bench:0:0',
               '{"time": {"key": "time", "type": "long", "physical": "INT64", "nulls": 0}}'::jsonb
          FROM generate_series(${first}::int, ${Math.min(first + 10_000, chunks) - 1}::int) AS n`
    })
  }
  // The exporter tells the snapshot of them meanwhile.
  await pause(5_000)
  await database.close()
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await act()
  return performance.now() - startedMs
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!
}

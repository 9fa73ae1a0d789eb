/**
 * A whole Millrace for minutes on end: importers, loading, merging and queries side by side, as fast as rows become queryable. The
 * importers send on when fewer than `--ahead` rows are acknowledged and not yet loaded, so that what is measured is what lasts. Against
 * DuckDB writing the same rows, which it holds in memory, to Parquet with both cores, before and after, in the same run.
 *
 *   node bench/sustained.ts [--seconds 600] [--connections 8] [--tables 4] [--ahead 1000000]
 */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { DuckDBInstance } from '@duckdb/node-api'
import { restClient } from '../script/support/client.ts'
import { msgpackBodies, type PageView, pageViews } from '../test/peers/rows.ts'
import { startServer, type TestServer } from '../test/support/server.ts'

const GOAL = 0.25
const CHUNK_ROWS = 10_000
const BODIES = 24
const SAMPLE_MS = 2_000

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    connections: { type: 'string', default: '8' },
    tables: { type: 'string', default: '4' },
    ahead: { type: 'string', default: '1000000' },
  },
})
const [seconds, connections, tables, ahead] = [
  values.seconds,
  values.connections,
  values.tables,
  values.ahead,
].map(Number) as [number, number, number, number]

type Sample = {
  atMs: number
  loaded: number
  acknowledged: number
  rssBytes: number
  unmergedChunks: number
  queryMs: number
}

const nowSeconds = Math.floor(Date.now() / 1000)
const rows = pageViews(BODIES * CHUNK_ROWS, 1).map((row, i) => ({
  ...row,
  time: nowSeconds - 600 + (i % 600),
}))
const bodies = msgpackBodies(rows, CHUNK_ROWS)
const duckdb = await holdInDuckDb(rows)
const copyBefore = await duckdb.rowsPerSecond()
const { samples, peakLagSeconds } = await sustain()
const copyAfter = await duckdb.rowsPerSecond()
await duckdb.close()
print(samples, peakLagSeconds, (copyBefore + copyAfter) / 2)

async function sustain() {
  const server = await startServer()
  const stop = { isOver: false }
  let acknowledged = 0
  let loaded = 0
  let sent = 0
  try {
    const client = restClient(server.url, server.apiKey)
    await client.ensure('/v3/database/create/bench')
    for (let t = 0; t < tables; t++) await client.ensure(`/v3/table/create/bench/views_${t}/log`)
    const agent = new Agent({ keepAlive: true, maxSockets: connections })
    const importers = Array.from({ length: connections }, async () => {
      while (!stop.isOver) {
        if (acknowledged - loaded > ahead) await pause(20)
        else {
          const n = sent++
          const url = `${server.url}/v3/table/import_with_id/bench/views_${n % tables}/${n}/msgpack.gz`
          await put(agent, url, server.apiKey, bodies[n % BODIES]!)
          acknowledged += CHUNK_ROWS
        }
      }
    })
    const samples: Sample[] = []
    let peakLagSeconds = 0
    const startedMs = performance.now()
    const endMs = startedMs + seconds * 1000
    while (performance.now() < endMs) {
      await pause(SAMPLE_MS)
      const metrics = await (await fetch(`${server.adminUrl}/metrics`)).text()
      loaded = sumOf(metrics, 'millrace_load_rows_total')
      peakLagSeconds = Math.max(peakLagSeconds, sumOf(metrics, 'millrace_spool_oldest_pending_seconds'))
      const queryMs = await timed(() =>
        client.query('bench', 'SELECT count(*), avg(milliseconds) FROM views_0 WHERE status = 404'),
      )
      const rssBytes = await residentBytes(server)
      samples.push({
        atMs: performance.now() - startedMs,
        loaded,
        acknowledged,
        rssBytes,
        unmergedChunks: sumOf(metrics, 'millrace_merge_backlog_chunks'),
        queryMs,
      })
      if (samples.length % 15 === 0) console.error(lineOf(samples))
    }
    stop.isOver = true
    await Promise.all(importers)
    await untilQueryable(client, acknowledged)
    agent.destroy()
    return { samples, peakLagSeconds }
  } finally {
    stop.isOver = true
    await server.stop()
    server.remove()
  }
}

async function untilQueryable(client: ReturnType<typeof restClient>, acknowledged: number): Promise<void> {
  for (let tries = 0; ; tries++) {
    let total = 0
    for (let t = 0; t < tables; t++)
      total += Number((await client.query('bench', `SELECT count(*) FROM views_${t}`)).rows[0]![0])
    if (total === acknowledged) return
    if (total > acknowledged || tries > 600)
      throw new Error(`${total} rows queryable, ${acknowledged} acknowledged`)
    await pause(200)
  }
}

/** Of every process of the server but PostgreSQL, whose shared memory would be counted many times. */
async function residentBytes(server: TestServer): Promise<number> {
  const pids = [
    server.pid,
    ...(await server.processes()).flatMap(({ pid }) => (pid === undefined ? [] : [pid])),
  ]
  return pids.reduce((sum, pid) => {
    try {
      return sum + 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return sum
      throw error
    }
  }, 0)
}

function sumOf(metrics: string, name: string): number {
  let sum = 0
  for (const line of metrics.split('\n'))
    if (line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      sum += Number(line.slice(line.lastIndexOf(' ')))
  return sum
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await run()
  return performance.now() - startedMs
}

function put(agent: Agent, url: string, key: string, body: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `TD1 ${key}`, 'content-length': body.length }
    const call = request(url, { agent, method: 'PUT', headers }, (response) => {
      response.resume().on('end', () => {
        if (response.statusCode === 200) resolve()
        else reject(new Error(`PUT ${url}: ${response.statusCode}`))
      })
    })
    call.on('error', reject)
    call.end(body)
  })
}

async function holdInDuckDb(all: PageView[]) {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-sustained-'))
  const source = join(directory, 'rows.ndjson')
  await writeFile(source, all.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' })
  const connection = await instance.connect()
  await connection.run(`CREATE TABLE views AS SELECT * FROM read_json('${source}')`)
  return {
    async rowsPerSecond(): Promise<number> {
      const times: number[] = []
      for (let round = 0; round < 7; round++)
        times.push(
          await timed(() =>
            connection.run(
              `COPY views TO '${directory}/out-${round}.parquet' (FORMAT parquet, COMPRESSION zstd)`,
            ),
          ),
        )
      return all.length / (median(times) / 1000)
    },
    async close() {
      connection.closeSync()
      instance.closeSync()
      await rm(directory, { recursive: true })
    },
  }
}

function median(all: number[]): number {
  return all.toSorted((a, b) => a - b)[all.length >> 1]!
}

function rate(samples: Sample[]): number {
  const [first, last] = [samples[0]!, samples.at(-1)!]
  return (last.loaded - first.loaded) / ((last.atMs - first.atMs) / 1000)
}

function lineOf(samples: Sample[]): string {
  const { atMs, loaded, acknowledged, rssBytes, unmergedChunks, queryMs } = samples.at(-1)!
  return [
    `${(atMs / 1000).toFixed(0).padStart(4)} s`,
    `${(loaded / 1e6).toFixed(1)} M rows loaded, ${((acknowledged - loaded) / 1e3).toFixed(0)} k ahead`,
    `${Math.round(rate(samples.slice(-15))).toLocaleString('en')} rows/s`,
    `${(rssBytes / 1e6).toFixed(0)} MB`,
    `${unmergedChunks} chunks to merge`,
    `query ${queryMs.toFixed(0)} ms`,
  ].join(' · ')
}

function print(samples: Sample[], peakLagSeconds: number, copyRowsPerSecond: number): void {
  // The first tenth warms up: caches, compiled code, the first merges.
  const steady = samples.slice(Math.floor(samples.length / 10))
  const second = samples.slice(Math.floor(samples.length / 2))
  const tenth = Math.max(1, Math.floor(second.length / 5))
  const early = median(second.slice(0, tenth).map(({ rssBytes }) => rssBytes))
  const late = median(second.slice(-tenth).map(({ rssBytes }) => rssBytes))
  const growth = late / early - 1
  const rowsPerSecond = rate(steady)
  const ratio = rowsPerSecond / copyRowsPerSecond
  console.log(
    `${Math.round(rowsPerSecond).toLocaleString('en')} rows/s accepted, loaded, merged and queried over ${seconds} s; ` +
      `DuckDB COPY ${Math.round(copyRowsPerSecond).toLocaleString('en')} rows/s`,
  )
  console.log(
    `query p50 ${median(steady.map(({ queryMs }) => queryMs)).toFixed(0)} ms; oldest not yet loaded at most ${peakLagSeconds.toFixed(1)} s; ` +
      `chunks not merged at the end ${samples.at(-1)!.unmergedChunks}`,
  )
  console.log(
    `sustained-memory growth=${(100 * growth).toFixed(1)}% goal=5% ${growth < 0.05 ? 'ok' : 'short'}`,
  )
  console.log(`sustained ratio=${ratio.toFixed(2)} goal=${GOAL} ${ratio >= GOAL ? 'ok' : 'short'}`)
}

/**
 * What Presto's SQL costs above DuckDB's own: the 22 queries of TPC-H as jobs of a whole running server, from issuing one to the last byte of its
 * result, against DuckDB running the same text over the same Parquet files and handing out its rows, in turns, each with two threads; the
 * ratio is the geometric mean of the 22 ratios of medians. Values are kept as tables of users are (numbers as long and double, the
 * rest as text) and cast to the types of the specification by the same WITH queries on both sides.
 *
 * `tpch-engine` is the same without the server, everything between the text and the last row in one process: what the translated text costs,
 * by processor time, which other work on the machine does not change.
 *
 * The files are DuckDB's own, put where the server keeps its objects and entered into its catalog as loaded chunks.
 *
 *   node bench/tpch.ts [--scale 1] [--rounds 5] [--only q01,q09] [--skip tpch] [--plans]
 */
import { chmodSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { DuckDBConnection } from '@duckdb/node-api'
import { pause, type RestClient, restClient } from '../script/support/client.ts'
import { openDatabase } from '../src/database/index.ts'
import { createStaticGate, readGateFile } from '../src/gate/index.ts'
import { randomIds, silentLog, systemClock } from '../src/kernel/index.ts'
import { insertChunks } from '../src/load/store.ts'
import { openConnection } from '../src/query/engine/connection.ts'
import { registerFunctions } from '../src/query/engine/functions.ts'
import { prepareSelect } from '../src/query/engine/statements.ts'
import { javaScriptFunctions } from '../src/query/engine-functions.ts'
import { prelude } from '../src/query/engine-parts.ts'
import { bindTables, compileQuery } from '../src/query/index.ts'
import type { ChunkColumns } from '../src/snapshot/index.ts'
import { readQuery, writeTables } from '../test/sql/benchmark.ts'
import { type BenchmarkTable, keptAs, withTypedTables } from '../test/sql/benchmark-tables.ts'
import { tpchTables } from '../test/sql/tpch/tables.ts'
import { startServer } from '../test/support/server.ts'
import { lookupOf } from './support/tables.ts'

const GOAL = 1.15
const DATABASE = 'tpch'
/** A server has its next engine ready when a person's next query comes. */
const PAUSE_MS = 300
const POLL_MS = 5
/** The one moment of all rows. */
const TIME = 1_704_067_200

const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string' },
    skip: { type: 'string', default: '' },
    plans: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const tables = tpchTables(Number(values.scale))
const names = queryNames()
const room = mkdtempSync(join(tmpdir(), 'millrace-tpch-'))
const dataDir = join(room, 'data')
// Under root, PostgreSQL is another user.
chmodSync(room, 0o711)

try {
  await writeTables(tables, room, { csv: false })
  const connection = await openEngine()
  const lines: string[] = []
  for (const [name, compare] of Object.entries({ 'tpch-engine': compareEngines, tpch: compareJobs })) {
    if (!values.skip.split(',').includes(name)) lines.push(await compare(name, connection))
  }
  for (const line of lines) console.log(line)
  connection.closeSync()
} finally {
  rmSync(room, { recursive: true })
}

async function compareEngines(title: string, connection: DuckDBConnection): Promise<string> {
  const all: Ratios[] = []
  for (const name of names) {
    const text = await typedText(name)
    if (values.plans) await showPlans(connection, name, text)
    all.push(await inTurns(`${name} in one process`, () => runOurs(connection, text), connection, text))
  }
  return verdict(title, all, 'cpuMs')
}

async function compareJobs(title: string, connection: DuckDBConnection): Promise<string> {
  const server = await startServer({ dataDir })
  try {
    const client = restClient(server.url, server.apiKey)
    await fillCatalog(client, connection)
    const all: Ratios[] = []
    for (const name of names) {
      const text = await typedText(name)
      all.push(await inTurns(`${name} as a job`, () => runJob(client, text), connection, text))
    }
    return verdict(title, all, 'ms')
  } finally {
    await server.stop()
  }
}

/** Everything that Presto's SQL may call a table, with the files as the one chunk of each. */
async function fillCatalog(client: RestClient, connection: DuckDBConnection): Promise<void> {
  await client.ensure(`/v3/database/create/${DATABASE}`)
  for (const { name, columns } of tables) {
    await client.ensure(`/v3/table/create/${DATABASE}/${name}/log`)
    const schema = Object.entries(columns).map(([column, type]) => [column, keptAs(type).rest])
    const form = new URLSearchParams({ schema: JSON.stringify(schema) })
    await client.json('POST', `/v3/table/update-schema/${DATABASE}/${name}`, form)
  }
  // A server that starts with chunks it knows nothing of refuses to.
  const chunkDirectory = join(dataDir, 'objects', 'chunks', 'bench')
  mkdirSync(chunkDirectory, { recursive: true })
  const file = await readGateFile(dataDir)
  if (file.kind !== 'found') throw new Error(`the gate file is ${file.kind}`)
  const common = { clock: systemClock, log: silentLog, ids: randomIds }
  const database = openDatabase({ ...common, gate: createStaticGate(file.state), maxConnections: 1 })
  await database.write({ class: 'write', deadlineMs: 60_000 }, async (sql) => {
    for (const { name, columns } of tables) {
      linkSync(fileOf(name), join(chunkDirectory, `${name}.parquet`))
      const [table] = await sql<{ id: bigint }>`SELECT id FROM tables WHERE name = ${name}`
      await insertChunks(sql, 'spool:bench:0:0', [
        {
          tableId: table!.id,
          path: `chunks/bench/${name}.parquet`,
          bytes: statSync(fileOf(name)).size,
          rows: await countRows(connection, name),
          timeMin: TIME,
          timeMax: TIME,
          columns: chunkColumns(columns),
        },
      ])
    }
  })
  await database.close()
}

async function countRows(connection: DuckDBConnection, table: string): Promise<number> {
  const reader = await connection.runAndReadAll(`SELECT count(*) FROM ${DATABASE}.${table}`)
  return Number(reader.getRows()[0]![0])
}

/** `cpuMs` asks for the processor time where it is not this process's. */
type Ran = { rows: number; cpuMs?: () => Promise<number> }

async function runJob(client: RestClient, text: string): Promise<Ran> {
  const query = new URLSearchParams({ query: text })
  const { job_id: id } = await client.json<{ job_id: string }>(
    'POST',
    `/v3/job/issue/presto/${DATABASE}`,
    query,
  )
  for (;;) {
    const { status } = await client.json<{ status: string }>('GET', `/v3/job/status/${id}`)
    if (status === 'success') break
    if (status !== 'queued' && status !== 'running')
      throw new Error(`job ${id} ended as ${status}: ${await client.text('GET', `/v3/job/show/${id}`)}`)
    await pause(POLL_MS)
  }
  const lines = await client.text('GET', `/v3/job/result/${id}?format=json`)
  const cpuMs = async () =>
    (await client.json<{ cpu_time: number | null }>('GET', `/v3/job/show/${id}`)).cpu_time ?? Number.NaN
  return { rows: lines.split('\n').length - 1, cpuMs }
}

type Ratios = Record<keyof Took, number>

/** Ours, then DuckDB's, and again; the first round only warms up. */
async function inTurns(
  what: string,
  run: () => Promise<Ran>,
  connection: DuckDBConnection,
  text: string,
): Promise<Ratios> {
  const ours: Took[] = []
  const bare: Took[] = []
  for (let round = -1; round < rounds; round++) {
    const mine = await measured(run)
    const theirs = await measured(() => runBare(connection, text))
    if (mine.rows !== theirs.rows) throw new Error(`${what}: ${mine.rows} rows instead of ${theirs.rows}`)
    if (round >= 0) {
      ours.push(mine.took)
      bare.push(theirs.took)
    }
    await pause(PAUSE_MS)
  }
  const part = (all: Took[], name: keyof Took) => median(all.map((took) => took[name]))
  const ratio = (name: keyof Took) => part(ours, name) / part(bare, name)
  console.log(
    `${what}: ${part(ours, 'ms').toFixed(0)} ms, DuckDB ${part(bare, 'ms').toFixed(0)} ms: ${ratio('ms').toFixed(2)} ` +
      `(by processor time ${part(ours, 'cpuMs').toFixed(0)} ms, ${part(bare, 'cpuMs').toFixed(0)} ms: ${ratio('cpuMs').toFixed(2)})`,
  )
  return { ms: ratio('ms'), cpuMs: ratio('cpuMs') }
}

function verdict(name: string, all: Ratios[], by: keyof Took): string {
  const mean = (part: keyof Took) => geometricMean(all.map((one) => one[part]))
  console.log(`${name}: ${mean('ms').toFixed(2)} by the clock, ${mean('cpuMs').toFixed(2)} by processor time`)
  return `${name} ratio=${mean(by).toFixed(2)} goal=${GOAL} ${mean(by) <= GOAL ? 'ok' : 'short'}`
}

async function typedText(name: string): Promise<string> {
  return withTypedTables(await readQuery('tpch', name), tables).replaceAll('FROM db.', `FROM ${DATABASE}.`)
}

type Took = { ms: number; cpuMs: number }

function queryNames(): string[] {
  const only = values.only?.split(',')
  return readdirSync(new URL('../test/sql/tpch', import.meta.url))
    .filter((file) => /^q\d\d\.sql$/.test(file))
    .map((file) => file.slice(0, -'.sql'.length))
    .filter((name) => only === undefined || only.includes(name))
}

/** As src/query/engine/process.ts prepares one, with the settings a job gets, and the files as tables of the schema `db`. */
async function openEngine(): Promise<DuckDBConnection> {
  const connection = await openConnection()
  await connection.run(`SET threads = 2; SET memory_limit = '1365MB'`)
  await registerFunctions(connection, javaScriptFunctions)
  for (const statement of prelude) await connection.run(statement)
  await connection.run(`CREATE SCHEMA ${DATABASE}`)
  for (const { name } of tables)
    await connection.run(`CREATE VIEW ${DATABASE}.${name} AS FROM read_parquet('${fileOf(name)}')`)
  return connection
}

function fileOf(name: string): string {
  return join(room, `${name}.parquet`)
}

async function boundQuery(text: string) {
  const compiled = await compileQuery({
    text,
    defaultDatabase: DATABASE,
    lookup: lookupOf(tables),
    context: { zone: 'UTC', scheduledTime: 0n, startedAtMs: 0, user: '1' },
  })
  const chunks = tables.map(({ name, columns }, i) => ({
    id: BigInt(i + 1),
    tableId: BigInt(i + 1),
    timeMin: 0n,
    timeMax: 2n ** 40n,
    rows: 0,
    bytes: 0,
    path: fileOf(name),
    columns: chunkColumns(columns),
  }))
  return bindTables(compiled, chunks, (path) => path)
}

function chunkColumns(columns: BenchmarkTable['columns']): ChunkColumns {
  const facts = Object.entries(columns).map(([column, type]) => {
    const { physical, rest } = keptAs(type)
    return [column, { key: column, type: rest, physical, nulls: 0 }]
  })
  return { time: { key: 'time', type: 'long', physical: 'INT64', nulls: 0 }, ...Object.fromEntries(facts) }
}

async function runOurs(connection: DuckDBConnection, text: string): Promise<Ran> {
  const { sql, lists } = await boundQuery(text)
  const prepared = await prepareSelect(connection, sql, lists)
  return rowsOf(await prepared.stream())
}

async function runBare(connection: DuckDBConnection, text: string): Promise<Ran> {
  return rowsOf(await connection.stream(text))
}

async function rowsOf(result: Awaited<ReturnType<DuckDBConnection['stream']>>): Promise<Ran> {
  let rows = 0
  for (;;) {
    const chunk = await result.fetchChunk()
    if (chunk === null || chunk.rowCount === 0) return { rows }
    rows += chunk.rowCount
  }
}

async function measured(run: () => Promise<Ran>): Promise<{ rows: number; took: Took }> {
  const startedMs = performance.now()
  const cpu = process.cpuUsage()
  const { rows, cpuMs } = await run()
  const { user, system } = process.cpuUsage(cpu)
  const ms = performance.now() - startedMs
  return { rows, took: { ms, cpuMs: cpuMs === undefined ? (user + system) / 1000 : await cpuMs() } }
}

async function showPlans(connection: DuckDBConnection, name: string, text: string): Promise<void> {
  const { sql, lists = [] } = await boundQuery(text)
  const named = sql.replace(/\$(\d+)/g, (_, n: string) => `['${lists[Number(n) - 1]![0]}']`)
  for (const one of [named, text]) {
    const reader = await connection.runAndReadAll(`EXPLAIN ANALYZE ${one}`)
    console.log(`${name}\n${one}\n${reader.getRows()[0]![1]}`)
  }
}

function geometricMean(numbers: number[]): number {
  return Math.exp(numbers.reduce((sum, number) => sum + Math.log(number), 0) / numbers.length)
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!
}

/**
 * What Presto's SQL costs above DuckDB's own: the 22 queries of TPC-H, translated and run as a job's engine runs them, against DuckDB
 * running the same text over the same Parquet files. Everything between the text and the last row, both in one process with two threads, in
 * turns; the ratio is the geometric mean of the 22 medians. Values are kept as tables of users are (numbers as long and double, the
 * rest as text) and cast to the types of the specification by the same WITH queries on both sides.
 *
 * What the job API adds to each query whatever it is (issue, claim, a warm process, the stored result) is the benchmark first-row.
 *
 *   node bench/tpch.ts [--scale 1] [--rounds 5] [--only q01,q09] [--plans]
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { DuckDBConnection } from '@duckdb/node-api'
import { openConnection } from '../src/query/engine/connection.ts'
import { registerFunctions } from '../src/query/engine/functions.ts'
import { prepareSelect } from '../src/query/engine/statements.ts'
import { javaScriptFunctions } from '../src/query/engine-functions.ts'
import { prelude } from '../src/query/engine-parts.ts'
import { bindTables, compileQuery } from '../src/query/index.ts'
import { readQuery, writeTables } from '../test/sql/benchmark.ts'
import { keptAs, withTypedTables } from '../test/sql/benchmark-tables.ts'
import { tpchTables } from '../test/sql/tpch/tables.ts'
import { lookupOf } from './support/tables.ts'

const GOAL = 1.15

const { values } = parseArgs({
  options: {
    scale: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string' },
    plans: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const tables = tpchTables(Number(values.scale))
const room = mkdtempSync(join(tmpdir(), 'millrace-tpch-'))

try {
  await writeTables(tables, room, { csv: false })
  const connection = await openEngine()
  const ratios: number[] = []
  const cpuRatios: number[] = []
  for (const name of queryNames()) {
    const text = withTypedTables(await readQuery('tpch', name), tables)
    if (values.plans) await showPlans(connection, name, text)
    const ours: Took[] = []
    const theirs: Took[] = []
    for (let round = -1; round < rounds; round++) {
      const mine = await measured(() => runOurs(connection, text))
      const bare = await measured(() => runBare(connection, text))
      if (mine.rows !== bare.rows) throw new Error(`${name}: ${mine.rows} rows instead of ${bare.rows}`)
      if (round < 0) continue
      ours.push(mine.took)
      theirs.push(bare.took)
    }
    const ratioOf = (part: keyof Took) =>
      median(ours.map((t) => t[part])) / median(theirs.map((t) => t[part]))
    ratios.push(ratioOf('ms'))
    cpuRatios.push(ratioOf('cpuMs'))
    console.log(
      `${name}: ${median(ours.map(({ ms }) => ms)).toFixed(0)} ms, DuckDB ${median(theirs.map(({ ms }) => ms)).toFixed(0)} ms: ` +
        `${ratioOf('ms').toFixed(2)} (by processor time ${ratioOf('cpuMs').toFixed(2)})`,
    )
  }
  console.log(`by processor time ${geometricMean(cpuRatios).toFixed(2)}`)
  const ratio = geometricMean(ratios)
  console.log(`tpch ratio=${ratio.toFixed(2)} goal=${GOAL} ${ratio <= GOAL ? 'ok' : 'short'}`)
  connection.closeSync()
} finally {
  rmSync(room, { recursive: true })
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
  await connection.run('CREATE SCHEMA db')
  for (const { name } of tables)
    await connection.run(`CREATE VIEW db.${name} AS FROM read_parquet('${fileOf(name)}')`)
  return connection
}

function fileOf(name: string): string {
  return join(room, `${name}.parquet`)
}

async function boundQuery(text: string) {
  const compiled = await compileQuery({
    text,
    defaultDatabase: 'db',
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
    columns: Object.fromEntries(
      Object.entries(columns).map(([column, type]) => {
        const { physical, rest } = keptAs(type)
        return [column, { key: column, type: rest, physical, nulls: 0 }]
      }),
    ),
  }))
  return bindTables(compiled, chunks, (path) => path)
}

async function runOurs(connection: DuckDBConnection, text: string): Promise<number> {
  const { sql, lists } = await boundQuery(text)
  const prepared = await prepareSelect(connection, sql, lists)
  return rowsOf(await prepared.stream())
}

async function runBare(connection: DuckDBConnection, text: string): Promise<number> {
  return rowsOf(await connection.stream(text))
}

async function rowsOf(result: Awaited<ReturnType<DuckDBConnection['stream']>>): Promise<number> {
  let rows = 0
  for (;;) {
    const chunk = await result.fetchChunk()
    if (chunk === null || chunk.rowCount === 0) return rows
    rows += chunk.rowCount
  }
}

async function measured(run: () => Promise<number>): Promise<{ rows: number; took: Took }> {
  const startedMs = performance.now()
  const cpu = process.cpuUsage()
  const rows = await run()
  const { user, system } = process.cpuUsage(cpu)
  return { rows, took: { ms: performance.now() - startedMs, cpuMs: (user + system) / 1000 } }
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

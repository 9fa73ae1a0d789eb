/**
 * What our way of storing costs a query of one hour: a table of 10,000 chunks of 2,000 rows over 10 days, 2 % of them with late
 * rows of a whole day, against the same rows in a native DuckDB table. And what the catalog takes to find an hour's chunks
 * among a million: 200 tables, a hot one with a fifth of the chunks, 2 % of them spanning a day.
 *
 * Ours is everything between the text and the last row: compiling it, its table and chunks from PostgreSQL, binding, the
 * engine's own check of the statement, and the run over the Parquet files. Theirs is preparing and running the
 * statement on the native table, sorted by time as it arrived. Both in one DuckDB with the settings of an engine, rows
 * fetched, in turns; medians. The process that a query gets and the stored result are the same for any storage and stand in the
 * benchmark first-row.
 *
 *   node bench/query-hour.ts [--chunks 10000] [--rounds 25] [--catalog 1000000]
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import type { DuckDBConnection } from '@duckdb/node-api'
import { startTestDatabase, type TestDatabase } from '../src/database/testing.ts'
import { systemClock } from '../src/kernel/index.ts'
import { insertChunks } from '../src/load/store.ts'
import type { LoadedChunk } from '../src/load/types.ts'
import { findChunks } from '../src/query/catalog-store.ts'
import { openConnection } from '../src/query/engine/connection.ts'
import { registerFunctions } from '../src/query/engine/functions.ts'
import { prepareSelect } from '../src/query/engine/statements.ts'
import { javaScriptFunctions } from '../src/query/engine-functions.ts'
import { prelude } from '../src/query/engine-parts.ts'
import { bindTables, catalogFor, compileQuery } from '../src/query/index.ts'
import { type ParquetColumn, writeParquet } from '../src/storage/parquet/index.ts'

const QUERY_GOAL = 5
const LOOKUP_GOAL_MS = 2
const DAYS = 10
const CHUNK_ROWS = 2000
const FIRST_DAY = Date.UTC(2026, 9, 1) / 1000
const DAY = 86_400
const HOUR = 3_600
/** What the million chunks are of: a year. */
const CATALOG_SECONDS = 365 * DAY
const WRITE = { class: 'write', deadlineMs: 600_000 } as const
const READ = { class: 'read', deadlineMs: 10_000 } as const

const { values } = parseArgs({
  options: {
    chunks: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '25' },
    catalog: { type: 'string', default: '1000000' },
  },
})
const chunkCount = Number(values.chunks)
const rounds = Number(values.rounds)

const room = mkdtempSync(join(tmpdir(), 'millrace-query-'))
const test = await startTestDatabase({ durable: true })

// The query

async function compareQueries(): Promise<string[]> {
  await createTables(test)
  const chunks = await fillTable()
  const connection = await openEngine()
  const files = `${room}/chunks/*/*.parquet`
  await connection.run(`ATTACH '${room}/native.db' AS native`)
  await connection.run(
    `CREATE TABLE native.log AS FROM read_parquet('${files}') ORDER BY time // 86400, time`,
  )
  await connection.run('CHECKPOINT native')
  console.log(`${chunks.length} chunks and the native table are written`)

  const worst: string[] = []
  for (const [name, select] of Object.entries(QUERIES)) {
    const ours: Steps[] = []
    const theirs: number[] = []
    for (let round = -2; round < rounds; round++) {
      // Another hour each time: no round reads what the one before it has just read.
      const from = FIRST_DAY + ((Math.abs(round) * 37) % (DAYS * 24)) * HOUR
      const [mine, native] = [
        await runOurs(connection, select, from),
        await runNative(connection, select, from),
      ]
      if (JSON.stringify(mine.rows) !== JSON.stringify(native.rows))
        throw new Error(
          `${name} answers ${JSON.stringify(mine.rows)} instead of ${JSON.stringify(native.rows)}`,
        )
      if (round < 0) continue
      ours.push(mine.steps)
      theirs.push(native.tookMs)
    }
    const part = (step: keyof Steps) => median(ours.map((each) => each[step]))
    const ratio = part('totalMs') / median(theirs)
    console.log(
      `${name}: ours ${part('totalMs').toFixed(1)} ms (compile with look-up of names ${part('compileMs').toFixed(1)}, chunks ` +
        `${part('lookupMs').toFixed(1)}, bind and check ${part('bindMs').toFixed(1)}, run ${part('runMs').toFixed(1)} over ` +
        `${part('chunks')} chunks), native ${median(theirs).toFixed(1)} ms`,
    )
    const word = ratio <= QUERY_GOAL ? 'ok' : 'short'
    worst.push(`${name} ratio=${ratio.toFixed(2)} goal=${QUERY_GOAL} ${word}`)
  }
  return worst
}

const QUERIES: Record<string, string> = {
  'query-hour':
    'SELECT path, count(*) AS views, sum(size) AS bytes FROM log WHERE {time} GROUP BY path ORDER BY views DESC, path LIMIT 10',
  'query-hour-filter':
    "SELECT count(*) AS views, count(DISTINCT host) AS hosts FROM log WHERE {time} AND agent LIKE '%Firefox%' AND code = 404",
}

type Steps = {
  compileMs: number
  lookupMs: number
  bindMs: number
  runMs: number
  totalMs: number
  chunks: number
}

async function runOurs(connection: DuckDBConnection, select: string, from: number) {
  const startedMs = performance.now()
  const catalog = await catalogFor(
    // The database serves: the snapshot is not asked.
    { database: test.database, gate: test.gate, snapshot: undefined as never },
    { accountId: 1n, userId: 1n },
  )
  const compiled = await compileQuery({
    text: select.replace('{time}', `TD_TIME_RANGE(time, ${from}, ${from + HOUR})`),
    defaultDatabase: 'site',
    lookup: catalog.lookup,
    context: { zone: 'UTC', scheduledTime: 0n, startedAtMs: systemClock.now().getTime(), user: '1' },
  })
  if ((await catalog.mayQuery('site')) !== 'yes') throw new Error('the owner may not query')
  const compiledMs = performance.now()
  const chunks = await catalog.chunksOf(compiled.tables)
  const foundMs = performance.now()
  const query = bindTables(compiled, chunks, (path) => join(room, path))
  const prepared = await prepareSelect(connection, query.sql, query.lists)
  const boundMs = performance.now()
  const rows = await (await prepared.stream()).getRowsJson()
  const endedMs = performance.now()
  return {
    rows,
    steps: {
      compileMs: compiledMs - startedMs,
      lookupMs: foundMs - compiledMs,
      bindMs: boundMs - foundMs,
      runMs: endedMs - boundMs,
      totalMs: endedMs - startedMs,
      chunks: chunks.length,
    },
  }
}

async function runNative(connection: DuckDBConnection, select: string, from: number) {
  const startedMs = performance.now()
  const sql = select
    .replace('FROM log', 'FROM native.log')
    .replace('{time}', `time >= ${from} AND time < ${from + HOUR}`)
    .replace('sum(size)', 'CAST(sum(size) AS BIGINT)')
  const rows = await (await connection.stream(sql)).getRowsJson()
  return { rows, tookMs: performance.now() - startedMs }
}

/** As src/query/engine/process.ts prepares one, with the settings a job gets. */
async function openEngine(): Promise<DuckDBConnection> {
  const connection = await openConnection()
  await connection.run(`SET threads = 2; SET memory_limit = '1GB'`)
  await registerFunctions(connection, javaScriptFunctions)
  for (const statement of prelude) await connection.run(statement)
  return connection
}

// The data

/** Values of the columns of text; rows take them at random. */
const POOLS: Record<string, Pool> = {
  host: pool(4000, (i) => `10.${i % 7}.${i % 250}.${i % 91}`),
  user: pool(1000, (i) => `u${i}`),
  method: pool(4, (i) => (i === 3 ? 'POST' : 'GET')),
  path: pool(600, (i) => `/category/electronics/item-${i * 7}`),
  referer: pool(777, (i) => `/search?q=${i}`),
  agent: pool(40, (i) =>
    i % 3 === 0
      ? `Mozilla/5.0 (X11; Linux x86_64; rv:${i}.0) Gecko/20100101 Firefox/${i}.0`
      : `Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/535.11 Chrome/17.0.963.${i}`,
  ),
}
const TYPES: Record<string, string> = { time: 'long', code: 'long', size: 'long' }

async function createTables({ database }: TestDatabase): Promise<void> {
  await database.write(WRITE, async (sql) => {
    await sql`INSERT INTO accounts (id, name) VALUES (1, 'bench')`
    await sql`INSERT INTO users (id, account_id, name, email, role) VALUES (1, 1, 'Ann', 'ann@example.com', 'owner')`
    await sql`INSERT INTO databases (id, account_id, name, owner_id) VALUES (1, 1, 'site', 1)`
    await sql`INSERT INTO tables (id, database_id, name) VALUES (1, 1, 'log')`
    const names = ['time', ...Object.keys(POOLS), 'code', 'size']
    await sql`
      INSERT INTO table_columns (table_id, name, key, type, ordinal)
      SELECT 1, n.name, n.name, n.type, n.place
        FROM unnest(${names}::text[], ${names.map((name) => TYPES[name] ?? 'string')}::text[]) WITH ORDINALITY AS n (name, type, place)`
  })
}

async function fillTable(): Promise<LoadedChunk[]> {
  const chunks: LoadedChunk[] = []
  const random = randomFrom(1)
  for (let number = 0; number < chunkCount; number++) {
    const path = `chunks/${number % 100}/${number}.parquet`
    mkdirSync(dirname(join(room, path)), { recursive: true })
    const { file, ...chunk } = makeChunk(number, random)
    writeFileSync(join(room, path), file)
    chunks.push({ ...chunk, tableId: 1n, path, bytes: file.length })
  }
  for (let at = 0; at < chunks.length; at += 1000) {
    await test.database.write(WRITE, (sql) =>
      insertChunks(sql, 'spool:bench:0:0', chunks.slice(at, at + 1000)),
    )
  }
  await test.database.write(WRITE, (sql) => sql`ANALYZE chunks`)
  return chunks
}

/** Rows in order of time, as the loader writes them; every fiftieth chunk is of rows that came a day late. */
function makeChunk(number: number, random: () => number) {
  const step = (DAYS * DAY) / chunkCount
  const at = FIRST_DAY + number * step
  const [from, span] = number % 50 === 7 ? [Math.max(FIRST_DAY, at - DAY), DAY] : [at, step]
  const times = Int32Array.from({ length: CHUNK_ROWS }, () => Math.floor(from + random() * span)).sort()
  const columns: ParquetColumn[] = [
    integers('time', true, (row) => times[row]!),
    ...Object.entries(POOLS).map(([name, texts]) => textColumn(name, texts, random)),
    integers('code', false, () => (random() < 0.03 ? 404 : 200)),
    integers('size', false, () => Math.floor(random() * 100_000)),
  ]
  const facts = columns.map(({ name, values: { physical } }) => [
    name,
    { key: name, type: TYPES[name] ?? 'string', physical, nulls: 0 },
  ])
  return {
    file: writeParquet(columns, CHUNK_ROWS),
    rows: CHUNK_ROWS,
    timeMin: times[0]!,
    timeMax: times.at(-1)!,
    columns: Object.fromEntries(facts),
  }
}

const EVERY_ROW = new Uint32Array(0)

function integers(name: string, required: boolean, of: (row: number) => number): ParquetColumn {
  const words = new Int32Array(2 * CHUNK_ROWS)
  for (let row = 0; row < CHUNK_ROWS; row++) words[2 * row] = of(row)
  return { name, required, count: CHUNK_ROWS, rows: EVERY_ROW, values: { physical: 'INT64', words } }
}

type Pool = { offsets: number[]; lengths: number[]; bytes: Buffer }

function pool(size: number, of: (i: number) => string): Pool {
  const texts = Array.from({ length: size }, (_, i) => Buffer.from(of(i)))
  const lengths = texts.map(({ length }) => length)
  const offsets: number[] = []
  for (let i = 0, at = 0; i < size; at += lengths[i++]!) offsets.push(at)
  return { offsets, lengths, bytes: Buffer.concat(texts) }
}

function textColumn(name: string, { offsets, lengths, bytes }: Pool, random: () => number): ParquetColumn {
  const words = new Int32Array(2 * CHUNK_ROWS)
  for (let row = 0; row < CHUNK_ROWS; row++) {
    // Squared: some values are far more frequent than others.
    const pick = Math.floor(random() ** 2 * lengths.length)
    words[2 * row] = offsets[pick]!
    words[2 * row + 1] = lengths[pick]!
  }
  const column = { name, required: false, count: CHUNK_ROWS, rows: EVERY_ROW }
  return { ...column, values: { physical: 'BYTE_ARRAY', words, parts: [{ from: 0, bytes }] } }
}

// The catalog

async function compareLookups(): Promise<string> {
  const { database } = test
  const total = Number(values.catalog)
  await addChunks(total)
  const lookups: number[] = []
  const references: number[] = []
  let found = 0
  for (let round = -20; round < 300; round++) {
    const from = BigInt(FIRST_DAY + ((Math.abs(round) * 37 * HOUR) % CATALOG_SECONDS))
    const ranges = [{ from, to: from + BigInt(HOUR) }]
    const lookupMs = await timed(async () => {
      found = (await database.read(READ, (sql) => findChunks(sql, [{ tableId: 1000n, ranges }]))).length
    })
    const id = 1 + ((Math.abs(round) * 7919) % chunkCount)
    const referenceMs = await timed(() =>
      database.read(READ, (sql) => sql`SELECT path FROM chunks WHERE id = ${id}`),
    )
    if (round < 0) continue
    lookups.push(lookupMs)
    references.push(referenceMs)
  }
  const p50 = median(lookups)
  console.log(
    `an hour's ${found} chunks among ${total}: p50 ${p50.toFixed(2)} ms, p99 ${percentile(lookups, 0.99).toFixed(2)} ms; ` +
      `a row by its primary key, over the same connection: p50 ${median(references).toFixed(2)} ms (${(p50 / median(references)).toFixed(1)} times)`,
  )
  const ratio = p50 / LOOKUP_GOAL_MS
  return `catalog-lookup ratio=${ratio.toFixed(2)} goal=1 ${ratio <= 1 ? 'ok' : 'short'}`
}

/** Tables 1000 (hot) to 1199: a hot one of every five chunks, one in fifty a day long. Columns as a log table has them. */
async function addChunks(total: number): Promise<void> {
  const columns = JSON.stringify(
    Object.fromEntries(
      ['time', ...Object.keys(POOLS), 'code', 'size'].map((name) => [
        name,
        { key: name, type: TYPES[name] ?? 'string', physical: 'INT64', nulls: 0 },
      ]),
    ),
  )
  await test.database.write(WRITE, (sql) => sql`ALTER TABLE chunks DISABLE TRIGGER USER`)
  for (let first = 0; first < total; first += 100_000) {
    await test.database.write(
      WRITE,
      (sql) => sql`
        INSERT INTO chunks (table_id, time_range, rows, bytes, path, owner, columns)
        SELECT CASE WHEN n % 5 = 0 THEN 1000 ELSE 1001 + n % 199 END,
               int8range(at, at + CASE WHEN n % 250 = 10 OR n % 5 <> 0 AND n % 49 = 11 THEN ${DAY}::int ELSE 60 END),
               2000, 40000, 'chunks/c/' || n || '.parquet', 'spool:bench:0:0', ${columns}::jsonb
          FROM (SELECT n, ${FIRST_DAY}::bigint + (n::bigint * ${CATALOG_SECONDS}::bigint) / ${total}::bigint AS at
                  FROM generate_series(${first}::int, ${Math.min(first + 100_000, total) - 1}::int) AS n) AS s`,
    )
  }
  await test.database.write(WRITE, (sql) => sql`ALTER TABLE chunks ENABLE TRIGGER USER`)
  await test.database.write(WRITE, (sql) => sql`ANALYZE chunks`)
}

// Figures

async function timed(act: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await act()
  return performance.now() - startedMs
}

/** The same numbers in each run. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

function percentile(numbers: number[], fraction: number): number {
  return numbers.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(fraction * numbers.length) - 1)]!
}

function median(numbers: number[]): number {
  return percentile(numbers, 0.5)
}

await main()

async function main(): Promise<void> {
  try {
    const lines = [...(await compareQueries()), await compareLookups()]
    for (const line of lines) console.log(line)
  } finally {
    await test.stop()
    rmSync(room, { recursive: true })
  }
}

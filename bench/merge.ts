/**
 * How fast realtime chunks become an archive chunk, against DuckDB sorting and copying the same files by itself. Ours is the
 * merge as the archivist does it: claim, choice from the catalog, the same sort, footer with table and columns, file synced and
 * stored, one transaction that retires the old chunks in a PostgreSQL that syncs. Same threads, same memory, in the same
 * run, in interleaved rounds; medians.
 *
 *   node bench/merge.ts [--rounds 5] [--chunks 100] [--rows 10000]
 */
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MERGE_LIMITS, readArchiveSettings } from '../src/archive/config.ts'
import { openDuck } from '../src/archive/duck.ts'
import { mergeSpan } from '../src/archive/merge.ts'
import { startTestDatabase } from '../src/database/testing.ts'
import { silentLog, systemClock } from '../src/kernel/index.ts'
import { createLocalStore } from '../src/storage/index.ts'

const GOAL = 0.8
const HOUR = 1_699_999_200
const WRITE = { class: 'write', deadlineMs: 30_000 } as const

const options = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    chunks: { type: 'string', default: '100' },
    rows: { type: 'string', default: '10000' },
  },
}).values
const rounds = Number(options.rounds)
const chunkCount = Number(options.chunks)
const rowsOfChunk = Number(options.rows)
const totalRows = chunkCount * rowsOfChunk

/** An access log of nine columns, in the order of arrival: time almost ascending. */
const COLUMNS: [name: string, type: string, physical: string, sql: string][] = [
  ['time', 'long', 'INT64', `${HOUR} + (i * 3500) // ${totalRows} + (random() * 60)::BIGINT`],
  ['host', 'string', 'BYTE_ARRAY', `'10.' || (random() * 60)::INT || '.0.' || (random() * 250)::INT`],
  [
    'user',
    'string',
    'BYTE_ARRAY',
    `CASE WHEN random() < 0.7 THEN '-' ELSE 'user' || (random() * 300)::INT END`,
  ],
  ['method', 'string', 'BYTE_ARRAY', `CASE WHEN random() < 0.8 THEN 'GET' ELSE 'POST' END`],
  [
    'path',
    'string',
    'BYTE_ARRAY',
    `'/item/' || (power(random(), 3) * 20000)::INT || '?page=' || (random() * 40)::INT`,
  ],
  ['code', 'long', 'INT64', `CASE WHEN random() < 0.9 THEN 200 ELSE 404 END::BIGINT`],
  ['size', 'long', 'INT64', '(power(random(), 3) * 2000000)::BIGINT'],
  ['latency', 'double', 'DOUBLE', 'CASE WHEN random() < 0.5 THEN random() * 500 END'],
  [
    'agent',
    'string',
    'BYTE_ARRAY',
    `'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/' || (90 + random() * 50)::INT`,
  ],
]
const { signal } = new AbortController()
const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-merge-'))
const db = await startTestDatabase({ durable: true })
const objects = await createLocalStore(directory)
const settings = readArchiveSettings({})
const { memoryMegabytes, threads } = settings
const duck = await openDuck({ memoryMegabytes, threads, directory: join(directory, 'spill') })

const tableId = await db.database.write(WRITE, async (sql) => {
  await sql`INSERT INTO accounts (id, name) VALUES (1, 'bench')`
  await sql`INSERT INTO databases (id, account_id, name) VALUES (1, 1, 'bench')`
  const [table] = await sql<{ id: bigint }>`
    INSERT INTO tables (database_id, name) VALUES (1, 'access') RETURNING id`
  for (const [i, [name, type]] of COLUMNS.slice(1).entries())
    await sql`
      INSERT INTO table_columns (table_id, name, key, type, ordinal) VALUES (${table!.id}, ${name}, ${name}, ${type}, ${i + 1})`
  return table!.id
})

const paths: string[] = []
for (let i = 0; i < chunkCount; i++) {
  const file = join(directory, 'draft.parquet')
  const items = COLUMNS.map(([name, , , sql]) => `${sql} AS "${name}"`).join(', ')
  const from = i * rowsOfChunk
  await duck.run(
    `COPY (SELECT ${items} FROM range(${from}, ${from + rowsOfChunk}) r(i))
       TO '${file}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)`,
    signal,
  )
  const path = `chunks/spool/bench/1/1-${i}-${tableId}.parquet`
  await objects.putFile(path, file)
  paths.push(path)
}
const described = Object.fromEntries(
  COLUMNS.map(([name, type, physical]) => [name, { key: name, type, physical, nulls: 0 }]),
)

/** The source chunks, live; what the round before has merged is forgotten. */
async function reset(): Promise<void> {
  const merged = await db.database.write(WRITE, async (sql) => {
    const old = await sql<{ path: string }>`SELECT path FROM chunks WHERE owner LIKE 'merge:%'`
    await sql`DELETE FROM chunks`
    for (const path of paths)
      await sql`
        INSERT INTO chunks (table_id, time_range, rows, bytes, path, owner, columns)
        VALUES (${tableId}, int8range(${HOUR}, ${HOUR + 3600}), ${rowsOfChunk}, ${statSync(objects.locate(path)).size},
                ${path}, 'spool:bench:1:1', ${JSON.stringify(described)}::jsonb)`
    return old
  })
  for (const { path } of merged) await objects.remove(path)
}

const deps = {
  database: db.database,
  objects,
  duck,
  draftDirectory: join(directory, 'drafts'),
  settings,
  owner: 'bench',
  clock: systemClock,
  log: silentLog,
  faultPoint: () => undefined,
}

async function merge(): Promise<void> {
  const span = { tableId, level: 0, start: BigInt(HOUR) }
  const merged = await mergeSpan(deps, span, { upToSize: 4, closes: true }, signal)
  if (merged?.rows !== totalRows) throw new Error(`${merged?.rows} rows merged instead of ${totalRows}`)
}

async function bare(): Promise<void> {
  const file = join(directory, 'bare.parquet')
  const list = paths.map((path) => `'${objects.locate(path)}'`).join(', ')
  await duck.run(
    `COPY (SELECT * FROM read_parquet([${list}]) ORDER BY time)
       TO '${file}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE ${MERGE_LIMITS.rowGroupRows})`,
    signal,
  )
  const fd = openSync(file, 'r+')
  fsyncSync(fd)
  closeSync(fd)
}

const seconds = { merge: [] as number[], bare: [] as number[] }
const cpuSeconds = { merge: [] as number[], bare: [] as number[] }
const WARM_UP_ROUNDS = 1
for (let round = 0; round < WARM_UP_ROUNDS + rounds; round++)
  for (const [name, run] of [
    ['merge', merge],
    ['bare', bare],
  ] as const) {
    if (name === 'merge') await reset()
    const startMs = performance.now()
    const cpuStart = process.cpuUsage()
    await run()
    if (round < WARM_UP_ROUNDS) continue
    const cpu = process.cpuUsage(cpuStart)
    seconds[name].push((performance.now() - startMs) / 1000)
    cpuSeconds[name].push((cpu.user + cpu.system) / 1e6)
  }
await duck.close()
await db.stop()
rmSync(directory, { recursive: true })

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!
const rate = { merge: totalRows / median(seconds.merge), bare: totalRows / median(seconds.bare) }
for (const [name, value] of Object.entries(rate))
  console.log(`${name.padEnd(8)}${Math.round(value / 1000)} k rows/s`)
// Time on the processor tells more than time on the clock when others use the machine as well.
console.log(`by CPU seconds: ${(median(cpuSeconds.bare) / median(cpuSeconds.merge)).toFixed(2)} of DuckDB`)
const ratio = rate.merge / rate.bare
console.log(`merge ratio=${ratio.toFixed(2)} goal=${GOAL} ${ratio >= GOAL ? 'ok' : 'short'}`)

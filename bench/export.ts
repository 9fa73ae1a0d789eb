/**
 * What a result costs on its way to a client, against what DuckDB and gzip need for the same rows; one thread for each query, the same run,
 * interleaved rounds, medians:
 *   export-csv, export-json   the stored result rendered as text (inflated, read and written) / DuckDB's COPY of the table
 *   export-msgpack            rows from the engine to the stored msgpack.gz / gzip of those bytes alone, at the same level
 *
 *   node bench/export.ts [--rows 300000] [--rounds 5]
 */
import { createReadStream, createWriteStream, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { createGunzip, createGzip, gunzipSync } from 'node:zlib'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import type { PrestoType } from '../src/query/presto-type.ts'
import { renderResult } from '../src/query/results/index.ts'
import { writeResult } from '../src/query/results/write.ts'

const GOAL = 0.8

const { values } = parseArgs({
  options: { rows: { type: 'string', default: '300000' }, rounds: { type: 'string', default: '5' } },
})
const rows = Number(values.rows)
const rounds = Number(values.rounds)
const bigint: PrestoType = { kind: 'bigint' }
const varchar: PrestoType = { kind: 'varchar' }
const types = [bigint, varchar, varchar, varchar, varchar, bigint, bigint, varchar, varchar]

const room = mkdtempSync(join(tmpdir(), 'millrace-export-'))
try {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run('SET threads = 1')
  await fill(connection)
  const took = new Map<string, Took[]>()
  for (let round = -1; round < rounds; round++) {
    for (const [name, run] of Object.entries(works(connection, round))) {
      const one = await measured(run)
      if (round >= 0) took.set(name, [...(took.get(name) ?? []), one])
    }
  }
  const part = (name: string, of: keyof Took) => median(took.get(name)!.map((one) => one[of]))
  for (const name of took.keys()) {
    const rate = Math.round(rows / part(name, 'ms'))
    console.log(`${name}: ${rate} thousand rows/s (${part(name, 'cpuMs').toFixed(0)} ms of processor time)`)
  }
  for (const [name, ours, theirs] of [
    ['export-csv', 'csv', 'DuckDB csv'],
    ['export-json', 'json', 'DuckDB json'],
    ['export-msgpack', 'msgpack.gz', 'gzip'],
  ] as const) {
    const ratio = part(theirs, 'ms') / part(ours, 'ms')
    console.log(`${name} ratio=${ratio.toFixed(2)} goal=${GOAL} ${ratio >= GOAL ? 'ok' : 'short'}`)
  }
} finally {
  rmSync(room, { recursive: true })
}

function works(connection: DuckDBConnection, round: number): Record<string, () => Promise<void>> {
  const file = (name: string) => join(room, `${name}-${round}`)
  const stored = file('stored')
  const plain = once(() => gunzipSync(readFileSync(stored)))
  const render = async (format: 'csv' | 'json') => {
    const schema = types.map((_, i): [string, string] => [`c${i}`, 'varchar'])
    await pipeline(renderResult({ storedPath: stored, schema, format }), createWriteStream(file(format)))
  }
  return {
    'msgpack.gz': async () => {
      await writeResult(await connection.stream('SELECT * FROM log'), types, stored, () => undefined)
    },
    // Inflated outside of what is measured.
    'to be compressed': async () => void plain(),
    gzip: async () => {
      await pipeline(
        Readable.from(piecesOf(plain())),
        createGzip({ level: 1, chunkSize: 64 * 1024 }),
        // Synced, as a result is.
        createWriteStream(file('gzip'), { flush: true }),
      )
    },
    csv: () => render('csv'),
    'DuckDB csv': async () => {
      await connection.run(`COPY log TO '${file('duck.csv')}' (FORMAT csv)`)
    },
    json: () => render('json'),
    'DuckDB json': async () => {
      await connection.run(`COPY log TO '${file('duck.json')}' (FORMAT json)`)
    },
    inflate: async () => {
      const inflated = createReadStream(stored).pipe(createGunzip({ chunkSize: 128 * 1024 }))
      for await (const piece of inflated) void piece
    },
  }
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}

function* piecesOf(bytes: Buffer): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; at += 192 * 1024) yield bytes.subarray(at, at + 192 * 1024)
}

async function fill(connection: DuckDBConnection): Promise<void> {
  await connection.run(`
    CREATE TABLE log AS SELECT 1700000000 + range AS time, '10.0.' || range % 250 || '.' || range % 91 AS host,
      CASE WHEN range % 3 = 0 THEN NULL ELSE 'u' || range % 1000 END AS "user", 'GET' AS method,
      '/category/electronics/item-' || hash(range) % 5000 AS path, (200 + range % 5)::BIGINT AS code,
      (hash(range * 7) % 100000)::BIGINT AS size, '/search?q=' || hash(range * 3) % 777 AS referer,
      'Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/535.11 Chrome/17.0.963.56 Safari/535.' || range % 20 AS agent
    FROM range(${rows})`)
}

type Took = { ms: number; cpuMs: number }

async function measured(run: () => Promise<void>): Promise<Took> {
  const startedMs = performance.now()
  const cpu = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(cpu)
  return { ms: performance.now() - startedMs, cpuMs: (user + system) / 1000 }
}

function median(numbers: number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!
}

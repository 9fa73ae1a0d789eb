/**
 * How fast a msgpack.gz import becomes a durable Parquet chunk, against DuckDB writing a Parquet file from a table of
 * the same rows that it already holds in memory. Both on one thread, in the same run, in interleaved rounds; medians.
 *
 *   node bench/load.ts [--rounds 7] [--chunks 20] [--seed 1]
 */
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { encode } from '@msgpack/msgpack'
import { createTableBatch, type FinishedBatch, gunzipLimited } from '../src/load/decode/index.ts'
import { writeParquet } from '../src/storage/parquet/index.ts'

const GOAL = 0.4
const LIMITS = { maxExpandedBytes: 256 << 20, maxRatio: 1032 }
const NOW_SECONDS = 1_795_342_228

const options = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    chunks: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
  },
}).values
const rounds = Number(options.rounds)
const chunkCount = Number(options.chunks)

/** mulberry32: small, seeded, good enough to spread values. */
function createRandom(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const random = createRandom(Number(options.seed))
const below = (limit: number): number => Math.floor(random() * limit)
/** Few values often, many seldom, as in real logs. */
const skewed = (limit: number): number => Math.floor(limit * random() ** 3)
const pick = <T>(items: readonly T[]): T => items[skewed(items.length)]!

const hosts = Array.from({ length: 4000 }, () => Array.from({ length: 4 }, () => below(256)).join('.'))
const users = ['-', ...Array.from({ length: 300 }, (_, i) => `user${i}`)]
const sections = ['category', 'item', 'search', 'cart', 'api/v2/orders', 'static/img', 'account', 'help']
const agents = Array.from(
  { length: 180 },
  (_, i) =>
    `Mozilla/5.0 (${pick(['Windows NT 10.0; Win64; x64', 'Macintosh; Intel Mac OS X 10_15_7', 'X11; Linux x86_64', 'iPhone; CPU iPhone OS 17_1 like Mac OS X'])}) ` +
    `AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${90 + (i % 50)}.0.${below(6000)}.${below(200)} Safari/537.36`,
)

/** An access-log record of nine columns; one in five also carries columns whose types do not agree. */
function makeRecord(time: number): Record<string, unknown> {
  const path = `/${pick(sections)}/${skewed(20_000)}${random() < 0.3 ? `?page=${below(40)}&ref=${below(1e6).toString(36)}` : ''}`
  const record: Record<string, unknown> = {
    time,
    host: pick(hosts),
    user: pick(users),
    method: pick(['GET', 'POST', 'PUT', 'HEAD']),
    path,
    code: pick([200, 304, 404, 302, 500, 499]),
    size: random() < 0.02 ? 0 : skewed(2_000_000),
    referer: random() < 0.4 ? '-' : `https://www.example.com/${pick(sections)}/${skewed(5000)}`,
    agent: pick(agents),
  }
  if (random() >= 0.2) return record
  record.latency = random() < 0.5 ? below(500) : below(500_000) / 1000
  record.quota = pick<unknown>([below(1000), 'unlimited', true, null])
  record.tags = { cart: [below(10), below(10)], 'a/b': random() < 0.5 ? 'x' : 'ß' }
  return record
}

function makeBodies(chunks: number, rows: number): Buffer[] {
  let time = NOW_SECONDS - 86_400
  return Array.from({ length: chunks }, () => {
    const records = Array.from({ length: rows }, () => {
      if (random() < 0.05) time++
      return encode(makeRecord(time))
    })
    return gzipSync(Buffer.concat(records), { level: 6 })
  })
}

function expand(body: Buffer): Buffer {
  const result = gunzipLimited(body, LIMITS)
  if (result.kind === 'fault') throw new Error(result.reason)
  return result.bytes
}

function scan(payload: Buffer): FinishedBatch {
  const batch = createTableBatch({ known: [] })
  const { faults } = batch.addImport(payload, { receivedAtSeconds: NOW_SECONDS })
  if (faults.length > 0) throw new Error(faults[0]!.reason)
  return batch.finish()
}

function toParquet(finished: FinishedBatch): Buffer {
  const columns = finished.columns.map((column) => column.data)
  return writeParquet(columns, finished.rows, { metadata: { table: 'bench.access' } })
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(path, 'w')
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** As the loader does: while one chunk is being written and synced, the next is decoded. */
async function convertAll(bodies: readonly Buffer[], path: string): Promise<void> {
  let written = Promise.resolve()
  for (const [i, body] of bodies.entries()) {
    const bytes = toParquet(scan(expand(body)))
    await written
    written = writeDurably(`${path}-${i}`, bytes)
    await setImmediate()
  }
  await written
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!
}

const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-load-'))
const large = makeBodies(chunkCount, 10_000)
const small = makeBodies(chunkCount, 1_000)
const largeRaw = large.map(expand)
const smallRaw = small.map(expand)

for (const [i, payload] of largeRaw.entries()) {
  await writeDurably(join(directory, `seed-${i}.parquet`), toParquet(scan(payload)))
}
const duckdb = await (await DuckDBInstance.create(':memory:')).connect()
await duckdb.run('SET threads=1')
await duckdb.run(
  `CREATE TABLE access AS SELECT * FROM read_parquet('${directory}/seed-*.parquet', union_by_name=true)`,
)

function each(buffers: readonly Buffer[], work: (buffer: Buffer) => unknown): void {
  for (const buffer of buffers) work(buffer)
}

/** Each measure handles `rows` rows once. */
const measures: { name: string; rows: number; run: () => unknown }[] = []
for (const [size, bodies, raw] of [
  [10_000, large, largeRaw],
  [1_000, small, smallRaw],
] as const) {
  const rows = size * chunkCount
  const file = join(directory, `chunk-${size}.parquet`)
  measures.push(
    { name: `gunzip ${size}`, rows, run: () => each(bodies, expand) },
    { name: `scan ${size}`, rows, run: () => each(raw, scan) },
    { name: `scan+parquet ${size}`, rows, run: () => each(raw, (payload) => toParquet(scan(payload))) },
    {
      name: `complete ${size}`,
      rows,
      run: () => convertAll(bodies, file),
    },
  )
}
measures.push({
  name: 'duckdb copy',
  rows: 10_000 * chunkCount,
  run: async () => {
    const file = join(directory, 'duckdb.parquet')
    await duckdb.run(`COPY access TO '${file}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)`)
    const fd = openSync(file, 'r+')
    fsyncSync(fd)
    closeSync(fd)
  },
})

const seconds = new Map<string, number[]>(measures.map(({ name }) => [name, []]))
const cpuSeconds = new Map<string, number[]>(measures.map(({ name }) => [name, []]))
/** Compiling the hot functions takes its time while other work runs on the machine. */
const WARM_UP_ROUNDS = 4
for (let round = 0; round < WARM_UP_ROUNDS + rounds; round++) {
  for (const { name, run } of measures) {
    const start = performance.now()
    const cpuStart = process.cpuUsage()
    await run()
    if (round < WARM_UP_ROUNDS) continue
    const cpu = process.cpuUsage(cpuStart)
    seconds.get(name)!.push((performance.now() - start) / 1000)
    cpuSeconds.get(name)!.push((cpu.user + cpu.system) / 1e6)
  }
}

const rate = new Map(measures.map(({ name, rows }) => [name, rows / median(seconds.get(name)!)]))
const cpuRate = new Map(measures.map(({ name, rows }) => [name, rows / median(cpuSeconds.get(name)!)]))
const thousands = (value: number): string => String(Math.round(value / 1000)).padStart(5)
// Time on the processor tells more than time on the clock when others use the machine as well.
for (const [name, value] of rate) {
  console.log(
    `${name.padEnd(20)}${thousands(value)} k rows/s, ${thousands(cpuRate.get(name)!)} k per CPU second`,
  )
}
console.log(
  `fixed and variable cost of a 1,000-row chunk: ${((1000 / rate.get('complete 1000')!) * 1000).toFixed(2)} ms`,
)
rmSync(directory, { recursive: true })

const ratio = rate.get('complete 10000')! / rate.get('duckdb copy')!
console.log(
  `by CPU seconds: ${(cpuRate.get('complete 10000')! / cpuRate.get('duckdb copy')!).toFixed(2)} of DuckDB`,
)
console.log(`load ratio=${ratio.toFixed(2)} goal=${GOAL} ${ratio >= GOAL ? 'ok' : 'short'}`)

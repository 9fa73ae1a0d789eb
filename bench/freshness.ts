/**
 * How long after its acceptance a payload is committed, at steady load: 20 hot tables and 1,000 cold ones (each gets a row
 * every five seconds), 20,000 rows a second, through one real spool, one loader process and a database that syncs. The
 * goal is 2 s at p99; the ratio is the goal divided by what was measured.
 *
 *   node bench/freshness.ts [--seconds 20] [--hot 20] [--cold 1000] [--cold-rows 200] [--rows 20000]
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { encode } from '@msgpack/msgpack'
import { openDatabase } from '../src/database/index.ts'
import { startTestDatabase } from '../src/database/testing.ts'
import { createStaticGate, type DatabaseAddress, servingState } from '../src/gate/index.ts'
import { createRegistry, randomIds, silentLog, systemClock } from '../src/kernel/index.ts'
import { createLoader, readLoadSettings } from '../src/load/index.ts'
import { openSpoolReader, openSpoolWriter, readSpoolSettings, type SpoolRecord } from '../src/spool/index.ts'
import { createLocalStore } from '../src/storage/index.ts'

const GOAL_MS = 2000
/** Requests a hot table gets each second. */
const HOT_REQUESTS = 10
const WARM_UP_MS = 3000

type LoaderJob = { address: DatabaseAddress; dataDir: string; directory: string }
type Report = {
  lagsMs: number[]
  rows: number
  commits: number
  chunks: number
  cpuMs: number
  /** What the loader spent before it reached each step. */
  stepsMs: Record<string, number>
}

if (process.argv[2] === 'loader') await load(JSON.parse(process.argv[3]!) as LoaderJob)
else await measure()

async function load({ address, dataDir, directory }: LoaderJob): Promise<void> {
  const gate = createStaticGate(servingState(address, new Date()))
  const database = openDatabase({
    gate,
    clock: systemClock,
    log: silentLog,
    ids: randomIds,
    maxConnections: 2,
  })
  const reader = openSpoolReader({ directory, clock: systemClock, log: silentLog })
  const report: Report = { lagsMs: [], rows: 0, commits: 0, chunks: 0, cpuMs: 0, stepsMs: {} }
  let acceptedMs: number[] = []
  const startedMs = Date.now()
  let stepMs = performance.now()
  const loader = createLoader({
    spoolName: 'bench',
    spoolDirectory: directory,
    reader: {
      ...reader,
      async read(from, limits) {
        const records = await reader.read(from, limits)
        acceptedMs = records.map(({ record }) => record.receivedAtMs)
        return records
      },
    },
    database,
    objects: await createLocalStore(dataDir),
    clock: systemClock,
    log: silentLog,
    metrics: createRegistry('bench'),
    settings: readLoadSettings({}),
    faultPoint(step) {
      if (step === 'decoding' || step === 'file-written') return
      const nowMs = performance.now()
      report.stepsMs[step] = (report.stepsMs[step] ?? 0) + nowMs - stepMs
      stepMs = nowMs
    },
    onCommitted({ rows, chunks }) {
      const now = Date.now()
      if (now - startedMs > WARM_UP_MS) for (const at of acceptedMs) report.lagsMs.push(now - at)
      report.rows += rows
      report.chunks += chunks
      report.commits++
    },
  })
  const stop = new AbortController()
  process.on('message', () => stop.abort())
  process.on('disconnect', () => process.exit(1))
  process.send!('ready')
  await loader.run(stop.signal)
  const { user, system } = process.cpuUsage()
  report.cpuMs = Math.round((user + system) / 1000)
  process.send!(report, () => process.exit(0))
}

async function measure(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '20' },
      hot: { type: 'string', default: '20' },
      cold: { type: 'string', default: '1000' },
      'cold-rows': { type: 'string', default: '200' },
      rows: { type: 'string', default: '20000' },
    },
  })
  const seconds = Number(values.seconds)
  const hot = Number(values.hot)
  const cold = Number(values.cold)
  const load: Load = { seconds, hot, cold, coldRows: Number(values['cold-rows']), rows: Number(values.rows) }
  const db = await startTestDatabase({ durable: true })
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-freshness-'))
  const directory = join(dataDir, 'spool', 'bench')
  try {
    const tables = await createTables(db.database, hot + cold)
    const writer = await openSpoolWriter({
      directory,
      settings: { ...readSpoolSettings({}), reserveBytes: 0 },
      clock: systemClock,
      log: silentLog,
      onFatal: (error) => {
        throw error
      },
    })
    const job: LoaderJob = { address: db.address, dataDir, directory }
    // As the supervisor starts it: file system calls run on these threads.
    const env = { ...process.env, UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE ?? '16' }
    const child = fork(import.meta.filename, ['loader', JSON.stringify(job)], {
      serialization: 'advanced',
      env,
    })
    await once(child, 'message')
    const append = (record: SpoolRecord) => writer.append(record)
    const sent = await generate(append, tables, load)
    child.send('stop')
    const [report] = (await once(child, 'message')) as [Report]
    await writer.close()
    print(report, sent, seconds)
  } finally {
    await db.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function createTables(database: ReturnType<typeof openDatabase>, count: number): Promise<bigint[]> {
  return database.write({ class: 'write', deadlineMs: 30_000 }, async (sql) => {
    await sql`INSERT INTO accounts (id, name) VALUES (1, 'bench')`
    await sql`INSERT INTO databases (id, account_id, name) VALUES (1, 1, 'bench')`
    const rows = await sql<{ id: bigint }>`
      INSERT INTO tables (database_id, name) SELECT 1, 't' || n FROM generate_series(1, ${count}::int) n RETURNING id`
    return rows.map(({ id }) => id)
  })
}

type Load = { seconds: number; hot: number; cold: number; coldRows: number; rows: number }

/** Sends at an even pace in steps of 10 ms; returns the rows that were acknowledged. */
async function generate(
  append: (record: SpoolRecord) => Promise<unknown>,
  tables: bigint[],
  { seconds, hot, cold, coldRows, rows }: Load,
): Promise<number> {
  const rowsPerHot = Math.max(1, Math.round((rows - coldRows) / (hot * HOT_REQUESTS)))
  const bodies = Array.from({ length: 8 }, (_, i) => bodyOf(rowsPerHot, i))
  const small = bodyOf(1, 0)
  const hotPerSecond = hot * HOT_REQUESTS
  const perSecond = hotPerSecond + coldRows
  const startedMs = performance.now()
  const pending = new Set<Promise<unknown>>()
  let requests = 0
  let sentRows = 0
  while (performance.now() - startedMs < seconds * 1000) {
    const due = Math.floor(((performance.now() - startedMs) / 1000) * perSecond)
    for (; requests < due; requests++) {
      // Hot and cold are spread evenly over the second.
      const hotBefore = Math.floor((requests * hotPerSecond) / perSecond)
      const isHot = Math.floor(((requests + 1) * hotPerSecond) / perSecond) > hotBefore
      const table = isHot ? tables[hotBefore % hot]! : tables[hot + ((requests - hotBefore) % cold)]!
      const appended = append(recordFor(table, isHot ? bodies[requests % bodies.length]! : small))
      sentRows += isHot ? rowsPerHot : 1
      pending.add(appended)
      void appended.finally(() => pending.delete(appended))
    }
    await systemClock.sleep(10)
  }
  await Promise.all(pending)
  return sentRows
}

function recordFor(tableId: bigint, body: Buffer): SpoolRecord {
  return {
    kind: 'import',
    receivedAtMs: Date.now(),
    accountId: 1n,
    keyId: 1n,
    database: 'bench',
    table: 't',
    tableId,
    uniqueId: '',
    facts: {},
    body,
  }
}

function bodyOf(rows: number, seed: number): Buffer {
  const records = Array.from({ length: rows }, (_, i) =>
    encode({
      time: 1_795_342_228 + i,
      host: `10.0.${seed}.${i % 250}`,
      user: i % 3 === 0 ? null : `user${i % 100}`,
      method: 'GET',
      path: `/category/item-${(i * 7 + seed) % 5000}`,
      code: 200 + (i % 5),
      size: (i * 7919) % 100_000,
      referer: `/search?q=${i % 77}`,
      agent: `Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/${90 + (i % 40)}.0 Safari/537.36`,
    }),
  )
  return gzipSync(Buffer.concat(records))
}

function print(report: Report, sent: number, seconds: number): void {
  const lags = report.lagsMs.sort((a, b) => a - b)
  const at = (share: number) => lags[Math.min(lags.length - 1, Math.floor(lags.length * share))] ?? Number.NaN
  const { rows, commits, chunks, cpuMs } = report
  const steps = Object.entries(report.stepsMs).map(([step, ms]) => `${step} ${Math.round(ms / commits)}`)
  console.log(`sent ${Math.round(sent / seconds)} rows/s, committed ${rows} of ${sent} rows before the end`)
  console.log(
    `${commits} commits, ${chunks} chunks, loader CPU ${Math.round((cpuMs / seconds / 1000) * 100)} % of a core`,
  )
  console.log(`ms per commit up to each step: ${steps.join(', ')}`)
  console.log(`commit after acceptance: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`)
  const ratio = GOAL_MS / at(0.99)
  console.log(`freshness ratio=${ratio.toFixed(2)} goal=1 ${ratio >= 1 ? 'ok' : 'short'}`)
}

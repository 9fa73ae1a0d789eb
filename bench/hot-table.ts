/**
 * Does a table get slower to import into as it grows? 64 importers at once send small payloads with ids into one table; each
 * sends its next one when its last was committed. Two spools, two loaders that meet in the table, commits as often as they
 * can; the catalog gets one chunk per commit. Commits are timed over windows of 2,000 chunks. The ratio is the p99 of the
 * first window divided by that of the last; the last may be 1.5 times the first.
 *
 *   node bench/hot-table.ts [--windows 4] [--chunks 2000] [--importers 64]
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { encode } from '@msgpack/msgpack'
import { startTestDatabase, type TestDatabase } from '../src/database/testing.ts'
import { createRegistry, silentLog, systemClock } from '../src/kernel/index.ts'
import { createLoader, readLoadSettings } from '../src/load/index.ts'
import { openSpoolReader, openSpoolWriter, readSpoolSettings } from '../src/spool/index.ts'
import { createLocalStore, type ObjectStore } from '../src/storage/index.ts'

const GOAL = 1 / 1.5
const SPOOLS = 2
const NOW_SECONDS = 1_795_342_228

const { values } = parseArgs({
  options: {
    windows: { type: 'string', default: '4' },
    chunks: { type: 'string', default: '2000' },
    importers: { type: 'string', default: '64' },
  },
})
const windows = Number(values.windows)
const windowChunks = Number(values.chunks)
const importers = Number(values.importers)

const db = await startTestDatabase({ durable: true })
const dataDir = await mkdtemp(join(tmpdir(), 'millrace-hot-table-'))
try {
  const tableId = await createTable(db)
  const objects = await createLocalStore(dataDir)
  const commitsMs: number[] = []
  const stop = new AbortController()
  const p99s: number[] = []
  // The first half window warms up.
  let warmUp = windowChunks / 2
  const noted = (ms: number) => {
    if (warmUp-- > 0 || p99s.length === windows) return
    commitsMs.push(ms)
    if (commitsMs.length < windowChunks) return
    p99s.push(printWindow(commitsMs.splice(0), p99s.length + 1))
    if (p99s.length === windows) stop.abort()
  }
  const startedMs = performance.now()
  await Promise.all(
    Array.from({ length: SPOOLS }, (_, i) => importAndLoad(`hot-${i}`, tableId, objects, noted)),
  )
  console.log(`${Math.round((performance.now() - startedMs) / 1000)} s`)
  const ratio = p99s[0]! / p99s.at(-1)!
  console.log(`hot-table ratio=${ratio.toFixed(2)} goal=${GOAL.toFixed(2)} ${ratio >= GOAL ? 'ok' : 'short'}`)

  async function importAndLoad(name: string, table: bigint, store: ObjectStore, note: (ms: number) => void) {
    const directory = join(dataDir, 'spool', name)
    const common = { directory, clock: systemClock, log: silentLog }
    const onFatal = (error: unknown) => {
      throw error
    }
    const writer = await openSpoolWriter({
      ...common,
      settings: { ...readSpoolSettings({}), reserveBytes: 0 },
      onFatal,
    })
    const reader = openSpoolReader(common)
    let committed = Promise.withResolvers<void>()
    let appended = 0
    let loaded = 0
    let writtenMs = 0
    const loader = createLoader({
      spoolName: name,
      spoolDirectory: directory,
      reader,
      database: db.database,
      objects: store,
      clock: systemClock,
      log: silentLog,
      metrics: createRegistry(name),
      settings: { ...readLoadSettings({}), intervalMilliseconds: 0, mostIntervalMilliseconds: 0 },
      faultPoint(step) {
        if (step === 'files-written') writtenMs = performance.now()
        if (step === 'committed') note(performance.now() - writtenMs)
      },
      onCommitted({ rows }) {
        loaded += rows
        committed.resolve()
        committed = Promise.withResolvers()
      },
    })
    const running = loader.run(stop.signal).finally(() => committed.resolve())
    const inFlight = importers / SPOOLS
    const importOn = async () => {
      while (!stop.signal.aborted) {
        if (appended - loaded >= inFlight) {
          await committed.promise
          continue
        }
        const n = appended++
        const body = gzipSync(
          encode({ time: NOW_SECONDS + (n % 3600), host: `10.0.0.${n % 250}`, code: 200, n }),
        )
        await writer.append({
          kind: 'import',
          receivedAtMs: Date.now(),
          accountId: 1n,
          keyId: 1n,
          database: 'bench',
          table: 'hot',
          tableId: table,
          uniqueId: `${name}-${n}`,
          facts: {},
          body,
        })
      }
    }
    await Promise.all([running, ...Array.from({ length: inFlight }, importOn)])
    await reader.close()
    await writer.close()
  }
} finally {
  await db.stop()
  await rm(dataDir, { recursive: true, force: true })
}

function createTable({ database }: TestDatabase): Promise<bigint> {
  return database.write({ class: 'write', deadlineMs: 30_000 }, async (sql) => {
    await sql`INSERT INTO accounts (id, name) VALUES (1, 'bench')`
    await sql`INSERT INTO databases (id, account_id, name) VALUES (1, 1, 'bench')`
    const [row] = await sql<{
      id: bigint
    }>`INSERT INTO tables (database_id, name) VALUES (1, 'hot') RETURNING id`
    return row!.id
  })
}

/** Returns the p99. */
function printWindow(commitsMs: number[], window: number): number {
  const sorted = commitsMs.sort((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)]!
  const figures = `p50 ${at(0.5).toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms, max ${at(1).toFixed(1)} ms`
  console.log(`to chunk ${window * windowChunks}: commit ${figures}`)
  return at(0.99)
}

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { encode } from '@msgpack/msgpack'
import { startTestDatabase, type TestDatabase } from '../database/testing.ts'
import { createRegistry, sha256Hex, silentLog, systemClock } from '../kernel/index.ts'
import {
  openSpoolReader,
  openSpoolWriter,
  readSpoolSettings,
  type SpoolReader,
  type SpoolRecord,
  type SpoolWriter,
} from '../spool/index.ts'
import { createLocalStore, type ObjectStore } from '../storage/index.ts'
import { readLoadSettings } from './config.ts'
import { createLoader, type LoaderOptions } from './loader.ts'

export const RECEIVED_AT_MS = 1_795_342_228_000
const ADMISSION = { class: 'write', deadlineMs: 10_000 } as const

export type Room = {
  db: TestDatabase
  dataDir: string
  objects: ObjectStore
  accountId: bigint
  userId: bigint
  databaseId: bigint
  /** Makes a table in the database `harbour`. */
  addTable(name: string): Promise<bigint>
  openSpool(name: string): Promise<TestSpool>
  query<Row>(text: TemplateStringsArray, ...values: unknown[]): Promise<Row[]>
  run(text: TemplateStringsArray, ...values: unknown[]): Promise<void>
  /** Everything the table's live chunks hold, by the names of the columns. */
  rowsOf(tableId: bigint): Promise<Record<string, unknown>[]>
  errorsOf(tableId: bigint | null): Promise<StoredError[]>
  close(): Promise<void>
}
export type StoredError = { reason: string; records: bigint; uniqueId: string | null; body: Buffer | null }

export type TestSpool = {
  name: string
  directory: string
  writer: SpoolWriter
  reader: SpoolReader
  /** Runs a loader until the spool is empty and loaded. */
  load(options?: Partial<LoaderOptions>): Promise<void>
  close(): Promise<void>
}

/** A gzip'd MessagePack body, as fluentd sends it. */
export function bodyOf(records: unknown[]): Buffer {
  return gzipSync(Buffer.concat(records.map((record) => encode(record, { useBigInt64: true }))))
}

export function anImport(
  tableId: bigint,
  records: unknown[] | Buffer,
  fields: Partial<SpoolRecord> = {},
): SpoolRecord {
  return {
    kind: 'import',
    receivedAtMs: RECEIVED_AT_MS,
    accountId: 1n,
    keyId: 1n,
    database: 'harbour',
    table: 'boats',
    tableId,
    uniqueId: '',
    facts: {},
    body: Buffer.isBuffer(records) ? records : bodyOf(records),
    ...fields,
  }
}

/** Events of one request, as JSON one after the other. */
export function events(
  tableId: bigint,
  body: string | Buffer,
  { facts, ...fields }: Partial<Omit<SpoolRecord, 'facts'>> & { facts?: Record<string, string> } = {},
): SpoolRecord {
  return {
    ...anImport(tableId, Buffer.from(body)),
    kind: 'events',
    ...fields,
    facts: { channel: 'records', ...facts },
  }
}

/** A database, an object store and one account with the database `harbour`: what a loader needs around it. */
export async function openRoom(): Promise<Room> {
  const db = await startTestDatabase()
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-load-'))
  const objects = await createLocalStore(dataDir)
  const write: Room['query'] = (text, ...values) =>
    db.database.write(ADMISSION, (sql) => sql(text, ...values))
  await write`INSERT INTO accounts (id, name) VALUES (1, 'port')`
  await write`INSERT INTO users (id, account_id, name, email, role) VALUES (1, 1, 'owner', 'o@example.com', 'owner'),
              (2, 1, 'member', 'm@example.com', 'member')`
  await write`INSERT INTO api_keys (id, account_id, user_id, name, kind, prefix, sha256, revoked_at) VALUES
              (1, 1, 1, 'good', 'master', '1/', ${sha256Hex('good')}, NULL),
              (2, 1, 1, 'revoked', 'master', '1/', ${sha256Hex('revoked')}, clock_timestamp()),
              (3, 1, 2, 'limited', 'master', '1/', ${sha256Hex('limited')}, NULL)`
  await write`INSERT INTO databases (id, account_id, name) VALUES (1, 1, 'harbour')`
  const duck = await (await DuckDBInstance.create(':memory:')).connect()
  const spools: TestSpool[] = []
  return {
    db,
    dataDir,
    objects,
    accountId: 1n,
    userId: 1n,
    databaseId: 1n,
    query: write,
    run: async (text, ...values) => void (await write(text, ...values)),
    async addTable(name) {
      const [row] = await write<{
        id: bigint
      }>`INSERT INTO tables (database_id, name) VALUES (1, ${name}) RETURNING id`
      return row!.id
    },
    async openSpool(name) {
      const spool = await openTestSpool(name, { dataDir, objects, db })
      spools.push(spool)
      return spool
    },
    async rowsOf(tableId) {
      const chunks = await write<{ path: string }>`
        SELECT path FROM chunks WHERE table_id = ${tableId} AND retired_at IS NULL ORDER BY id`
      if (chunks.length === 0) return []
      const files = chunks.map(({ path }) => `'${objects.locate(path)}'`).join(', ')
      const reader = await duck.runAndReadAll(`SELECT * FROM read_parquet([${files}], union_by_name = true)`)
      return reader.getRowObjects()
    },
    errorsOf: (tableId) => write<StoredError>`
      SELECT reason, records, unique_id AS "uniqueId", body FROM error_records
       WHERE table_id IS NOT DISTINCT FROM ${tableId} ORDER BY id`,
    async close() {
      for (const spool of spools) await spool.close()
      duck.closeSync()
      await db.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

async function openTestSpool(
  name: string,
  { dataDir, objects, db }: Pick<Room, 'dataDir' | 'objects' | 'db'>,
): Promise<TestSpool> {
  const directory = join(dataDir, 'spool', name)
  const settings = { ...readSpoolSettings({}), segmentBytes: 1 << 20, reserveBytes: 0 }
  const common = { directory, clock: systemClock, log: silentLog }
  const writer = await openSpoolWriter({ ...common, settings, onFatal: () => undefined })
  const reader = openSpoolReader(common)
  let closed = false
  return {
    name,
    directory,
    writer,
    reader,
    load: (options) =>
      loadAll({
        spoolName: name,
        spoolDirectory: directory,
        reader,
        database: db.database,
        objects,
        ...options,
      }),
    async close() {
      if (closed) return
      closed = true
      await reader.close()
      await writer.close()
    },
  }
}

type LoadAllOptions = Pick<
  LoaderOptions,
  'spoolName' | 'spoolDirectory' | 'reader' | 'database' | 'objects'
> &
  Partial<LoaderOptions>

/** Runs a loader until it finds the spool empty; rejects with what the loader rejects with. */
export async function loadAll(options: LoadAllOptions): Promise<void> {
  const stop = new AbortController()
  const { reader } = options
  let empty = false
  const loader = createLoader({
    clock: systemClock,
    log: silentLog,
    metrics: createRegistry('test'),
    settings: { ...readLoadSettings({}), intervalMilliseconds: 0, mostIntervalMilliseconds: 0 },
    ...options,
    reader: {
      ...reader,
      async read(from, limits) {
        const records = await reader.read(from, limits)
        empty = records.length === 0
        return records
      },
      async waitForMore(signal) {
        if (empty) stop.abort()
        else await reader.waitForMore(AbortSignal.any([signal, AbortSignal.timeout(50)]))
      },
    },
  })
  await loader.run(stop.signal)
}

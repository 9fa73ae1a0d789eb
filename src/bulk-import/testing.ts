import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { decodeMulti, encode } from '@msgpack/msgpack'
import { type Answer, calls, startTestApp, type TestApp } from '../catalog/app-testing.ts'
import { requestKill } from '../jobs/end-store.ts'
import { createWorker, openEndsJournal } from '../jobs/index.ts'
import { lonelyChannel, randomIds, silentLog, systemClock } from '../kernel/index.ts'
import { createLocalStore, type ObjectStore } from '../storage/index.ts'
import type { CommitStep } from './commit.ts'
import { type BulkImportSettings, readBulkImportSettings } from './config.ts'
import { createPerformRunner, type PerformStep } from './perform.ts'
import { addBulkImportRoutes } from './routes.ts'
import { createBulkImportSweep } from './sweep.ts'

export const WRITE = { class: 'write', deadlineMs: 10_000 } as const

/** A gzip'd MessagePack body, as the td CLI makes of a file. */
export function partOf(...records: unknown[]): Buffer {
  return gzipSync(Buffer.concat(records.map((record) => encode(record, { useBigInt64: true }))))
}

export type TestHarbour = Pick<TestApp, 'get' | 'post' | 'whileAway'> & {
  app: TestApp
  objects: ObjectStore
  dataDir: string
  put(url: string, body: Buffer, headers?: Record<string, string>): Promise<Answer>
  /** A session on a new table of the database `harbour`; returns both names. */
  newSession(): Promise<{ session: string; table: string }>
  upload(session: string, part: string, body: Buffer, query?: string): Promise<Answer>
  /** Runs a worker until the session is not performing any more; returns the session. */
  work(session: string): Promise<Record<string, unknown>>
  show(session: string): Promise<Record<string, unknown>>
  /** create … commit in one go. */
  load(session: string, parts: Record<string, Buffer>): Promise<Record<string, unknown>>
  /** Everything the table's chunks hold, in the order of the column n. */
  rowsOf(table: string): Promise<Record<string, unknown>[]>
  columnsOf(table: string): Promise<Record<string, string>>
  errorRecords(session: string): Promise<unknown[]>
  query<Row>(text: TemplateStringsArray, ...values: unknown[]): Promise<Row[]>
  files(prefix?: string): Promise<string[]>
  /** Looks for leftovers, each time after the time that protects files under way. */
  sweep(looks: number): Promise<void>
  /** What happens at a step of the next perform or commit; undefined again after `stop`. */
  at: { step?: (step: PerformStep | CommitStep) => void | Promise<void> | undefined }
  settings: { -readonly [name in keyof BulkImportSettings]: BulkImportSettings[name] }
  stop(): Promise<void>
}

/** The routes of sessions beside those of the catalog, with workers that run when they are told to. */
export async function openHarbour(): Promise<TestHarbour> {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-bulk-'))
  const objects = await createLocalStore(dataDir)
  const settings = { ...readBulkImportSettings({}) }
  const at: TestHarbour['at'] = {}
  const faultPoint = (step: PerformStep | CommitStep) => at.step?.(step)
  const app = await startTestApp((fastify, catalog) =>
    addBulkImportRoutes(fastify, {
      database: catalog.test.database,
      gate: catalog.test.gate,
      access: catalog.access,
      objects,
      channel: lonelyChannel,
      log: silentLog,
      ids: randomIds,
      settings,
      incoming: dataDir,
      killJob: (accountId, id) =>
        catalog.test.database.write(WRITE, (sql) => requestKill(sql, accountId, id)),
      onCommitted: () => undefined,
      faultPoint,
    }),
  )
  const { database, gate } = app.catalog.test
  const duck = await (await DuckDBInstance.create(':memory:')).connect()
  const { get, post } = calls(() => app)
  const query: TestHarbour['query'] = (text, ...values) =>
    database.write(WRITE, (sql) => sql(text, ...values))
  let tables = 0
  await post('/v3/database/create/harbour')

  const put: TestHarbour['put'] = async (url, body, headers = {}) => {
    const response = await app.app.inject({
      method: 'PUT',
      url,
      headers: {
        authorization: `TD1 ${app.first.masterKey}`,
        'content-type': 'application/octet-stream',
        ...headers,
      },
      payload: body,
    })
    const { statusCode: status, body: text } = response
    return { status, headers: response.headers, text, json: () => response.json() }
  }
  const show = async (session: string) => (await get(`/v3/bulk_import/show/${session}`)).json()

  const work: TestHarbour['work'] = async (session) => {
    const journal = await openEndsJournal({ dataDir, worker: 'worker-0', clock: systemClock, log: silentLog })
    const worker = createWorker({
      database,
      gate,
      channel: lonelyChannel,
      clock: systemClock,
      log: silentLog,
      runners: [createPerformRunner({ database, objects, settings, log: silentLog, faultPoint })],
      journal,
      worker: 'worker-0-test',
      concurrency: 2,
      accountConcurrency: 10,
      takeoverSeconds: 30,
      drainSeconds: 5,
    })
    const stop = new AbortController()
    const running = worker.run(stop.signal)
    try {
      for (let tries = 0; ; tries++) {
        const shown = await show(session)
        // While the database is away nobody can say.
        if (shown.status !== 'performing' && shown.status_code !== 503) return shown
        assert.ok(tries < 1000, 'the session is still being performed')
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    } finally {
      stop.abort()
      await running
      await journal.close()
    }
  }
  const harbour: TestHarbour = {
    app,
    get,
    post,
    whileAway: app.whileAway,
    objects,
    dataDir,
    put,
    show,
    work,
    query,
    at,
    settings,
    async newSession() {
      const table = `boats_${++tables}`
      const session = `session_${tables}`
      await post(`/v3/table/create/harbour/${table}/log`)
      const created = await post(`/v3/bulk_import/create/${session}/harbour/${table}`)
      assert.equal(created.status, 200, created.text)
      return { session, table }
    },
    upload: (session, part, body, suffix = '') =>
      put(`/v3/bulk_import/upload_part/${session}/${encodeURIComponent(part)}${suffix}`, body),
    async load(session, parts) {
      for (const [name, body] of Object.entries(parts)) {
        const { status, text } = await harbour.upload(session, name, body)
        assert.equal(status, 200, text)
      }
      const performed = await post(`/v3/bulk_import/perform/${session}`)
      assert.equal(performed.status, 200, performed.text)
      const shown = await work(session)
      const committed = await post(`/v3/bulk_import/commit/${session}`)
      assert.equal(committed.status, 200, committed.text)
      return shown
    },
    async rowsOf(table) {
      const chunks = await query<{ path: string }>`
        SELECT c.path FROM chunks c JOIN tables t ON t.id = c.table_id
         WHERE t.name = ${table} AND c.retired_at IS NULL ORDER BY c.id`
      if (chunks.length === 0) return []
      const files = chunks.map(({ path }) => `'${objects.locate(path)}'`).join(', ')
      const reader = await duck.runAndReadAll(
        `SELECT * FROM read_parquet([${files}], union_by_name = true, hive_partitioning = false) ORDER BY n`,
      )
      return reader.getRowObjectsJson()
    },
    async columnsOf(table) {
      const rows = await query<{ name: string; type: string }>`
        SELECT c.name, c.type FROM table_columns c JOIN tables t ON t.id = c.table_id
         WHERE t.name = ${table} AND c.removed_at IS NULL ORDER BY c.ordinal`
      return Object.fromEntries(rows.map(({ name, type }) => [name, type]))
    },
    async errorRecords(session) {
      const response = await app.app.inject({
        method: 'GET',
        url: `/v3/bulk_import/error_records/${session}`,
        headers: { authorization: `TD1 ${app.first.masterKey}` },
      })
      assert.equal(response.statusCode, 200, response.body)
      return response.rawPayload.length === 0 ? [] : [...decodeMulti(gunzipSync(response.rawPayload))]
    },
    async files(prefix = 'bulk-import/') {
      const paths: string[] = []
      for await (const { path } of objects.list(prefix)) paths.push(path)
      return paths.sort()
    },
    async sweep(looks) {
      let nowMs = 0
      const clock = { ...systemClock, monotonicMs: () => nowMs }
      const sweeper = createBulkImportSweep({ database, objects, clock, log: silentLog, retentionDays: 30 })
      for (let look = 0; look < looks; look++) {
        await sweeper.run()
        nowMs += 3_600_000
      }
    },
    async stop() {
      at.step = undefined
      duck.closeSync()
      await app.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
  return harbour
}

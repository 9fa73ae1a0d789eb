import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLog, systemClock } from '../kernel/index.ts'
import type { Change, Row } from './line.ts'
import type { openLogFile } from './log-file.ts'
import { type Export, openSnapshotWriter, type SnapshotWriter } from './writer.ts'

/** Rows as the main database would report them, for tests. */
export const rowsForTests = {
  account: (id = 1): Row => ({ id, name: 'main', created_at: '2026-01-01T00:00:00+00:00' }),
  user: (id: number, more: Row = {}): Row => ({
    id,
    account_id: 1,
    name: `user ${id}`,
    email: `user${id}@example.com`,
    role: 'member',
    password_hash: null,
    created_at: '2026-01-01T00:00:00+00:00',
    updated_at: '2026-01-01T00:00:00+00:00',
    removed_at: null,
    ...more,
  }),
  key: (id: number, more: Row = {}): Row => ({
    id,
    account_id: 1,
    user_id: 1,
    name: `key ${id}`,
    kind: 'master',
    prefix: '1/00000000',
    sha256: `sha-${id}`,
    created_at: '2026-01-01T00:00:00+00:00',
    revoked_at: null,
    ...more,
  }),
  database: (id: number, more: Row = {}): Row => ({
    id,
    account_id: 1,
    name: `database_${id}`,
    owner_id: 1,
    delete_protected: false,
    created_at: '2026-01-01T00:00:00+00:00',
    updated_at: '2026-01-01T00:00:00+00:00',
    removed_at: null,
    ...more,
  }),
  table: (id: number, more: Row = {}): Row => ({
    id,
    database_id: 1,
    name: `table_${id}`,
    type: 'log',
    expire_days: null,
    include_v: true,
    detect_schema: true,
    description: null,
    created_at: '2026-01-01T00:00:00+00:00',
    updated_at: '2026-01-01T00:00:00+00:00',
    removed_at: null,
    ...more,
  }),
  chunk: (id: number, more: Row = {}): Row => ({
    id,
    table_id: 1,
    time_range: `[${id * 100},${id * 100 + 100})`,
    rows: 10,
    bytes: 1000,
    path: `chunks/1/${id}.parquet`,
    columns: {},
    created_at: '2026-01-01T00:00:00+00:00',
    retired_at: null,
    ...more,
  }),
}

export const put = (id: number, kind: string, body: Row): Change => ({ id, kind, op: 'put', body })
export const drop = (id: number, kind: string, body: Row): Change => ({ id, kind, op: 'drop', body })

/** An export as `catalog` would bring it, holding the given changes and knowing transactions below `before`. */
export function exportOf(changes: Change[], { before = 0, epoch = 1 } = {}): Export {
  return {
    changes,
    sums: {},
    cut: {
      source: 'test',
      epoch,
      snapshot: `${before}:${before}:`,
      lastChange: 0,
      at: '2026-01-01T00:00:00Z',
    },
    at: new Date().toISOString(),
    contains: (xid) => Number(xid) < before,
  }
}

/** A data directory of its own with a writer that holds one account, user, database and table. */
export async function startSnapshotForTests(
  options: { compactBytes?: number; openLog?: typeof openLogFile } = {},
): Promise<{
  dataDir: string
  writer: SnapshotWriter
  stop(): Promise<void>
}> {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-snapshot-'))
  const writer = await openSnapshotWriter({ dataDir, clock: systemClock, log: silentLog, ...options })
  const { account, user, database, table } = rowsForTests
  const changes = [
    put(1, 'accounts', account()),
    put(2, 'users', user(1, { role: 'owner' })),
    put(3, 'databases', database(1)),
    put(4, 'tables', table(1)),
  ]
  await writer.rebase(async () => exportOf(changes, { before: 100 }))
  const stop = async () => {
    await writer.close()
    await rm(dataDir, { recursive: true })
  }
  return { dataDir, writer, stop }
}

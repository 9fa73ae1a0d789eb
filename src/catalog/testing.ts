import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startTestDatabase, type TestDatabase, type TestDatabaseOptions } from '../database/testing.ts'
import type { Principal } from '../kernel/http/index.ts'
import { type Channel, lonelyChannel, randomIds, silentLog, systemClock } from '../kernel/index.ts'
import type { SnapshotView } from '../snapshot/index.ts'
import type { Actor } from './audit-store.ts'
import { type Catalog, openCatalog } from './catalog.ts'
import { ensureFirstAccount, type FirstAccount } from './first-account.ts'

export type TestCatalog = Catalog & {
  test: TestDatabase
  dataDir: string
  /** Stops the exporter and closes the snapshot, leaving files and database. */
  pause(): Promise<void>
  stop(): Promise<void>
}

export type TestCatalogOptions = TestDatabaseOptions & {
  test?: TestDatabase
  dataDir?: string
  channel?: Channel
  writeWaitSeconds?: number
}

/** A database, a data directory, and the catalog of the one with the snapshot in the other, kept up to date. */
export async function startTestCatalog(options: TestCatalogOptions = {}): Promise<TestCatalog> {
  const test = options.test ?? (await startTestDatabase(options))
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'millrace-catalog-')))
  const catalog = await openCatalog({
    dataDir,
    database: test.database,
    gate: test.gate,
    channel: options.channel ?? lonelyChannel,
    clock: systemClock,
    log: silentLog,
    ids: randomIds,
    writeWaitSeconds: options.writeWaitSeconds ?? 5,
    undeleteHours: 24,
  })
  const ended = new AbortController()
  const running = catalog.exporter.service.run(ended.signal)
  const pause = async () => {
    ended.abort()
    await running
    await catalog.close()
  }
  const stop = async () => {
    await pause()
    await test.stop()
    await rm(dataDir, { recursive: true })
  }
  return { ...catalog, test, dataDir, pause, stop }
}

export const OWNER_FOR_TESTS = {
  ownerEmail: 'ann@example.com',
  ownerName: 'Ann Example',
  ownerPassword: 'correct horse',
}

/** The first account of a fresh catalog, and its owner ready to act. */
export async function startAccountForTests(
  catalog: Catalog,
): Promise<{ first: FirstAccount; owner: Principal; actor: Actor }> {
  const deps = { write: catalog.write, ids: randomIds, log: silentLog }
  const first = (await ensureFirstAccount(deps, OWNER_FOR_TESTS))!
  const owner = await catalog.identifyKey(first.masterKey)
  return { first, owner, actor: { principal: owner } }
}

/** Everything one can see of an account without chunks, for comparing two snapshots. */
export function contentForTests(view: SnapshotView, accountId: bigint): unknown {
  const databases = view.listDatabases(accountId)
  const users = view.listUsers(accountId)
  return {
    account: view.findAccount(accountId),
    users,
    keys: users.map(({ id }) => view.listKeys(id).sort((a, b) => Number(a.id - b.id))),
    databases,
    tables: databases.map(({ id }) => view.listTables(id)),
    views: databases.map(({ id }) => view.listViews(id)),
    sums: databases.map(({ id }) => view.sumsOf(id)),
    permissions: databases.map(({ id }) =>
      view.listPermissions(id).sort((a, b) => Number(a.userId - b.userId)),
    ),
    schedules: view.listSchedules(accountId),
    jobs: view.recentJobs(accountId, 100),
  }
}

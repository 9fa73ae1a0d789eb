import { existsSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { hashPassword, mintKey } from '../../catalog/index.ts'
import { type Connection, type Migration, prepareDatabase, withAdmin } from '../../database/index.ts'
import type { DatabaseAddress } from '../../gate/index.ts'
import {
  type Clock,
  type Ids,
  type Log,
  type Sql,
  syncDirectory,
  writeFileDurably,
} from '../../kernel/index.ts'
import type { SnapshotTable } from '../../snapshot/index.ts'
import { inspectSpool, SPOOL_START, type SpoolPosition, spoolPositionText } from '../../spool/index.ts'
import type { ObjectStore } from '../../storage/index.ts'
import { fsckErrors } from '../errors.ts'
import { footerOf, lookAll } from '../files.ts'
import { sqlOf } from '../store.ts'
import { type Decision, decide, type Evidence, type Fate } from './decide.ts'
import { ownerInFooters } from './owner.ts'
import { collectColumns, type PlannedTable, planTables } from './plan.ts'
import { describedBy, type Scan, type StoredChunk, scanObjects } from './scan.ts'
import * as store from './store.ts'
import { openWitness, type Witness } from './witness.ts'

/** Ids that may have been given out and left no file are known to clients: they must not come again for something else. */
const ID_GAP = 100_000
const STATEMENT_MS = 3_600_000
const ROWS_AT_ONCE = 200
/** There while a rebuild is under way: a data directory with it must not be started with what the database holds. */
export const REBUILDING = 'rebuild-unfinished'
const OUT_OF_THE_WAY = 'snapshot-before-rebuild'

export type RebuildOptions = {
  dataDir: string
  objects: ObjectStore
  /** Spools of this data directory: where they lie, and what the catalog calls them. */
  spools: { name: string; directory: string }[]
  /** The administrator of the new, empty main database. */
  openDatabase: () => Promise<{ address: DatabaseAddress; database?: string; stop(): Promise<void> }>
  migrations: readonly Migration[]
  owner: { email: string; name: string; password: string | undefined }
  ids: Ids
  clock: Clock
  log: Log
  onProgress(progress: { phase: 'files' | 'catalog'; done: number; total: number }): void
}

export type NewOwner = { accountId: bigint; email: string; password: string | undefined; masterKey: string }
export type RebuildReport = {
  owners: NewOwner[]
  databases: number
  tables: number
  deleted: string[]
  chunks: number
  rows: number
  fates: Record<Fate['fate'], number>
  /** Kept, not taken: somebody should look at these. */
  undecided: { path: string; why: string }[]
  /** Left alone: of a kind nobody here writes. */
  foreign: string[]
  warnings: string[]
  /** When the snapshot that was gone by last knew everything; undefined when there was none. */
  snapshotAt: string | undefined
}

/**
 * Makes the catalog anew from what is in the object store: accounts, databases, tables, columns and chunks from the footers; who has
 * which key, names and settings of today, and what was deleted, from the snapshot where there is one. One transaction into an empty
 * database. No object is touched.
 * @throws rebuild_target_in_use, rebuild_nothing_found
 */
export async function rebuildCatalog(options: RebuildOptions): Promise<RebuildReport> {
  const { dataDir, objects, openDatabase, clock, log, onProgress } = options
  const wasUnderWay = existsSync(join(dataDir, REBUILDING))
  await writeFileDurably(join(dataDir, REBUILDING), '')
  const opened = await openDatabase()
  try {
    const inside = await prepareDatabase(opened.address, { ...options, epoch: 1, database: opened.database })
    const onAdmin = <T>(use: (connection: Connection) => Promise<T>) =>
      withAdmin(inside, use, { statementTimeoutMs: STATEMENT_MS })
    // Before hours of reading, and again in the transaction.
    if (await onAdmin((connection) => store.hasAccounts(sqlOf(connection)))) {
      // Ours, when we were killed after the commit.
      if (wasUnderWay) await putSnapshotAway(dataDir, clock)
      await endRebuilding(dataDir)
      throw fsckErrors.rebuild_target_in_use(`the database ${inside.database} has accounts`)
    }
    const scan = await scanObjects(objects, (done) => onProgress({ phase: 'files', done, total: done }))
    if (scan.chunks.size === 0) {
      await endRebuilding(dataDir)
      throw fsckErrors.rebuild_nothing_found(join(dataDir, 'objects'))
    }
    const witness = await openWitness({ dataDir, clock, log })
    try {
      const report = await onAdmin(async (connection) => {
        await connection.script('BEGIN')
        const filled = await fill(options, { connection, scan, witness, database: inside.database })
        await connection.script('COMMIT')
        await connection.query('ANALYZE')
        return filled
      })
      await putSnapshotAway(dataDir, clock)
      await endRebuilding(dataDir)
      return report
    } finally {
      await witness.close()
    }
  } finally {
    await opened.stop()
  }
}

async function refuseUsed(sql: Sql, database: string): Promise<void> {
  if (await store.hasAccounts(sql))
    throw fsckErrors.rebuild_target_in_use(`the database ${database} has accounts`)
}

type Work = { connection: Connection; sql: Sql; scan: Scan; witness: Witness; report: RebuildReport }

async function fill(
  options: RebuildOptions,
  { connection, scan, witness, database }: Omit<Work, 'sql' | 'report'> & { database: string },
): Promise<RebuildReport> {
  const sql = sqlOf(connection)
  const report: RebuildReport = {
    owners: [],
    databases: 0,
    tables: 0,
    deleted: [],
    chunks: 0,
    rows: 0,
    fates: { take: 0, replaced: 0, again: 0, unfinished: 0, undecided: 0 },
    undecided: [],
    foreign: scan.foreign,
    warnings: [],
    snapshotAt: witness.view === undefined ? undefined : new Date(witness.atMs).toISOString(),
  }
  const work: Work = { connection, sql, scan, witness, report }
  await refuseUsed(sql, database)
  await store.switchTriggers(connection.query, false)
  const ownerOf = await fillAccounts(options, work)
  const tables = await fillDatabases(work, ownerOf)
  const evidence = await gatherEvidence(options, work)
  let done = 0
  for (const [tableId, chunks] of scan.chunks) {
    await witness.learn(tableId)
    await fillTable(options.objects, work, { tableId, chunks, evidence, known: tables.get(tableId) })
    options.onProgress({ phase: 'catalog', done: ++done, total: scan.chunks.size })
  }
  await setAsideUnreadable(work)
  noteSessions(work)
  await store.moveSequences(connection.query, scan.highest, ID_GAP)
  await store.switchTriggers(connection.query, true)
  return report
}

/** Accounts with their users and keys, if the snapshot knows them; the owner of each gets one more key. Returns owner by account. */
async function fillAccounts(
  { owner, ids }: RebuildOptions,
  { sql, scan, witness: { view }, report }: Work,
): Promise<Map<bigint, bigint>> {
  const accounts = new Set([...scan.tables.values()].map(({ accountId }) => accountId))
  const owners = new Map<bigint, bigint>()
  for (const accountId of accounts) {
    const account = view?.findAccount(accountId)
    await store.insertAccount(sql, accountId, account?.kind === 'found' ? account.value.name : 'main')
    const users = view?.listUsers(accountId) ?? []
    await store.insertUsers(sql, users)
    for (const { id } of users) await store.insertKeys(sql, view!.listKeys(id))
  }
  // Users of the snapshot have their own numbers; new ones come behind them.
  await store.moveUserSequence(sql)
  for (const accountId of accounts) {
    const known = view?.listUsers(accountId).find(({ role, removed }) => role === 'owner' && !removed)
    const password = known === undefined ? (owner.password ?? ids.hex128()) : undefined
    const userId =
      known?.id ??
      (await store.insertOwner(sql, {
        accountId,
        name: owner.name,
        email: owner.email,
        passwordHash: await hashPassword(password!),
      }))
    const key = mintKey(accountId, ids)
    await store.insertNewKey(sql, { accountId, userId, prefix: key.prefix, sha256: key.sha256 })
    owners.set(accountId, userId)
    report.owners.push({ accountId, email: known?.email ?? owner.email, password, masterKey: key.text })
  }
  return owners
}

type Known = { planned: PlannedTable; before: SnapshotTable | undefined }

/** Databases and tables of the footers, and the empty ones that only the snapshot knows. */
async function fillDatabases(
  { sql, scan, witness, report }: Work,
  owners: Map<bigint, bigint>,
): Promise<Map<bigint, Known>> {
  const { view } = witness
  const accounts = [...owners.keys()]
  const before = new Map(
    accounts.flatMap((id) => view?.listDatabases(id) ?? []).map((one) => [one.id, one] as const),
  )
  const tablesBefore = new Map(
    [...before.keys()].flatMap((id) => view!.listTables(id)).map((one) => [one.id, one] as const),
  )
  const youngest = { database: new Map<bigint, number>(), table: new Map<bigint, number>() }
  const found = new Map([...scan.tables].map(([id, table]) => [id, { ...table }]))
  for (const { id, databaseId, modifiedAtMs } of found.values()) {
    youngest.table.set(id, modifiedAtMs)
    youngest.database.set(databaseId, Math.max(modifiedAtMs, youngest.database.get(databaseId) ?? 0))
  }
  for (const { id, databaseId, name } of tablesBefore.values()) {
    const home = before.get(databaseId)!
    const at = { databaseId, accountId: home.accountId, database: home.name }
    // A table may have moved to another database since its last chunk was written.
    found.set(id, { ...(found.get(id) ?? { id, name, modifiedAtMs: 0 }), ...at })
  }
  const known = { database: before, table: tablesBefore }
  const { databases, tables, doubles } = planTables(
    [...found.values()],
    (what, id) => view !== undefined && !known[what].has(id) && witness.isOlder(youngest[what].get(id) ?? 0),
    (what, id) => known[what].get(id)?.name,
  )
  const empty = [...before.values()].filter(({ id }) => !databases.some((one) => one.id === id))
  const all = [
    ...databases,
    ...empty.map(({ id, accountId, name }) => ({ id, accountId, name, removed: false })),
  ]
  await store.insertDatabases(
    sql,
    all.map((one) => ({
      ...one,
      ownerId: before.get(one.id)?.ownerId ?? owners.get(one.accountId)!,
      deleteProtected: before.get(one.id)?.deleteProtected ?? false,
    })),
  )
  for (const id of before.keys()) {
    await store.insertPermissions(sql, view!.listPermissions(id))
    await store.insertViews(sql, id, view!.listViews(id))
  }
  for (const id of accounts) await store.insertSchedules(sql, view?.listSchedules(id) ?? [])
  for (const table of tables) await store.insertTable(sql, table, tablesBefore.get(table.id))
  const nameOf = new Map(all.map(({ id, name }) => [id, name]))
  report.databases = all.length
  report.tables = tables.length
  report.deleted = tables.flatMap(({ removed, databaseId, name, id }) =>
    removed ? [`${nameOf.get(databaseId)}.${name} (${id})`] : [],
  )
  report.warnings.push(...doubles)
  for (const { id } of tables.filter((one) => !scan.chunks.has(one.id)))
    await store.insertColumns(sql, id, collectColumns(tablesBefore.get(id)).finish())
  return new Map(tables.map((planned) => [planned.id, { planned, before: tablesBefore.get(planned.id) }]))
}

async function gatherEvidence(
  { spools, clock }: RebuildOptions,
  { sql, scan, witness, report }: Work,
): Promise<Evidence> {
  const released = new Map<string, SpoolPosition>()
  for (const { name, directory } of spools) {
    const summary = await inspectSpool(directory, clock)
    const [first] = summary.segments.map(({ generation }) => generation).sort((a, b) => a - b)
    // Nothing said to be loaded: all that is there will be, and nothing that is not.
    const from = summary.released ?? (first === undefined ? undefined : { ...SPOOL_START, generation: first })
    if (from === undefined) continue
    released.set(name, from)
    const epoch = scan.epochs.get(name) ?? 0n
    await store.insertSpool(sql, { spool: name, position: spoolPositionText(from), epoch })
  }
  for (const spool of scan.epochs.keys())
    if (!released.has(spool))
      report.warnings.push(
        `spool ${spool} is not in this data directory: what its node has not recycled would be loaded again if it came back`,
      )
  return {
    ownerOf: ownerInFooters,
    releasedOf: (spool) => released.get(spool),
    wasLive: (file) => witness.wasLive(file),
    wasCommitted({ writer, modifiedAtMs }) {
      if (writer.kind === 'insert') return wasInserted(scan, writer, modifiedAtMs)
      if (writer.kind !== 'bulk-import') return undefined
      const last = scan.performed.get(writer.session)
      if (last === undefined || last.job !== writer.job || last.attempt !== writer.attempt) return false
      // The parts go with the commit.
      return scan.parts.has(writer.session) ? undefined : true
    },
  }
}

/** What nobody has committed is swept within hours, as long as anything runs; so much older files were committed. */
const SWEPT_AFTER_MS = 48 * 3_600_000

/** The answer of a job is stored after all its rows, before its commit; results go when their own time is over. */
function wasInserted(
  { results, youngestMs }: Scan,
  { job, attempt }: { job: bigint; attempt: number },
  modifiedAtMs: number,
): boolean | undefined {
  const last = Math.max(0, ...(results.get(job) ?? []))
  if (last > 0) return last === attempt
  return modifiedAtMs < youngestMs - SWEPT_AFTER_MS ? true : undefined
}

type TableWork = { tableId: bigint; chunks: StoredChunk[]; evidence: Evidence; known: Known | undefined }

async function fillTable(
  objects: ObjectStore,
  { sql, witness, report }: Work,
  { tableId, chunks, evidence, known }: TableWork,
): Promise<void> {
  const { fates, warnings }: Decision = decide(chunks, evidence)
  report.warnings.push(...warnings)
  const columns = collectColumns(known?.before)
  for (let at = 0; at < chunks.length; at += ROWS_AT_ONCE) {
    const rows = await lookAll(chunks.slice(at, at + ROWS_AT_ONCE), async (chunk) => {
      const { fate, why } = fates.get(chunk.path)!
      report.fates[fate]++
      if (fate === 'undecided') report.undecided.push({ path: chunk.path, why })
      if (fate === 'again' || fate === 'unfinished') return []
      const footer = describedBy(await footerOf(objects, chunk.path, chunk.bytes))
      const { path, owner, bytes, modifiedAtMs } = chunk
      const row = { tableId, path, owner, bytes, modifiedAtMs, rows: chunk.rows }
      if (fate !== 'take')
        return [
          { ...row, ...footer, columns: {}, state: fate === 'replaced' ? 'retired' : 'set-aside' } as const,
        ]
      columns.add(footer.columns, { atMs: modifiedAtMs, isNew: !witness.isOlder(modifiedAtMs) })
      report.chunks++
      report.rows += chunk.rows
      return [{ ...row, ...footer, state: 'live' } as const]
    })
    await store.insertChunks(sql, rows.flat())
  }
  await store.insertColumns(sql, tableId, columns.finish())
}

/** What cannot be read is kept from every sweep: it may be all that is left of something. */
async function setAsideUnreadable({ sql, scan, report }: Work): Promise<void> {
  const nothing = { tableId: 0n, owner: '', rows: 0, timeMin: 0n, timeMax: 0n, columns: {}, modifiedAtMs: 0 }
  for (let at = 0; at < scan.unreadable.length; at += ROWS_AT_ONCE)
    await store.insertChunks(
      sql,
      scan.unreadable
        .slice(at, at + ROWS_AT_ONCE)
        .map(({ path, bytes }) => ({ ...nothing, path, bytes, state: 'set-aside' as const })),
    )
  report.fates.undecided += scan.unreadable.length
  report.undecided.push(...scan.unreadable.map(({ path, why }) => ({ path, why })))
}

/** The files stay until the sweep of bulk imports finds that no session names them. */
function noteSessions({ scan, report }: Work): void {
  for (const [session, paths] of scan.parts)
    report.warnings.push(
      `bulk import session ${session} was not committed: its ${paths.length} parts under bulk-import/${session}/parts/ must be uploaded again; copy them before the next start if nobody else has them`,
    )
}

/** It speaks of a catalog that is no more: core writes a new one. Kept, should somebody want to look. */
async function putSnapshotAway(dataDir: string, clock: Clock): Promise<void> {
  try {
    await rename(join(dataDir, 'snapshot'), join(dataDir, `${OUT_OF_THE_WAY}-${clock.now().getTime()}`))
    await syncDirectory(dataDir)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

async function endRebuilding(dataDir: string): Promise<void> {
  await rm(join(dataDir, REBUILDING))
  await syncDirectory(dataDir)
}

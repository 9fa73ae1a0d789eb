import type { Database } from '../database/index.ts'
import type { Gate } from '../gate/index.ts'
import { AppError, type Sql } from '../kernel/index.ts'
import type {
  Permission,
  Snapshot,
  SnapshotChunk,
  SnapshotDatabase,
  SnapshotUser,
  TimeRange,
} from '../snapshot/index.ts'
import type { ListLookup, Permitted, SchemaLookup, TableLookup, WriteTarget } from './analyze/lookup.ts'
import { type CatalogListing, databaseListing, snapshotListing, storedView } from './catalog-listing.ts'
import {
  type FoundTable,
  findChunks,
  findDatabaseId,
  findTable,
  findTableByName,
  listDatabases,
  listTables,
  mayQuery,
  mayWrite,
} from './catalog-store.ts'
import { queryErrors } from './refusals.ts'
import { findView } from './view-store.ts'

/** What planning a query asks of the catalog, for one user. */
export type QueryCatalog = {
  lookup: SchemaLookup
  /** Of its user, or of the user of that number: views are read with their owners' permissions. */
  mayQuery(database: string, as?: string): Promise<Permitted>
  /** What system tables are made of. */
  listing: CatalogListing
  /** Every live chunk of the tables within the ranges, all as of one moment. */
  chunksOf(tables: { tableId: bigint; ranges: TimeRange[] }[]): Promise<SnapshotChunk[]>
  /** Set when answers come from the snapshot: how old it is. */
  ageMs: number | undefined
}

/** Live chunks from the database, or from the snapshot while it is away: for reads that need no names. */
export async function liveChunks(
  sources: { database: Database; gate: Pick<Gate, 'current'>; snapshot: Snapshot },
  tables: { tableId: bigint; ranges: TimeRange[] }[],
): Promise<SnapshotChunk[]> {
  const catalog = await catalogFor(sources, { accountId: 0n, userId: 0n })
  return catalog.chunksOf(tables)
}

const PLAN_DEADLINE_MS = 5_000

/**
 * The catalog for one query: the main database while it serves, the sealed snapshot while it is away, never a mixture. A name
 * the snapshot does not hold is unknown, not absent.
 */
export async function catalogFor(
  { database, gate, snapshot }: { database: Database; gate: Pick<Gate, 'current'>; snapshot: Snapshot },
  { accountId, userId }: { accountId: bigint; userId: bigint },
): Promise<QueryCatalog> {
  const { mode } = gate.current()
  if (mode !== 'away') {
    try {
      const fromDatabase = databaseCatalog(database, accountId, userId)
      await fromDatabase.probe()
      return fromDatabase
    } catch (error) {
      if (!(error instanceof AppError) || error.advice !== 'retry') throw error
    }
  }
  return snapshotCatalog(snapshot, accountId, userId)
}

function databaseCatalog(
  database: Database,
  accountId: bigint,
  userId: bigint,
): QueryCatalog & { probe(): Promise<void> } {
  const read = <T>(run: (sql: Sql) => Promise<T>) =>
    database.read({ class: 'read', deadlineMs: PLAN_DEADLINE_MS, prepared: true }, run)
  // A query asks several times, once for each of its tables; within it a name keeps its meaning.
  const ids = new Map<string, Promise<bigint | undefined>>()
  const verdicts = new Map<string, boolean>()
  const idOf = (name: string) => {
    const known = ids.get(name) ?? read((sql) => findDatabaseId(sql, accountId, name))
    ids.set(name, known)
    return known
  }
  /** The first table of a database brings what else is asked about that. */
  const findFirst = async (database: string, table: string): Promise<TableLookup> => {
    const first = await read((sql) => findTableByName(sql, { accountId, userId, database, table }))
    ids.set(database, Promise.resolve(first?.databaseId))
    if (first === undefined) return { kind: 'no-database' }
    verdicts.set(database, first.mayQuery)
    return answerOf(first.table, first.databaseId, table)
  }
  /** A table, or else the view of that name. */
  const answerOf = async (
    found: FoundTable | undefined,
    databaseId: bigint,
    name: string,
  ): Promise<TableLookup> => {
    if (found !== undefined) return { kind: 'found', table: found }
    const view = await read((sql) => findView(sql, { databaseId, name }))
    return view === undefined ? { kind: 'no-table' } : { kind: 'view', view }
  }
  const lookup: SchemaLookup = {
    async findTable(databaseName, table): Promise<TableLookup> {
      if (!ids.has(databaseName)) return findFirst(databaseName, table)
      const databaseId = await idOf(databaseName)
      if (databaseId === undefined) return { kind: 'no-database' }
      const found = await read((sql) => findTable(sql, databaseId, table))
      return answerOf(found, databaseId, table)
    },
    listDatabases: async () => ({
      kind: 'found',
      names: await read((sql) => listDatabases(sql, accountId, userId)),
    }),
    async listTables(databaseName): Promise<ListLookup> {
      const databaseId = await idOf(databaseName)
      if (databaseId === undefined) return { kind: 'absent' }
      return { kind: 'found', names: await read((sql) => listTables(sql, databaseId)) }
    },
    async mayWrite(databaseName, what = 'tables') {
      const databaseId = await idOf(databaseName)
      if (databaseId === undefined) return 'no'
      const allowed = [...PERMITTING[what]]
      return (await read((sql) => mayWrite(sql, { databaseId, userId, allowed }))) ? 'yes' : 'no'
    },
    as: () => lookup,
  }
  return {
    lookup,
    listing: databaseListing(database, accountId, userId),
    ageMs: undefined,
    probe: async () => void (await read(async () => undefined)),
    async mayQuery(databaseName, as) {
      const databaseId = await idOf(databaseName)
      if (databaseId === undefined) return 'no'
      const user = as === undefined ? userId : BigInt(as)
      const known = user === userId ? verdicts.get(databaseName) : undefined
      const verdict = known ?? (await read((sql) => mayQuery(sql, databaseId, user)))
      if (user === userId) verdicts.set(databaseName, verdict)
      return verdict ? 'yes' : 'no'
    },
    chunksOf: (tables) => read((sql) => findChunks(sql, tables)),
  }
}

function snapshotCatalog(snapshot: Snapshot, accountId: bigint, userId: bigint): QueryCatalog {
  const unknown = {
    kind: 'unknown' as const,
    reason: 'the main database is away and the snapshot does not hold it',
  }
  const may = (
    database: SnapshotDatabase,
    allowed: ReadonlySet<Permission>,
    as: bigint = userId,
  ): Permitted => {
    const user = snapshot.findUser(as)
    if (user.kind !== 'found') return 'unknown'
    return permitted(snapshot, user.value, database, allowed)
  }
  const mayRead = (database: SnapshotDatabase) => may(database, PERMITTING.query)
  const lookup: SchemaLookup = {
    findTable(databaseName, table): TableLookup {
      const found = snapshot.findTable(accountId, databaseName, table)
      if (found.kind === 'found') return { kind: 'found', table: found.value }
      const database = found.kind === 'absent' ? snapshot.findDatabase(accountId, databaseName) : found
      const views = database.kind === 'found' ? snapshot.listViews(database.value.id) : []
      const view = views.find((one) => one.name === table)
      return view === undefined ? unknown : { kind: 'view', view: storedView(view) }
    },
    listDatabases(): ListLookup {
      if (!snapshot.readable) return unknown
      const names = snapshot.listDatabases(accountId).filter((one) => mayRead(one) === 'yes')
      return { kind: 'found', names: names.map(({ name }) => name).sort() }
    },
    listTables(databaseName): ListLookup {
      const found = snapshot.findDatabase(accountId, databaseName)
      if (found.kind !== 'found' || !snapshot.readable) return unknown
      const { id } = found.value
      const names = [...snapshot.listTables(id), ...snapshot.listViews(id)].map(({ name }) => name)
      return { kind: 'found', names: [...new Set(names)].sort() }
    },
    mayWrite(databaseName, what = 'tables') {
      const found = snapshot.findDatabase(accountId, databaseName)
      return found.kind === 'found' ? may(found.value, PERMITTING[what]) : 'unknown'
    },
    as: () => lookup,
  }
  return {
    ageMs: snapshot.ageMs,
    listing: snapshotListing(snapshot, { accountId, userId }, mayRead),
    lookup,
    async mayQuery(databaseName, as) {
      const found = snapshot.findDatabase(accountId, databaseName)
      if (found.kind !== 'found') return 'unknown'
      return may(found.value, PERMITTING.query, as === undefined ? userId : BigInt(as))
    },
    async chunksOf(tables) {
      const all = new Map<bigint, SnapshotChunk>()
      for (const { tableId, ranges } of tables) {
        const found = await snapshot.chunksOf(tableId, ranges.length === 0 ? undefined : ranges)
        if (found.kind !== 'found')
          throw queryErrors.snapshot_incomplete(found.kind === 'unknown' ? found.reason : 'no manifest')
        for (const chunk of found.value) all.set(chunk.id, chunk)
      }
      return [...all.values()]
    },
  }
}

/** The permissions of which one is enough for a member. */
export const PERMITTING: Record<'query' | WriteTarget, ReadonlySet<Permission>> = {
  query: new Set(['administrator', 'full_access', 'query_only']),
  tables: new Set(['administrator', 'full_access']),
  database: new Set(['administrator']),
}

function permitted(
  snapshot: Snapshot,
  user: SnapshotUser,
  database: SnapshotDatabase,
  allowed: ReadonlySet<Permission>,
): Permitted {
  if (user.removed) return 'no'
  if (user.role !== 'member' || database.ownerId === user.id) return 'yes'
  const granted = snapshot.permissionOf(user.id, database.id)
  if (granted.kind === 'unknown') return 'unknown'
  return granted.kind === 'found' && allowed.has(granted.value) ? 'yes' : 'no'
}

import type { Database } from '../database/index.ts'
import type { Sql } from '../kernel/index.ts'
import type { Snapshot, SnapshotDatabase, StoredQuery } from '../snapshot/index.ts'
import { compileErrors, type StoredView, type TableColumn } from './analyze/index.ts'
import {
  type ChunkHead,
  findSight,
  type ListedTable,
  listChunksOf,
  listColumnsOf,
  listTablesOf,
  type Sight,
} from './listing-store.ts'
import { queryErrors } from './refusals.ts'
import { listViewsOf } from './view-store.ts'

export type { ChunkHead, ListedTable, Sight } from './listing-store.ts'

/** The catalog by lists, as one user may see it: what system tables are made of. */
export type CatalogListing = {
  /** `everything`: also what belongs to no database. */
  sight(): Promise<Sight>
  tables(of: { databases: readonly string[]; names?: readonly string[] }): Promise<ListedTable[]>
  columns(tableIds: bigint[]): Promise<Map<bigint, TableColumn[]>>
  chunks(tableIds: bigint[]): Promise<ChunkHead[]>
  views(of: { databases: readonly string[] }): Promise<ListedView[]>
}
export type ListedView = { database: string; name: string; view: StoredView }

const LISTING_DEADLINE_MS = 30_000

/** @throws database_away (503, retry) */
export function databaseListing(database: Database, accountId: bigint, userId: bigint): CatalogListing {
  const read = <T>(run: (sql: Sql) => Promise<T>) =>
    database.read({ class: 'read', deadlineMs: LISTING_DEADLINE_MS }, run)
  return {
    sight: () => read((sql) => findSight(sql, accountId, userId)),
    tables: ({ databases, names }) =>
      read((sql) =>
        listTablesOf(sql, { accountId, databases: [...databases], names: names ? [...names] : null }),
      ),
    columns: (tableIds) => read((sql) => listColumnsOf(sql, tableIds)),
    chunks: (tableIds) => read((sql) => listChunksOf(sql, tableIds)),
    views: ({ databases }) => read((sql) => listViewsOf(sql, { accountId, databases })),
  }
}

/** @throws catalog_unknown, snapshot_incomplete (503, retry) */
export function snapshotListing(
  snapshot: Snapshot,
  { accountId, userId }: { accountId: bigint; userId: bigint },
  mayRead: (database: SnapshotDatabase) => 'yes' | 'no' | 'unknown',
): CatalogListing {
  const requireReadable = () => {
    if (!snapshot.readable) throw compileErrors.catalog_unknown('the snapshot is too old or cannot be read')
  }
  return {
    async sight() {
      requireReadable()
      const user = snapshot.findUser(userId)
      if (user.kind !== 'found') throw compileErrors.catalog_unknown('the snapshot does not know who asks')
      const databases = snapshot.listDatabases(accountId).filter((one) => {
        const verdict = mayRead(one)
        if (verdict === 'unknown')
          throw compileErrors.catalog_unknown(`whether database '${one.name}' may be read cannot be checked`)
        return verdict === 'yes'
      })
      const { removed, role, accountId: home } = user.value
      return {
        everything: !removed && role !== 'member' && home === accountId,
        databases: databases.map(({ name }) => name).sort(),
      }
    },
    async tables({ databases, names }) {
      requireReadable()
      const wanted = new Set(databases)
      return snapshot
        .listDatabases(accountId)
        .filter(({ name }) => wanted.has(name))
        .flatMap(({ id, name: database }) =>
          snapshot
            .listTables(id)
            .map(({ id: table, name, description }) => ({ id: table, database, name, description })),
        )
        .filter(({ name }) => names === undefined || names.includes(name))
    },
    async views({ databases }) {
      requireReadable()
      const wanted = new Set(databases)
      return snapshot
        .listDatabases(accountId)
        .filter(({ name }) => wanted.has(name))
        .flatMap(({ id, name: database }) =>
          snapshot.listViews(id).map((one) => ({ database, name: one.name, view: storedView(one) })),
        )
    },
    async columns(tableIds) {
      return new Map(
        tableIds.map((id) => {
          const found = snapshot.findTableById(id)
          if (found.kind !== 'found') throw compileErrors.catalog_unknown(`the columns of table ${id}`)
          return [id, found.value.columns]
        }),
      )
    },
    async chunks(tableIds) {
      const heads: ChunkHead[] = []
      for (const id of tableIds) {
        const found = await snapshot.chunksOf(id)
        if (found.kind !== 'found')
          throw queryErrors.snapshot_incomplete(found.kind === 'unknown' ? found.reason : 'no manifest')
        heads.push(...found.value)
      }
      return heads
    },
  }
}

export function storedView({ name: _, ownerId, ...view }: StoredQuery): StoredView {
  return { ...view, owner: String(ownerId) }
}

import { sqlNameOf } from '../../catalog/index.ts'
import type { ChunkColumns, SnapshotTable } from '../../snapshot/index.ts'
import type { TableIdentity } from './scan.ts'

export type PlannedDatabase = { id: bigint; accountId: bigint; name: string; removed: boolean }
export type PlannedTable = { id: bigint; databaseId: bigint; name: string; removed: boolean }
export type PlannedColumn = {
  name: string
  key: string
  type: string
  ordinal: number
  description: string | null
  declared: boolean
  removed: boolean
}

/**
 * Databases and tables by their ids. Of two that have one name the younger keeps it, the other becomes a deleted one, which can be
 * restored under another name. `isGone`: the snapshot says that it was deleted.
 */
export function planTables(
  found: readonly TableIdentity[],
  isGone: (what: 'database' | 'table', id: bigint) => boolean,
  nameOf: (what: 'database' | 'table', id: bigint) => string | undefined,
): { databases: PlannedDatabase[]; tables: PlannedTable[]; doubles: string[] } {
  const doubles: string[] = []
  const unique = <T extends { id: bigint; name: string; removed: boolean }>(
    items: T[],
    homeOf: (item: T) => string,
  ) => {
    const taken = new Set<string>()
    for (const item of [...items].sort((a, b) => (a.id > b.id ? -1 : 1))) {
      if (item.removed) continue
      const name = `${homeOf(item)} ${item.name}`
      if (taken.has(name)) {
        item.removed = true
        doubles.push(
          `${item.name} (${item.id}): a younger one has its name; it can be restored as a deleted one`,
        )
      }
      taken.add(name)
    }
    return items
  }
  const byDatabase = new Map(found.map((table) => [table.databaseId, table]))
  const databases = unique(
    [...byDatabase.values()].map(({ databaseId: id, accountId, database }) => ({
      id,
      accountId,
      name: nameOf('database', id) ?? database,
      removed: isGone('database', id),
    })),
    ({ accountId }) => String(accountId),
  )
  const removed = new Set(databases.filter((one) => one.removed).map(({ id }) => id))
  const tables = unique(
    found.map(({ id, databaseId, name }) => ({
      id,
      databaseId,
      name: nameOf('table', id) ?? name,
      removed: removed.has(databaseId) || isGone('table', id),
    })),
    ({ databaseId }) => String(databaseId),
  )
  return { databases, tables, doubles }
}

/** Collects the columns of a table from its files; what the snapshot knows of them comes first. */
export function collectColumns(known: SnapshotTable | undefined) {
  type Seen = { name: string; type: string; atMs: number; isNew: boolean }
  const seen = new Map<string, Seen>()
  return {
    /** `isNew`: the file is younger than the snapshot. */
    add(columns: ChunkColumns, { atMs, isNew }: { atMs: number; isNew: boolean }): void {
      for (const [name, { key, type }] of Object.entries(columns)) {
        if (name === 'time') continue
        const before = seen.get(key)
        if (before === undefined) seen.set(key, { name, type, atMs, isNew })
        else {
          if (atMs >= before.atMs) Object.assign(before, { name, type, atMs })
          before.isNew ||= isNew
        }
      }
    },
    /** Every name and every key once. A column that only files of before the snapshot have was removed from the table. */
    finish(): PlannedColumn[] {
      const planned: PlannedColumn[] = (known?.columns ?? []).map((column) => {
        const later = seen.get(column.key)
        // Widened since.
        return { ...column, type: later?.isNew ? later.type : column.type, removed: false }
      })
      const keys = new Set(planned.map(({ key }) => key))
      const names = new Set(planned.map(({ name }) => name))
      let ordinal = Math.max(0, ...planned.map((column) => column.ordinal))
      for (const [key, { name, type, isNew }] of [...seen].sort(([, a], [, b]) => a.atMs - b.atMs)) {
        if (keys.has(key)) continue
        const given = names.has(name) ? sqlNameOf(key, (one) => names.has(one)) : name
        names.add(given)
        planned.push({
          name: given,
          key,
          type,
          ordinal: ++ordinal,
          description: null,
          declared: false,
          removed: known !== undefined && !isNew,
        })
      }
      return planned
    },
  }
}

import { accessDenied, type Permitted, type SchemaLookup, type TableLookup } from './analyze/index.ts'
import type { QueryCatalog } from './catalog.ts'

/**
 * The lookup as its user may use it, asked once for each database. What is in a database they may not query stays hidden:
 * its rows, and as well the names of tables and columns that SHOW, DESCRIBE, EXPLAIN and error messages would tell.
 */
export function permittedLookup({
  lookup,
  mayQuery,
}: {
  lookup: SchemaLookup
  /** Of the caller, or of the user of that number. */
  mayQuery: QueryCatalog['mayQuery']
}): SchemaLookup {
  const verdicts = new Map<string, Promise<Permitted>>()
  const permission = (database: string) => {
    const verdict = verdicts.get(database) ?? mayQuery(database)
    verdicts.set(database, verdict)
    return verdict
  }
  const unknown = (database: string) => ({
    kind: 'unknown' as const,
    reason: `whether database '${database}' may be read cannot be checked`,
  })
  return {
    listDatabases: () => lookup.listDatabases(),
    mayWrite: (database, what) => lookup.mayWrite(database, what),
    as: (owner) =>
      permittedLookup({
        lookup: lookup.as(owner),
        // A view that this one reads may have another owner.
        mayQuery: (database, other = owner) => mayQuery(database, other),
      }),
    async findTable(database, table): Promise<TableLookup> {
      const found = await lookup.findTable(database, table)
      if (found.kind === 'no-database' || found.kind === 'unknown') return found
      const permitted = await permission(database)
      if (permitted === 'yes') return found
      return permitted === 'no' ? { kind: 'denied' } : unknown(database)
    },
    async listTables(database) {
      const found = await lookup.listTables(database)
      if (found.kind !== 'found') return found
      const permitted = await permission(database)
      if (permitted === 'no') throw accessDenied(database)
      return permitted === 'yes' ? found : unknown(database)
    },
  }
}

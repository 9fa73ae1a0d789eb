import type { ListLookup, SchemaLookup, TableLookup } from '../analyze/index.ts'
import { QueryError } from '../errors.ts'
import {
  CATALOG_SCHEMAS,
  findSystemTable,
  INFORMATION_SCHEMA,
  SYSTEM_SCHEMAS,
  systemTablesOf,
} from './tables.ts'

/**
 * A lookup that knows the system tables as well. Their names win over those of users; other tables of a database that is
 * called `system` can be read as ever.
 */
export function withSystemTables(lookup: SchemaLookup): SchemaLookup {
  return {
    async findTable(database, name): Promise<TableLookup> {
      const table = findSystemTable(database, name)
      if (table !== undefined) return { kind: 'system', table }
      if (isOurs(database)) return { kind: 'no-table' }
      const found = await lookup.findTable(database, name)
      return found.kind === 'no-database' && SYSTEM_SCHEMAS.includes(database) ? { kind: 'no-table' } : found
    },
    as: (owner) => withSystemTables(lookup.as(owner)),
    mayWrite: (database, what) => (isOurs(database) ? 'no' : lookup.mayWrite(database, what)),
    async listDatabases() {
      return withNames(await lookup.listDatabases(), SYSTEM_SCHEMAS)
    },
    async listTables(database) {
      const names = systemTablesOf(database)
      if (names.length === 0) return lookup.listTables(database)
      if (isOurs(database)) return { kind: 'found', names }
      return withNames(await theirTables(lookup, database), names)
    },
  }
}

/** No database can be called so. */
const isOurs = (database: string) => database === INFORMATION_SCHEMA || CATALOG_SCHEMAS.includes(database)

/** Of a database by the name of ours, if there is one that the user may read. */
async function theirTables(lookup: SchemaLookup, database: string): Promise<ListLookup> {
  try {
    const found = await lookup.listTables(database)
    return found.kind === 'absent' ? { kind: 'found', names: [] } : found
  } catch (error) {
    if (error instanceof QueryError && error.errorName === 'PERMISSION_DENIED')
      return { kind: 'found', names: [] }
    throw error
  }
}

function withNames(found: ListLookup, names: readonly string[]): ListLookup {
  if (found.kind !== 'found') return found
  return { kind: 'found', names: [...new Set([...found.names, ...names])].sort() }
}

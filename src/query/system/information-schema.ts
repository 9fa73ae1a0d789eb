import { CATALOG, tableColumns } from '../analyze/index.ts'
import type { CatalogListing, ListedTable } from '../catalog-listing.ts'
import { typeText } from '../presto-type.ts'
import { findSystemTable, INFORMATION_SCHEMA, SYSTEM_SCHEMAS, SYSTEM_TABLES } from './tables.ts'
import type { SystemRow, SystemWanted } from './types.ts'

/** So many tables are asked about at once. */
const TABLES_AT_ONCE = 500
/** Fewer, because a table may have very many. */
const CHUNKED_TABLES_AT_ONCE = 20

/** What of the wanted the catalog itself can leave out. */
type Asked = SystemWanted & { seen: readonly string[] }

export async function* schemata({ seen, texts }: Asked): AsyncIterable<SystemRow[]> {
  const named = wantedOnly([...new Set([...seen, ...SYSTEM_SCHEMAS])], texts.get('schema_name'))
  yield named.map((schema_name) => ({ catalog_name: CATALOG, schema_name }))
}

export async function* tables(listing: CatalogListing, asked: Asked): AsyncIterable<SystemRow[]> {
  const found = await listing.tables(askedTables(asked, 'table_schema'))
  yield [...systemTables(asked), ...found.filter(isNotHidden)].map(({ database, name }) => ({
    table_catalog: CATALOG,
    table_schema: database,
    table_name: name,
    table_type: 'BASE TABLE',
  }))
}

export async function* columns(listing: CatalogListing, asked: Asked): AsyncIterable<SystemRow[]> {
  yield systemTables(asked).flatMap(({ database, name }) => {
    const table = findSystemTable(database, name)!
    return columnRows(database, name, tableColumns({ kind: 'system', table }))
  })
  const found = (await listing.tables(askedTables(asked, 'table_schema'))).filter(isNotHidden)
  for (const some of pages(found, TABLES_AT_ONCE)) {
    const declared = await listing.columns(some.map(({ id }) => id))
    yield some.flatMap(({ id, database, name }) =>
      columnRows(
        database,
        name,
        tableColumns({ kind: 'found', table: { id, columns: declared.get(id) ?? [] } }),
      ),
    )
  }
}

/** A table is of one version: its chunks are asked for at once. */
export async function* chunks(listing: CatalogListing, asked: Asked): AsyncIterable<SystemRow[]> {
  const found = await listing.tables(askedTables(asked, 'database_name'))
  for (const some of pages(found, CHUNKED_TABLES_AT_ONCE)) {
    const names = new Map(some.map((table) => [table.id, table]))
    const heads = await listing.chunks(some.map(({ id }) => id))
    yield heads.map(({ id, tableId, timeMin, timeMax, rows, bytes, path }) => ({
      id,
      database_name: names.get(tableId)!.database,
      table_name: names.get(tableId)!.name,
      time_min: timeMin,
      time_max: timeMax,
      rows: BigInt(rows),
      bytes: BigInt(bytes),
      path,
    }))
  }
}

function columnRows(database: string, table: string, of: ReturnType<typeof tableColumns>): SystemRow[] {
  return of.map(({ name, type }, i) => ({
    table_catalog: CATALOG,
    table_schema: database,
    table_name: table,
    column_name: name,
    ordinal_position: BigInt(i + 1),
    column_default: null,
    is_nullable: 'YES',
    data_type: typeText(type),
  }))
}

function askedTables({ seen, texts }: Asked, databaseColumn: string) {
  const names = texts.get('table_name')
  return {
    databases: wantedOnly(seen, texts.get(databaseColumn)),
    ...(names !== undefined && { names }),
  }
}

function systemTables({ texts }: Asked): { database: string; name: string }[] {
  const schemas = wantedOnly(SYSTEM_SCHEMAS, texts.get('table_schema'))
  const named = SYSTEM_TABLES.filter(({ schema }) => schemas.includes(schema))
  const names = wantedOnly(
    named.map(({ name }) => name),
    texts.get('table_name'),
  )
  return named
    .filter(({ name }) => names.includes(name))
    .map(({ schema, name }) => ({ database: schema, name }))
}

/** A user's table that a system table stands in front of cannot be read. */
function isNotHidden({ database, name }: ListedTable): boolean {
  return database !== INFORMATION_SCHEMA && findSystemTable(database, name) === undefined
}

function wantedOnly(names: readonly string[], wanted: readonly string[] | undefined): string[] {
  if (wanted === undefined) return [...names]
  const set = new Set(wanted)
  return names.filter((name) => set.has(name))
}

function pages<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  )
}

import { CATALOG } from '../analyze/index.ts'
import type { QueryCatalog } from '../catalog.ts'
import type { CatalogListing } from '../catalog-listing.ts'
import { typeText } from '../presto-type.ts'
import { jdbcColumns, jdbcTable } from './jdbc.ts'
import { type Asked, pages, type RelationRow, relations, wantedOnly } from './relations.ts'
import { SYSTEM_SCHEMAS } from './tables.ts'
import type { SystemRow } from './types.ts'

/** Fewer tables at once than elsewhere, because one may have very many chunks. */
const CHUNKED_TABLES_AT_ONCE = 20

const STANDARD = { database: 'table_schema', table: 'table_name' }
const JDBC = { database: 'table_schem', table: 'table_name' }
const METADATA = { database: 'schema_name', table: 'table_name' }

export async function* schemata({ seen, texts }: Asked): AsyncIterable<SystemRow[]> {
  const named = wantedOnly(allSchemas(seen), texts.get('schema_name'))
  yield named.map((schema_name) => ({ catalog_name: CATALOG, schema_name }))
}

export async function* jdbcSchemas({ seen, texts }: Asked): AsyncIterable<SystemRow[]> {
  const named = wantedOnly(allSchemas(seen), texts.get('table_schem'))
  yield named.map((table_schem) => ({ table_schem, table_catalog: CATALOG }))
}

const allSchemas = (seen: readonly string[]) => [...new Set([...seen, ...SYSTEM_SCHEMAS])]

type Rows = (listing: CatalogListing, asked: Asked) => AsyncIterable<SystemRow[]>

export const tables: Rows = (listing, asked) =>
  each(relations(listing, asked, { names: STANDARD, withColumns: false }), ({ database, name, kind }) => [
    { table_catalog: CATALOG, table_schema: database, table_name: name, table_type: kind },
  ])

export const columns: Rows = (listing, asked) =>
  each(relations(listing, asked, { names: STANDARD, withColumns: true }), columnRows)

export const views: Rows = (listing, asked) =>
  each(relations(listing, asked, { names: STANDARD, withColumns: false }), (relation) =>
    relation.kind !== 'VIEW'
      ? []
      : [
          {
            table_catalog: CATALOG,
            table_schema: relation.database,
            table_name: relation.name,
            view_definition: relation.definition,
          },
        ],
  )

export const jdbcTables: Rows = (listing, asked) =>
  each(relations(listing, asked, { names: JDBC, withColumns: false }), (relation) => [jdbcTable(relation)])

export const jdbcColumnRows: Rows = (listing, asked) =>
  each(relations(listing, asked, { names: JDBC, withColumns: true }), jdbcColumns)

export const tableComments: Rows = (listing, asked) =>
  each(relations(listing, asked, { names: METADATA, withColumns: false }), ({ database, name, comment }) => [
    { catalog_name: CATALOG, schema_name: database, table_name: name, comment },
  ])

/** What the user may do with each relation: to read it is what makes it seen. */
export async function* tablePrivileges(
  { listing, lookup }: Pick<QueryCatalog, 'listing' | 'lookup'>,
  asked: Asked,
): AsyncIterable<SystemRow[]> {
  const writable = new Map<string, boolean>()
  for await (const page of relations(listing, asked, { names: STANDARD, withColumns: false })) {
    for (const { database } of page)
      if (!writable.has(database)) writable.set(database, (await lookup.mayWrite(database)) === 'yes')
    yield page.flatMap((relation) => privilegeRows(relation, asked, writable.get(relation.database) === true))
  }
}

function privilegeRows(
  { database, name, kind }: RelationRow,
  { userId }: Asked,
  mayWrite: boolean,
): SystemRow[] {
  const writes = mayWrite && kind === 'BASE TABLE' && !SYSTEM_SCHEMAS.includes(database)
  const privileges = writes ? ['SELECT', 'INSERT', 'DELETE'] : ['SELECT']
  return privileges.map((privilege_type) => ({
    grantor: null,
    grantor_type: null,
    grantee: String(userId),
    grantee_type: 'USER',
    table_catalog: CATALOG,
    table_schema: database,
    table_name: name,
    privilege_type,
    is_grantable: 'NO',
    with_hierarchy: null,
  }))
}

async function* each(
  found: AsyncIterable<RelationRow[]>,
  rowsOf: (relation: RelationRow) => SystemRow[],
): AsyncIterable<SystemRow[]> {
  for await (const page of found) yield page.flatMap(rowsOf)
}

/** A table is of one version: its chunks are asked for at once. */
export async function* chunks(listing: CatalogListing, asked: Asked): AsyncIterable<SystemRow[]> {
  const names = asked.texts.get('table_name')
  const databases = wantedOnly(asked.seen, asked.texts.get('database_name'))
  const found = await listing.tables({ databases, ...(names !== undefined && { names }) })
  for (const some of pages(found, CHUNKED_TABLES_AT_ONCE)) {
    const known = new Map(some.map((table) => [table.id, table]))
    const heads = await listing.chunks(some.map(({ id }) => id))
    yield heads.map(({ id, tableId, timeMin, timeMax, rows, bytes, path }) => ({
      id,
      database_name: known.get(tableId)!.database,
      table_name: known.get(tableId)!.name,
      time_min: timeMin,
      time_max: timeMax,
      rows: BigInt(rows),
      bytes: BigInt(bytes),
      path,
    }))
  }
}

function columnRows({ database, name: table, columns: of }: RelationRow): SystemRow[] {
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

import { CATALOG, tableColumns } from '../analyze/index.ts'
import type { CatalogListing, ListedTable, ListedView } from '../catalog-listing.ts'
import type { PrestoType } from '../presto-type.ts'
import { findSystemTable, INFORMATION_SCHEMA, SYSTEM_SCHEMAS, SYSTEM_TABLES } from './tables.ts'
import type { SystemWanted } from './types.ts'

/** So many tables are asked about at once. */
const TABLES_AT_ONCE = 500

/** What of the wanted the catalog itself can leave out. */
export type Asked = SystemWanted & { seen: readonly string[] }

/** A table, view or system table, as lists of them tell it. */
export type RelationRow = {
  catalog: string
  database: string
  name: string
  kind: 'BASE TABLE' | 'VIEW'
  columns: readonly { name: string; type: PrestoType; comment?: string }[]
  comment: string | null
  /** A view's query. */
  definition: string | null
}

/** How the table that is asked calls what it is narrowed by. */
export type NameColumns = { database: string; table: string }

/** Every relation the user may query, in pages; with their columns only when they are asked for. */
export async function* relations(
  listing: CatalogListing,
  asked: Asked,
  { names, withColumns }: { names: NameColumns; withColumns: boolean },
): AsyncIterable<RelationRow[]> {
  const wantedNames = asked.texts.get(names.table)
  const databases = wantedOnly(asked.seen, asked.texts.get(names.database))
  yield systemRelations(asked, names)
  const found = await listing.tables({ databases, ...(wantedNames !== undefined && { names: wantedNames }) })
  const tables = found.filter(isNotHidden)
  for (const some of pages(tables, TABLES_AT_ONCE)) {
    const declared = withColumns ? await listing.columns(some.map(({ id }) => id)) : undefined
    yield some.map(({ id, database, name, description }) => ({
      ...plain(database, name),
      comment: description,
      columns: tableColumns({ kind: 'found', table: { id, columns: declared?.get(id) ?? [] } }),
    }))
  }
  const taken = new Set(tables.map(keyOf))
  const views = (await listing.views({ databases })).filter(
    (view) =>
      isNotHidden(view) &&
      !taken.has(keyOf(view)) &&
      (wantedNames === undefined || wantedNames.includes(view.name)),
  )
  yield views.map(viewRow)
}

const keyOf = ({ database, name }: { database: string; name: string }) => `${database}.${name}`

const plain = (database: string, name: string): Omit<RelationRow, 'columns'> => ({
  catalog: CATALOG,
  database,
  name,
  kind: 'BASE TABLE',
  comment: null,
  definition: null,
})

function viewRow({ database, name, view }: ListedView): RelationRow {
  return {
    ...plain(database, name),
    kind: 'VIEW',
    columns: tableColumns({ kind: 'view', view }),
    comment: view.comment,
    definition: view.text,
  }
}

function systemRelations({ texts }: Asked, names: NameColumns): RelationRow[] {
  const schemas = wantedOnly(SYSTEM_SCHEMAS, texts.get(names.database))
  const wanted = texts.get(names.table)
  return SYSTEM_TABLES.filter(
    ({ schema, name }) => schemas.includes(schema) && (wanted === undefined || wanted.includes(name)),
  ).map((table) => ({ ...plain(table.schema, table.name), columns: table.columns }))
}

/** A user's table that a system table stands in front of cannot be read. */
export function isNotHidden({ database, name }: Pick<ListedTable, 'database' | 'name'>): boolean {
  return database !== INFORMATION_SCHEMA && findSystemTable(database, name) === undefined
}

export function wantedOnly(names: readonly string[], wanted: readonly string[] | undefined): string[] {
  if (wanted === undefined) return [...names]
  const set = new Set(wanted)
  return names.filter((name) => set.has(name))
}

export function pages<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  )
}

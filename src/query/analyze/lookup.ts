/**
 * The port by which the compiler asks what tables there are. `unknown` is not absence: the compiler then throws
 * `catalog_unknown` (retry) instead of answering TABLE_NOT_FOUND.
 */
export type TableLookup =
  | { kind: 'found'; table: { id: bigint; columns: TableColumn[] } }
  | { kind: 'no-database' }
  | { kind: 'no-table' }
  | { kind: 'unknown'; reason: string }

/** `type` as the REST API names it: int long float double string array<…> map<…>. The column `time` is not listed. */
export type TableColumn = { name: string; type: string }

export type ListLookup =
  | { kind: 'found'; names: string[] }
  | { kind: 'absent' }
  | { kind: 'unknown'; reason: string }

export type SchemaLookup = {
  findTable(database: string, table: string): TableLookup | Promise<TableLookup>
  /** Names of the databases the caller may see. */
  listDatabases(): ListLookup | Promise<ListLookup>
  listTables(database: string): ListLookup | Promise<ListLookup>
}

/** The catalog under which every database stands. */
export const CATALOG = 'td-presto'

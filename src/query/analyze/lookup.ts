import type { QueryError } from '../errors.ts'
import type { Query } from '../parse/ast.ts'
import type { PrestoType } from '../presto-type.ts'

/**
 * The port by which the compiler asks what tables there are. `unknown` is not absence: the compiler then throws
 * `catalog_unknown` (retry) instead of answering TABLE_NOT_FOUND.
 */
export type TableLookup =
  | { kind: 'found'; table: { id: bigint; columns: TableColumn[]; description?: string | null } }
  /** Its rows come from the catalog, not from chunks. */
  | { kind: 'system'; table: SystemTable }
  | { kind: 'view'; view: StoredView }
  | { kind: 'no-database' }
  | { kind: 'no-table' }
  /** The database is there and its user may not query it. */
  | { kind: 'denied' }
  | { kind: 'unknown'; reason: string }

/**
 * `type` as the REST API names it: int long float double string array<…> map<…>. `key` is what senders call the column
 * and files know it by: the name may be changed, the key never. The column `time` is not listed. What SQL calls the comment of a table
 * or column is its description.
 */
export type TableColumn = { name: string; key: string; type: string; description?: string | null }

/** A view with its query parsed and what that names looked up, or why that failed. */
export type ExpandedView = {
  kind: 'view'
  view: StoredView
  expansion:
    | { kind: 'query'; query: Query; tables: ReadonlyMap<string, KnownTable> }
    | { kind: 'recursive' }
    | { kind: 'invalid'; error: QueryError }
}
/** What analysis is given for a name: answers of the lookup, with views expanded. */
export type KnownTable = Exclude<TableLookup, { kind: 'view' }> | ExpandedView

/** A view as CREATE VIEW made it: its query is compiled anew wherever it is named. */
export type StoredView = {
  /** The query's text, in which names without a database mean `defaultDatabase`. */
  text: string
  defaultDatabase: string
  /** What the query gave when the view was made, types as Presto writes them. */
  columns: { name: string; type: string }[]
  /** Whose permissions its tables are read with: its owner's, or those of whoever reads it. */
  security: 'definer' | 'invoker'
  /** The number of the user who made it. */
  owner: string
  comment: string | null
}

/** A table that the system keeps of itself, with its columns as SELECT * gives them; names in lower case. */
export type SystemTable = { schema: string; name: string; columns: readonly SystemColumn[] }
export type SystemColumn = { name: string; type: PrestoType; about: string }

export type ListLookup =
  | { kind: 'found'; names: string[] }
  | { kind: 'absent' }
  | { kind: 'unknown'; reason: string }

/** Three answers to "may this user do that in this database?" */
export type Permitted = 'yes' | 'no' | 'unknown'

export type SchemaLookup = {
  findTable(database: string, table: string): TableLookup | Promise<TableLookup>
  /** Names of the databases the caller may see. */
  listDatabases(): ListLookup | Promise<ListLookup>
  /** Tables and views. */
  listTables(database: string): ListLookup | Promise<ListLookup>
  /** The same catalog as its user `owner` may read it: for a view that is read with its owner's permissions. */
  as(owner: string): SchemaLookup
  /** Whether the caller may change tables of the database and what is in them; or drop the database itself, which takes more. */
  mayWrite(database: string, what?: WriteTarget): Permitted | Promise<Permitted>
}
export type WriteTarget = 'tables' | 'database'

/** The key of the column every table has; senders cannot write a key like this one, but may send `time` twice. */
export const TIME_KEY = '\0time'

/**
 * Hidden columns by which a DELETE says which rows it means: the chunk file as the engine opens it, and the row's number in
 * it, from 0. No lookup lists them; a reference that has columns of these keys reads them.
 */
export const FILE_KEY = '\0file'
export const ROW_KEY = '\0row'

/** The catalog under which every database stands. */
export const CATALOG = 'td-presto'
/** The catalog of what clients ask about the system itself. */
export const SYSTEM_CATALOG = 'system'

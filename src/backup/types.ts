/** One table of the main database in a backup: one JSON object per line, gzip'd, in `tables/<name>.ndjson.gz`. */
export type SavedTable = {
  name: string
  columns: string[]
  rows: number
  bytes: number
  sha256: string
}

/** One object (chunk, result, bulk-import part …) in the backup's own store, which all backups of a place share. */
export type SavedObject = { path: string; bytes: number; sha256: string }

/** What a backup holds. Written last: a directory without one is no backup. */
export type Manifest = {
  format: 1
  /** Also the name of its directory: the UTC instant of the database's snapshot, `20261122T151400Z`. */
  id: string
  /** ISO instant of the database's snapshot. */
  takenAt: string
  version: string
  /** Number of the newest migration the tables were saved under. */
  schema: number
  tables: SavedTable[]
  sequences: { name: string; value: string }[]
  /** Counted here, listed in `objects.ndjson.gz`. */
  objects: { count: number; bytes: number; sha256: string }
  /** Live chunks the database names: a backup that misses one of them is refused as incomplete. */
  referenced: number
  /** Files of the data directory that nothing else can replace. */
  files: { name: string; sha256: string }[]
}

export type Progress = {
  phase: 'database' | 'objects' | 'pruning' | 'done'
  tables: { done: number; total: number }
  objects: { done: number; total: number }
  /** Of the objects: read so far, and in all. Those an earlier backup holds already are not read again. */
  bytes: { done: number; total: number }
}

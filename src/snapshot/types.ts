/**
 * What the rest of the product needs of the main database while that is away. Kept in the data directory under
 * `snapshot/`; the format and its reader live here and never load a database driver; `catalog` writes it.
 */
export type SnapshotKey = {
  id: bigint
  accountId: bigint
  userId: bigint
  kind: 'master' | 'write' | 'write-only'
  sha256: string
  revoked: boolean
}
export type SnapshotUser = {
  id: bigint
  accountId: bigint
  name: string
  email: string
  role: 'owner' | 'administrator' | 'member'
  passwordHash: string | null
  removed: boolean
  createdAt: string
  updatedAt: string
}
export type Permission = 'administrator' | 'full_access' | 'import_only' | 'query_only'
export type SnapshotDatabase = {
  id: bigint
  accountId: bigint
  name: string
  ownerId: bigint | null
  deleteProtected: boolean
  createdAt: string
  updatedAt: string
}
export type SnapshotColumn = {
  name: string
  key: string
  /** int long float double string array<…> map<…> as the REST API names types. */
  type: string
  ordinal: number
  description: string | null
  declared: boolean
}
export type SnapshotTable = {
  id: bigint
  databaseId: bigint
  name: string
  type: string
  expireDays: number | null
  includeV: boolean
  detectSchema: boolean
  description: string | null
  createdAt: string
  updatedAt: string
  /** Live columns by ordinal; `time` is not among them: every table has it. */
  columns: SnapshotColumn[]
  /** Sums over live chunks, maintained by the writer. */
  rows: bigint
  bytes: bigint
  /** Largest `time` of a live chunk in unix seconds, and when a chunk was last added. */
  lastTime: bigint | null
  lastImportAt: string | null
}
/** What a chunk really holds, by SQL column name: for schema-on-read. `physical` is the Parquet column's own kind. */
export type ChunkColumns = Record<string, { key: string; type: string; physical: string; nulls: number }>
export type SnapshotChunk = {
  id: bigint
  tableId: bigint
  /** Inclusive bounds of the column `time`, unix seconds. */
  timeMin: bigint
  timeMax: bigint
  rows: number
  bytes: number
  /** Relative to the object store's root. */
  path: string
  columns: ChunkColumns
}

/** Three answers, not two: "unknown" means nobody can say at the moment. */
export type Lookup<T> = { kind: 'found'; value: T } | { kind: 'absent' } | { kind: 'unknown'; reason: string }

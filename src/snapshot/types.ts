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
/** The text of a query under a name, as CREATE VIEW stored it; `columns` have Presto's types. */
export type StoredQuery = {
  name: string
  text: string
  defaultDatabase: string
  columns: { name: string; type: string }[]
  security: 'definer' | 'invoker'
  ownerId: bigint
  comment: string | null
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

/** A saved query as the schedule list shows it; `cron` null = never runs by itself. Instants are ISO texts. */
export type SnapshotSchedule = {
  id: bigint
  accountId: bigint
  userId: bigint
  name: string
  cron: string | null
  timezone: string
  delaySeconds: number
  type: string
  database: string
  query: string
  priority: number
  retryLimit: number
  resultUrl: string
  poolName: string | null
  engineVersion: string | null
  nextTime: string | null
  createdAt: string
  updatedAt: string
}

/** A job without its log. `row` is the whole head as the table `jobs` has it, by column name. */
export type SnapshotJob = {
  id: bigint
  accountId: bigint
  status: string
  domainKey: string | null
  row: Record<string, unknown>
}

export type SnapshotPermission = { databaseId: bigint; userId: bigint; permission: Permission }

/** Key heads for lists; the secret itself is nowhere. */
export type SnapshotKeyHead = SnapshotKey & { name: string; prefix: string; createdAt: string }

export type SnapshotAccount = { id: bigint; name: string; createdAt: string }

/** The snapshot was closed on purpose: nothing newer will come until it is opened again. */
export type Seal = { at: string; reason: string }

/** Half-open range of the column `time` in unix seconds; null = unbounded. */
export type TimeRange = { from: bigint | null; to: bigint | null }

/**
 * Everything one can ask the snapshot, answered from memory. `found` is trusted. `absent` means "this copy, as of
 * its position, does not have it": a hint, because a grant may be on its way; only core can confirm a no.
 * `unknown`: there is no readable snapshot, or a denial of this thing is being decided at the moment.
 */
export type SnapshotView = {
  findAccount(id: bigint): Lookup<SnapshotAccount>
  /** A revoked key is found, with `revoked: true`: that no is final. */
  findKey(sha256: string): Lookup<SnapshotKey>
  listKeys(userId: bigint): SnapshotKeyHead[]
  findUser(id: bigint): Lookup<SnapshotUser>
  /** Without regard to case. With `accountId` undefined the first account that has the address is taken. */
  findUserByEmail(email: string, accountId?: bigint): Lookup<SnapshotUser>
  listUsers(accountId: bigint): SnapshotUser[]
  findDatabase(accountId: bigint, name: string): Lookup<SnapshotDatabase>
  listDatabases(accountId: bigint): SnapshotDatabase[]
  findTable(accountId: bigint, database: string, table: string): Lookup<SnapshotTable>
  findTableById(id: bigint): Lookup<SnapshotTable>
  listTables(databaseId: bigint): SnapshotTable[]
  /** The views of a database. */
  listViews(databaseId: bigint): StoredQuery[]
  /** Sums over the live chunks of all tables of a database. */
  sumsOf(databaseId: bigint): { rows: bigint; bytes: bigint }
  /** What was granted explicitly; owners and administrators need no grant. */
  permissionOf(userId: bigint, databaseId: bigint): Lookup<Permission>
  listPermissions(databaseId: bigint): SnapshotPermission[]
  findSchedule(accountId: bigint, name: string): Lookup<SnapshotSchedule>
  listSchedules(accountId: bigint): SnapshotSchedule[]
  /** One of the most recent jobs (about 2,000 are kept, unfinished ones always). */
  jobHead(id: bigint): Lookup<SnapshotJob>
  jobByDomainKey(accountId: bigint, key: string): Lookup<SnapshotJob>
  /** Newest first. */
  recentJobs(accountId: bigint, limit: number): SnapshotJob[]
  /** Number of the last line applied; rises for ever, across base files. 0 = nothing yet. */
  readonly position: number
  /** Rises when anything an authentication depends on has changed: caches compare it. */
  readonly identityVersion: number
  /** Another number after every change of content; heartbeats do not count. */
  readonly version: number
  /** Time since the writer last knew that it had everything; Infinity without a snapshot. */
  readonly ageMs: number
  readonly sealed: Seal | undefined
  /** False without a snapshot, or when it cannot be read: every look-up is then `unknown`. */
  readonly usable: boolean
}

/** A reader of the snapshot in a process of its own; follows the writer's log. */
export type Snapshot = SnapshotView & {
  /** Live chunks that overlap one of the ranges (all without ranges); `unknown` unless opened `withManifests`. */
  chunksOf(tableId: bigint, ranges?: TimeRange[]): Promise<Lookup<SnapshotChunk[]>>
  /** Reads may be answered from it: it is at most an hour old (`readLimitMs`). */
  readonly readable: boolean
  /** Resolves true as soon as everything up to `position` is applied, false after `timeoutMs`. */
  catchUp(position: number, options?: { timeoutMs?: number }): Promise<boolean>
  /** Called when the file cannot be read on; core then writes a new base. */
  onDamage(listener: (what: string) => void): void
  close(): Promise<void>
}

import type { Lookup, SnapshotDatabase, SnapshotKey, SnapshotTable } from '../snapshot/index.ts'

export type FoundTable = { database: SnapshotDatabase; table: SnapshotTable }

/**
 * What this process's own copy of the snapshot says, without waiting. `found` is trusted, also when the main
 * database has been away for hours. `absent` means only "not in this copy": the edge then asks core, and
 * refuses for good (401, 403, 404) only when core confirms it. `unknown`: the copy cannot be read.
 */
export type Directory = {
  /** Another number after every change of content: what was derived from an older one is forgotten. */
  readonly version: number
  /** By lower-case hex SHA-256 of the whole key and, when it has an account prefix, also of what follows it. Revoked ones are found too. */
  findKey(sha256: string): Lookup<SnapshotKey>
  findDatabase(accountId: bigint, database: string): Lookup<SnapshotDatabase>
  /** `absent` when the database or the table is not there. */
  findTable(accountId: bigint, database: string, table: string): Lookup<FoundTable>
  /** Whether the key's user may import into the database; a `false` is confirmed with core before it becomes a 403. */
  mayImport(key: SnapshotKey, database: SnapshotDatabase): Lookup<boolean>
}

/**
 * The same questions put to core, which looks into the main database now (never into a snapshot): its `absent`
 * and its `false` are certain. Within 200 ms, else `unknown`; never rejects.
 */
export type AskCore = {
  findKey(sha256: string): Promise<Lookup<SnapshotKey>>
  findDatabase(accountId: bigint, database: string): Promise<Lookup<SnapshotDatabase>>
  findTable(accountId: bigint, database: string, table: string): Promise<Lookup<FoundTable>>
  mayImport(key: SnapshotKey, database: SnapshotDatabase): Promise<Lookup<boolean>>
}

/** Everything a spool record needs to know about where it goes. */
export type ImportTarget = {
  accountId: bigint
  keyId: bigint
  database: string
  table: string
  tableId: bigint
}

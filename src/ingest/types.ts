import type { Lookup, SnapshotDatabase, SnapshotKey } from '../snapshot/index.ts'

/**
 * What the edge asks before it accepts anything. `found` comes from this process's copy of the snapshot and is trusted, also
 * when the main database has been away for hours; `absent` (and `false`) only when core confirmed it after the question was
 * asked, or when the copy holds a final no (a revoked key); else `unknown`. Never rejects.
 */
export type Directory = {
  /** Another number after every change of the copy: what was derived from an older one is forgotten. */
  version(): number
  /** By the SHA-256 (lower-case hex) of a key; a revoked one, or one whose user was removed, is `absent` and `revoked`. */
  findKey(sha256: string): Promise<Lookup<SnapshotKey> | { kind: 'absent'; revoked: true }>
  findDatabase(accountId: bigint, database: string): Promise<Lookup<SnapshotDatabase>>
  findTable(accountId: bigint, database: string, table: string): Promise<Lookup<{ id: bigint }>>
  /** Whether the key's user may import into the database. */
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

/** What `GET /v3/system/server_status` says; always with status 200: td waits up to ten minutes on anything else. */
export type ServerStatus = 'ok' | 'maintenance'

import {
  type Asker,
  type Lookup,
  lookUp,
  type Snapshot,
  type SnapshotDatabase,
  type SnapshotKey,
} from '../snapshot/index.ts'
import type { Directory } from './types.ts'

const REVOKED = { kind: 'absent', revoked: true } as const

/** The directory on this process's snapshot; what that does not hold is put to core. */
export function directoryOn(snapshot: Snapshot, ask: Asker): Directory {
  let seen = { position: -1, identityVersion: -1 }
  let version = 0
  return {
    version() {
      const { position, identityVersion } = snapshot
      if (position !== seen.position || identityVersion !== seen.identityVersion) {
        seen = { position, identityVersion }
        version++
      }
      return version
    },
    async findKey(sha256) {
      const key = await lookUp(snapshot, ask, { about: 'key', sha256 }, (held) => held.findKey(sha256))
      if (key.kind !== 'found') return key
      // A revocation is in the snapshot before it is in the database: this no is final.
      if (key.value.revoked) return REVOKED
      const user = snapshot.findUser(key.value.userId)
      return user.kind === 'found' && user.value.removed ? REVOKED : key
    },
    findDatabase: (accountId, database) =>
      lookUp(snapshot, ask, { about: 'database', accountId: String(accountId), database }, (held) =>
        held.findDatabase(accountId, database),
      ),
    findTable: (accountId, database, table) =>
      lookUp(snapshot, ask, { about: 'table', accountId: String(accountId), database, table }, (held) =>
        held.findTable(accountId, database, table),
      ),
    mayImport: (key, database) => mayImport(snapshot, ask, key, database),
  }
}

/**
 * A yes of the copy is trusted. Before a no becomes final the copy is brought up to where core is now: a permission just
 * granted may be on its way.
 */
async function mayImport(
  snapshot: Snapshot,
  ask: Asker,
  key: SnapshotKey,
  database: SnapshotDatabase,
): Promise<Lookup<boolean>> {
  const first = heldPermission(snapshot, key, database)
  if (first.kind === 'found' && first.value) return first
  const { accountId, name } = database
  const answer = await ask({ about: 'database', accountId: String(accountId), database: name })
  if (answer.verdict === 'unknown') return { kind: 'unknown', reason: answer.reason }
  if (!(await snapshot.catchUp(answer.position, { timeoutMs: 200 })))
    return { kind: 'unknown', reason: 'the snapshot is behind' }
  return heldPermission(snapshot, key, database)
}

function heldPermission(
  snapshot: Snapshot,
  key: SnapshotKey,
  database: SnapshotDatabase,
): Exclude<Lookup<boolean>, { kind: 'absent' }> {
  const user = snapshot.findUser(key.userId)
  if (user.kind === 'unknown') return user
  if (user.kind === 'absent') return { kind: 'unknown', reason: 'the user of the key is not in the snapshot' }
  if (user.value.role !== 'member' || database.ownerId === key.userId) return { kind: 'found', value: true }
  const permission = snapshot.permissionOf(key.userId, database.id)
  if (permission.kind === 'unknown') return permission
  const granted = permission.kind === 'found' && permission.value !== 'query_only'
  return { kind: 'found', value: granted }
}

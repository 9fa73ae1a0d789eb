import { type Asker, lookUp, type Question } from './channel.ts'
import type { Lookup, Snapshot, SnapshotDatabase, SnapshotKey, SnapshotTable, SnapshotView } from './types.ts'

type FoundTable = { database: SnapshotDatabase; table: SnapshotTable }

/** The snapshot as the ingest edge asks it (its port `Directory`): without waiting, a miss is only a hint. */
export function directoryOf(snapshot: SnapshotView) {
  return {
    get version() {
      return snapshot.version
    },
    findKey: (sha256: string) => snapshot.findKey(sha256),
    findDatabase: (accountId: bigint, database: string) => snapshot.findDatabase(accountId, database),
    findTable: (accountId: bigint, database: string, table: string) =>
      findTableIn(snapshot, { accountId, database, table }),
    mayImport: (key: SnapshotKey, database: SnapshotDatabase) => mayImportInto(snapshot, key, database),
  }
}

/**
 * The same questions with core's help (the ingest edge's port `AskCore`): a no is certain. Never rejects; `unknown`
 * when core cannot say within 200 ms.
 */
export function askingCore(snapshot: Snapshot, ask: Asker) {
  const confirm = <T>(question: Question, find: (view: SnapshotView) => Lookup<T>) =>
    lookUp(snapshot, ask, question, find)
  return {
    findKey: (sha256: string) => confirm({ about: 'key', sha256 }, (view) => view.findKey(sha256)),
    findDatabase: (accountId: bigint, database: string) =>
      confirm({ about: 'database', accountId: String(accountId), database }, (view) =>
        view.findDatabase(accountId, database),
      ),
    findTable: (accountId: bigint, database: string, table: string) =>
      confirm({ about: 'table', accountId: String(accountId), database, table }, (view) =>
        findTableIn(view, { accountId, database, table }),
      ),
    /** A grant may be on its way: a no counts once the copy holds all that core held after the question. */
    mayImport: async (key: SnapshotKey, database: SnapshotDatabase): Promise<Lookup<boolean>> => {
      const known = mayImportInto(snapshot, key, database)
      if (known.kind === 'found' && known.value) return known
      const answer = await ask({ about: 'everything' })
      if (answer.verdict === 'unknown') return { kind: 'unknown', reason: answer.reason }
      const held = await snapshot.catchUp(answer.position, { timeoutMs: 200 })
      return held
        ? mayImportInto(snapshot, key, database)
        : { kind: 'unknown', reason: 'the snapshot is behind' }
    },
  }
}

function findTableIn(
  view: SnapshotView,
  { accountId, database, table }: { accountId: bigint; database: string; table: string },
): Lookup<FoundTable> {
  const parent = view.findDatabase(accountId, database)
  if (parent.kind !== 'found') return parent
  const found = view.findTable(accountId, database, table)
  if (found.kind !== 'found') return found
  return { kind: 'found', value: { database: parent.value, table: found.value } }
}

/** Owners and administrators may import everywhere in their account, members where they were granted it. */
export function mayImportInto(
  view: SnapshotView,
  key: SnapshotKey,
  database: SnapshotDatabase,
): Lookup<boolean> {
  const user = view.findUser(key.userId)
  if (user.kind === 'unknown') return user
  if (user.kind === 'absent') return { kind: 'unknown', reason: 'the user of the key is not known here' }
  const { role, removed } = user.value
  if (removed || key.revoked || database.accountId !== key.accountId) return { kind: 'found', value: false }
  if (role !== 'member' || database.ownerId === key.userId) return { kind: 'found', value: true }
  const granted = view.permissionOf(key.userId, database.id)
  if (granted.kind === 'unknown') return granted
  return { kind: 'found', value: granted.kind === 'found' && granted.value !== 'query_only' }
}

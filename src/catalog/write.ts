import type { Database } from '../database/index.ts'
import type { Admission } from '../gate/index.ts'
import type { Sql } from '../kernel/index.ts'
import { type Change, entityKey, isKind, type SnapshotView } from '../snapshot/index.ts'
import { readOwnChanges } from './changes-store.ts'
import type { SnapshotExporter } from './exporter.ts'

export type CatalogWrite = <T>(admission: Admission, run: (sql: Sql) => Promise<T>) => Promise<T>

/**
 * The way every change of the catalog is written: what it takes away is fsynced into the snapshot before the
 * commit, and unknown to everybody from then on; what it gives is known to every local ingest process before the
 * caller gets the answer. When the commit fails, the exporter finds the transaction ended without effect and lifts
 * the denial; while nobody can tell how it ended, what it takes away stays unknown.
 */
export function createCatalogWrite({
  database,
  exporter,
  view,
}: {
  database: Database
  exporter: SnapshotExporter
  view: SnapshotView
}): CatalogWrite {
  return async (admission, run) => {
    let changes: Change[] = []
    try {
      return await database.write(
        admission,
        async (sql) => {
          const value = await run(sql)
          changes = await readOwnChanges(sql)
          return value
        },
        {
          beforeCommit: (xid) => exporter.announceDenials(xid, denialsAmong(changes, view)),
          afterCommit: (xid) => exporter.applyOwnCommit(xid, changes),
        },
      )
    } catch (error) {
      exporter.poke()
      throw error
    }
  }
}

const RANKS: Record<string, number> = { member: 0, administrator: 1, owner: 2 }

/** The things that a transaction takes something away from, by their key in the snapshot. */
export function denialsAmong(changes: Change[], view: SnapshotView): string[] {
  const denied = changes.flatMap((change) =>
    isKind(change.kind) && takesAway(change, view) ? [entityKey(change.kind, change.body)] : [],
  )
  return [...new Set(denied)]
}

function takesAway({ kind, op, body }: Change, view: SnapshotView): boolean {
  switch (kind) {
    case 'api_keys':
      return body.revoked_at != null
    case 'databases':
    case 'tables':
      return body.removed_at != null
    case 'users': {
      const before = view.findUser(BigInt(String(body.id)))
      const lowered = before.kind === 'found' && RANKS[before.value.role]! > RANKS[String(body.role)]!
      return body.removed_at != null || lowered
    }
    case 'database_permissions': {
      const before = view.permissionOf(BigInt(String(body.user_id)), BigInt(String(body.database_id)))
      return op === 'drop' || (before.kind === 'found' && before.value !== body.permission)
    }
    default:
      return false
  }
}

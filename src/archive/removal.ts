import type { Database } from '../database/index.ts'
import type { Gate } from '../gate/index.ts'
import type { Clock, Log, Sql } from '../kernel/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import { BACKGROUND } from './merge.ts'
import { JOB_ROOT, MERGE_ROOT, ownerOfPath, SPOOL_ROOT } from './paths.ts'
import {
  findOrphanFiles,
  findRemovable,
  forgetChunks,
  type OwnedFile,
  type RetiredChunk,
} from './removal-store.ts'
import type { FaultPoint } from './types.ts'

/**
 * What the snapshot still needs of these chunks: those that core's manifests name, and whether jobs of an absence are on
 * their way into the main database, which then read by a catalog that is older than it. Rejects when core cannot say.
 */
export type AskPins = (
  chunks: { id: bigint; tableId: bigint }[],
) => Promise<{ pinned: ReadonlySet<bigint>; jobsWaiting: boolean }>

export type RemovalDeps = {
  database: Database
  objects: ObjectStore
  gate: Pick<Gate, 'current'>
  askPins: AskPins
  clock: Clock
  log: Log
  faultPoint: FaultPoint
}

const PORTION = 500
/** A reader may have planned by a snapshot of up to an hour: so much older than the job may the chunks be that it reads. */
const SNAPSHOT_MARGIN_MINUTES = 70

/**
 * Removes the files of retired chunks that nobody can need any more: the backup horizon is over, no running job may have planned
 * with them, the snapshot does not name them. File first, then the row: killed in between, the next round finds the row and
 * nothing at its path. Only while the gate serves. Returns how many.
 * @throws database_away (503, retry)
 */
export async function removeRetired(
  deps: RemovalDeps,
  { keptMinutes, marginMinutes = SNAPSHOT_MARGIN_MINUTES }: { keptMinutes: number; marginMinutes?: number },
  signal: AbortSignal,
): Promise<number> {
  const { database, objects, gate, faultPoint } = deps
  let removed = 0
  let after: RetiredChunk | undefined
  while (!signal.aborted && gate.current().mode === 'serving') {
    const portion = await database.read(BACKGROUND, (sql) =>
      findRemovable(sql, { keptMinutes, marginMinutes, after, most: PORTION }),
    )
    if (portion.length === 0) break
    const { pinned, jobsWaiting } = await deps.askPins(portion.map(({ id, tableId }) => ({ id, tableId })))
    await faultPoint('asked')
    // Asked again after core has answered: from a shut gate on, readers go by the snapshot.
    if (jobsWaiting || gate.current().mode !== 'serving') break
    const free = portion.filter(({ id }) => !pinned.has(id))
    for (const { path } of free) {
      await objects.remove(path)
      await faultPoint('file-removed')
    }
    await faultPoint('files-removed')
    await database.write(BACKGROUND, (sql) =>
      forgetChunks(
        sql,
        free.map(({ id }) => id),
      ),
    )
    await faultPoint('forgotten')
    removed += free.length
    after = portion.at(-1)
    if (portion.length < PORTION) break
  }
  return removed
}

/**
 * Removes chunk files that the catalog does not name and whose owner has ended or is fenced: what merges, jobs and loaders
 * left when they were killed. A file whose owner may yet commit, that is young, or whose name says nothing, stays.
 */
export async function removeOrphans(
  { database, objects, gate, clock, log }: Omit<RemovalDeps, 'askPins' | 'faultPoint'>,
  { leastMinutes }: { leastMinutes: number },
  signal: AbortSignal,
): Promise<number> {
  let removed = 0
  const judge = async (files: OwnedFile[]) => {
    const orphans = await database.read(BACKGROUND, (sql) => findOrphanFiles(sql, files))
    for (const path of orphans) await objects.remove(path)
    removed += orphans.length
  }
  const youngestMs = clock.now().getTime() - leastMinutes * 60_000
  let batch: OwnedFile[] = []
  for (const root of [MERGE_ROOT, JOB_ROOT, SPOOL_ROOT]) {
    for await (const { path, modifiedAtMs } of objects.list(root)) {
      if (signal.aborted || gate.current().mode !== 'serving') return removed
      const file = modifiedAtMs > youngestMs ? undefined : ownedFile(path)
      if (file === undefined) continue
      batch.push(file)
      if (batch.length < PORTION) continue
      await judge(batch)
      batch = []
    }
  }
  if (batch.length > 0) await judge(batch)
  if (removed > 0) log.info({ removed }, 'chunk files that belonged to nobody removed')
  return removed
}

function ownedFile(path: string): OwnedFile | undefined {
  const owner = ownerOfPath(path)
  switch (owner?.kind) {
    case 'merge':
      return { path, kind: 'merge', attempt: owner.attempt, job: null, spool: null }
    case 'job':
      return { path, kind: 'job', attempt: BigInt(owner.attempt), job: owner.id, spool: null }
    case 'spool':
      return { path, kind: 'spool', attempt: owner.epoch, job: null, spool: owner.spool }
    default:
      return undefined
  }
}

/** Which of these files certainly belong to nobody: by the same rules as `removeOrphans`, at this moment. */
export async function orphansAmong(sql: Sql, paths: readonly string[]): Promise<string[]> {
  const files = paths.map(ownedFile).filter((file) => file !== undefined)
  return files.length === 0 ? [] : findOrphanFiles(sql, files)
}

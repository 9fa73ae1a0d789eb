import type { Database } from '../database/index.ts'
import type { Admission } from '../gate/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import { chunkPrefix, epochOf } from './paths.ts'
import { findChunkPaths } from './store.ts'
import type { LoadedChunk } from './types.ts'

/** Paths compared with the catalog in one statement. */
const SWEEP_PATHS = 1000

/**
 * Writes the chunk files of a batch, many at a time, so that their syncs share the disk's journal. A file of the same name
 * can only be what an earlier attempt of this owner left uncommitted (the position has not moved): it is replaced.
 */
export async function writeChunks(
  objects: ObjectStore,
  chunks: LoadedChunk[],
  atOnce: number,
  written: () => void | Promise<void>,
): Promise<void> {
  let next = 0
  const write = async () => {
    for (let chunk = chunks[next++]; chunk !== undefined; chunk = chunks[next++]) {
      await put(objects, chunk)
      await written()
    }
  }
  const writers = Array.from({ length: Math.min(atOnce, chunks.length) }, write)
  // All must have ended before an error rises: a straggler would write after the files were removed.
  for (const outcome of await Promise.allSettled(writers))
    if (outcome.status === 'rejected') throw outcome.reason
}

async function put(objects: ObjectStore, { path, bytes }: LoadedChunk): Promise<void> {
  try {
    await objects.put(path, bytes)
  } catch (error) {
    if ((error as { code?: string }).code !== 'object_exists') throw error
    await objects.remove(path)
    await objects.put(path, bytes)
  }
}

export async function removeChunks(objects: ObjectStore, chunks: LoadedChunk[]): Promise<void> {
  for (const { path } of chunks) await objects.remove(path)
}

/**
 * Removes what earlier owners of the spool have written and not committed. They are fenced by the claim of `epoch`: a
 * file of theirs that the catalog does not name now will never be named. Returns how many were removed.
 */
export async function sweepOrphans(
  database: Database,
  admission: Admission,
  objects: ObjectStore,
  { spool, epoch }: { spool: string; epoch: bigint },
): Promise<number> {
  let removed = 0
  const judge = async (paths: string[]) => {
    const named = await database.read(admission, (sql) => findChunkPaths(sql, paths))
    for (const path of paths) {
      if (named.has(path)) continue
      await objects.remove(path)
      removed++
    }
  }
  const paths: string[] = []
  for await (const { path } of objects.list(chunkPrefix(spool))) {
    const owner = epochOf(spool, path)
    if (owner === undefined || owner >= epoch) continue
    paths.push(path)
    if (paths.length === SWEEP_PATHS) await judge(paths.splice(0))
  }
  if (paths.length > 0) await judge(paths)
  return removed
}

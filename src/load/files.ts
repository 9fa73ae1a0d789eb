import type { Database } from '../database/index.ts'
import type { Admission } from '../gate/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import { chunkPrefix, epochOf } from './paths.ts'
import { findChunkPaths } from './store.ts'
import type { ChunkFile, LoadedChunk } from './types.ts'

/** Paths compared with the catalog in one statement. */
const SWEEP_PATHS = 1000

export type ChunkWriter = {
  /** Begins to write it, or queues it behind those under way. */
  add(file: ChunkFile): void
  /** Resolves when everything added is stored; rejects with the first failure, and may then be called again. */
  finish(): Promise<void>
}

/**
 * Writes the chunk files of a batch, many at a time, so that their syncs share the disk's journal. A file of the same name
 * can only be what an earlier attempt of this owner left uncommitted (the position has not moved): it is replaced.
 */
export function createChunkWriter(
  objects: ObjectStore,
  atOnce: number,
  written: () => void | Promise<void>,
): ChunkWriter {
  const waiting: ChunkFile[] = []
  const writers = new Set<Promise<void>>()
  let failed: { file: ChunkFile; error: unknown }[] = []
  const work = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      try {
        await put(objects, file)
        await written()
      } catch (error) {
        failed.push({ file, error })
      }
    }
  }
  const add = (file: ChunkFile) => {
    waiting.push(file)
    if (writers.size >= atOnce) return
    const writer: Promise<void> = work().finally(() => writers.delete(writer))
    writers.add(writer)
  }
  return {
    add,
    async finish() {
      const again = failed
      failed = []
      for (const { file } of again) add(file)
      // All must have ended before an error rises: a straggler would write after the files were removed.
      while (writers.size > 0) await Promise.all(writers)
      if (failed.length > 0) throw failed[0]!.error
    },
  }
}

async function put(objects: ObjectStore, { path, content }: ChunkFile): Promise<void> {
  try {
    await objects.put(path, content)
  } catch (error) {
    if ((error as { code?: string }).code !== 'object_exists') throw error
    await objects.remove(path)
    await objects.put(path, content)
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

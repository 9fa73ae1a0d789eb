import type { Database } from '../database/index.ts'
import type { Admission } from '../gate/index.ts'
import type { ObjectStore } from '../storage/index.ts'
import { chunkPrefix, epochOf } from './paths.ts'
import { findChunkPaths } from './store.ts'
import type { ChunkFile, LoadedChunk } from './types.ts'

/** Paths compared with the catalog in one statement. */
const SWEEP_PATHS = 1000
/** Up to here writing a file's bytes twice costs less than syncing it. */
const SMALL_FILE_BYTES = 64 * 1024
const LEAST_GROUP_FILES = 4
const MOST_GROUP_BYTES = 8 << 20

export type ChunkWriter = {
  /** Begins to write it, or queues it behind those under way. */
  add(file: ChunkFile): void
  /** Resolves when everything added is stored; rejects with the first failure, and may then be called again. */
  finish(): Promise<void>
}

/**
 * Writes the chunk files of a batch: large ones while the next are decoded, many at a time, so that their syncs share the
 * disk's journal; small ones in groups, which cost one sync. A file of the same name can only be what an earlier attempt of
 * this owner left uncommitted (the position has not moved): it is replaced.
 */
export function createChunkWriter(
  objects: ObjectStore,
  { owner, atOnce }: { owner: string; atOnce: number },
  written: () => void | Promise<void>,
): ChunkWriter {
  const waiting: (() => Promise<void>)[] = []
  const writers = new Set<Promise<void>>()
  let failed: { again: () => Promise<void>; error: unknown }[] = []
  let group: ChunkFile[] = []
  let groupBytes = 0
  const work = async () => {
    for (let write = waiting.shift(); write !== undefined; write = waiting.shift())
      await write().catch((error: unknown) => failed.push({ again: write!, error }))
  }
  const begin = (write: () => Promise<void>) => {
    waiting.push(write)
    if (writers.size >= atOnce) return
    const writer: Promise<void> = work().finally(() => writers.delete(writer))
    writers.add(writer)
  }
  const writeOne = (file: ChunkFile) => async () => {
    await put(objects, file)
    await written()
  }
  const writeGroup = (files: ChunkFile[]) => async () => {
    await objects.putMany(
      owner,
      files.map(({ path, content }) => ({ path, bytes: content })),
    )
    for (let left = files.length; left > 0; left--) await written()
  }
  const closeGroup = () => {
    if (group.length >= LEAST_GROUP_FILES) begin(writeGroup(group))
    else for (const file of group) begin(writeOne(file))
    group = []
    groupBytes = 0
  }
  return {
    add(file) {
      if (file.content.length > SMALL_FILE_BYTES) return begin(writeOne(file))
      group.push(file)
      groupBytes += file.content.length
      if (groupBytes >= MOST_GROUP_BYTES) closeGroup()
    },
    async finish() {
      closeGroup()
      const again = failed
      failed = []
      for (const one of again) begin(one.again)
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

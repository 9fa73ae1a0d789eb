import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ensureDirectory, syncDirectory } from '../kernel/index.ts'
import { syncFile } from './tables.ts'
import type { SavedObject } from './types.ts'

/** Copies under way at the same time: enough to keep a disk busy, few enough to leave it to others. */
const AT_ONCE = 4

/**
 * Copies what is not there yet, and says what each object is. One that vanishes meanwhile is left out: the caller knows whether it was needed.
 * Durable when it resolves.
 */
export async function copyObjects(
  objects: { path: string; bytes: number }[],
  options: {
    from: (path: string) => string
    to: (path: string) => string
    /** Unique among those that copy to the same place at the same time. */
    copier: string
    /** Objects an earlier copy holds, whole: not read again. */
    known: Map<string, SavedObject>
    onCopied: (bytes: number) => void
    signal: AbortSignal
  },
): Promise<SavedObject[]> {
  const { from, to, copier, known, onCopied, signal } = options
  const copied: SavedObject[] = []
  const folders = new Set<string>()
  let next = 0
  const copyOn = async () => {
    while (next < objects.length) {
      signal.throwIfAborted()
      const { path, bytes } = objects[next++]!
      const before = known.get(path)
      const saved =
        before !== undefined && before.bytes === bytes && (await sizeOf(to(path))) === bytes
          ? before
          : await copyOne(path, { from: from(path), to: to(path), temporary: `${to(path)}.${copier}.tmp` })
      if (saved !== undefined) {
        copied.push(saved)
        // Those above it may be new as well.
        let folder = to(path)
        for (const _ of path.split('/')) {
          folder = dirname(folder)
          folders.add(folder)
        }
      }
      onCopied(bytes)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, copyOn))
  for (const folder of folders) await syncDirectory(folder)
  return copied.sort((a, b) => (a.path < b.path ? -1 : 1))
}

async function copyOne(
  path: string,
  { from, to, temporary }: { from: string; to: string; temporary: string },
): Promise<SavedObject | undefined> {
  await ensureDirectory(dirname(to))
  const hash = createHash('sha256')
  let bytes = 0
  const counting = new Transform({
    transform(part: Buffer, _, done) {
      hash.update(part)
      bytes += part.length
      done(null, part)
    },
  })
  try {
    await pipeline(createReadStream(from), counting, createWriteStream(temporary, { mode: 0o600 }))
  } catch (error) {
    await rm(temporary, { force: true })
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  await syncFile(temporary)
  await rename(temporary, to)
  return { path, bytes, sha256: hash.digest('hex') }
}

/** undefined when nothing is there. */
export async function sizeOf(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Removes every object that no backup of the place names any more; returns how many. What was written after `before`
 * (a time of the file system) may be a backup's that has just begun, and stays.
 */
export async function pruneObjects(
  root: string,
  { kept, before }: { kept: ReadonlySet<string>; before: number },
): Promise<number> {
  let removed = 0
  const walk = async (folder: string) => {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (entry.isDirectory()) await walk(path)
      else if (!kept.has(path) && (await stat(join(root, path))).mtimeMs < before) {
        await rm(join(root, path))
        removed++
      }
    }
  }
  await walk('')
  return removed
}

import { createReadStream } from 'node:fs'
import { link, mkdir, opendir, readdir, readFile, rm, stat, statfs, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { syncDirectory } from '../kernel/index.ts'
import { storageErrors } from './errors.ts'
import { createFiles, ensureDurable, linkSynced, shareSyncs, syncPath, writeSynced } from './files.ts'
import { createGroupLog, unlessMissing } from './group-log.ts'
import { checkedPath } from './paths.ts'
import type { ObjectStore } from './types.ts'

/** Half-written objects of dead processes are removed once they are this old. */
const TEMPORARY_AGE_MS = 6 * 3_600_000
/** Systems write what is dirty after 30 s; then the sync of a file finds nothing to do. */
const SETTLE_AFTER_MS = 60_000

let lastTemporary = 0

/**
 * An object store in `<dataDir>/objects`. Bytes are written to a temporary file, synced, and given their name by
 * `link`, which fails when the name is taken: so an object is whole or absent, and never overwritten.
 *
 * @throws storage_full (503, retry) · object_exists (409) · object_missing (404) · object_path_refused (400)
 */
export async function createLocalStore(
  dataDir: string,
  { write: fill = writeSynced, settleAfterMs = SETTLE_AFTER_MS } = {},
): Promise<ObjectStore> {
  const root = join(dataDir, 'objects')
  const temporaries = join(root, '.tmp')
  await mkdir(temporaries, { recursive: true, mode: 0o700 })
  await syncDirectory(root)
  await syncDirectory(dataDir)
  await sweepTemporaries(temporaries)

  const sync = shareSyncs(syncDirectory)
  const durable = new Set<string>([root])
  const absolute = (path: string) => join(root, checkedPath(path))
  const groups = createGroupLog({
    root,
    settleAfterMs,
    write: fill,
    syncFile: syncPath,
    syncDirectory: sync,
    monotonicNs: () => process.hrtime.bigint(),
  })

  const nameFile = async (temporary: string, path: string) => {
    const target = absolute(path)
    await ensureDurable(dirname(target), durable, sync)
    await link(temporary, target).catch((error) => {
      throw error.code === 'EEXIST' ? storageErrors.object_exists(path, error) : error
    })
    await sync(dirname(target))
  }
  const store = async (path: string, fill: (temporary: string) => Promise<void>) => {
    checkedPath(path)
    const temporary = join(temporaries, `${process.pid}-${++lastTemporary}-${process.hrtime.bigint()}`)
    try {
      await fill(temporary)
      await nameFile(temporary, path)
    } catch (error) {
      throw translated(error, path)
    } finally {
      await unlink(temporary).catch(unlessMissing)
    }
  }

  return {
    put: (path, bytes) => store(path, (temporary) => fill(temporary, bytes)),
    putFile: async (path, file) => {
      await store(path, (temporary) => linkSynced(file, temporary))
      await unlink(file)
    },
    putMany: async (owner, members) => {
      const files = members.map(({ path, bytes }) => ({ file: absolute(path), bytes }))
      try {
        for (const directory of new Set(files.map(({ file }) => dirname(file))))
          await ensureDurable(directory, durable, sync)
        const noted = await groups.note(checkedPath(owner), members)
        await createFiles(files).finally(() => groups.settle(owner, noted))
      } catch (error) {
        throw translated(error, members[0]?.path ?? owner)
      }
    },
    get: (path) =>
      readFile(absolute(path)).catch((error) => {
        throw translated(error, path)
      }),
    stream: (path, range) => createReadStream(absolute(path), range),
    remove: async (path) => {
      await unlink(absolute(path)).catch(unlessMissing)
    },
    exists: (path) =>
      stat(absolute(path)).then(
        () => true,
        (error) => {
          if (error.code === 'ENOENT') return false
          throw error
        },
      ),
    size: async (path) => (await stat(absolute(path)).catch(unlessMissing))?.size,
    list: (prefix) => listUnder(root, prefix),
    locate: absolute,
  }
}

/** Bytes free to this process where the objects live. */
export async function freeBytes(dataDir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dataDir)
  return bavail * bsize
}

function translated(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOSPC' || code === 'EDQUOT') return storageErrors.storage_full(path, error)
  if (code === 'ENOENT') return storageErrors.object_missing(path, error)
  return error
}

async function* listUnder(root: string, prefix: string) {
  if (prefix !== '') checkedPath(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix)
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  for await (const path of walk(root, folder)) {
    if (!path.startsWith(prefix)) continue
    const found = await stat(join(root, path)).catch(unlessMissing)
    if (found) yield { path, bytes: found.size, modifiedAtMs: found.mtimeMs }
  }
}

/** Files under `folder` ('' or ending in `/`); what vanishes meanwhile is left out. */
async function* walk(root: string, folder: string): AsyncIterable<string> {
  const directory = await opendir(join(root, folder)).catch(unlessMissing)
  if (!directory) return
  for await (const entry of directory) {
    if (entry.name.startsWith('.')) continue
    if (entry.isDirectory()) yield* walk(root, `${folder}${entry.name}/`)
    else yield `${folder}${entry.name}`
  }
}

async function sweepTemporaries(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const file = join(directory, name)
    const found = await stat(file).catch(unlessMissing)
    // The file system's own clock on both sides: a jump of ours must not take a living writer's file away.
    const now = (await stat(directory)).mtimeMs
    if (found && now - found.mtimeMs > TEMPORARY_AGE_MS) await rm(file, { force: true })
  }
}

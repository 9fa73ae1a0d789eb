import { close, constants, createReadStream, fsync, open, write } from 'node:fs'
import { copyFile, link, mkdir, opendir, readdir, readFile, rm, stat, statfs, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { syncDirectory } from '../kernel/index.ts'
import { storageErrors } from './errors.ts'
import type { ObjectStore } from './types.ts'

/** Half-written objects of dead processes are removed once they are this old. */
const TEMPORARY_AGE_MS = 6 * 3_600_000

let lastTemporary = 0

/**
 * An object store in `<dataDir>/objects`. Bytes are written to a temporary file, synced, and given their name by
 * `link`, which fails when the name is taken: so an object is whole or absent, and never overwritten.
 *
 * @throws storage_full (503, retry) · object_exists (409) · object_missing (404) · object_path_refused (400)
 */
export async function createLocalStore(
  dataDir: string,
  { write: fill = writeSynced } = {},
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
    list: (prefix) => listUnder(root, prefix),
    locate: absolute,
  }
}

/** Bytes free to this process where the objects live. */
export async function freeBytes(dataDir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dataDir)
  return bavail * bsize
}

function checkedPath(path: string): string {
  const segments = path.split('/')
  const bad = (segment: string) => segment === '' || segment.startsWith('.') || /[\\\0]/.test(segment)
  if (segments.some(bad)) throw storageErrors.object_path_refused(JSON.stringify(path))
  return path
}

function translated(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOSPC' || code === 'EDQUOT') return storageErrors.storage_full(path, error)
  if (code === 'ENOENT') return storageErrors.object_missing(path, error)
  return error
}

function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

/** On bare descriptors: a FileHandle costs twice as much, and loaders write a thousand small files a second. */
const openFile = promisify(open) as (path: string, flags: string, mode: number) => Promise<number>
const syncFile = promisify(fsync)
const closeFile = promisify(close)

async function writeSynced(file: string, bytes: Uint8Array): Promise<void> {
  const fd = await openFile(file, 'wx', 0o600)
  try {
    for (let at = 0; at < bytes.length; ) at += await writeSome(fd, bytes, at)
    await syncFile(fd)
  } finally {
    await closeFile(fd)
  }
}

function writeSome(fd: number, bytes: Uint8Array, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, at, bytes.length - at, null, (error, written) =>
      error ? reject(error) : resolve(written),
    )
  })
}

/** The bytes of `file` under one more name, synced. Across file systems it is a copy. */
async function linkSynced(file: string, temporary: string): Promise<void> {
  await link(file, temporary).catch(async (error) => {
    if (error.code !== 'EXDEV' && error.code !== 'EPERM') throw error
    await copyFile(file, temporary, constants.COPYFILE_EXCL)
  })
  const fd = await openFile(temporary, 'r+', 0o600)
  try {
    await syncFile(fd)
  } finally {
    await closeFile(fd)
  }
}

/** Creates the directory and makes each new name survive power loss, from the deepest existing parent down. */
async function ensureDurable(
  directory: string,
  known: Set<string>,
  sync: (directory: string) => Promise<void>,
) {
  if (known.has(directory)) return
  const parent = dirname(directory)
  await ensureDurable(parent, known, sync)
  await mkdir(directory, { mode: 0o700 }).catch((error) => {
    if (error.code !== 'EEXIST') throw error
  })
  await sync(parent)
  known.add(directory)
}

/**
 * Many puts into one directory share its syncs: a caller needs one that started after it asked, so all who come
 * while one runs wait for the same next one.
 */
export function shareSyncs(sync: (directory: string) => Promise<void>): (directory: string) => Promise<void> {
  const running = new Map<string, { current: Promise<void>; next?: Promise<void> }>()
  const start = (directory: string): Promise<void> => {
    const state: { current: Promise<void>; next?: Promise<void> } = {
      current: sync(directory).finally(() => {
        if (state.next === undefined) running.delete(directory)
      }),
    }
    running.set(directory, state)
    return state.current
  }
  return (directory) => {
    const state = running.get(directory)
    if (state === undefined) return start(directory)
    state.next ??= state.current.then(
      () => start(directory),
      () => start(directory),
    )
    return state.next
  }
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

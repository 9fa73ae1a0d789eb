import { close, closeSync, constants, fsync, open, openSync, write, writeSync } from 'node:fs'
import { copyFile, link, mkdir, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

/** Small files are created without leaving the event loop, which gets a turn after so many. */
const FILES_PER_TURN = 64

/** On bare descriptors: a FileHandle costs twice as much, and loaders write a thousand small files a second. */
const openFile = promisify(open) as (path: string, flags: string, mode: number) => Promise<number>
const syncFile = promisify(fsync)
const closeFile = promisify(close)

/** Durable when it resolves, its name apart. Fails when the file exists. */
export async function writeSynced(file: string, bytes: Uint8Array): Promise<void> {
  const fd = await openFile(file, 'wx', 0o600)
  try {
    for (let at = 0; at < bytes.length; ) at += await writeSome(fd, bytes, at)
    await syncFile(fd)
  } finally {
    await closeFile(fd)
  }
}

/** Without syncs. What an earlier, unfinished call has left under a name is replaced. */
export async function createFiles(files: { file: string; bytes: Uint8Array }[]): Promise<void> {
  for (const [i, { file, bytes }] of files.entries()) {
    if (i % FILES_PER_TURN === FILES_PER_TURN - 1) await new Promise((resolve) => setImmediate(resolve))
    let fd: number
    try {
      fd = openSync(file, 'wx', 0o600)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      await unlink(file)
      fd = openSync(file, 'wx', 0o600)
    }
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    } finally {
      closeSync(fd)
    }
  }
}

export async function syncPath(file: string): Promise<void> {
  const fd = await openFile(file, 'r', 0)
  try {
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
export async function linkSynced(file: string, temporary: string): Promise<void> {
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
export async function ensureDurable(
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

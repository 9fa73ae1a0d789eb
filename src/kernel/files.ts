import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  opendirSync,
  openSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Makes a rename, create or unlink inside `directory` survive power loss. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Replaces the file as a whole: afterwards the path holds the old bytes or the new ones, never a mixture,
 * and the new ones survive power loss. Writes beside it first, so a full disk leaves the old file.
 */
export async function writeFileDurably(
  path: string,
  bytes: Uint8Array | string,
  mode = 0o600,
): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`
  const handle = await open(temporary, 'w', mode)
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, path)
  await syncDirectory(dirname(path))
}

/** As `writeFileDurably`, without yielding to other work in between. For small files only. */
export function writeFileDurablySync(path: string, bytes: Uint8Array | string, mode = 0o600): void {
  const temporary = `${path}.${process.pid}.tmp`
  const fd = openSync(temporary, 'w', mode)
  try {
    const buffer = Buffer.from(bytes)
    for (let at = 0; at < buffer.length; ) at += writeSync(fd, buffer, at)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(temporary, path)
  const directory = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

/** Creates the directory and its parents, readable by the owner only. */
export async function ensureDirectory(path: string, mode = 0o700): Promise<void> {
  await mkdir(path, { recursive: true, mode })
}

/** The bytes of a file; none when there is no such file. */
export async function readIfThere(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0)
    throw error
  }
}

/** True when there is a file anywhere below the folder; stops at the first one. */
export function hasFile(folder: string): boolean {
  if (!existsSync(folder)) return false
  const directory = opendirSync(folder)
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync())
      if (entry.isFile() || (entry.isDirectory() && hasFile(join(folder, entry.name)))) return true
    return false
  } finally {
    directory.closeSync()
  }
}

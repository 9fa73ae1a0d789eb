import { constants, fdatasync, write, writev } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { writeFileDurably } from '../kernel/index.ts'
import type { SpoolDisk } from './types.ts'

function writeOnce(fd: number, buffers: Buffer[], at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, written: number) => (error === null ? resolve(written) : reject(error))
    if (buffers.length === 1) write(fd, buffers[0]!, 0, buffers[0]!.length, at, done)
    else writev(fd, buffers, at, done)
  })
}

/** What is left of the buffers after the first `bytes` of them. */
function withoutFirst(buffers: Buffer[], bytes: number): Buffer[] {
  const rest: Buffer[] = []
  for (const buffer of buffers) {
    if (bytes < buffer.length) rest.push(bytes > 0 ? buffer.subarray(bytes) : buffer)
    bytes = Math.max(0, bytes - buffer.length)
  }
  return rest
}

/** One writev at a fixed position, repeated for what a short write (a signal, a nearly full disk) left over. */
async function writeAll(fd: number, buffers: Buffer[], at: number): Promise<void> {
  let rest = buffers
  while (rest.length > 0) {
    const written = await writeOnce(fd, rest, at)
    at += written
    rest = withoutFirst(rest, written)
  }
}

const sync = (fd: number): Promise<void> =>
  new Promise((resolve, reject) => fdatasync(fd, (error) => (error === null ? resolve() : reject(error))))

/** Not defined outside Linux. */
const SYNCED_WRITES: number | undefined = constants.O_DSYNC

export const realDisk: SpoolDisk = {
  commitFlags: constants.O_RDWR | (SYNCED_WRITES ?? 0),
  // With O_DSYNC a write is a write and its fdatasync in one call: one turn of the event loop to wait for instead of two,
  // and a turn takes as long as all the requests in it.
  commit: async (fd, buffers, at) => {
    await writeAll(fd, buffers, at)
    if (SYNCED_WRITES === undefined) await sync(fd)
  },
  write: writeAll,
  sync,
  freeBytes: async (directory) => {
    const { bavail, bsize } = await statfs(directory)
    return bavail * bsize
  },
  replace: writeFileDurably,
}

/** True for "no space" in its two forms: the disk and the user's share of it. */
export function isOutOfSpace(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOSPC' || code === 'EDQUOT'
}

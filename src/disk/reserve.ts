import { open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncDirectory } from '../kernel/index.ts'

export type Reserve = {
  /** Bytes it holds on the disk now. */
  held(): number
  /** Gives its room back to the disk. */
  release(): Promise<void>
  /** Fills it, unless it is. @throws what the disk says; then nothing of it is left */
  make(): Promise<void>
}

const AT_ONCE_BYTES = 1024 * 1024

/**
 * A file whose only purpose is the room it takes: written in full, since a hole would reserve nothing. One that an earlier start left is
 * taken over when it has the size, otherwise removed.
 */
export async function openReserve(path: string, bytes: number): Promise<Reserve> {
  let held = 0
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (found?.size === bytes) held = bytes
  else if (found !== undefined) await rm(path)
  await rm(`${path}.filling`, { force: true })
  return {
    held: () => held,
    async release() {
      await rm(path, { force: true })
      held = 0
    },
    async make() {
      if (held === bytes || bytes === 0) return
      try {
        await fill(`${path}.filling`, bytes)
        await rename(`${path}.filling`, path)
        await syncDirectory(dirname(path))
        held = bytes
      } catch (error) {
        await rm(`${path}.filling`, { force: true })
        throw error
      }
    },
  }
}

async function fill(path: string, bytes: number): Promise<void> {
  const handle = await open(path, 'w', 0o600)
  try {
    const zeros = Buffer.alloc(Math.min(bytes, AT_ONCE_BYTES))
    for (let at = 0; at < bytes; at += zeros.length)
      await handle.writeFile(zeros.subarray(0, Math.min(zeros.length, bytes - at)))
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Two small files by which writer and reader, in different processes, tell each other how far they are.
 *
 * `durable`: written by the writer in place after each sync, without a sync of its own. It only has to reach a process
 * on the same machine, through the page cache, within microseconds; after a power loss an older (lower, hence still true) or
 * unreadable state is left, and the writer publishes anew when it has recovered. It is also what the reader
 * watches: one write, one wake-up. (Waiting for the next batch's header would hold the last record back, and a rename per
 * batch would cost more than the batch.)
 *
 * `released`: written by the reader, durably: everything before it may be overwritten.
 */
import { closeSync, constants, openSync, readFileSync, write, writeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'
import { writeFileDurably } from '../kernel/index.ts'
import { parseSpoolPosition, spoolPositionText } from './position.ts'
import type { SpoolPosition } from './types.ts'

const DURABLE_BYTES = 24
const MAGIC = 0x4d52_4455

export function durablePath(directory: string): string {
  return join(directory, 'durable')
}

export type DurableMark = {
  /**
   * Tells the reader. `atOnce`: it can read up to there when this returns; otherwise some microseconds to milliseconds later,
   * and without waiting: even this small write stands behind the file system's journal when others sync much.
   */
  publish(position: SpoolPosition, atOnce: boolean): void
  close(): Promise<void>
}

/** The writer's end. The file is kept in place, so that a watching reader never loses sight of it. */
export function openDurableMark(directory: string, onError: (error: unknown) => void): DurableMark {
  const fd = openSync(durablePath(directory), constants.O_RDWR | constants.O_CREAT, 0o600)
  let writing: Promise<void> | undefined
  let next: SpoolPosition | undefined

  const writeOn = async () => {
    while (next !== undefined) {
      const bytes = encodeDurable(next)
      next = undefined
      await writeAsync(fd, bytes, 0, DURABLE_BYTES, 0)
    }
    writing = undefined
  }
  return {
    publish(position, atOnce) {
      if (atOnce && writing === undefined) {
        writeSync(fd, encodeDurable(position), 0, DURABLE_BYTES, 0)
        return
      }
      next = position
      writing ??= writeOn().catch(onError)
    },
    async close() {
      await writing
      closeSync(fd)
    },
  }
}

const writeAsync = promisify(write)

function encodeDurable({ generation, offset }: SpoolPosition): Buffer {
  const bytes = Buffer.allocUnsafe(DURABLE_BYTES)
  bytes.writeUInt32LE(MAGIC, 0)
  bytes.writeDoubleLE(generation, 4)
  bytes.writeDoubleLE(offset, 12)
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 20)), 20)
  return bytes
}

/** How far the spool is known to be on disk; undefined when nobody has said so yet. */
export function readDurableMark(directory: string): SpoolPosition | undefined {
  try {
    const bytes = readFileSync(durablePath(directory))
    if (bytes.length !== DURABLE_BYTES || bytes.readUInt32LE(0) !== MAGIC) return undefined
    if (crc32(bytes.subarray(0, 20)) !== bytes.readUInt32LE(20)) return undefined
    return { generation: bytes.readDoubleLE(4), offset: bytes.readDoubleLE(12) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

export async function writeReleased(directory: string, before: SpoolPosition): Promise<void> {
  await writeFileDurably(join(directory, 'released'), `${spoolPositionText(before)}\n`)
}

/**
 * Undefined when nothing was released yet, or the file was damaged: then nothing is known to be free, segments are
 * kept, and the reader's next release puts it right.
 */
export async function readReleased(directory: string): Promise<SpoolPosition | undefined> {
  try {
    return parseSpoolPosition((await readFile(join(directory, 'released'), 'utf8')).trim())
  } catch (error) {
    const { code } = error as { code?: string }
    if (code === 'ENOENT' || code === 'spool_position_invalid') return undefined
    throw error
  }
}

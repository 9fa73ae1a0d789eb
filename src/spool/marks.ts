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
import type { Clock } from '../kernel/index.ts'
import { isOutOfSpace } from './disk.ts'
import { spoolErrors } from './errors.ts'
import { parseSpoolPosition, spoolPositionText } from './position.ts'
import type { SpoolDisk, SpoolPosition } from './types.ts'

const DURABLE_BYTES = 24
const MAGIC = 0x4d52_4455

export function durablePath(directory: string): string {
  return join(directory, 'durable')
}

export type DurableMark = {
  /**
   * Tells the reader. `atOnce`: it can read up to there when this returns; otherwise up to 20 ms later and without waiting:
   * even this small write stands behind the file system's journal when others sync much, and each wakes threads here and
   * in the reader's process.
   */
  publish(position: SpoolPosition, atOnce: boolean): void
  close(): Promise<void>
}

const BETWEEN_WRITES_MS = 20

/** The writer's end. The file is kept in place, so that a watching reader never loses sight of it. */
export function openDurableMark(
  directory: string,
  { clock, onError }: { clock: Clock; onError(error: unknown): void },
): DurableMark {
  const fd = openSync(durablePath(directory), constants.O_RDWR | constants.O_CREAT, 0o600)
  const closing = new AbortController()
  let publishing: Promise<void> | undefined
  let isWriting = false
  let next: SpoolPosition | undefined

  const publishOn = async () => {
    while (next !== undefined) {
      const bytes = encodeDurable(next)
      next = undefined
      isWriting = true
      await writeAsync(fd, bytes, 0, DURABLE_BYTES, 0)
      isWriting = false
      await clock.sleep(BETWEEN_WRITES_MS, closing.signal)
    }
    publishing = undefined
  }
  return {
    publish(position, atOnce) {
      next = position
      if (atOnce && !isWriting) {
        writeSync(fd, encodeDurable(position), 0, DURABLE_BYTES, 0)
        next = undefined
      } else publishing ??= publishOn().catch(onError)
    },
    async close() {
      closing.abort()
      await publishing
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

/** @throws spool_full (503, retry) when the disk has no room for it: the old file stays */
export async function writeReleased(
  directory: string,
  before: SpoolPosition,
  { replace }: Pick<SpoolDisk, 'replace'>,
): Promise<void> {
  try {
    await replace(join(directory, 'released'), `${spoolPositionText(before)}\n`)
  } catch (error) {
    throw isOutOfSpace(error) ? spoolErrors.spool_full('its disk is full', error) : error
  }
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

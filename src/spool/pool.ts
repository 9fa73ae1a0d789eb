import { readdir, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { type AppError, type Clock, type Ids, type Log, syncDirectory } from '../kernel/index.ts'
import type { SpoolSettings } from './config.ts'
import { isOutOfSpace } from './disk.ts'
import { spoolErrors } from './errors.ts'
import { fillSpare, isSpare } from './segment.ts'
import type { SpoolDisk } from './types.ts'

export type SegmentPool = {
  /** A file of at least `bytes`, wholly on disk, to become a segment. @throws spool_full (503, retry) */
  take(bytes: number): Promise<string>
  /** A released segment: kept as a spare when it has the usual size and there are not enough, else removed. */
  giveBack(path: string, bytes: number): Promise<void>
  /** Sees to it that a spare is ready before it is needed; does not wait. */
  prepare(): void
  close(): Promise<void>
}

type PoolOptions = {
  directory: string
  settings: SpoolSettings
  disk: SpoolDisk
  clock: Clock
  ids: Ids
  log: Log
}

/** How long after a failure to make a segment nobody tries again. */
const RETRY_AFTER_MS = 1000

/** Opens the spares of a spool directory; half-filled ones and those of another size are removed. */
export async function openSegmentPool(options: PoolOptions): Promise<SegmentPool> {
  const { directory, settings, clock, log } = options
  const spares = await adoptSpares(directory, settings.segmentBytes)
  let filling: Promise<void> | undefined
  let refused: { error: AppError; untilMs: number } | undefined
  let closed = false

  const fill = async (bytes: number): Promise<string> => {
    if (refused !== undefined && clock.monotonicMs() < refused.untilMs) throw refused.error
    try {
      const path = await fillWithinReserve(options, bytes)
      refused = undefined
      return path
    } catch (cause) {
      const error = asFull(cause)
      refused = { error, untilMs: clock.monotonicMs() + RETRY_AFTER_MS }
      log.warn({ directory, bytes, err: error }, 'no new spool segment')
      throw error
    }
  }

  const keepSpare = async () => {
    try {
      spares.push(await fill(settings.segmentBytes))
    } catch {
      // Logged by `fill`; whoever needs the segment tries again and is answered with the reason.
    } finally {
      filling = undefined
    }
  }
  const prepare = () => {
    if (closed || spares.length > 0 || filling !== undefined) return
    filling = keepSpare()
  }

  return {
    prepare,
    async take(bytes) {
      if (bytes > settings.segmentBytes) return fill(Math.ceil(bytes / 4096) * 4096)
      if (spares.length === 0) await filling
      return spares.shift() ?? fill(settings.segmentBytes)
    },
    async giveBack(path, bytes) {
      if (bytes !== settings.segmentBytes || spares.length >= settings.spareSegments) return unlink(path)
      const spare = join(directory, `spare-${options.ids.hex128()}.spool`)
      await rename(path, spare)
      spares.push(spare)
    },
    async close() {
      closed = true
      await filling
    },
  }
}

async function adoptSpares(directory: string, segmentBytes: number): Promise<string[]> {
  const spares: string[] = []
  for (const name of await readdir(directory)) {
    const path = join(directory, name)
    if (name.endsWith('.filling')) await unlink(path)
    else if (!isSpare(name)) continue
    else if ((await stat(path)).size === segmentBytes) spares.push(path)
    else await unlink(path)
  }
  await syncDirectory(directory)
  return spares
}

async function fillWithinReserve({ directory, settings, disk, ids }: PoolOptions, bytes: number) {
  const free = await disk.freeBytes(directory)
  if (free - bytes < settings.reserveBytes) {
    throw spoolErrors.spool_full(`${free} bytes are free on its disk, ${settings.reserveBytes} are reserved`)
  }
  return fillSpare(directory, { name: ids.hex128(), bytes, disk })
}

function asFull(cause: unknown): AppError {
  if ((cause as AppError).code === 'spool_full') return cause as AppError
  const reason = isOutOfSpace(cause) ? 'its disk is full' : `no new segment (${(cause as Error).message})`
  return spoolErrors.spool_full(reason, cause)
}

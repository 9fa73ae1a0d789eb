import { type FileHandle, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, type Ids, syncDirectory } from '../kernel/index.ts'
import type { SegmentMark } from './frame.ts'
import type { SegmentPool } from './pool.ts'
import {
  encodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentFile,
  type SegmentLink,
  segmentName,
} from './segment.ts'
import type { SpoolDisk } from './types.ts'

/** The segment that is being written. */
export type ActiveSegment = {
  mark: SegmentMark
  path: string
  bytes: number
  createdAtMs: number
  handle: FileHandle
  /** Its second copy, on another disk. */
  mirror: FileHandle | undefined
  /** End of the last acknowledged record. */
  end: number
  /** After a write that found no space: nothing more goes in, its rest holds pieces nobody was told about. */
  abandoned: boolean
}

export type SegmentMaking = {
  directory: string
  disk: SpoolDisk
  pool: SegmentPool
  clock: Clock
  ids: Ids
  /** Where every segment has a second copy; undefined when one is enough. */
  second: { directory: string; pool: SegmentPool } | undefined
}

export function roomIn(segment: ActiveSegment | undefined): number {
  return segment === undefined || segment.abandoned ? 0 : segment.bytes - segment.end
}

/** What the header of the segment after this one says about it. */
export function linkTo({ mark: { generation }, end }: ActiveSegment): SegmentLink {
  return { previous: { generation, offset: end }, previousAcknowledged: end }
}

/** Goes on in a segment that has no records yet. */
export async function reopenSegment(
  { path, bytes, header }: SegmentFile,
  disk: SpoolDisk,
): Promise<ActiveSegment> {
  const handle = await open(path, disk.commitFlags)
  const { createdAtMs } = header!
  return {
    mark: header!,
    path,
    bytes,
    createdAtMs,
    handle,
    mirror: undefined,
    end: SEGMENT_HEADER_BYTES,
    abandoned: false,
  }
}

/**
 * Puts the next segment in place: header written and synced, then named, then the name synced, before any record.
 * The first generation of a fresh directory is the clock's milliseconds, so that a spool whose directory was lost never uses
 * a position again that the loader has committed. @throws spool_full (503, retry)
 */
export async function nextSegment(
  making: SegmentMaking,
  link: SegmentLink,
  least: number,
): Promise<ActiveSegment> {
  const { clock, ids, second } = making
  const createdAtMs = clock.now().getTime()
  const { generation: before } = link.previous
  const generation = before === 0 ? Math.max(1, createdAtMs) : before + 1
  const mark = { generation, marker: Buffer.from(ids.hex128().slice(0, 16), 'hex') }
  const header = encodeSegmentHeader({ ...mark, createdAtMs, ...link })
  // The copy first: a segment that only the copy has is taken for one the first disk lost, which is harmless without records.
  const mirror = second && (await placeSegment(making, second, { generation, header, least }))
  const { path, handle } = await placeSegment(making, making, { generation, header, least }).catch(
    async (error: unknown) => {
      // Tried again with every append while the first disk is full: the second one must not be filled anew each time.
      if (mirror !== undefined) await takeBack(mirror, second!.pool)
      throw error
    },
  )
  const { size: bytes } = await handle.stat()
  return {
    mark,
    path,
    bytes,
    createdAtMs,
    handle,
    mirror: mirror?.handle,
    end: SEGMENT_HEADER_BYTES,
    abandoned: false,
  }
}

async function takeBack(
  { path, handle }: { path: string; handle: FileHandle },
  pool: SegmentPool,
): Promise<void> {
  const { size } = await handle.stat()
  await handle.close()
  await pool.giveBack(path, size)
}

async function placeSegment(
  { disk }: SegmentMaking,
  { directory, pool }: { directory: string; pool: SegmentPool },
  { generation, header, least }: { generation: number; header: Buffer; least: number },
): Promise<{ path: string; handle: FileHandle }> {
  const spare = await pool.take(SEGMENT_HEADER_BYTES + least)
  const handle = await open(spare, disk.commitFlags)
  await disk.commit(handle.fd, [header], 0)
  const path = join(directory, segmentName(generation))
  await rename(spare, path)
  await syncDirectory(directory)
  return { path, handle }
}

/** Both copies; one that fails is not left while the other is still being written. */
export async function commitTo(
  { handle, mirror }: ActiveSegment,
  disk: SpoolDisk,
  buffers: Buffer[],
  at: number,
): Promise<void> {
  if (mirror === undefined) return disk.commit(handle.fd, buffers, at)
  const both = await Promise.allSettled([
    disk.commit(handle.fd, buffers, at),
    disk.commit(mirror.fd, buffers, at),
  ])
  for (const one of both) if (one.status === 'rejected') throw one.reason
}

export async function closeSegment(segment: ActiveSegment | undefined): Promise<void> {
  await segment?.handle.close()
  await segment?.mirror?.close()
}

/** As `nextSegment`; undefined when there is no room for it. */
export async function segmentIfRoom(
  making: SegmentMaking,
  link: SegmentLink,
  least: number,
): Promise<{ segment: ActiveSegment; full?: undefined } | { segment?: undefined; full: unknown }> {
  try {
    return { segment: await nextSegment(making, link, least) }
  } catch (error) {
    if ((error as { code?: string }).code === 'spool_full') return { full: error }
    throw error
  }
}

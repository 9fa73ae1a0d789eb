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
  /** End of the last acknowledged record. */
  end: number
  /** After a write that found no space: nothing more goes in, its rest holds pieces nobody was told about. */
  abandoned: boolean
}

export type SegmentMaking = { directory: string; disk: SpoolDisk; pool: SegmentPool; clock: Clock; ids: Ids }

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
  return { mark: header!, path, bytes, createdAtMs, handle, end: SEGMENT_HEADER_BYTES, abandoned: false }
}

/**
 * Puts the next segment in place: header written and synced, then named, then the name synced, before any record.
 * The first generation of a fresh directory is the clock's milliseconds, so that a spool whose directory was lost never uses
 * a position again that the loader has committed. @throws spool_full (503, retry)
 */
export async function nextSegment(
  { directory, disk, pool, clock, ids }: SegmentMaking,
  link: SegmentLink,
  least: number,
): Promise<ActiveSegment> {
  const spare = await pool.take(SEGMENT_HEADER_BYTES + least)
  const createdAtMs = clock.now().getTime()
  const { generation: before } = link.previous
  const generation = before === 0 ? Math.max(1, createdAtMs) : before + 1
  const mark = { generation, marker: Buffer.from(ids.hex128().slice(0, 16), 'hex') }
  const handle = await open(spare, disk.commitFlags)
  const header = encodeSegmentHeader({ ...mark, createdAtMs, ...link })
  await disk.commit(handle.fd, [header], 0)
  const path = join(directory, segmentName(generation))
  await rename(spare, path)
  await syncDirectory(directory)
  const { size: bytes } = await handle.stat()
  return { mark, path, bytes, createdAtMs, handle, end: SEGMENT_HEADER_BYTES, abandoned: false }
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

import { open, truncate } from 'node:fs/promises'
import type { Log } from '../kernel/index.ts'
import { readDurableMark } from './marks.ts'
import { findEnd, type Recovered } from './scan.ts'
import { listSegments, markOf, SEGMENT_HEADER_BYTES, type SegmentFile, type SegmentLink } from './segment.ts'
import type { SpoolDisk } from './types.ts'

/** A segment that is not written to any more. Records lie from the end of its header to `end`. */
export type EndedSegment = {
  generation: number
  path: string
  bytes: number
  end: number
  createdAtMs: number
}

export type RecoveredSpool = {
  ended: EndedSegment[]
  /** What the header of the next segment says about the last one. */
  link: SegmentLink
  /** A last segment without any record: writing goes on in it. */
  unused: SegmentFile | undefined
}

/**
 * Finds out what a spool directory holds after its writer ended in whatever way. The last segment's records that were
 * written but not yet synced when it died are synced now: they may be handed out from here on.
 */
export async function recoverSegments(
  directory: string,
  { disk, log }: { disk: SpoolDisk; log: Log },
): Promise<RecoveredSpool> {
  const files = await listSegments(directory)
  const last = files.pop()
  const ended: EndedSegment[] = []
  for (const [at, file] of files.entries()) {
    ended.push(endedAt(file, await endOf(file, files[at + 1] ?? last)))
  }
  const before = last?.header
  if (last === undefined) return { ended, link: NONE, unused: undefined }

  const recovered = await recoverLast(directory, last, disk)
  if (recovered.end === SEGMENT_HEADER_BYTES && before !== undefined) {
    return { ended, link: before, unused: last }
  }
  log.info({ segment: last.path, ...recovered }, 'spool segment recovered')
  const kept = await withoutUnusedRest(last, recovered.end)
  ended.push(endedAt(kept, recovered.end))
  return {
    ended,
    link: {
      previous: { generation: last.generation, offset: recovered.end },
      previousAcknowledged: recovered.acknowledgedEnd,
    },
    unused: undefined,
  }
}

const NONE: SegmentLink = { previous: { generation: 0, offset: 0 }, previousAcknowledged: 0 }

function endedAt(file: SegmentFile, end: number): EndedSegment {
  const { generation, path, bytes, header } = file
  return { generation, path, bytes, end, createdAtMs: header?.createdAtMs ?? 0 }
}

/** A segment's end as its successor recorded it; scanned for when that one's header is lost. */
export async function endOf(file: SegmentFile, successor: SegmentFile | undefined): Promise<number> {
  const previous = successor?.header?.previous
  if (previous?.generation === file.generation) return previous.offset
  const handle = await open(file.path)
  try {
    const mark = await markOf(handle, file)
    if (mark === undefined) return file.bytes
    return (await findEnd(handle, mark, SEGMENT_HEADER_BYTES, file.bytes)).end
  } finally {
    await handle.close()
  }
}

/** From the durable mark on where it is of this segment: what lies before was synced and is the reader's business. */
async function recoverLast(directory: string, last: SegmentFile, disk: SpoolDisk): Promise<Recovered> {
  const durable = readDurableMark(directory)
  const known = durable?.generation === last.generation ? durable.offset : SEGMENT_HEADER_BYTES
  const handle = await open(last.path, 'r+')
  try {
    const mark = await markOf(handle, last)
    if (mark === undefined) return { end: known, acknowledgedEnd: known }
    const recovered = await findEnd(handle, mark, known, last.bytes)
    await disk.sync(handle.fd)
    return recovered
  } finally {
    await handle.close()
  }
}

/** A process that dies again and again must not fill the disk with segments of a few records each. */
async function withoutUnusedRest(file: SegmentFile, end: number): Promise<SegmentFile> {
  if (end > file.bytes / 2) return file
  await truncate(file.path, end)
  return { ...file, bytes: end }
}

import { type FileHandle, open } from 'node:fs/promises'
import { type Clock, ensureDirectory, type Log } from '../kernel/index.ts'
import { realDisk } from './disk.ts'
import { type Frame, readFrame, type SegmentMark } from './frame.ts'
import { readDurableMark, readReleased, writeReleased } from './marks.ts'
import { frameFromCopy, markFromCopy, mirrorOf, nextInCopy, onlyInCopy } from './mirror.ts'
import { compareSpoolPositions } from './position.ts'
import { createQuarantine } from './quarantine.ts'
import { readRecord } from './record.ts'
import { endOf } from './recover.ts'
import { nextValidRecord, readAt } from './scan.ts'
import { listSegments, markOf, SEGMENT_HEADER_BYTES, type SegmentFile } from './segment.ts'
import type { SpoolDamage, SpoolDisk, SpooledRecord, SpoolPosition, SpoolReader } from './types.ts'
import { waitUntil } from './wait.ts'

export type SpoolReaderOptions = {
  directory: string
  clock: Clock
  log: Log
  /** Called for each damaged range, once per reader: count it, raise an alarm. */
  onDamage?(damage: SpoolDamage): void
  /** False for those who only look: nothing is copied to `quarantine/`. */
  keepsDamaged?: boolean
  disk?: SpoolDisk
  /** Where the segments have a second copy: it stands in for what cannot be read. */
  secondDirectory?: string
}

type OpenSegment = {
  file: SegmentFile
  handle: FileHandle
  mark: SegmentMark | undefined
  /** Undefined while it is the segment in use. */
  end: number | undefined
  acknowledgedEnd: number
  successor: SegmentFile | undefined
}
type Limits = { maxBytes: number; maxRecords: number }
type Result = { records: SpooledRecord[]; bytes: number; position: SpoolPosition }

type WholeFrame = Extract<Frame, { kind: 'record' }>
/** What to do at a place that does not read: the record itself, or where to go on. */
type Unreadable = (
  segment: OpenSegment,
  at: number,
  end: number,
) => Promise<{ frame: WholeFrame; next?: undefined } | { frame?: undefined; next: number }>

const LEAST_WINDOW_BYTES = 64 * 1024
const MOST_WINDOW_BYTES = 8 * 1024 * 1024
const MOST_LISTINGS = 5

/**
 * Reads a spool while another process may be appending to it. Never hands out a record that is not known to be on disk:
 * otherwise a power loss could take back a record whose position the loader has committed.
 */
export function openSpoolReader(options: SpoolReaderOptions): SpoolReader {
  const { directory, clock, log, onDamage, keepsDamaged = true, disk = realDisk, secondDirectory } = options
  const quarantine = createQuarantine({ directory, log, onDamage, keepsDamaged })
  let current: OpenSegment | undefined
  let released: SpoolPosition | undefined
  let releasing: Promise<void> = Promise.resolve()
  /** The durable mark up to which the last `read` found everything; undefined when it stopped at a limit. */
  let exhausted: SpoolPosition | undefined

  const segmentFrom = async (position: SpoolPosition, durable: SpoolPosition) => {
    const same = current?.file.generation === position.generation
    if (same && (current!.end !== undefined || durable.generation === position.generation)) return current
    await current?.handle.close()
    current = undefined
    current = await openSegment({ directory, secondDirectory }, position.generation, durable)
    return current
  }

  /** The record at this place from the second copy; otherwise what cannot be read is set aside and skipped. */
  const unreadable: Unreadable = async (segment, at, end) => {
    const { mark, handle, file } = segment
    if (mark === undefined) {
      await quarantine.damaged(segment, at, end)
      return { next: end }
    }
    const copy = secondDirectory === undefined ? undefined : mirrorOf(file.path, secondDirectory)
    const frame = copy === undefined ? undefined : await frameFromCopy(copy, mark, at, end)
    if (frame !== undefined) {
      log.warn(
        { directory, generation: file.generation, offset: at },
        'a record was read from the second copy',
      )
      return { frame }
    }
    let next = (await nextValidRecord(handle, mark, at + 1, end)) ?? end
    if (copy !== undefined) next = (await nextInCopy(copy, mark, at + 1, next)) ?? next
    await quarantine.damaged(segment, at, next)
    return { next }
  }

  const read = async (from: SpoolPosition, limits: Limits): Promise<SpooledRecord[]> => {
    exhausted = undefined
    const durable = readDurableMark(directory)
    if (durable === undefined) return []
    const result: Result = { records: [], bytes: 0, position: from }
    while (compareSpoolPositions(result.position, durable) < 0) {
      const segment = await segmentFrom(result.position, durable)
      if (segment === undefined) break
      enter(segment, result, quarantine.missing)
      const end = segment.end ?? durable.offset
      if (!(await readSegment(segment, end, limits, result, unreadable))) return result.records
      const { successor } = segment
      if (successor === undefined) break
      const before = successor.header?.previous.generation ?? 0
      if (before > segment.file.generation) quarantine.missing(before)
      result.position = { generation: successor.generation, offset: SEGMENT_HEADER_BYTES }
    }
    exhausted = durable
    return result.records
  }

  const release = async (before: SpoolPosition) => {
    const durable = readDurableMark(directory)
    // Of another spool, whose place this one has taken: it says nothing about what is here.
    const isBeyond = (position: SpoolPosition) =>
      durable === undefined || compareSpoolPositions(position, durable) > 0
    if (isBeyond(before)) return
    released ??= await readReleased(directory)
    if (released !== undefined && !isBeyond(released) && compareSpoolPositions(before, released) <= 0) return
    await ensureDirectory(directory)
    await writeReleased(directory, before, disk)
    released = before
  }

  return {
    read,
    async waitForMore(signal) {
      const known = exhausted
      const more = () => {
        const durable = readDurableMark(directory)
        return durable !== undefined && (known === undefined || compareSpoolPositions(durable, known) !== 0)
      }
      if (known === undefined && readDurableMark(directory) !== undefined) return
      await waitUntil(more, { directory, clock, signal })
    },
    release(before) {
      // One after the other: each replaces the same file.
      const mine = releasing.then(() => release(before))
      releasing = mine.catch(() => undefined)
      return mine
    },
    lacks(position) {
      const durable = readDurableMark(directory)
      return durable !== undefined && compareSpoolPositions(durable, position) < 0
    },
    async close() {
      await releasing
      await current?.handle.close()
      current = undefined
    },
  }
}

/** The segment of the generation, or the first one after it: what is gone was released. */
async function openSegment(
  place: Pick<SpoolReaderOptions, 'directory' | 'secondDirectory'>,
  generation: number,
  durable: SpoolPosition,
): Promise<OpenSegment | undefined> {
  for (let tries = 1; ; tries++) {
    try {
      return await openListed(place, generation, durable)
    } catch (error) {
      // Released to its end and used again by the writer since it was listed; the next list is without it.
      const isGone = (error as NodeJS.ErrnoException).code === 'ENOENT'
      if (!isGone || tries === MOST_LISTINGS) throw error
    }
  }
}

async function openListed(
  { directory, secondDirectory }: Pick<SpoolReaderOptions, 'directory' | 'secondDirectory'>,
  generation: number,
  durable: SpoolPosition,
): Promise<OpenSegment | undefined> {
  const own = await listSegments(directory)
  const copied = secondDirectory === undefined ? [] : await onlyInCopy(directory, secondDirectory, own)
  const files = [...own, ...copied]
    .filter((file) => file.generation <= durable.generation)
    .sort((a, b) => a.generation - b.generation)
  const at = files.findIndex((file) => file.generation >= generation)
  const file = files[at]
  if (file === undefined) return undefined
  const successor = files[at + 1]
  const handle = await open(file.path)
  try {
    return { file, handle, successor, ...(await boundsOf(file, handle, successor, durable, secondDirectory)) }
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function boundsOf(
  file: SegmentFile,
  handle: FileHandle,
  successor: SegmentFile | undefined,
  durable: SpoolPosition,
  secondDirectory: string | undefined,
): Promise<Pick<OpenSegment, 'mark' | 'end' | 'acknowledgedEnd'>> {
  const mark =
    (await markOf(handle, file)) ??
    ((secondDirectory && (await markFromCopy(file, secondDirectory))) || undefined)
  const inUse = file.generation === durable.generation
  const end = inUse ? undefined : await endOf(file, successor)
  const told = successor?.header?.previous.generation === file.generation
  const acknowledgedEnd = told ? successor!.header!.previousAcknowledged : Number.POSITIVE_INFINITY
  return { mark, end, acknowledgedEnd }
}

/** Moves the position to where the segment's records begin when it lies before them. */
function enter({ file }: OpenSegment, result: Result, missing: (generation: number) => void): void {
  const { generation, offset } = result.position
  if (file.generation === generation) {
    result.position = { generation, offset: Math.max(offset, SEGMENT_HEADER_BYTES) }
    return
  }
  const previous = file.header?.previous.generation
  const resumed = offset >= SEGMENT_HEADER_BYTES && generation > 0
  if (resumed && previous !== undefined && previous > generation) missing(previous)
  result.position = { generation: file.generation, offset: SEGMENT_HEADER_BYTES }
}

/** Adds the records from `result.position` to `end`; false when a limit ended it before. */
async function readSegment(
  segment: OpenSegment,
  end: number,
  limits: Limits,
  result: Result,
  unreadable: Unreadable,
): Promise<boolean> {
  const usual = Math.min(MOST_WINDOW_BYTES, Math.max(LEAST_WINDOW_BYTES, limits.maxBytes))
  let wanted = usual
  while (result.position.offset < end) {
    const { offset } = result.position
    const window = await readAt(segment.handle, offset, Math.min(wanted, end - offset))
    const stopped = addRecords(segment.mark, window, limits, result)
    if (stopped === 'limit') return false
    const tooShort = typeof stopped === 'object' && stopped.kind === 'short' ? stopped.bytes : 0
    const { generation, offset: at } = result.position
    const held = window.length - (at - offset)
    const readAgain = tooShort > held && at + tooShort <= end && (at > offset || wanted < tooShort)
    wanted = readAgain ? Math.max(usual, tooShort) : usual
    if (stopped === 'window-end' || readAgain) continue
    const { frame, next } = await unreadable(segment, at, end)
    if (frame === undefined) result.position = { generation, offset: next }
    else addRecord(frame, result)
  }
  return true
}

/** Adds the whole records of a window that starts at `result.position`; says why it stopped. */
function addRecords(
  mark: SegmentMark | undefined,
  window: Buffer,
  limits: Limits,
  result: Result,
): 'limit' | 'window-end' | Exclude<Frame, { kind: 'record' }> {
  if (mark === undefined || window.length === 0) return { kind: 'bad' }
  for (let at = 0; at < window.length; ) {
    if (result.records.length >= limits.maxRecords || result.bytes >= limits.maxBytes) return 'limit'
    const position = result.position
    const frame = readFrame(window, at, mark, position.offset)
    if (frame.kind !== 'record') return frame
    at += frame.bytes
    addRecord(frame, result)
  }
  return 'window-end'
}

function addRecord({ bytes, meta, body }: WholeFrame, result: Result): void {
  const { position } = result
  const end = { generation: position.generation, offset: position.offset + bytes }
  result.records.push({ position, end, record: readRecord(meta, body) })
  result.bytes += body.length
  result.position = end
}

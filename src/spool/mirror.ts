/**
 * A second copy of the pending segments in a directory on another disk: the same files, the same bytes at the same places.
 * A batch is acknowledged when both are synced. The first copy is the one that is read; the second one stands in for it where
 * it cannot be read, and brings it back when its disk was lost.
 */
import { constants } from 'node:fs'
import { copyFile, type FileHandle, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { ensureDirectory, type Log, syncDirectory } from '../kernel/index.ts'
import { realDisk } from './disk.ts'
import { type Frame, readFrame, type SegmentMark } from './frame.ts'
import { readDurableMark, readReleased } from './marks.ts'
import { frameAt, nextValidRecord, readAt } from './scan.ts'
import { listSegments, markOf, SEGMENT_HEADER_BYTES, type SegmentFile } from './segment.ts'

const PORTION_BYTES = 4 * 1024 * 1024
const COPYING = '.copying'

export type Reconciled = {
  /** Segments the first copy had lost. */
  restored: number
  /** Segments that were not in the second copy yet. */
  mirrored: number
}

/**
 * Brings both copies to the same segments, before a writer opens them, after whatever end the last one had: what only the second copy
 * has and is not released goes back to the first one; what only the first one has goes to the second; what is released
 * leaves the second. Where both have the newest segment, each gets the records at its end that only the other one has.
 */
export async function reconcile(directory: string, mirror: string, log: Log): Promise<Reconciled> {
  await ensureDirectory(mirror)
  await dropHalfCopied(directory)
  await dropHalfCopied(mirror)
  const own = byGeneration(await listSegments(directory))
  const theirs = byGeneration(await listSegments(mirror))
  const released = await releasedWithin(directory, [...own.keys(), ...theirs.keys()])
  const done: Reconciled = { restored: 0, mirrored: 0 }
  for (const [generation, file] of theirs) {
    if (own.has(generation)) continue
    if (generation < released) await rm(file.path)
    else {
      await copyWhole(file.path, directory)
      done.restored++
    }
  }
  for (const [generation, file] of own) {
    if (theirs.has(generation) || generation < released) continue
    await copyWhole(file.path, mirror)
    done.mirrored++
  }
  const newest = Math.max(0, ...[...own.keys()].filter((generation) => theirs.has(generation)))
  if (newest > 0) await mergeEnds(directory, own.get(newest)!, theirs.get(newest)!)
  await syncDirectory(directory)
  await syncDirectory(mirror)
  if (done.restored > 0)
    log.warn(
      { directory, mirror, segments: done.restored },
      'spool segments were lost and came back from the second copy',
    )
  if (done.mirrored > 0)
    log.info({ directory, mirror, segments: done.mirrored }, 'spool segments copied to the second disk')
  return done
}

/** Where the second copy of a segment lies. */
export function mirrorOf(path: string, mirror: string): string {
  return join(mirror, basename(path))
}

function byGeneration(files: SegmentFile[]): Map<number, SegmentFile> {
  return new Map(files.map((file) => [file.generation, file]))
}

async function dropHalfCopied(directory: string): Promise<void> {
  for (const name of await readdir(directory)) if (name.endsWith(COPYING)) await rm(join(directory, name))
}

async function copyWhole(path: string, folder: string): Promise<void> {
  const target = mirrorOf(path, folder)
  await copyFile(path, target + COPYING, constants.COPYFILE_FICLONE)
  const handle = await open(target + COPYING, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(target + COPYING, target)
}

/**
 * Behind the durable mark, which a power loss may have taken back by much, each copy may have lost what the other one
 * holds: both get every record that one of them can give.
 */
async function mergeEnds(directory: string, own: SegmentFile, theirs: SegmentFile): Promise<void> {
  const durable = readDurableMark(directory)
  const [first, second] = [await open(own.path, 'r+'), await open(theirs.path, 'r+')]
  try {
    const mark = (await markOf(first, own)) ?? (await markOf(second, theirs))
    if (mark === undefined) return
    if (own.header === undefined && theirs.header !== undefined)
      await copyBytes(second, first, { at: 0, bytes: SEGMENT_HEADER_BYTES })
    const [mine, copied] = [framesOf(first, own, mark), framesOf(second, theirs, mark)]
    let at = durable?.generation === own.generation ? durable.offset : SEGMENT_HEADER_BYTES
    for (;;) {
      const [frame, copy] = [await mine(at), await copied(at)]
      const bytes = frame?.bytes ?? copy?.bytes
      if (bytes === undefined) {
        const next = [
          await nextValidRecord(first, mark, at + 1, own.bytes),
          await nextValidRecord(second, mark, at + 1, theirs.bytes),
        ].filter((found) => found !== undefined)
        if (next.length === 0) break
        at = Math.min(...next)
        continue
      }
      if (frame === undefined) await copyBytes(second, first, { at, bytes })
      if (copy === undefined) await copyBytes(first, second, { at, bytes })
      at += bytes
    }
    await first.sync()
    await second.sync()
  } finally {
    await first.close()
    await second.close()
  }
}

/** Reads records one after the other, in portions. */
function framesOf(handle: FileHandle, { bytes: fileBytes }: SegmentFile, mark: SegmentMark) {
  let portion: { from: number; held: Buffer } = { from: 0, held: Buffer.alloc(0) }
  return async (at: number): Promise<{ bytes: number } | undefined> => {
    for (const isFresh of [false, true]) {
      if (isFresh)
        portion = { from: at, held: await readAt(handle, at, clamp(fileBytes - at, PORTION_BYTES)) }
      if (at < portion.from || at >= portion.from + portion.held.length) continue
      const frame = readFrame(portion.held, at - portion.from, mark, at)
      if (frame.kind !== 'short') return frame.kind === 'record' ? frame : undefined
    }
    return frameAt(handle, mark, at, fileBytes)
  }
}

function clamp(bytes: number, most: number): number {
  return Math.max(0, Math.min(bytes, most))
}

async function copyBytes(from: FileHandle, to: FileHandle, { at, bytes }: { at: number; bytes: number }) {
  await realDisk.write(to.fd, [await readAt(from, at, bytes)], at)
}

/** The generation before which everything is released; 0 when that lies beyond all there are: then it is another spool's. */
async function releasedWithin(directory: string, generations: number[]): Promise<number> {
  const released = (await readReleased(directory))?.generation ?? 0
  return released > Math.max(0, ...generations) ? 0 : released
}

/** Segments that only the second copy has and that may still be wanted: its first disk is not mended while it is in use. */
export async function onlyInCopy(
  directory: string,
  mirror: string,
  own: SegmentFile[],
): Promise<SegmentFile[]> {
  const isOwn = byGeneration(own)
  const copies = await segmentsInCopy(mirror)
  const released = await releasedWithin(directory, [
    ...isOwn.keys(),
    ...copies.map((file) => file.generation),
  ])
  return copies.filter((file) => file.generation >= released && !isOwn.has(file.generation))
}

/** How records of this segment are recognised, as the second copy has it. */
export async function markFromCopy(
  { generation }: SegmentFile,
  mirror: string,
): Promise<SegmentMark | undefined> {
  const copy = byGeneration(await segmentsInCopy(mirror)).get(generation)
  return copy && withCopy(copy.path, (handle) => markOf(handle, copy))
}

async function segmentsInCopy(mirror: string): Promise<SegmentFile[]> {
  return listSegments(mirror).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
}

/** The record at this place of the second copy; undefined when it cannot be had from there either. */
export async function frameFromCopy(
  path: string,
  mark: SegmentMark,
  at: number,
  end: number,
): Promise<Extract<Frame, { kind: 'record' }> | undefined> {
  return withCopy(path, (handle) => frameAt(handle, mark, at, end))
}

/** Where the next record that the second copy can give begins, before `end`. */
export async function nextInCopy(
  path: string,
  mark: SegmentMark,
  from: number,
  end: number,
): Promise<number | undefined> {
  return withCopy(path, (handle) => nextValidRecord(handle, mark, from, end))
}

async function withCopy<T>(path: string, use: (handle: FileHandle) => Promise<T>): Promise<T | undefined> {
  let handle: FileHandle
  try {
    handle = await open(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    return await use(handle)
  } finally {
    await handle.close()
  }
}

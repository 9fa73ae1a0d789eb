/**
 * Segment files of one spool directory:
 *
 *   segment-000001795342228000.spool   in use; the number is its generation
 *   spare-NAME.spool                   zero-filled or released, waiting to become a segment
 *   NAME.filling                       being zero-filled; removed at start
 *
 * The first 4 KiB of a segment are its header, twice (at 0 and 2048), so that one damaged sector does not hide
 * a whole segment. A segment says where the one before it ended: that end is certain, and whatever does not read
 * before it is damage, not a tail.
 */
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { type FileHandle, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { syncDirectory } from '../kernel/index.ts'
import { spoolErrors } from './errors.ts'
import type { SegmentMark } from './frame.ts'
import { frameAt, isUnreadable, readAt } from './scan.ts'
import type { SpoolDisk, SpoolPosition } from './types.ts'

export const SEGMENT_HEADER_BYTES = 4096
const COPY_AT = 2048
const COPY_BYTES = 64
/** The last byte is the format. */
const MAGIC = Buffer.from('MRSPOOL1')

/** What a segment says about the one before it. */
export type SegmentLink = {
  /** Where that one ended; generation 0: there was none. */
  previous: SpoolPosition
  /**
   * Everything in it before this offset was acknowledged. Smaller than its end only after a crash: what does not read
   * between the two is a batch that was never answered, not damage.
   */
  previousAcknowledged: number
}

export type SegmentHeader = SegmentLink & {
  generation: number
  /** 8 random bytes, different for every generation. */
  marker: Buffer
  createdAtMs: number
}

export function segmentName(generation: number): string {
  return `segment-${String(generation).padStart(18, '0')}.spool`
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const block = Buffer.alloc(SEGMENT_HEADER_BYTES)
  MAGIC.copy(block, 0)
  block.writeDoubleLE(header.generation, 8)
  header.marker.copy(block, 16)
  block.writeDoubleLE(header.createdAtMs, 24)
  block.writeDoubleLE(header.previous.generation, 32)
  block.writeDoubleLE(header.previous.offset, 40)
  block.writeDoubleLE(header.previousAcknowledged, 48)
  block.writeUInt32LE(crc32(block.subarray(0, COPY_BYTES - 4)), COPY_BYTES - 4)
  block.copy(block, COPY_AT, 0, COPY_BYTES)
  return block
}

/** The header from whichever copy is whole; undefined when neither is. */
export function decodeSegmentHeader(block: Buffer): SegmentHeader | undefined {
  for (const at of [0, COPY_AT]) {
    const copy = block.subarray(at, at + COPY_BYTES)
    if (copy.length < COPY_BYTES || MAGIC.compare(copy, 0, 8) !== 0) continue
    if (crc32(copy.subarray(0, COPY_BYTES - 4)) !== copy.readUInt32LE(COPY_BYTES - 4)) continue
    return {
      generation: copy.readDoubleLE(8),
      marker: Buffer.from(copy.subarray(16, 24)),
      createdAtMs: copy.readDoubleLE(24),
      previous: { generation: copy.readDoubleLE(32), offset: copy.readDoubleLE(40) },
      previousAcknowledged: copy.readDoubleLE(48),
    }
  }
  return undefined
}

/** A header of another format, both copies alike, is no damage: its records must not be set aside as such. */
function refuseOtherFormat(block: Buffer, path: string): void {
  const [first, second] = [0, COPY_AT].map((at) => block.toString('latin1', at, at + MAGIC.length))
  if (first === second && /^MRSPOOL[2-9A-Z]$/.test(first!))
    throw spoolErrors.spool_format_unknown(`${path} begins with ${first}`)
}

export type SegmentFile = {
  generation: number
  path: string
  bytes: number
  header: SegmentHeader | undefined
}

/**
 * The segments of a spool directory in order. One that vanishes meanwhile (released and recycled) is left out. A header that
 * names another generation than the file does counts as damaged, as does one that cannot be read.
 */
export async function listSegments(directory: string): Promise<SegmentFile[]> {
  const found: SegmentFile[] = []
  for (const name of (await readdir(directory)).sort()) {
    const generation = Number(/^segment-(\d{18})\.spool$/.exec(name)?.[1] ?? Number.NaN)
    if (Number.isNaN(generation)) continue
    const path = join(directory, name)
    try {
      const { size } = await stat(path)
      const header = readHeader(path)
      const own = header?.generation === generation ? header : undefined
      found.push({ generation, path, bytes: size, header: own })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return found
}

function readHeader(path: string): SegmentHeader | undefined {
  const fd = openSync(path, constants.O_RDONLY)
  try {
    const block = Buffer.alloc(SEGMENT_HEADER_BYTES)
    const held = readSync(fd, block, 0, block.length, 0)
    refuseOtherFormat(block.subarray(0, held), path)
    return decodeSegmentHeader(block.subarray(0, held))
  } catch (error) {
    if (isUnreadable(error)) return undefined
    throw error
  } finally {
    closeSync(fd)
  }
}

export function isSpare(name: string): boolean {
  return name.startsWith('spare-') && name.endsWith('.spool')
}

const ZEROS = Buffer.alloc(1024 * 1024)

/**
 * Makes a file of `bytes` zeros that is wholly on disk, named `spare-NAME.spool`; returns its path. It costs the write once
 * and makes every later sync cheaper (no block allocation, no journal commit). A failure leaves nothing behind.
 */
export async function fillSpare(
  directory: string,
  { name, bytes, disk }: { name: string; bytes: number; disk: SpoolDisk },
): Promise<string> {
  const filling = join(directory, `${name}.filling`)
  const path = join(directory, `spare-${name}.spool`)
  const handle = await open(filling, 'wx', 0o600)
  try {
    for (let at = 0; at < bytes; at += ZEROS.length) {
      await disk.write(handle.fd, [ZEROS.subarray(0, Math.min(ZEROS.length, bytes - at))], at)
      // In portions, so that the syncs of the segment in use do not wait behind one huge flush.
      if (at % (8 * ZEROS.length) === 0) await disk.sync(handle.fd)
    }
    await handle.sync()
  } catch (error) {
    await handle.close()
    await unlink(filling)
    throw error
  }
  await handle.close()
  await rename(filling, path)
  await syncDirectory(directory)
  return path
}

/**
 * How the records of a segment are recognised. A header damaged in both copies is replaced by what the first record carries;
 * undefined when that does not read either.
 */
export async function markOf(handle: FileHandle, file: SegmentFile): Promise<SegmentMark | undefined> {
  if (file.header !== undefined) return file.header
  const marker = await readAt(handle, SEGMENT_HEADER_BYTES, 8)
  if (marker.length < 8) return undefined
  const mark = { generation: file.generation, marker }
  const first = await frameAt(handle, mark, SEGMENT_HEADER_BYTES, file.bytes)
  return first === undefined ? undefined : mark
}

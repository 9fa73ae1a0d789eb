/** Finding the records of a segment that was not closed in order: after a crash, and behind damage. */
import type { FileHandle } from 'node:fs/promises'
import { FRAME_HEADER_BYTES, type Frame, readFrame, type SegmentMark } from './frame.ts'

const WINDOW_BYTES = 1024 * 1024

/** True when the disk says that it cannot give back what was written. */
export function isUnreadable(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EIO'
}

const SECTOR_BYTES = 4096

/**
 * Up to `bytes` from the position; fewer only at the end of the file. Sectors the disk cannot read come back as zeros: no
 * record's CRC fits them, so they are treated like any other damage instead of stopping everything behind them.
 */
export async function readAt(handle: FileHandle, at: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(bytes)
  try {
    return buffer.subarray(0, await readInto(handle, buffer, at))
  } catch (error) {
    if (!isUnreadable(error)) throw error
  }
  let held = 0
  while (held < bytes) {
    const sector = buffer.subarray(held, held + SECTOR_BYTES - ((at + held) % SECTOR_BYTES))
    const read = await readInto(handle, sector, at + held).catch((error: unknown) => {
      if (!isUnreadable(error)) throw error
      return sector.fill(0).length
    })
    held += read
    if (read < sector.length) break
  }
  return buffer.subarray(0, held)
}

async function readInto(handle: FileHandle, buffer: Buffer, at: number): Promise<number> {
  let held = 0
  while (held < buffer.length) {
    const { bytesRead } = await handle.read(buffer, held, buffer.length - held, at + held)
    if (bytesRead === 0) break
    held += bytesRead
  }
  return held
}

/** The record at `offset`, or undefined when there is none that ends at or before `end`. */
export async function frameAt(
  handle: FileHandle,
  mark: SegmentMark,
  offset: number,
  end: number,
): Promise<Extract<Frame, { kind: 'record' }> | undefined> {
  let wanted = Math.min(64 * 1024, end - offset)
  while (offset + wanted <= end) {
    const frame = readFrame(await readAt(handle, offset, wanted), 0, mark, offset)
    if (frame.kind === 'record') return frame
    if (frame.kind === 'bad' || frame.bytes <= wanted) return undefined
    wanted = frame.bytes
  }
  return undefined
}

/** Offset of the first whole record at or behind `from`, or undefined when there is none before `end`. */
export async function nextValidRecord(
  handle: FileHandle,
  mark: SegmentMark,
  from: number,
  end: number,
): Promise<number | undefined> {
  let at = from
  while (at + FRAME_HEADER_BYTES <= end) {
    const window = await readAt(handle, at, Math.min(WINDOW_BYTES, end - at))
    if (window.length < mark.marker.length) return undefined
    for (let hit = window.indexOf(mark.marker); hit >= 0; hit = window.indexOf(mark.marker, hit + 1)) {
      if ((await frameAt(handle, mark, at + hit, end)) !== undefined) return at + hit
    }
    at += window.length - mark.marker.length + 1
  }
  return undefined
}

export type Recovered = {
  /** End of the last whole record: where the segment ends. */
  end: number
  /** Everything before it was synced, and so acknowledged. */
  acknowledgedEnd: number
}

/**
 * Where a segment ends whose writer died: behind its last whole record. `from` is a place known to be the start of
 * a record or of the unused rest. What does not read on the way is left to the reader, who meets it again.
 */
export async function findEnd(
  handle: FileHandle,
  mark: SegmentMark,
  from: number,
  fileBytes: number,
): Promise<Recovered> {
  let at = from
  let recovered: Recovered = { end: from, acknowledgedEnd: from }
  while (at < fileBytes) {
    const frame = await frameAt(handle, mark, at, fileBytes)
    if (frame !== undefined) {
      recovered = {
        end: at + frame.bytes,
        acknowledgedEnd: Math.max(recovered.acknowledgedEnd, at - frame.batchBack),
      }
      at = recovered.end
      continue
    }
    const next = await nextValidRecord(handle, mark, at + 1, fileBytes)
    if (next === undefined) break
    at = next
  }
  return recovered
}

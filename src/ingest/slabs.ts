/**
 * Memory for bodies that come in many pieces, used again and again: pages fresh from the system cost more than the copying,
 * and another thread can read these (`digest.ts`).
 */
export type Slabs = {
  /** `bytes` bytes of whatever was there before. */
  take(bytes: number): Buffer
  /** From now on others may write into it. What is never given back is collected like any other memory. */
  giveBack(taken: Buffer): void
}

const LEAST_BYTES = 64 * 1024
/** Larger bodies are rare, and must not hold memory that they have only announced. */
export const MOST_SLAB_BYTES = 4 * 1024 * 1024

/** Keeps up to `keepBytes` for use again. */
export function createSlabs({ keepBytes = 32 * 1024 * 1024 } = {}): Slabs {
  const free = new Map<number, SharedArrayBuffer[]>()
  let freeBytes = 0
  return {
    take(bytes) {
      const size = sizeFor(bytes)
      const kept = free.get(size)?.pop()
      if (kept !== undefined) freeBytes -= size
      return Buffer.from(kept ?? new SharedArrayBuffer(size), 0, bytes)
    },
    giveBack({ buffer }) {
      if (!(buffer instanceof SharedArrayBuffer) || freeBytes + buffer.byteLength > keepBytes) return
      freeBytes += buffer.byteLength
      const same = free.get(buffer.byteLength)
      if (same === undefined) free.set(buffer.byteLength, [buffer])
      else same.push(buffer)
    },
  }
}

/** The next power of two: few sizes, so that most bodies find one. */
function sizeFor(bytes: number): number {
  return Math.max(LEAST_BYTES, 2 ** Math.ceil(Math.log2(bytes)))
}

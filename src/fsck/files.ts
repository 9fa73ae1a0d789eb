import type { ObjectStore } from '../storage/index.ts'
import { type ParquetFooter, readParquetFooter } from '../storage/parquet/index.ts'

/** @throws parquet_unreadable, object_missing */
export function footerOf(objects: ObjectStore, path: string, bytes: number): Promise<ParquetFooter> {
  return readParquetFooter(bytes, async (start, end) => {
    const pieces: Buffer[] = []
    if (end > start)
      for await (const piece of objects.stream(path, { start, end: end - 1 })) pieces.push(piece as Buffer)
    return Buffer.concat(pieces)
  })
}

/** Looks under way at the same time: enough to keep a disk busy, few enough to leave it to others. */
const AT_ONCE = 8

/** What `look` says of each, in order. */
export async function lookAll<T, R>(items: readonly T[], look: (item: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = new Array(items.length)
  let next = 0
  const lookOn = async () => {
    while (next < items.length) {
      const at = next++
      answers[at] = await look(items[at]!)
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, lookOn))
  return answers
}

import type { SpoolPosition } from '../spool/index.ts'

/**
 * Chunk files carry their owner: spool, owner epoch, position of the batch. With the epoch in the name a loader that was
 * fenced but does not know it yet can neither collide with its successor's files nor remove them.
 */
const ROOT = 'chunks/spool'

export function chunkPath(
  spool: string,
  epoch: bigint,
  { generation, offset }: SpoolPosition,
  tableId: bigint,
  part: number,
): string {
  const suffix = part === 0 ? '' : `-${part}`
  return `${ROOT}/${spool}/${epoch}/${generation}-${offset}-${tableId}${suffix}.parquet`
}

export function chunkPrefix(spool: string): string {
  return `${ROOT}/${spool}/`
}

/** The owner epoch of one of the spool's files; undefined for a file that is not ours to judge. */
export function epochOf(spool: string, path: string): bigint | undefined {
  const prefix = chunkPrefix(spool)
  if (!path.startsWith(prefix)) return undefined
  const [, epoch] = /^(\d+)\/\d+-\d+-\d+(?:-\d+)?\.parquet$/.exec(path.slice(prefix.length)) ?? []
  return epoch === undefined ? undefined : BigInt(epoch)
}

/** The `owner` of a chunk row: who wrote it. */
export function ownerOf(spool: string, { generation, offset }: SpoolPosition): string {
  return `spool:${spool}:${generation}:${offset}`
}

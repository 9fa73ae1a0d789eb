import type { SpoolPosition } from '../spool/index.ts'

/**
 * Chunk files carry their owner: spool, owner epoch, position of the batch. With the epoch in the name a loader that was
 * fenced but does not know it yet can neither collide with its successor's files nor remove them.
 */
const ROOT = 'chunks/spool'

/** More than a batch can fill of one table. */
const PARTS_PER_BUILD = 100_000

/**
 * A batch that is built again after a conflict (`build` > 0) gets paths of its own: what the first one wrote may still lie
 * in a group's log, which would put it back after a power loss.
 */
export function chunkPath(
  spool: string,
  epoch: bigint,
  { generation, offset }: SpoolPosition,
  tableId: bigint,
  { build, part }: { build: number; part: number },
): string {
  const number = build * PARTS_PER_BUILD + part
  const suffix = number === 0 ? '' : `-${number}`
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

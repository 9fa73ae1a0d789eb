/**
 * Archive files carry their owner: the attempt of a merge, or a job and its attempt. Folders of a thousand attempts keep
 * the number of directories small.
 */
export const MERGE_ROOT = 'chunks/merge/'
export const JOB_ROOT = 'chunks/job/'
export const SPOOL_ROOT = 'chunks/spool/'

export const mergeOwner = (attempt: bigint) => `merge:${attempt}`
export const jobOwner = (id: bigint, attempt: number) => `job:${id}:${attempt}`

export function mergePath(attempt: bigint, tableId: bigint, part: number): string {
  return `${MERGE_ROOT}${attempt / 1000n}/${attempt}-${tableId}-${part}.parquet`
}

export function jobPath(id: bigint, attempt: number, tableId: bigint, part: number): string {
  return `${JOB_ROOT}${id}/${attempt}/${tableId}-${part}.parquet`
}

/** Who wrote a chunk file, or what belongs to an attempt beside them; undefined for one whose name says nothing. */
export type FileOwner =
  | { kind: 'merge'; attempt: bigint }
  | { kind: 'job'; id: bigint; attempt: number }
  | { kind: 'spool'; spool: string; epoch: bigint }

export function ownerOfPath(path: string): FileOwner | undefined {
  const [, merge] = /^chunks\/merge\/\d{1,16}\/(\d{1,18})-\d+-\d+\.parquet$/.exec(path) ?? []
  if (merge !== undefined) return { kind: 'merge', attempt: BigInt(merge) }
  const [, id, attempt] =
    /^chunks\/job\/(\d{1,18})\/(\d{1,9})\/(?:[^/]+\.parquet|changes\.json)$/.exec(path) ?? []
  if (id !== undefined) return { kind: 'job', id: BigInt(id), attempt: Number(attempt) }
  const [, spool, epoch] = /^chunks\/spool\/([^/]+)\/(\d{1,18})\/[^/]+\.parquet$/.exec(path) ?? []
  return spool === undefined ? undefined : { kind: 'spool', spool, epoch: BigInt(epoch) }
}

import type { ChunkColumns } from '../snapshot/index.ts'

/** A live chunk as the archive works on it. Times are unix seconds, both inclusive. */
export type SourceChunk = {
  id: bigint
  path: string
  timeMin: bigint
  timeMax: bigint
  rows: number
  bytes: number
  columns: ChunkColumns
  /** Certainly sorted by time: it came out of a merge. */
  sorted: boolean
}

/** A chunk on its way into the catalog; survives JSON, because it may wait in a worker's journal. */
export type NewChunk = {
  path: string
  timeMin: string
  timeMax: string
  rows: number
  bytes: number
  columns: ChunkColumns
  level: number
}

export type ArchivedTable = {
  id: bigint
  name: string
  database: string
  databaseId: bigint
  accountId: bigint
  columns: { name: string; key: string; type: string; removed: boolean }[]
}

/** One aligned span of one table: the unit of work and of claims. */
export type Span = { tableId: bigint; level: number; start: bigint }

/** What a span holds of chunks that are not settled, by size class. */
export type SpanContent = Span & {
  sizes: { size: number; chunks: number; rows: number }[]
  chunks: number
  rows: number
  /** The only chunk, when there is one. */
  only: { id: bigint; sorted: boolean } | undefined
  /** Since the last chunk came. */
  quietSeconds: number
}

/** The steps between which a merge may die; the crash tests stop at each. */
export const MERGE_STEPS = ['claimed', 'chosen', 'written', 'stored', 'in-transaction', 'committed'] as const
/** Likewise for the removal of retired chunks. */
export const REMOVAL_STEPS = ['asked', 'file-removed', 'files-removed', 'forgotten'] as const
/** And for a job that deletes rows. */
export const DELETION_STEPS = ['held', 'written', 'stored', 'in-transaction'] as const
export type ArchiveStep =
  | (typeof MERGE_STEPS)[number]
  | (typeof REMOVAL_STEPS)[number]
  | (typeof DELETION_STEPS)[number]
export type FaultPoint = (step: ArchiveStep) => void | Promise<void>

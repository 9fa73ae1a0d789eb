import type { ChunkColumns } from '../snapshot/index.ts'
import type { SessionStatus } from './life.ts'

export type Session = {
  id: bigint
  accountId: bigint
  userId: bigint
  name: string
  /** As they are called now; of what is gone, as at creation. */
  database: string
  table: string
  tableId: bigint
  /** Table or database were deleted. */
  isTargetGone: boolean
  status: SessionStatus
  uploadFrozen: boolean
  jobId: bigint | null
  /** Of that job: whose output the session has; null until a perform ended well. */
  attempt: number | null
  counters: Counters | null
}

export type Counters = { validRecords: bigint; errorRecords: bigint; validParts: bigint; errorParts: bigint }

/** The formats of the vendor's file-based imports; null where a part is stored means: found out from its content. */
export const PART_FORMATS = ['msgpack.gz', 'json.gz', 'csv.gz', 'tsv.gz'] as const
export type PartFormat = (typeof PART_FORMATS)[number]

export type Part = { name: string; format: PartFormat | null; path: string; bytes: number }

/** One attempt at performing a session: what it wrote is named by this. */
export type Performance = { session: bigint; job: bigint; attempt: number }

/** A chunk that is written but not yet the catalog's. */
export type PreparedChunk = {
  path: string
  bytes: number
  rows: number
  timeMin: number
  timeMax: number
  columns: ChunkColumns
}

/** What a performance has made; an object beside its chunks. */
export type Manifest = { chunks: PreparedChunk[]; overflowed: boolean }

/** Why a record, or a whole part, is not stored, besides the reasons of `load/decode`. */
export type RefusalReason =
  | 'json_invalid'
  | 'csv_invalid'
  | 'columns_differ'
  | 'record_too_large'
  | 'record_too_deep'
  | 'gzip_invalid'
  | 'gzip_truncated'
  | 'expands_too_far'

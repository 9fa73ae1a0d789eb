import type { ChunkColumns } from '../snapshot/index.ts'
import type { SpooledRecord } from '../spool/index.ts'
import type { KnownColumn, NewColumn, WidenedColumn } from './decode/index.ts'

/** Why a whole accepted request, or a record of it, went to the error store. */
export type LoadReason =
  | 'table_dropped'
  | 'table_unknown'
  | 'database_unknown'
  | 'key_unknown'
  | 'key_revoked'
  | 'not_permitted'
  | 'loader_crashed'
  | 'loader_failed'
  | 'gzip_trailing_data'

/** A table as it was when the batch was begun. */
export type LoadTable = {
  id: bigint
  databaseId: bigint
  accountId: bigint
  database: string
  name: string
  detectSchema: boolean
  columns: KnownColumn[]
}

/** Where a payload goes, or why it cannot. */
export type Target =
  | { kind: 'table'; table: LoadTable }
  | { kind: 'refused'; tableId: bigint | null; reason: LoadReason }

/** One accepted request with what the database says about it. */
export type Payload = SpooledRecord & {
  target: Target
  /** The sender's id as the catalog keeps it; undefined when there is none. */
  importId: string | undefined
  /** Its id was stored by an earlier batch. */
  repeated: boolean
}

/** A chunk as the catalog is told of it. */
export type LoadedChunk = {
  tableId: bigint
  path: string
  bytes: number
  rows: number
  timeMin: number
  timeMax: number
  columns: ChunkColumns
}

/** A chunk on its way to the object store. */
export type ChunkFile = { path: string; content: Buffer }

export type TableChange = {
  table: LoadTable
  newColumns: NewColumn[]
  widened: WidenedColumn[]
  overflowed: boolean
}

export type ErrorRecord = {
  accountId: bigint
  tableId: bigint | null
  database: string
  table: string
  channel: string
  reason: string
  uniqueId: string | null
  /** How many records `body` stands for. */
  records: number
  /** At most 64 KiB; null when only counted. */
  body: Buffer | null
  receivedAtMs: number
}

export type ImportId = { tableId: bigint; id: string }

/** Everything one commit stores, apart from the position. */
export type BuiltBatch = {
  owner: string
  chunks: LoadedChunk[]
  changes: TableChange[]
  importIds: ImportId[]
  errors: ErrorRecord[]
  rows: number
  /** Payloads dealt with, from the first on. */
  taken: number
  repeatedPayloads: number
  counters: { nonFinite: number; invalidUtf8: number; timeReplaced: number; overflowedRecords: number }
}

/** The steps between which a loader may die; the crash tests stop at each. */
export const LOAD_STEPS = [
  'claimed',
  'swept',
  'read',
  'looked-up',
  'attempt-noted',
  'decoding',
  'decoded',
  'file-written',
  'files-written',
  'in-transaction',
  'committed',
  'released',
] as const
export type LoadStep = (typeof LOAD_STEPS)[number]
/** Tests die here. */
export type FaultPoint = (step: LoadStep, payload?: Payload) => void | Promise<void>

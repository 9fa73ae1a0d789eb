import type { ChunkColumns } from '../snapshot/index.ts'
import type { SpooledRecord } from '../spool/index.ts'
import type { BatchCounters, KnownColumn, NewColumn, WidenedColumn } from './decode/index.ts'
import type { PreparedEvents } from './events.ts'

/** Why a whole accepted request, or a record of it, went to the error store. */
export type LoadReason =
  | 'table_dropped'
  | 'table_unknown'
  | 'name_invalid'
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
  /** For events: what they expand to. Undefined for those that have no room in this batch. */
  events: PreparedEvents | undefined
}

/** What the database says about the payloads of a batch. */
export type LookedUp = {
  payloads: Payload[]
  /** Ids of single events that are stored already, as `eventIdentity` writes them. */
  eventIds: ReadonlySet<string>
  requests: RecentRequests
}

/** The id of one event, a lower-case UUID, within its table. */
export type EventId = { tableId: bigint; id: string }
export const eventIdentity = ({ tableId, id }: EventId): string => `${tableId} ${id}`

/** A request that a browser may send again by itself; `hash` is 32 hex digits. */
export type BrowserRequest = { hash: string; receivedAtMs: number; suspect: boolean }
export type RecentRequests = { suspects: BrowserRequest[]; all: BrowserRequest[] }

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
  /** Whose key brought it: its id, or the SHA-256 of one that could not be checked at acceptance. */
  keyId: bigint | null
  keySha256: string | null
  /** How many records `body` stands for. */
  records: number
  /** At most 64 KiB, or the whole body of a payload that our own code could not load; null when only counted. */
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
  eventIds: EventId[]
  requests: BrowserRequest[]
  errors: ErrorRecord[]
  rows: number
  /** Payloads dealt with, from the first on. */
  taken: number
  repeatedPayloads: number
  repeatedEvents: number
  /** When the oldest request of each table was accepted; tables as `database.table`. */
  oldest: Map<string, number>
  counters: BatchCounters
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

import type { ParquetColumn, PhysicalType } from '../../storage/parquet/index.ts'

/** A column the table already has, removed ones included: once given, a name never changes. */
export type KnownColumn = {
  name: string
  /** The name as the sender wrote it. */
  key: string
  /** int, long, float, double, string, array<…> or map<…>, as the REST API names types. */
  type: string
  removed?: boolean
}

export type DecodeLimits = {
  /** Live columns of the table, `time` and `_overflow` not counted; further keys go to `_overflow`. */
  maxColumns: number
  /** Bytes of one record as it came. */
  maxRecordBytes: number
  /** Arrays and maps within each other, the record itself not counted. */
  maxDepth: number
  /** The same for events, which the collector has looked into already. */
  maxEventDepth: number
}

/** Why something that was accepted could not be stored as asked. */
export type FaultReason =
  | 'record_not_a_map'
  | 'record_too_deep'
  | 'record_too_large'
  | 'time_missing'
  | 'time_invalid'
  | 'msgpack_truncated'
  | 'msgpack_invalid'
  | 'json_truncated'
  | 'json_invalid'
  | 'gzip_truncated'
  | 'gzip_invalid'
  | 'expands_too_far'

export type Fault = {
  reason: FaultReason
  /** Where the record starts within the expanded payload. */
  offset: number
  /** Length of what is refused; `bytes` holds at most its first 64 KiB. */
  length: number
  bytes: Buffer
}

export type ImportOptions = {
  /** When the collector accepted the payload, unix seconds: the time of records that have none. */
  receivedAtSeconds: number
  /** Bulk loads refuse records without a usable `time` instead of giving them the time of receipt. */
  timeRequired?: boolean
}

/** How an event came in; what its keys mean differs (event-collection reference §8). */
export const EVENT_CHANNELS = ['js', 'js-legacy', 'records', 'mobile-legacy', 'postback'] as const
export type EventChannel = (typeof EVENT_CHANNELS)[number]

export type EventOptions = {
  channel: EventChannel
  /** When the collector accepted the events, unix seconds. */
  receivedAtSeconds: number
  /** JSON object of columns the collector adds to every event. */
  set?: string
  /** JSON object: what stands for a value that is the text of its own key. */
  replace?: string
  /** The `time` of the request's query. */
  queryTime?: string
  /** Whether an event with this id (a lower-case UUID) is stored already. */
  isRepeat(id: string): boolean
}

export type EventResult = {
  rows: number
  faults: Fault[]
  /** Ids of the events stored. */
  ids: string[]
  /** Events dropped because their id was stored already, or came twice. */
  repeats: number
}

export type ImportResult = { rows: number; faults: Fault[] }

/** What was changed or could not be kept exactly; counts for metrics. */
export type BatchCounters = {
  /** NaN and infinities stored as null. */
  nonFinite: number
  /** Texts that were not UTF-8 and got U+FFFD. */
  invalidUtf8: number
  /** Records whose time was unusable; the original is in `time_original`. */
  timeReplaced: number
  /** Records whose time is more than a week before or three days after they were received. */
  distantTimes: number
  /** Records with keys beyond the column limit, now in `_overflow`. */
  overflowedRecords: number
}

export type BatchColumn = {
  name: string
  key: string
  /** The column's type in the catalog after this batch. */
  type: string
  /** What the file holds. */
  physical: PhysicalType
  nulls: number
  data: ParquetColumn
}

export type NewColumn = {
  name: string
  key: string
  type: string /** It was there once and had been removed. */
  revived: boolean
}
export type WidenedColumn = { name: string; key: string; from: string; to: string }

export type FinishedBatch = {
  rows: number
  /** `time` first, then in the order of first appearance. */
  columns: BatchColumn[]
  /** Inclusive bounds of `time` in unix seconds; both 0 when there are no rows. */
  timeMin: number
  timeMax: number
  newColumns: NewColumn[]
  widened: WidenedColumn[]
  /** Keys went to `_overflow` because the table has no room for more columns. */
  overflowed: boolean
  counters: BatchCounters
}

/** A point to return to; valid until `rollbackTo` goes behind it. */
export type BatchMark = {
  readonly rows: number
  readonly payloadBytes: number
  readonly sideBytes: number
  readonly counters: BatchCounters
}

/** Rows of one table on their way to one chunk. */
export type TableBatch = {
  readonly rows: number
  /** Bytes of payload added so far; the batch holds a small multiple of it and no payload itself. */
  readonly bytes: number
  /** Adds the records of one expanded payload. Never throws for what the payload contains. */
  addImport(payload: Buffer, options: ImportOptions): ImportResult
  /** Adds events: JSON objects with white space or commas between them. Never throws for what the payload contains. */
  addEvents(payload: Buffer, options: EventOptions): EventResult
  mark(): BatchMark
  /** Forgets everything added since the mark. */
  rollbackTo(mark: BatchMark): void
  /**
   * Decides names and types and hands out the columns. Does not change the batch: may be called again with newer
   * known columns when another loader has meanwhile added some.
   */
  finish(known?: readonly KnownColumn[]): FinishedBatch
}

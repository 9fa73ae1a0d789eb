export { createTableBatch, DEFAULT_LIMITS, refusePayload, splitEvents } from './batch.ts'
export { possibleIds } from './event-id.ts'
export { type GunzipLimits, type Gunzipped, gunzipLimited } from './gunzip.ts'
export { aliasOf, catalogKey, createNamer } from './names.ts'
export { sortByTime } from './sort.ts'
export { MAX_TIME_SECONDS } from './time.ts'
export type {
  BatchColumn,
  BatchCounters,
  BatchMark,
  DecodeLimits,
  EventChannel,
  EventOptions,
  EventResult,
  Fault,
  FaultReason,
  FinishedBatch,
  ImportOptions,
  ImportResult,
  KnownColumn,
  NewColumn,
  TableBatch,
  WidenedColumn,
} from './types.ts'
export { EVENT_CHANNELS } from './types.ts'
export { wholeValues } from './wire.ts'

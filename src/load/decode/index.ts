export { createTableBatch, DEFAULT_LIMITS, refusePayload } from './batch.ts'
export { type GunzipLimits, type Gunzipped, gunzipLimited } from './gunzip.ts'
export { aliasOf, catalogKey, createNamer } from './names.ts'
export { MAX_TIME_SECONDS } from './time.ts'
export type {
  BatchColumn,
  BatchCounters,
  BatchMark,
  DecodeLimits,
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

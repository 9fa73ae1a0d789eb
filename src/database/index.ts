export { parseDatabaseUrl } from './address.ts'
export { probeDatabase } from './admin.ts'
export { type DatabaseOptions, openDatabase } from './database.ts'
export { type Embedded, type EmbeddedOptions, startEmbedded } from './embedded/server.ts'
export { databaseErrors } from './errors.ts'
export { isForeignKeyViolation, isUniqueViolation, serverCode } from './failures.ts'
export {
  createJobPartitions,
  sweepChanges,
  sweepErrorRecords,
  sweepImportIds,
  sweepOperations,
} from './housekeeping.ts'
export { type FenceOptions, fenceEpochs, type PrepareOptions, prepareDatabase } from './prepare.ts'
export type * from './types.ts'

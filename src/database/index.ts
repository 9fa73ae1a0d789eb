export { parseDatabaseUrl } from './address.ts'
export { identifier, probeDatabase, withAdmin } from './admin.ts'
export type { Connection } from './connection.ts'
export { type DatabaseOptions, openDatabase } from './database.ts'
export { type Embedded, type EmbeddedOptions, startEmbedded } from './embedded/server.ts'
export { databaseErrors } from './errors.ts'
export { isForeignKeyViolation, isUniqueViolation, serverCode } from './failures.ts'
export { type HeadRoom, readHeadRoom } from './head-room.ts'
export {
  createJobPartitions,
  JOBS_PER_PARTITION,
  sweepChanges,
  sweepErrorRecords,
  sweepOperations,
} from './housekeeping.ts'
export { type Migration, readMigrations } from './migrations.ts'
export { type FenceOptions, fenceEpochs, type PrepareOptions, prepareDatabase } from './prepare.ts'
export type * from './types.ts'

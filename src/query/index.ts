export type { ListLookup, SchemaLookup, TableColumn, TableLookup } from './analyze/index.ts'
export { bindTables } from './bind.ts'
export { catalogFor, liveChunks, type QueryCatalog } from './catalog.ts'
export {
  type Compiled,
  type CompiledQuery,
  type CompiledStatement,
  type CompileRequest,
  compileQuery,
  compileStatement,
  type StatementRequest,
  sessionAfter,
  type TableUse,
  tablesOf,
} from './compile.ts'
export { type QuerySettings, readQuerySettings } from './config.ts'
export { createEnginePool, readEngineSettings } from './engine/index.ts'
export type * from './engine/types.ts'
export { engineParts } from './engine-parts.ts'
export * from './errors.ts'
export { parseScript } from './parse/index.ts'
export * from './presto-type.ts'
export * from './refusals.ts'
export { createQueryRunner, type QueryRunnerOptions, readsOnly } from './runner.ts'
export { type Session, type SessionEffect, startSession } from './session.ts'
export * from './system/index.ts'
export { createTail } from './tail.ts'

export type { ListLookup, SchemaLookup, StoredView, TableColumn, TableLookup } from './analyze/index.ts'
export { TIME_KEY } from './analyze/index.ts'
export { bindTables } from './bind.ts'
export { catalogFor, liveChunks, type QueryCatalog } from './catalog.ts'
export type * from './changes.ts'
export { changesSomething } from './changing.ts'
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
export type { Statement, StatementOf } from './parse/ast.ts'
export { parseScript } from './parse/index.ts'
export { permittedLookup } from './permission.ts'
export * from './presto-type.ts'
export { jobIdOf, queryIdOf } from './query-id.ts'
export * from './refusals.ts'
export { lostRight, noteRights, type UsedRight } from './rights.ts'
export {
  answerStatement,
  createQueryRunner,
  limitsOf,
  measureIn,
  type QueryRunnerOptions,
  readsOnly,
} from './runner.ts'
export {
  type BoundTables,
  resultPath,
  type ScriptChanges,
  type ScriptRun,
} from './script-run.ts'
export { type Session, type SessionEffect, startSession } from './session.ts'
export { propertyMatters, setSessionText } from './session-properties.ts'
export { explainAnalyzed, type Measurement } from './statements/explain.ts'
export { measureTables } from './statements/plan-facts.ts'
export { catalogType, keptType } from './stored-type.ts'
export * from './system/index.ts'
export { createTail } from './tail.ts'
export { dropView, findView, putView } from './view-store.ts'

// Rendering only: `write.ts` belongs to the engine process, and whoever serves results shall not load DuckDB.
export { type RecordsRequest, type ResultRequest, renderRecords, renderResult } from './render.ts'

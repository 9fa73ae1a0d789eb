// Rendering only: `write.ts` belongs to the engine process, and whoever serves results shall not load DuckDB.
export {
  RESULT_CONTENT_TYPES,
  RESULT_FORMATS,
  type ResultFormat,
  type ResultRequest,
  renderResult,
} from './render.ts'

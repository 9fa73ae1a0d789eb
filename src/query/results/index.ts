export {
  RESULT_CONTENT_TYPES,
  RESULT_FORMATS,
  type ResultFormat,
  type ResultRequest,
  renderResult,
} from './render.ts'
export { writeResult } from './write.ts'

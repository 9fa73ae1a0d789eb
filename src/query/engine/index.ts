export { type EngineSettings, readEngineSettings } from './config.ts'
export { engineErrors } from './errors.ts'
export { createEnginePool, type EnginePoolOptions } from './pool.ts'
export type * from './types.ts'

export { type LoadSettings, readLoadSettings } from './config.ts'
export { loadErrors } from './errors.ts'
export { createLoader, type LoaderOptions } from './loader.ts'
export type { LoadReason } from './types.ts'

export * from './errors.ts'
export { createLocalStore, freeBytes } from './local.ts'
export type * from './types.ts'

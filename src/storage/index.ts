export * from './errors.ts'
export { createLocalStore, freeBytes } from './local.ts'
export { mendObjects } from './mend.ts'
export type * from './types.ts'

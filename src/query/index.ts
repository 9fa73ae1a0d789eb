export type * from './engine/types.ts'
export * from './errors.ts'
export * from './presto-type.ts'

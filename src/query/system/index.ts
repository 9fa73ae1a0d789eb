export { SYSTEM_LIMITS, writeSystemTables } from './files.ts'
export { withSystemTables } from './lookup.ts'
export { SYSTEM_TABLES, type SystemTableEntry } from './tables.ts'
export type * from './types.ts'

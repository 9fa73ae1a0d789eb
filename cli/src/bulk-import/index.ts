/** Bulk import sessions: `bulk_import:…`. */
export { bulkImportCommands } from './commands.ts'

import { defineSettings } from '../kernel/index.ts'

const MEBIBYTE = 1024 * 1024

export const readBulkImportSettings = defineSettings('bulk import', {
  partBytes: {
    env: 'MILLRACE_BULK_IMPORT_PART_BYTES',
    type: 'integer',
    default: 4 * 1024 * MEBIBYTE,
    least: 1,
    help: 'Largest part of a bulk import session, as uploaded. Parts are never held in memory.',
  },
  partExpandedBytes: {
    env: 'MILLRACE_BULK_IMPORT_PART_EXPANDED_BYTES',
    type: 'integer',
    default: 64 * 1024 * MEBIBYTE,
    least: 1,
    help: 'Most bytes one part may expand to; a part that expands further is an error part, of which nothing is stored.',
  },
  chunkRows: {
    env: 'MILLRACE_BULK_IMPORT_CHUNK_ROWS',
    type: 'integer',
    default: 1_000_000,
    least: 1,
    help: 'Rows of a bulk import after which a further chunk is begun.',
  },
  chunkBytes: {
    env: 'MILLRACE_BULK_IMPORT_CHUNK_BYTES',
    type: 'integer',
    default: 64 * MEBIBYTE,
    least: 1,
    help: 'Expanded bytes of a bulk import after which a further chunk is begun: bounds the memory of the job.',
  },
  maxColumns: {
    env: 'MILLRACE_BULK_IMPORT_MAX_COLUMNS',
    type: 'integer',
    default: 4096,
    least: 1,
    most: 4096,
    help: 'Columns of a table that a bulk import may fill; the values of further keys go, as JSON, to the column _overflow.',
  },
  errorBytes: {
    env: 'MILLRACE_BULK_IMPORT_ERROR_BYTES',
    type: 'integer',
    default: 16 * MEBIBYTE,
    least: 0,
    help: 'Bytes of refused records that one perform keeps for bulk_import/error_records; more are counted but not kept.',
  },
  retentionDays: {
    env: 'MILLRACE_BULK_IMPORT_RETENTION_DAYS',
    type: 'integer',
    default: 30,
    least: 1,
    most: 3650,
    help: 'Sessions that nothing was done with for so long are deleted, with their parts. What was committed stays.',
  },
})
export type BulkImportSettings = ReturnType<typeof readBulkImportSettings>

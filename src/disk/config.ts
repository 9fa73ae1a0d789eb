import { defineSettings } from '../kernel/index.ts'

const MEGABYTE = 1024 * 1024

export const readDiskSettings = defineSettings('disk', {
  tempFreeBytes: {
    env: 'MILLRACE_DISK_TEMP_FREE_BYTES',
    type: 'integer',
    default: 1536 * MEGABYTE,
    least: 0,
    help: 'Below so many free bytes queries get no temporary disk. These four must not rise from one to the next; 0 switches a stage off.',
  },
  resultsFreeBytes: {
    env: 'MILLRACE_DISK_RESULTS_FREE_BYTES',
    type: 'integer',
    default: 1024 * MEGABYTE,
    least: 0,
    help: 'Below so many free bytes no job begins; queued ones wait.',
  },
  compactionFreeBytes: {
    env: 'MILLRACE_DISK_COMPACTION_FREE_BYTES',
    type: 'integer',
    default: 768 * MEGABYTE,
    least: 0,
    help: 'Below so many free bytes no chunks are merged.',
  },
  importsFreeBytes: {
    env: 'MILLRACE_DISK_IMPORTS_FREE_BYTES',
    type: 'integer',
    default: 512 * MEGABYTE,
    least: 0,
    help: 'Below so many free bytes imports and events are answered 503 with Retry-After.',
  },
  reserveBytes: {
    env: 'MILLRACE_DISK_RESERVE_BYTES',
    type: 'integer',
    default: 64 * MEGABYTE,
    least: 0,
    help: 'Size of the filled file that is removed when less than half of this is free, so that the database and the journals find room; 0 makes none.',
  },
})
export type DiskSettings = ReturnType<typeof readDiskSettings>

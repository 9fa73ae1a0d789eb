import { defineSettings } from '../kernel/index.ts'

export const readSpoolSettings = defineSettings('spool', {
  segmentBytes: {
    env: 'MILLRACE_SPOOL_SEGMENT_BYTES',
    type: 'integer',
    default: 64 * 1024 * 1024,
    least: 64 * 1024,
    most: 1024 * 1024 * 1024,
    help: 'Size of a spool segment file. Each is filled with zeros once and then used again and again.',
  },
  quotaBytes: {
    env: 'MILLRACE_SPOOL_QUOTA_BYTES',
    type: 'integer',
    default: 10 * 1024 * 1024 * 1024,
    least: 64 * 1024,
    help: 'Accepted but not yet loaded bytes per spool, beyond which imports are answered 503.',
  },
  reserveBytes: {
    env: 'MILLRACE_SPOOL_RESERVE_BYTES',
    type: 'integer',
    default: 512 * 1024 * 1024,
    least: 0,
    help: 'Free disk space the spool leaves to others: it makes no new segment that would go below.',
  },
  spareSegments: {
    env: 'MILLRACE_SPOOL_SPARE_SEGMENTS',
    type: 'integer',
    default: 2,
    least: 1,
    most: 64,
    help: 'How many used segment files are kept for use again; more are removed.',
  },
})
export type SpoolSettings = ReturnType<typeof readSpoolSettings>

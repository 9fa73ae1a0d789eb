import { defineSettings } from '../kernel/index.ts'

export const readArchiveSettings = defineSettings('archive', {
  mergeSeconds: {
    env: 'MILLRACE_MERGE_SECONDS',
    type: 'integer',
    default: 5,
    least: 1,
    most: 3_600,
    help: 'How often the archivist looks for chunks to merge when there was nothing to do.',
  },
  quietSeconds: {
    env: 'MILLRACE_MERGE_QUIET_SECONDS',
    type: 'integer',
    default: 120,
    least: 0,
    help: 'An hour that is over is merged for good once no chunk has come into it for so long.',
  },
  leastRows: {
    env: 'MILLRACE_MERGE_LEAST_ROWS',
    type: 'integer',
    default: 100_000,
    least: 1,
    help: 'An hour of a table with fewer rows shares its chunk with its day, a day with its month, and so on.',
  },
  chunkBytes: {
    env: 'MILLRACE_MERGE_CHUNK_BYTES',
    type: 'integer',
    default: 128 * 1024 * 1024,
    least: 1,
    help: 'An archive chunk of this size, or of a million rows, is not merged again.',
  },
  memoryMegabytes: {
    env: 'MILLRACE_MERGE_MEMORY_MB',
    type: 'integer',
    default: 512,
    least: 64,
    help: 'Memory a merge may use before it sorts on disk, in MB.',
  },
  threads: {
    env: 'MILLRACE_MERGE_THREADS',
    type: 'integer',
    default: 1,
    least: 1,
    most: 256,
    help: 'Threads a merge may use.',
  },
  mostChunksPerHour: {
    env: 'MILLRACE_MERGE_MOST_CHUNKS',
    type: 'integer',
    default: 500,
    least: 32,
    help: 'Unmerged chunks of one table and hour beyond which merging is behind: an alarm is raised and loaders make fewer, larger chunks.',
  },
  mostBacklogSeconds: {
    env: 'MILLRACE_MERGE_MOST_BACKLOG_SECONDS',
    type: 'integer',
    default: 3_600,
    least: 1,
    help: 'Age of an hour that is over and still not merged beyond which merging is behind.',
  },
  sweepSeconds: {
    env: 'MILLRACE_ARCHIVE_SWEEP_SECONDS',
    type: 'integer',
    default: 300,
    least: 1,
    most: 86_400,
    help: 'How often rows past expire_days, tables past their undo window, retired chunks and orphaned files are looked for.',
  },
  keepRetiredMinutes: {
    env: 'MILLRACE_KEEP_RETIRED_MINUTES',
    type: 'integer',
    default: 1_440,
    // A node that is cut off reads its own snapshot for up to an hour.
    least: 70,
    help: 'The backup horizon: files of merged, deleted or expired chunks stay so long, so that a backup of the catalog up to this age finds its files. They cost disk space meanwhile.',
  },
  orphanMinutes: {
    env: 'MILLRACE_ORPHAN_MINUTES',
    type: 'integer',
    default: 60,
    least: 0,
    help: 'A file that nobody owns and the catalog does not name is removed when it is at least this old.',
  },
})
export type ArchiveSettings = ReturnType<typeof readArchiveSettings>

/** Beyond these an archive chunk is cut or settled; not settings, because plans of queries rely on their order of magnitude. */
export const MERGE_LIMITS = {
  fanIn: 32,
  settledRows: 1_000_000,
  mostRows: 5_000_000,
  mostSources: 512,
  rowGroupRows: 122_880,
} as const

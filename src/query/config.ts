import { defineSettings } from '../kernel/index.ts'

export const readQuerySettings = defineSettings('query', {
  memoryMegabytes: {
    env: 'MILLRACE_QUERY_MEMORY_MB',
    type: 'integer',
    default: 2048,
    least: 128,
    help: 'Most memory one query may use, in MB; beyond it the query fails with EXCEEDED_LOCAL_MEMORY_LIMIT.',
  },
  threads: {
    env: 'MILLRACE_QUERY_THREADS',
    type: 'integer',
    default: 2,
    least: 1,
    most: 256,
    help: 'Threads one query may use.',
  },
  cpuSeconds: {
    env: 'MILLRACE_QUERY_CPU_SECONDS',
    type: 'integer',
    default: 21_600,
    least: 1,
    help: 'Most processor time of one query, in seconds; beyond it the query fails with EXCEEDED_CPU_LIMIT.',
  },
  wallSeconds: {
    env: 'MILLRACE_QUERY_WALL_SECONDS',
    type: 'integer',
    default: 21_600,
    least: 1,
    help: 'Longest run of one query, in seconds; beyond it the query fails with EXCEEDED_TIME_LIMIT.',
  },
  tempMegabytes: {
    env: 'MILLRACE_QUERY_TEMP_MB',
    type: 'integer',
    default: 20_480,
    least: 16,
    help: 'Most temporary disk one query may use for what does not fit its memory, in MB.',
  },
})
export type QuerySettings = ReturnType<typeof readQuerySettings>

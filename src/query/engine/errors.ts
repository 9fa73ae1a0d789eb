import { errorTable } from '../../kernel/index.ts'

export const engineErrors = errorTable('engine', {
  engine_lost: {
    status: 503,
    advice: 'retry',
    message: (d) => `the engine process ended unexpectedly: ${d}`,
    help: 'The process that ran the query was killed (often by the kernel for want of memory) or crashed. Run it again.',
  },
  engine_unavailable: {
    status: 503,
    advice: 'retry',
    message: (d) => `no engine process can be started: ${d}`,
    help: 'The machine refuses new processes, or the engine package is damaged; the log of the worker tells.',
  },
  chunk_unreadable: {
    status: 503,
    advice: 'retry',
    message: (d) => `a chunk of the table cannot be read: ${d}`,
    help: 'A Parquet file that the catalog names is missing or damaged. `millrace fsck` lists such files.',
  },
})

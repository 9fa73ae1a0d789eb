import { errorTable } from '../kernel/index.ts'

export const writeErrors = errorTable('writes', {
  attempt_over: {
    status: 503,
    advice: 'retry',
    message: (job) => `job ${job} is not this attempt’s any more`,
    help: 'The worker was taken for lost, and another attempt runs. Nothing was changed by this one.',
  },
  rows_miscounted: {
    status: 500,
    advice: 'final',
    message: (d) => `rows written are not the rows selected: ${d}`,
    help: 'Nothing was stored. This is a fault of the engine or of a disk; keep the statement and run fsck.',
  },
})

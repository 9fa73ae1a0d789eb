import { errorTable } from '../kernel/index.ts'

export const diskErrors = errorTable('disk', {
  disk_short: {
    status: 503,
    advice: 'retry',
    retryAfterSeconds: 10,
    message: (d) => `the disk is almost full: ${d}`,
    help: 'Free space has fallen below MILLRACE_DISK_IMPORTS_FREE_BYTES. Nothing was stored; send again. It recovers by itself when there is room.',
  },
})

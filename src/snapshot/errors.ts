import { errorTable } from '../kernel/index.ts'

export const snapshotErrors = errorTable('snapshot', {
  snapshot_damaged: {
    status: 503,
    advice: 'retry',
    message: (d) => `the local snapshot cannot be read: ${d}`,
    help: 'A file under snapshot/ is not as it was written. Core writes a new one as soon as it can reach the database.',
  },
  snapshot_unwritable: {
    status: 503,
    advice: 'retry',
    message: (d) => `the local snapshot cannot be written: ${d}`,
    help: 'The disk of the data directory refuses writes; nothing that takes something away can be done until it accepts them.',
  },
})

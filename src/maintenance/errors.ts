import { errorTable } from '../kernel/index.ts'

export const maintenanceErrors = errorTable('maintenance', {
  journal_damaged: {
    status: 500,
    advice: 'final',
    message: (d) => `the journal of the maintenance is damaged: ${d}`,
    help: 'A line in the middle of the journal is not what was written, so nobody knows how far the maintenance came. Compare the file with its copy in the backup before going on by hand.',
  },
  journal_refused: {
    status: 503,
    advice: 'final',
    message: (d) => `the journal of the maintenance cannot be written: ${d}`,
    help: 'No step is taken that is not on disk before. Make room on the disk of the journal, then resume the maintenance.',
  },
  order_refused: {
    status: 409,
    advice: 'final',
    message: (d) => `the maintenance cannot do that now: ${d}`,
    help: 'Each state of a maintenance allows some orders only; millrace maintenance status shows the state.',
  },
})

import { errorTable } from '../kernel/index.ts'

/** Refusals that are no fault of the query: the job is tried again or says so. */
export const queryErrors = errorTable('query', {
  permission_unknown: {
    status: 503,
    advice: 'retry',
    message: (d) => `whether database '${d}' may be read cannot be checked at the moment`,
    help: 'The main database is away and the snapshot does not say; the query runs when the database is back.',
  },
  snapshot_incomplete: {
    status: 503,
    advice: 'retry',
    message: (d) => `the snapshot cannot answer this query: ${d}`,
    help: 'The main database is away and the snapshot lacks what the query reads; it runs when the database is back.',
  },
})

import { errorTable } from '../kernel/index.ts'

/** Refusals that are no fault of the query: the job is tried again or says so. */
export const queryErrors = errorTable('query', {
  snapshot_incomplete: {
    status: 503,
    advice: 'retry',
    message: (d) => `the snapshot cannot answer this query: ${d}`,
    help: 'The main database is away and the snapshot lacks what the query reads; it runs when the database is back.',
  },
})

import { errorTable } from '../kernel/index.ts'

export const jobErrors = errorTable('jobs', {
  job_unknown: {
    status: 404,
    advice: 'final',
    message: (d) => `job ${d} does not exist`,
    help: 'The job was looked up in the main database and is not there, or belongs to another account.',
  },
  job_away: {
    status: 503,
    advice: 'retry',
    message: (d) => `nothing is known about job ${d} while the main database is away, retry later`,
    help: 'The main database is away and neither the snapshot nor the local journals hold the job. It is not lost; ask again.',
  },
  type_not_offered: {
    status: 400,
    advice: 'final',
    message: (d) => `type ${d} is not offered yet`,
    help: 'No engine of this server runs jobs of that type. Use presto or trino.',
  },
  output_not_offered: {
    status: 400,
    advice: 'final',
    message: () => 'result output is not offered yet',
    help: 'Leave the result URL empty and download the result.',
  },
  query_missing: {
    status: 422,
    advice: 'final',
    message: () => 'parameter query is required',
    help: 'A query job needs the text of the query.',
  },
  query_too_long: {
    status: 422,
    advice: 'final',
    message: (d) => `the query has ${d} characters; 1,000,000 are allowed`,
    help: 'Send the data as a table and join it, instead of writing it into the text.',
  },
  domain_key_used: {
    status: 409,
    advice: 'final',
    message: (d) => `domain_key was used before, by job ${d}`,
    help: 'One key starts one job. details.conflicts_with names the job that was started with it.',
  },
  account_queue_full: {
    status: 429,
    advice: 'retry',
    message: (d) =>
      `the account has ${d} jobs waiting, which is as many as it may; retry when some have begun`,
    help: 'MILLRACE_JOBS_ACCOUNT_QUEUE limits how many jobs of one account wait. Let some begin, or kill those that nobody needs. Nothing was accepted.',
    retryAfterSeconds: 10,
  },
  queue_full: {
    status: 503,
    advice: 'retry',
    message: (d) => `no more jobs can be accepted while the main database is away: ${d}`,
    help: 'The ids reserved for an absence are used up, or the local queue cannot be written. Retry after the maintenance.',
  },
  id_taken: {
    status: 500,
    advice: 'final',
    message: (d) => `the number ${d} of an accepted job belongs to another job`,
    help: 'The main database was restored from a backup and gave the number anew. The job stays in the local queue; issue its query again, then remove it from queue.jsonl.',
  },
  step_refused: {
    status: 409,
    advice: 'final',
    message: (d) => `a job cannot ${d}`,
    help: 'The job is in a state in which this cannot happen; usually it has just ended.',
  },
  no_result: {
    status: 404,
    advice: 'final',
    message: (d) => `job ${d} has no result`,
    help: 'The job is not finished, or it ended without rows to download.',
  },
  result_expired: {
    status: 404,
    advice: 'final',
    message: (d) => `the result of job ${d} has been removed`,
    help: 'Results are kept for a limited time; run the query again.',
  },
  range_unsatisfiable: {
    status: 416,
    advice: 'final',
    message: (d) => `the range lies outside the result of ${d} bytes`,
    help: 'The Range header asks for bytes beyond the end of the result.',
  },
})

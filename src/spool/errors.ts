import { errorTable } from '../kernel/index.ts'

export const spoolErrors = errorTable('spool', {
  spool_full: {
    status: 503,
    advice: 'retry',
    retryAfterSeconds: 10,
    message: (d) => `no room to accept data right now: ${d}`,
    help: 'The spool has reached its quota, the disk its reserve, or the disk does not keep up. Nothing was stored; send again. It recovers by itself when the loader has caught up or space is free.',
  },
  spool_failed: {
    status: 503,
    advice: 'retry',
    retryAfterSeconds: 5,
    message: () => 'the spool failed and its process is being restarted',
    help: 'Writing or syncing the spool failed, so what the disk holds is not certain. The process ends and starts again from what is really on disk; the request was not acknowledged. Look at the disk.',
  },
  spool_closed: {
    status: 503,
    advice: 'retry',
    retryAfterSeconds: 1,
    message: () => 'this process is ending',
    help: 'The request arrived while its process was being stopped. Nothing was stored; send again.',
  },
  spool_busy: {
    status: 503,
    advice: 'retry',
    message: (d) => `another process writes to this spool: ${d}`,
    help: 'Two processes were started with the same spool name, or the previous one has not ended yet.',
  },
  spool_second_copy: {
    status: 503,
    advice: 'retry',
    message: (d) => `the second copy of the spool cannot be kept: ${d}`,
    help: 'With MILLRACE_DURABILITY=local-twice nothing is acknowledged that is not on both disks. Mend the second disk; or, to go on with one, set MILLRACE_DURABILITY=local and restart.',
  },
  spool_record_too_large: {
    status: 413,
    advice: 'final',
    message: (d) => `too large for the spool: ${d}`,
    help: 'A single request body may have at most 64 MiB. Send smaller chunks.',
  },
  spool_format_unknown: {
    status: 500,
    advice: 'final',
    message: (d) => `the spool was written by a newer release: ${d}`,
    help: 'Start the newer release again until the spool is empty. Nothing was changed.',
  },
  spool_position_invalid: {
    status: 500,
    advice: 'final',
    message: (d) => `not a spool position: '${d}'`,
    help: 'A stored spool position is not of the form generation:offset. Look at the row of spool_positions.',
  },
})

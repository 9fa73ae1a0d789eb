import { errorTable } from '../kernel/index.ts'

export const databaseErrors = errorTable('database', {
  write_outcome_unknown: {
    status: 503,
    advice: 'retry',
    message: (d) =>
      `the connection broke while the write was being committed, and the main database could not be asked in time whether it was stored${d === '' ? '' : `: ${d}`}`,
    help: 'The write was stored once or not at all. Look whether it is there before sending it again, or send it again with the same id where the protocol has one.',
  },
  operation_repeated: {
    status: 409,
    advice: 'final',
    message: (d) => `this operation was committed before: ${d}`,
    help: 'A write with an operation id of its own was sent a second time. Its effect is stored, once; nothing was changed now.',
  },
  operation_under_way: {
    status: 503,
    advice: 'retry',
    message: (d) => `the same operation is still being carried out: ${d}`,
    help: 'Another transaction with this operation id has not ended yet. Nothing was changed by this one; send it again.',
  },
  database_busy: {
    status: 503,
    advice: 'retry',
    message: (d) => `the main database could not do this in time: ${d}`,
    help: 'The statement took too long, was cancelled, or lost against others each time it was tried. Nothing was changed.',
  },
  database_full: {
    status: 503,
    advice: 'retry',
    retryAfterSeconds: 60,
    message: (d) => `the main database has no space or memory left: ${d}`,
    help: 'Nothing was changed. The operator must free space on the volume of the main database.',
  },
  not_a_read: {
    status: 500,
    advice: 'final',
    message: (d) => `a statement that may change something was given to read(): ${d}`,
    help: 'A fault in Millrace itself: only write() may change anything, because only it survives a lost reply.',
  },
  extension_missing: {
    status: 500,
    advice: 'final',
    message: (d) =>
      `the PostgreSQL server cannot offer the extension btree_gist (${d}). Install the contrib package of the server (Debian: postgresql-<major>-contrib or postgresql-contrib), or let an administrator run CREATE EXTENSION btree_gist in this database, then start again`,
    help: 'Millrace finds the chunks of a time range through a GiST index; PostgreSQL brings the extension btree_gist for it in its contrib modules.',
  },
  schema_too_new: {
    status: 500,
    advice: 'final',
    message: (d) => `the schema of the main database is newer than this version of Millrace allows: ${d}`,
    help: 'A newer version has applied a breaking migration. Start that version or a newer one.',
  },
  migration_changed: {
    status: 500,
    advice: 'final',
    message: (d) => `a migration that was applied has been changed since: ${d}`,
    help: 'Applied migrations are never edited. Use the unchanged files of a released version.',
  },
  migration_failed: {
    status: 500,
    advice: 'final',
    message: (d) => `a migration could not be applied: ${d}`,
    help: 'The transaction of that file was rolled back; the message of PostgreSQL says why.',
  },
  postgres_missing: {
    status: 500,
    advice: 'final',
    message: (d) => `the embedded PostgreSQL is not installed: ${d}`,
    help: 'Install the dependencies again with optional packages (npm ci), or name an external server with MILLRACE_DATABASE_URL.',
  },
  postgres_failed: {
    status: 500,
    advice: 'final',
    message: (d) => `the embedded PostgreSQL could not be started: ${d}`,
    help: 'The end of its own log is in the message; the whole of it is in postgres.log in the data directory. The data is never deleted.',
  },
  data_directory_unreachable: {
    status: 500,
    advice: 'final',
    message: (d) => `the user under which PostgreSQL runs cannot reach its directory: ${d}`,
    help: 'PostgreSQL refuses to run as root and runs as millrace, postgres or nobody; every directory above its own must let that user pass (chmod o+x), or choose another with --data-dir.',
  },
})

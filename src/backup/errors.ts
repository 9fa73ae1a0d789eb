import { errorTable } from '../kernel/index.ts'

export const backupErrors = errorTable('backup', {
  backup_target_unusable: {
    status: 400,
    advice: 'final',
    message: (d) => `backups cannot be kept there: ${d}`,
    help: 'Name a directory that exists or can be made, outside the data directory and better on another disk.',
  },
  backup_not_found: {
    status: 404,
    advice: 'final',
    message: (d) => `no such backup: ${d}`,
    help: 'A backup is a directory with a manifest.json in it; `millrace verify DIR` lists those of a place. A backup that was broken off has none.',
  },
  backup_damaged: {
    status: 500,
    advice: 'final',
    message: (d) => `the backup is damaged: ${d}`,
    help: 'What is in the backup is not what was written. Take another backup of the place; nothing was restored.',
  },
  backup_incomplete: {
    status: 500,
    advice: 'retry',
    message: (d) => `objects were removed while the backup was being taken: ${d}`,
    help: 'The backup took longer than removed chunks are kept. Raise the backup horizon (see the settings), then take it again.',
  },
  backup_running: {
    status: 409,
    advice: 'retry',
    message: (d) => `a backup is being taken already: ${d}`,
    help: 'One at a time. Wait for it to end.',
  },
  restore_target_in_use: {
    status: 409,
    advice: 'final',
    message: (d) => `there is something already: ${d}`,
    help: 'A backup is restored into an empty data directory (and, with an external main database, into an empty database) only, so that nothing can be lost by it.',
  },
  restore_schema_unknown: {
    status: 409,
    advice: 'final',
    message: (d) => `the backup was taken by a newer version: ${d}`,
    help: 'Restore it with the version that took it, or a newer one; then upgrade.',
  },
})

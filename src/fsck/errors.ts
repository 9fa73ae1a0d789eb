import { errorTable } from '../kernel/index.ts'

export const fsckErrors = errorTable('fsck', {
  fsck_running: {
    status: 409,
    advice: 'retry',
    message: () => 'a check is running already',
    help: 'One at a time. Wait for it to end.',
  },
  rebuild_target_in_use: {
    status: 409,
    advice: 'final',
    message: (d) => `there is a catalog already: ${d}`,
    help: 'A catalog is rebuilt into an empty main database only, so that nothing can be lost by it. Move the directory `postgres` away first, or name an empty database. When an earlier rebuild had come to its end, start it, and make a key with `millrace key:create`.',
  },
  rebuild_nothing_found: {
    status: 404,
    advice: 'final',
    message: (d) => `there are no chunks to make a catalog from: ${d}`,
    help: 'Name the data directory whose objects are to be read. One without chunks needs no catalog: start it.',
  },
})

import { errorTable } from '../kernel/index.ts'

export const storageErrors = errorTable('storage', {
  storage_full: {
    status: 503,
    advice: 'retry',
    retryAfterSeconds: 30,
    message: (d) => `the object store has no room left: ${d}`,
    help: 'The disk (or quota) under the data directory is full. Nothing was stored; free space, then the caller repeats.',
  },
  object_exists: {
    status: 409,
    advice: 'final',
    message: (d) => `object ${d} is already stored and objects never change`,
    help: 'Two writers chose the same object path. The stored object is untouched.',
  },
  object_missing: {
    status: 404,
    advice: 'final',
    message: (d) => `object ${d} is not in the store`,
    help: 'The object was removed, or the data directory is not the one that holds it.',
  },
  parquet_unreadable: {
    status: 500,
    advice: 'final',
    message: (d) => `not a whole Parquet file: ${d}`,
    help: 'The file was cut, overwritten or is of another kind. `millrace fsck --deep` names all such files; see the runbook "A chunk is missing".',
  },
  object_path_refused: {
    status: 400,
    advice: 'final',
    message: (d) => `not an object path: ${d}`,
    help: 'Object paths are relative, use /, and have no empty, hidden or parent segments.',
  },
})

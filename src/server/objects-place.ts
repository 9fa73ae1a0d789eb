import { closeSync, fsyncSync, lstatSync, mkdirSync, openSync, realpathSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { serverErrors } from './errors.ts'

/**
 * Puts the objects of a data directory elsewhere: `objects` in it becomes a link to `place`, made once and durable. Everybody goes
 * through the link, so that commands which do not know the setting find the objects as well. Without a place nothing changes: a
 * directory that has the link keeps it. Only the supervisor calls it, which holds the directory's lock.
 * @throws data_directory_unusable (final) when there are objects in the data directory itself, or in another place
 */
export function placeObjects(dataDir: string, place: string | undefined): void {
  if (place === undefined) return
  const link = join(dataDir, 'objects')
  try {
    mkdirSync(place, { recursive: true, mode: 0o700 })
    const wanted = realpathSync(place)
    if (lstatSync(link, { throwIfNoEntry: false }) === undefined) {
      symlinkSync(wanted, link)
      syncDirectorySync(wanted)
      syncDirectorySync(resolve(dataDir))
    }
    const found = realpathSync(link)
    if (found !== wanted)
      throw new Error(`its objects are in ${found}, and MILLRACE_OBJECTS_DIR says ${wanted}`)
  } catch (error) {
    throw serverErrors.data_directory_unusable(`${dataDir}: ${(error as Error).message}`, error)
  }
}

function syncDirectorySync(directory: string): void {
  const fd = openSync(directory, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

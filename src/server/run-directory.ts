import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { serverErrors } from './errors.ts'

/**
 * A short directory for Unix sockets, the same for every start on a data directory. Socket paths are limited to 107
 * bytes, which a data directory's own path may exceed. Its name can be guessed and `/tmp` is everybody's, so one that
 * somebody else put there is not used. @throws data_directory_unusable (final)
 */
export function runDirectory(dataDir: string, uid = process.getuid?.() ?? 0): string {
  const tag = createHash('sha256').update(resolve(dataDir)).digest('hex').slice(0, 10)
  const path =
    uid === 0 ? join('/run', `millrace-${tag}`) : join(shortTemporaryDirectory(), `millrace-${uid}-${tag}`)
  mkdirSync(path, { recursive: true, mode: 0o711 })
  const found = lstatSync(path)
  if (!found.isDirectory() || found.uid !== uid)
    throw serverErrors.data_directory_unusable(`${path} for its sockets belongs to somebody else`)
  // Others may pass through (PostgreSQL runs under its own uid as root) but not look; sockets have their own modes.
  chmodSync(path, 0o711)
  return path
}

function shortTemporaryDirectory(): string {
  const directory = tmpdir()
  return directory.length <= 60 ? directory : '/tmp'
}

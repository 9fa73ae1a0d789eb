import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/**
 * A short directory for Unix sockets, the same for every start on a data directory. Socket paths are limited to 107
 * bytes, which a data directory's own path may exceed.
 */
export function runDirectory(dataDir: string, uid = process.getuid?.() ?? 0): string {
  const tag = createHash('sha256').update(resolve(dataDir)).digest('hex').slice(0, 10)
  const path =
    uid === 0 ? join('/run', `millrace-${tag}`) : join(shortTemporaryDirectory(), `millrace-${uid}-${tag}`)
  mkdirSync(path, { recursive: true, mode: 0o711 })
  // Others may pass through (PostgreSQL runs under its own uid as root) but not look; sockets have their own modes.
  chmodSync(path, 0o711)
  return path
}

function shortTemporaryDirectory(): string {
  const directory = tmpdir()
  return directory.length <= 60 ? directory : '/tmp'
}

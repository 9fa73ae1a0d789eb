import { chmodSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs'

const PLACE = '/dev/shm'
const NEEDED_BYTES = 4 * 2 ** 30

/**
 * A temporary directory in memory, removed when this process ends; undefined where there is none large enough or nothing may be executed
 * in it. Most of what tests write is thrown away seconds later, and a slow disk would be what they measure.
 */
export function roomInMemory(): string | undefined {
  if (process.platform !== 'linux' || !isFit()) return undefined
  const room = mkdtempSync(`${PLACE}/mr-`)
  // PostgreSQL under its own user passes through.
  chmodSync(room, 0o1777)
  process.once('exit', () => rmSync(room, { recursive: true, force: true, maxRetries: 3 }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  return room
}

function isFit(): boolean {
  const mount = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .findLast(([, place]) => place === PLACE)
  if (mount === undefined || /\b(noexec|ro)\b/.test(mount[3]!)) return false
  const { bavail, bsize } = statfsSync(PLACE)
  return bavail * bsize >= NEEDED_BYTES
}

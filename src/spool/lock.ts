import { linkSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { spoolErrors } from './errors.ts'

/** Start time of a process as the kernel counts it: a number used again by another process does not match. */
function startOf(pid: number): string {
  try {
    const afterName = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return afterName[0] === 'Z' ? 'ended' : (afterName[19] ?? '')
  } catch {
    // No /proc (macOS) or no such process: `isAlive` decides by the number alone.
    return ''
  }
}

function isAlive(pid: number, start: string): boolean {
  if (!(pid > 0) || pid === process.pid) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  return startOf(pid) === start
}

const held = new Set<string>()

/**
 * Makes this process the only writer of the spool; returns what gives it up. Whoever dies without giving it up is recognised
 * by process number and start time. @throws spool_busy (503, retry)
 */
export function lockSpool(directory: string): () => void {
  const path = join(directory, 'writer.lock')
  if (held.has(path)) throw spoolErrors.spool_busy(`this process has ${directory} open already`)
  const beside = `${path}.${process.pid}`
  writeFileSync(beside, `${process.pid} ${startOf(process.pid)}`, { mode: 0o600 })
  try {
    for (let tries = 0; !linkedAs(beside, path); tries++) {
      if (tries === 3) throw spoolErrors.spool_busy(path)
      removeStale(path)
    }
  } finally {
    unlinkSync(beside)
  }
  held.add(path)
  return () => {
    held.delete(path)
    unlinkSync(path)
  }
}

/** Appears under its name with its content, or not at all. */
function linkedAs(beside: string, path: string): boolean {
  try {
    linkSync(beside, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function removeStale(path: string): void {
  try {
    const [pid = '0', start = ''] = readFileSync(path, 'utf8').split(' ')
    if (isAlive(Number(pid), start)) throw spoolErrors.spool_busy(`process ${pid}`)
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

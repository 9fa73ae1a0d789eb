import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { serverErrors } from './errors.ts'

type Holder = { pid: number; startedAt: string; startTicks: string; host: string }

/**
 * Takes the data directory for this process; returns the release. The lock is a file naming its holder; one whose
 * process is gone, or whose pid now belongs to another process, is stale and is taken over.
 * @throws already_running (final) naming the holder
 */
export function lockDataDirectory(dataDir: string, { now, host }: { now: Date; host: string }): () => void {
  const path = join(dataDir, 'lock.json')
  const mine: Holder = {
    pid: process.pid,
    startedAt: now.toISOString(),
    startTicks: startTicksOf(process.pid) ?? '',
    host,
  }
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, JSON.stringify(mine), { mode: 0o600 })
  try {
    while (!tryLink(draft, path)) removeIfStale(path, host)
  } finally {
    unlinkSync(draft)
  }
  return () => {
    if (read(path)?.pid === process.pid) unlinkSync(path)
  }
}

/** The holder of the data directory's lock when it is alive: for commands that talk to a running server. */
export function runningHolder(dataDir: string, host: string): { pid: number; startedAt: string } | undefined {
  const holder = read(join(dataDir, 'lock.json'))
  return holder && isAlive(holder, host) ? holder : undefined
}

// link(2) fails when the name exists and never shows a half-written file.
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function removeIfStale(path: string, host: string): void {
  const holder = read(path)
  if (holder === undefined) return
  if (isAlive(holder, host)) {
    throw serverErrors.already_running(
      `process ${holder.pid} on ${holder.host}, since ${holder.startedAt} (${path})`,
    )
  }
  const aside = `${path}.stale.${process.pid}`
  try {
    renameSync(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  // Someone quicker may have replaced the stale lock between our look and our rename: give theirs back.
  const moved = read(aside)
  if (moved && isAlive(moved, host)) tryLink(aside, path)
  unlinkSync(aside)
}

function read(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    // Damaged by a crash in the middle of a disk fault: nobody can hold a lock that names nobody.
    if (error instanceof SyntaxError) return { pid: 0, startedAt: 'unknown', startTicks: '', host: '' }
    throw error
  }
}

function isAlive(holder: Holder, host: string): boolean {
  if (holder.pid <= 0) return false
  // A shared volume: another host's process cannot be seen from here, so its word stands.
  if (holder.host !== host) return true
  const ticks = startTicksOf(holder.pid)
  if (ticks !== undefined) return holder.startTicks === '' || ticks === holder.startTicks
  if (process.platform === 'linux') return false
  try {
    process.kill(holder.pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** When the process started, in clock ticks since boot (Linux); tells a reused pid from the same process. */
function startTicksOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // A zombie holds nothing any more.
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}

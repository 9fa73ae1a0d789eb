import { readFileSync } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** A process beyond doubt: pids are given out again, together with the time of the start they are not. */
export type ProcessMark = {
  pid: number
  /** Clock ticks since boot (Linux); empty where the system does not tell. */
  startTicks: string
}

export function ownMark(): ProcessMark {
  return { pid: process.pid, startTicks: startTicksOf(process.pid) ?? '' }
}

/** Whether that very process runs on this machine. */
export function isAlive({ pid, startTicks }: ProcessMark): boolean {
  if (!(pid > 0)) return false
  const ticks = startTicksOf(pid)
  if (ticks !== undefined) return startTicks === '' || ticks === startTicks
  if (process.platform === 'linux') return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

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

/**
 * A directory of this process's own in `parent`, for files that mean nothing without the process that writes them. Whatever
 * there has no living owner is removed: what killed processes left.
 */
export async function ownDirectory(parent: string): Promise<string> {
  const { pid, startTicks } = ownMark()
  const own = `${pid}-${startTicks}`
  await mkdir(join(parent, own), { recursive: true, mode: 0o700 })
  for (const name of await readdir(parent)) {
    const [, ownerPid, ownerTicks] = /^(\d+)-(\d*)$/.exec(name) ?? []
    if (ownerPid !== undefined && isAlive({ pid: Number(ownerPid), startTicks: ownerTicks! })) continue
    await rm(join(parent, name), { recursive: true, force: true })
  }
  return join(parent, own)
}

import { readdir, readFile, readlink, rename } from 'node:fs/promises'
import { join } from 'node:path'

/** What PostgreSQL writes into postmaster.pid: line 1 pid, 2 data directory, 5 socket directory, 8 status. */
export type PidFile = { pid: number; dataDirectory: string; socketDirectory: string; ready: boolean }

export async function readPidFile(cluster: string): Promise<PidFile | undefined> {
  try {
    return parsePidFile(await readFile(join(cluster, 'postmaster.pid'), 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

export function parsePidFile(text: string): PidFile | undefined {
  const lines = text.split('\n').map((line) => line.trim())
  const pid = Math.abs(Number(lines[0]))
  if (!Number.isSafeInteger(pid) || pid < 2) return undefined
  return {
    pid,
    dataDirectory: lines[1] ?? '',
    socketDirectory: lines[4] ?? '',
    ready: lines[7] === 'ready',
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/**
 * Processes whose working directory is the cluster: the postmaster and its backends, and nobody else. undefined
 * where the system has no /proc to ask.
 */
export async function processesIn(cluster: string): Promise<number[] | undefined> {
  if (process.platform !== 'linux') return undefined
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const inside = await Promise.all(pids.map(async (pid) => (await cwdOf(pid)) === cluster))
  return pids.filter((_, i) => inside[i]).map(Number)
}

async function cwdOf(pid: string): Promise<string | undefined> {
  try {
    return await readlink(`/proc/${pid}/cwd`)
  } catch {
    // It has ended meanwhile, or is not ours to look into: then it is not our PostgreSQL either.
    return undefined
  }
}

/** The postmaster of this cluster when it is running; a pid that by now belongs to another program does not count. */
export async function runningPostmaster(cluster: string): Promise<PidFile | undefined> {
  const file = await readPidFile(cluster)
  if (file === undefined || !isAlive(file.pid)) return undefined
  const inside = await processesIn(cluster)
  return inside === undefined || inside.includes(file.pid) ? file : undefined
}

/**
 * Puts aside a pid file whose number was given to another program after a crash: PostgreSQL itself would refuse to
 * start. Only when no process at all works in the cluster.
 */
export async function putStalePidFileAside(cluster: string): Promise<void> {
  const file = await readPidFile(cluster)
  if (file === undefined || !isAlive(file.pid)) return
  const inside = await processesIn(cluster)
  if (inside?.length === 0)
    await rename(join(cluster, 'postmaster.pid'), join(cluster, 'postmaster.pid.stale'))
}

import { readFile } from 'node:fs/promises'

/** What a process has used so far. */
export type Usage = { cpuMs: number; rssBytes: number }

/** Linux counts CPU time in ticks of a hundredth of a second for programs (USER_HZ), whatever the kernel's own. */
const TICK_MS = 10
/** Pages of /proc/<pid>/stat's rss field; 4 KiB wherever Node runs but on some arm64 kernels, see `pageBytes`. */
let pageBytes: number | undefined

/**
 * CPU time and resident memory of another process, without its help: a process busy in native code cannot answer.
 * undefined where there is no /proc, or when the process has gone.
 */
export async function usageOf(pid: number): Promise<Usage | undefined> {
  const stat = await read(`/proc/${pid}/stat`)
  if (stat === undefined) return undefined
  pageBytes ??= await measurePage()
  // The command's name, in parentheses, may hold spaces: fields are counted behind it (proc(5): utime is the 14th).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return {
    cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS,
    rssBytes: Number(fields[21]) * pageBytes,
  }
}

async function measurePage(): Promise<number> {
  const smaps = await read('/proc/self/smaps')
  const size = /^KernelPageSize:\s+(\d+) kB/m.exec(smaps ?? '')?.[1]
  return size === undefined ? 4096 : Number(size) * 1024
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}

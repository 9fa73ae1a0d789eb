import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { totalmem } from 'node:os'
import type { Machine } from './types.ts'

/** The machine this runs on; what it does not tell is not known. */
export const thisMachine: Machine = {
  uid: process.getuid?.(),
  memoryBytes() {
    // 0 = no limit; a container without one may claim more than there is.
    const limit = process.constrainedMemory()
    return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
  },
  openFiles(pid) {
    const text = readIfThere(`/proc/${pid ?? 'self'}/limits`)
    const soft = /^Max open files\s+(\S+)\s+(\S+)/m.exec(text ?? '')?.[1]
    if (soft === undefined) return undefined
    return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
  },
  async diskOf(path) {
    const { bavail, bsize, ffree, files, type } = await statfs(path)
    // Some file systems make inodes as they need them, and say 0.
    return { freeBytes: bavail * bsize, freeInodes: files === 0 ? undefined : ffree, kind: type }
  },
  hasTimeZones() {
    try {
      const noon = new Date(Date.UTC(2024, 6, 1, 12))
      const hour = (timeZone: string) =>
        new Intl.DateTimeFormat('en', { timeZone, hour: 'numeric', hourCycle: 'h23' }).format(noon)
      return hour('Asia/Tokyo') === '21' && hour('America/Los_Angeles') === '05'
    } catch (error) {
      if (error instanceof RangeError) return false
      throw error
    }
  },
  listenerOf: (port) => {
    const inode = listeningInode(port)
    return inode === undefined ? undefined : holderOf(inode)
  },
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'EACCES', 'ESRCH', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined
    throw error
  }
}

/** proc(5): local address and port in hex, state 0A = listening, the inode tenth. */
function listeningInode(port: number): string | undefined {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of (readIfThere(table) ?? '').split('\n')) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
      if (state === '0A' && local?.endsWith(`:${hex}`)) return inode
    }
  }
  return undefined
}

function holderOf(inode: string): string | undefined {
  for (const pid of listed('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of listed(`/proc/${pid}/fd`)) {
      if (linkOf(`/proc/${pid}/fd/${fd}`) !== `socket:[${inode}]`) continue
      return `${readIfThere(`/proc/${pid}/comm`)?.trim() ?? 'a program'} (pid ${pid})`
    }
  }
  return undefined
}

function listed(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    // Of another user, or gone meanwhile: then its name stays unsaid.
    return []
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    // Closed meanwhile.
    return undefined
  }
}

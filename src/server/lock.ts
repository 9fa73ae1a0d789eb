import {
  closeSync,
  constants,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { isAlive, ownMark, randomIds } from '../kernel/index.ts'
import { serverErrors } from './errors.ts'
import { socketAnswers } from './socket-life.ts'

type Holder = {
  pid: number
  startedAt: string
  startTicks: string
  host: string
  /** Which running kernel: the same in all containers of a machine, another after a reboot. */
  bootId?: string
  /** File name of the socket its process listens on as long as it lives. */
  socket?: string
}

/** `unknown`: on another machine, which cannot be asked from here. */
type Verdict = 'alive' | 'gone' | 'unknown'

export type LockOptions = {
  now: Date
  host: string
  bootId?: string
  /** The operator's word that this host's Millrace is gone. */
  takeOverFrom?: string
}

/**
 * Takes the data directory for this process; returns the release. The lock is a file naming its holder and a socket in the same
 * directory, which only a living process of this machine answers, whatever container it is in. What a dead holder left is taken over; a
 * holder on another machine keeps it until the operator says that it is gone.
 * @throws already_running, held_elsewhere (final) naming the holder
 */
export async function lockDataDirectory(
  dataDir: string,
  { now, host, bootId = bootIdOfThisMachine(), takeOverFrom }: LockOptions,
): Promise<() => void> {
  const path = join(dataDir, 'lock.json')
  const sign = await openSignOfLife(dataDir)
  const mine: Holder = { ...ownMark(), startedAt: now.toISOString(), host, bootId, socket: sign?.name }
  const draft = `${path}.${process.pid}.${randomIds.hex128().slice(0, 8)}`
  writeFileSync(draft, JSON.stringify(mine), { mode: 0o600 })
  try {
    while (!tryLink(draft, path)) await removeIfGone(dataDir, path, { host, bootId, takeOverFrom })
  } catch (error) {
    sign?.close()
    throw error
  } finally {
    unlinkSync(draft)
  }
  await sweepSockets(dataDir, mine)
  return () => {
    const holder = read(path)
    if (holder?.pid === mine.pid && holder.startTicks === mine.startTicks) unlinkSync(path)
    sign?.close()
  }
}

/** The holder of the data directory's lock unless it is gone for certain: for commands that talk to a running server. */
export async function runningHolder(
  dataDir: string,
  host: string,
): Promise<{ pid: number; startedAt: string } | undefined> {
  const holder = read(join(dataDir, 'lock.json'))
  if (holder === undefined) return undefined
  const verdict = await verdictOn(dataDir, holder, { host, bootId: bootIdOfThisMachine() })
  return verdict === 'gone' ? undefined : holder
}

/** Who holds the data directory, without touching anything: for those who only look. */
export async function lockState(
  dataDir: string,
  host: string,
): Promise<{ verdict: 'none' | 'alive' | 'gone' | 'elsewhere'; pid: number; host: string }> {
  const holder = read(join(dataDir, 'lock.json'))
  if (holder === undefined) return { verdict: 'none', pid: 0, host: '' }
  const verdict = await verdictOn(dataDir, holder, { host, bootId: bootIdOfThisMachine() })
  return { verdict: verdict === 'unknown' ? 'elsewhere' : verdict, pid: holder.pid, host: holder.host }
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

type Here = { host: string; bootId: string | undefined; takeOverFrom?: string }

async function removeIfGone(dataDir: string, path: string, here: Here): Promise<void> {
  const holder = read(path)
  if (holder === undefined) return
  const isGone = async (one: Holder) => {
    const verdict = await verdictOn(dataDir, one, here)
    return verdict === 'gone' || (verdict === 'unknown' && one.host === here.takeOverFrom)
  }
  if (!(await isGone(holder))) {
    const name = `process ${holder.pid} on ${holder.host}, since ${holder.startedAt} (${path})`
    if ((await verdictOn(dataDir, holder, here)) === 'alive') throw serverErrors.already_running(name)
    throw serverErrors.held_elsewhere(`${name}; when it is gone for certain: --take-over-from ${holder.host}`)
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
  if (moved && !(await isGone(moved))) tryLink(aside, path)
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

async function verdictOn(dataDir: string, holder: Holder, { host, bootId }: Here): Promise<Verdict> {
  if (holder.pid <= 0) return 'gone'
  if (holder.socket !== undefined && (await answers(dataDir, holder.socket))) return 'alive'
  const isSameKernel = holder.bootId !== undefined && holder.bootId === bootId
  // It listened before it took the lock, and a kernel closes what its processes held: nobody listens, so it is no more.
  if (isSameKernel && holder.socket !== undefined) return 'gone'
  if (holder.host !== host) return 'unknown'
  return isAlive(holder) ? 'alive' : 'gone'
}

const SOCKET_NAME = /^lock-[0-9a-f]+\.sock$/

/** Listens in the data directory, accepting nothing. undefined where its file system has no sockets. */
async function openSignOfLife(dataDir: string): Promise<{ name: string; close(): void } | undefined> {
  const name = `lock-${randomIds.hex128().slice(0, 12)}.sock`
  const directory = socketDirectory(dataDir)
  if (directory === undefined) return undefined
  const server = createServer((connection) => connection.destroy())
  const isListening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(join(directory.path, name), () => resolve(true))
  })
  if (!isListening) {
    directory.close()
    return undefined
  }
  server.unref()
  const close = () => {
    // Closing removes the file too, by the path it was given.
    server.close(() => directory.close())
  }
  return { name, close }
}

async function answers(dataDir: string, name: string): Promise<boolean> {
  const directory = socketDirectory(dataDir)
  if (directory === undefined || !SOCKET_NAME.test(name)) return false
  try {
    return await socketAnswers(join(directory.path, name))
  } finally {
    directory.close()
  }
}

/** A short path for the data directory: those of sockets end at 107 bytes. */
function socketDirectory(dataDir: string): { path: string; close(): void } | undefined {
  if (process.platform !== 'linux') return undefined
  const fd = openSync(dataDir, constants.O_RDONLY | constants.O_DIRECTORY)
  return { path: `/proc/self/fd/${fd}`, close: () => closeSync(fd) }
}

/** Those of dead holders. One that answers belongs to a start that is about to be refused. */
async function sweepSockets(dataDir: string, mine: Holder): Promise<void> {
  for (const name of readdirSync(dataDir)) {
    if (!SOCKET_NAME.test(name) || name === mine.socket || (await answers(dataDir, name))) continue
    rmSync(join(dataDir, name), { force: true })
  }
}

function bootIdOfThisMachine(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch (error) {
    // Other systems have none; then the names of hosts decide.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

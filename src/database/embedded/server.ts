import { type ChildProcess, spawn } from 'node:child_process'
import { type FileHandle, open, readFile, realpath, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { DatabaseAddress } from '../../gate/index.ts'
import { type Clock, ensureDirectory, type Ids, type Log } from '../../kernel/index.ts'
import { probeDatabase } from '../admin.ts'
import { databaseErrors } from '../errors.ts'
import { chooseAccount } from './account.ts'
import { prepareBinaries } from './binaries.ts'
import { ADMIN_USER, ensureCluster, ensureRunDirectory, identityOf } from './cluster.ts'
import { isAlive, putStalePidFileAside, readPidFile, runningPostmaster } from './pid-file.ts'

const LONGEST_SOCKET_PATH = 107
const PORT = 5432
const START_WITHIN_MS = 60_000
const ADOPT_WITHIN_MS = 30_000
const FAST_WITHIN_MS = 10_000
const IMMEDIATE_WITHIN_MS = 5_000
const POLL_MS = 10
const MOST_LOG_BYTES = 10 * 1024 * 1024

export type EmbeddedOptions = {
  /** The cluster lives in its folder `postgres`. */
  dataDir: string
  /** For the socket; short, because socket paths end at 107 bytes. Created, 0700. */
  runDir: string
  clock: Clock
  log: Log
  ids: Ids
  maxConnections?: number
  /** Further settings, such as `{ fsync: 'off' }` in tests that do not look at durability. */
  settings?: Record<string, string>
}

export type Embedded = {
  /** The administrator's address (database `postgres`); `prepareDatabase` makes the address for everybody else. */
  address: DatabaseAddress
  pid: number
  /** True when it was running already, left behind by a supervisor that died. */
  adopted: boolean
  /** Fast shutdown; connections are cut. After 10 s immediate shutdown, which recovery repairs at the next start. */
  stop(): Promise<void>
  /** Called once when it has ended without `stop`. */
  onExit(listener: () => void): void
}

/**
 * Starts the embedded PostgreSQL, or takes over the one that a dead supervisor left behind. The caller holds the
 * lock of the data directory. Listens on a Unix socket only.
 * @throws postgres_missing, postgres_failed, data_directory_unreachable (all final)
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { runDir, clock, log, ids } = options
  const socket = join(runDir, `.s.PGSQL.${PORT}`)
  if (Buffer.byteLength(socket) > LONGEST_SOCKET_PATH)
    throw databaseErrors.postgres_failed(
      `the socket path ${socket} is longer than ${LONGEST_SOCKET_PATH} bytes`,
    )
  await ensureDirectory(options.dataDir)
  const dataDir = await realpath(options.dataDir)
  const account = await chooseAccount(join(dataDir, 'postgres'))
  const binaries = await prepareBinaries(dataDir, account)
  const { path, password } = await ensureCluster(dataDir, { binaries, account, ids })
  await ensureRunDirectory(runDir, account)

  const address = { host: runDir, port: PORT, database: 'postgres', user: ADMIN_USER, password, tls: false }
  const left = await adoptable(path, address, clock)
  if (left !== undefined) {
    log.info({ pid: left }, 'embedded PostgreSQL was running already and is taken over')
    return supervise({ address, pid: left, adopted: true, ended: endOfForeign(left, clock), clock, log })
  }
  await putStalePidFileAside(path)
  const child = await startWithRetries(options, {
    dataDir,
    path,
    root: binaries.root,
    identity: identityOf(account),
  })
  log.info({ pid: child.process.pid, elapsedMs: Math.round(child.elapsedMs) }, 'embedded PostgreSQL started')
  return supervise({ address, pid: child.process.pid!, adopted: false, ended: child.ended, clock, log })
}

/**
 * The pid of a running server of ours that answers. One that is going down is waited for; one with another socket
 * directory, or that does not answer for long, is stopped.
 */
async function adoptable(path: string, address: DatabaseAddress, clock: Clock): Promise<number | undefined> {
  const untilMs = clock.monotonicMs() + ADOPT_WITHIN_MS
  for (;;) {
    const running = await runningPostmaster(path)
    if (running === undefined) return undefined
    const isElsewhere = running.socketDirectory !== address.host && running.socketDirectory !== ''
    if (running.ready && !isElsewhere && (await answers(address))) return running.pid
    if (isElsewhere || clock.monotonicMs() > untilMs) {
      await stopByPid(running.pid, clock, () => isAlive(running.pid))
      return undefined
    }
    await clock.sleep(POLL_MS)
  }
}

async function answers(address: DatabaseAddress): Promise<boolean> {
  try {
    await probeDatabase(address)
    return true
  } catch {
    // Starting, stopping or hanging: the caller looks again, or ends it.
    return false
  }
}

type Launch = { dataDir: string; path: string; root: string; identity: { uid?: number; gid?: number } }
type Started = { process: ChildProcess; ended: Promise<void>; elapsedMs: number }

/** After a kill the old server, and its shared memory, may live a moment longer: "pre-existing shared memory block", "lock file … already exists". */
async function startWithRetries(options: EmbeddedOptions, launch: Launch): Promise<Started> {
  const { clock, log } = options
  const untilMs = clock.monotonicMs() + START_WITHIN_MS
  for (;;) {
    const startedMs = clock.monotonicMs()
    const attempt = await startOnce(options, launch, untilMs)
    if (attempt.kind === 'ready')
      return { process: attempt.process, ended: attempt.ended, elapsedMs: clock.monotonicMs() - startedMs }
    const passes =
      /pre-existing shared memory|lock file "[^"]+" already exists|lock file "postmaster.pid"|still in use/.test(
        attempt.reason,
      )
    if (!passes || clock.monotonicMs() > untilMs) throw databaseErrors.postgres_failed(attempt.reason)
    log.warn('the memory of the server that was killed is still in use; trying again')
    await clock.sleep(100)
  }
}

async function startOnce(
  { runDir, clock, maxConnections = 200, settings = {} }: EmbeddedOptions,
  launch: Launch,
  untilMs: number,
) {
  const { dataDir, path, root, identity } = launch
  const logPath = join(dataDir, 'postgres.log')
  const output = await openLog(logPath)
  const { size: logStart } = await output.stat()
  const child = spawn(
    join(root, 'bin', 'postgres'),
    argumentsFor({ path, runDir, maxConnections, settings }),
    {
      ...identity,
      cwd: path,
      // Its own session: Ctrl-C at the terminal is the supervisor's to hear; it stops PostgreSQL last.
      detached: true,
      stdio: ['ignore', output.fd, output.fd],
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    },
  )
  await output.close()
  let hasEnded = false
  const ended = new Promise<void>((resolve) => {
    const end = () => {
      hasEnded = true
      resolve()
    }
    child.once('exit', end)
    child.once('error', end)
  })
  for (;;) {
    const file = await readPidFile(path)
    if (file?.pid === child.pid && file?.ready) return { kind: 'ready' as const, process: child, ended }
    if (hasEnded || clock.monotonicMs() > untilMs) {
      if (!hasEnded) child.kill('SIGQUIT')
      return { kind: 'failed' as const, reason: await tailOf(logPath, logStart) }
    }
    await clock.sleep(POLL_MS)
  }
}

function argumentsFor({
  path,
  runDir,
  maxConnections,
  settings,
}: {
  path: string
  runDir: string
  maxConnections: number
  settings: Record<string, string>
}): string[] {
  const all: Record<string, string> = {
    listen_addresses: '',
    port: String(PORT),
    unix_socket_directories: runDir,
    unix_socket_permissions: '0700',
    max_connections: String(maxConnections),
    shared_buffers: '64MB',
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    // Taking the database away without anybody noticing needs logical replication; a forgotten slot must not fill the disk.
    wal_level: 'logical',
    max_wal_senders: '10',
    max_replication_slots: '10',
    max_slot_wal_keep_size: '2GB',
    max_wal_size: '1GB',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_destination: 'stderr',
    logging_collector: 'off',
    // Refused statements are reported by whoever sent them; here only the server's own life is of interest.
    log_min_messages: 'log',
    log_checkpoints: 'off',
    jit: 'off',
    // After a crash: one call for the file system instead of one for each of a thousand files.
    ...(process.platform === 'linux' ? { recovery_init_sync_method: 'syncfs' } : {}),
    ...settings,
  }
  return ['-D', path, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
}

/** Our own file, so that a supervisor that died takes no pipe with it; the one before is kept. */
async function openLog(path: string): Promise<FileHandle> {
  try {
    if ((await stat(path)).size > MOST_LOG_BYTES) await rename(path, `${path}.1`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return open(path, 'a', 0o600)
}

async function tailOf(path: string, from: number): Promise<string> {
  const bytes = await readFile(path)
  return bytes.subarray(from).toString('utf8').trim().slice(-2_000) || 'it ended without a word'
}

/** A process that is not our child can only be watched. */
async function endOfForeign(pid: number, clock: Clock): Promise<void> {
  while (isAlive(pid)) await clock.sleep(200)
}

/** SIGINT: fast shutdown · SIGQUIT: immediate · SIGKILL. */
async function stopByPid(pid: number, clock: Clock, isRunning: () => boolean): Promise<void> {
  const steps = [
    ['SIGINT', FAST_WITHIN_MS],
    ['SIGQUIT', IMMEDIATE_WITHIN_MS],
    ['SIGKILL', IMMEDIATE_WITHIN_MS],
  ] as const
  for (const [signal, withinMs] of steps) {
    if (!isRunning()) return
    process.kill(pid, signal)
    const untilMs = clock.monotonicMs() + withinMs
    while (isRunning() && clock.monotonicMs() < untilMs) await clock.sleep(POLL_MS)
  }
  if (isRunning()) throw databaseErrors.postgres_failed(`process ${pid} does not end`)
}

function supervise({
  address,
  pid,
  adopted,
  ended,
  clock,
  log,
}: Omit<Embedded, 'stop' | 'onExit'> & { ended: Promise<void>; clock: Clock; log: Log }): Embedded {
  const listeners: (() => void)[] = []
  let running = true
  let stopping = false
  void ended.then(() => {
    running = false
    if (stopping) return
    log.error({ pid }, 'embedded PostgreSQL ended by itself')
    for (const listener of listeners) listener()
  })
  return {
    address,
    pid,
    adopted,
    async stop() {
      stopping = true
      await stopByPid(pid, clock, () => running && isAlive(pid))
      if (!adopted) await ended
    },
    onExit(listener) {
      if (running) listeners.push(listener)
      else listener()
    },
  }
}

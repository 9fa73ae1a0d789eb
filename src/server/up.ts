import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { UNFINISHED } from '../backup/index.ts'
import { probeDatabase } from '../database/index.ts'
import { createDiskWatch, DISK_TOPIC, type DiskState, openReserve, readDiskSettings } from '../disk/index.ts'
import { createGateKeeper, type GateKeeper } from '../gate/index.ts'
import {
  AppError,
  createLog,
  type Environment,
  type Log,
  systemClock,
  writeFileDurably,
} from '../kernel/index.ts'
import { freeBytes, mendObjects } from '../storage/index.ts'
import { type AdminView, createAdminServer } from './admin.ts'
import { adminView } from './admin-view.ts'
import { announce } from './announce.ts'
import { childSpecs, type Placement, spoolNameOf } from './child-start.ts'
import { type Children, createChildren } from './children.ts'
import { dataDirectory, readServerSettings, type ServerSettings } from './config.ts'
import { claimFormat } from './data-format.ts'
import { serverErrors } from './errors.ts'
import { holdSocket } from './listeners.ts'
import { lockDataDirectory } from './lock.ts'
import { createLogStream } from './log-stream.ts'
import { refuseLostCatalog } from './lost-catalog.ts'
import { type MainDatabase, startMainDatabase } from './main-database.ts'
import { placeObjects } from './objects-place.ts'
import { createRestarts } from './restart.ts'
import { removeRunDirectory, runDirectory, sweepRunDirectories } from './run-directory.ts'
import { supervisorMetrics } from './supervisor-metrics.ts'
import { tlsFiles } from './tls.ts'

/** How long a start waits for the main database before it says that it goes on without. */
const DATABASE_WITHIN_MS = 15_000
const MEND_AGAIN_MS = 30_000

/**
 * `millrace up`: takes the data directory, starts the main database and the processes, keeps them running, and drains
 * them in order on SIGTERM or SIGINT. Resolves with the exit code. @throws the expected refusals of a start
 */
export async function up(env: Environment): Promise<number> {
  const settings = readServerSettings(env)
  const dataDir = prepareDataDirectory(dataDirectory(settings))
  const { takeOverFrom } = settings
  const release = await lockDataDirectory(dataDir, {
    now: systemClock.now(),
    host: hostname(),
    takeOverFrom,
  })
  try {
    claimFormat(dataDir)
    placeObjects(dataDir, settings.objectsDir)
    if (settings.databaseUrl === undefined) refuseLostCatalog(dataDir)
    // What a killed start left: nobody may take it for ours before we are ready.
    rmSync(join(dataDir, 'run.json'), { force: true })
    return await run(settings, dataDir, env)
  } finally {
    release()
  }
}

async function run(settings: ServerSettings, dataDir: string, env: Environment): Promise<number> {
  const { log, stream, format } = openLog(settings)
  refusePlainHttp(settings)
  const stopping = new AbortController()
  const signals = followSignals(stopping, log)
  const publicSocket = await holdSocket(settings.host, settings.port)
  const gatewaySocket = await holdSocket(settings.host, gatewayPortOf(settings, env))
  const tls = await tlsFiles(settings, dataDir, systemClock.now())
  const runDir = runDirectory(dataDir)
  void sweepRunDirectories(runDir).catch((error: unknown) =>
    log.warn({ err: error }, 'run directories that were left behind could not be swept'),
  )
  const placement: Placement = {
    dataDir,
    runDir,
    spoolNames: spoolNames(dataDir, settings.ingestProcesses),
    publicSocket,
    gatewaySocket,
    publicUrl:
      settings.publicUrl ?? `${tls ? 'https' : 'http'}://${urlHost(settings.host)}:${publicSocket.port}`,
    tls,
  }

  const ready = new Set<string>()
  let changed = () => undefined as unknown
  const messages: { handle(topic: string, body: unknown, from: string): unknown } = {
    handle: () => undefined,
  }
  const children: Children = createChildren({
    entry: join(import.meta.dirname, import.meta.filename.endsWith('.ts') ? 'child.ts' : 'child.js'),
    clock: systemClock,
    log,
    stream,
    onMessage: (topic, body, from) => messages.handle(topic, body, from),
    onReady: (name) => {
      ready.add(name)
      tellDisk(disk.current())
      changed()
    },
    onEnd: (name) => keeper?.forget(name),
  })
  const tellDisk = (state: DiskState) => children.broadcast(DISK_TOPIC, state)
  const diskSettings = readDiskSettings(env)
  const disk = createDiskWatch({
    settings: diskSettings,
    reserve: await openReserve(join(dataDir, 'disk-reserve'), diskSettings.reserveBytes),
    freeBytes: () => freeDisk(dataDir),
    tell: tellDisk,
    clock: systemClock,
    log,
  })
  const keeper: GateKeeper = await createGateKeeper({
    dataDir,
    clock: systemClock,
    log,
    broadcast: children.broadcast,
    probe: (address) => probeDatabase(address),
  })
  const greeting: { firstAccount?: unknown } = {}
  const accountReady = new AbortController()
  messages.handle = (topic, body, from) => {
    if (topic === 'first-account') greeting.firstAccount = body
    else if (topic === 'account-ready') accountReady.abort()
    else if (topic === 'port-lost') {
      const { port } = (body as { which: string }).which === 'gateway' ? gatewaySocket : publicSocket
      refuse(serverErrors.port_taken(`${settings.host}:${port} (another program was quicker)`))
    } else return keeper.topics[topic]?.(body, from)
  }

  const adminSocketPath = join(runDir, 'admin.sock')
  let running: MainDatabase | undefined
  const restarts = createRestarts({
    children,
    keeper,
    database: () => running,
    clock: systemClock,
    log,
    signal: stopping.signal,
  })
  const registry = supervisorMetrics({
    gate: () => keeper.current(),
    children: () => children.views(),
    disk,
    certificatePath: tls?.certificatePath,
    clock: systemClock,
    log,
  })
  const admin = await openAdmin(
    settings,
    adminSocketPath,
    adminView({ children, keeper, restarts, disk, registry }),
  )
  let keeping: Promise<void> | undefined
  let refusal: unknown
  const refuse = (error: unknown) => {
    log.fatal({ err: error }, 'start failed')
    refusal = error
    stopping.abort()
  }
  let database: Promise<MainDatabase | undefined> = Promise.resolve(undefined)
  const watching = disk.run(stopping.signal)
  const pushing = setInterval(() => children.broadcast('gate', keeper.topics.gate(undefined, '')), 5_000)
  try {
    await mendAfterPowerLoss(dataDir, log, stopping.signal)
    const specs = childSpecs(settings, placement, env)
    // Collecting first: the edge needs no database.
    for (const spec of specs) children.start(spec)
    const { signal } = stopping
    const options = { settings, dataDir, runDir, keeper, log, clock: systemClock, signal }
    database = startMainDatabase(options).then(
      (started) => {
        clearInterval(pushing)
        // Only now may the keeper's probes open the gate: the schema is what this release expects.
        keeping = keeper.run(signal)
        running = started
        return started
      },
      (error: unknown) => {
        // May come late: a database that was away, answers at last and holds another release's schema.
        refuse(error)
        return undefined
      },
    )
    await Promise.race([database, systemClock.sleep(DATABASE_WITHIN_MS, signal)])
    await allReady(
      specs.map(({ name }) => name),
      ready,
      (notify) => (changed = notify),
      stopping.signal,
    )
    // With the database away it is ready all the same: to collect, and to answer from the snapshot.
    await systemClock.sleep(DATABASE_WITHIN_MS, AbortSignal.any([accountReady.signal, signal]))
    if (!accountReady.signal.aborted && !signal.aborted)
      log.warn({}, 'the main database has not answered yet; collecting goes on without it')
    if (!stopping.signal.aborted) {
      const run = {
        pid: process.pid,
        url: placement.publicUrl,
        gatewayUrl: `${tls ? 'https' : 'http'}://${urlHost(settings.host)}:${gatewaySocket.port}`,
        adminUrl: admin.url,
        adminSocket: adminSocketPath,
      }
      await writeFileDurably(join(dataDir, 'run.json'), `${JSON.stringify(run)}\n`)
      announce({ ...run, dataDir, firstAccount: greeting.firstAccount, format, log })
    }
    await untilAborted(signal)
  } catch (error) {
    refuse(error)
  } finally {
    clearInterval(pushing)
    rmSync(join(dataDir, 'run.json'), { force: true })
    await drain(children, log)
    const started = await database
    await keeping
    await watching
    await started?.stop()
    admin.close()
    publicSocket.close()
    gatewaySocket.close()
    signals.stop()
    await removeRunDirectory(runDir)
    log.info({}, 'stopped')
  }
  if (refusal instanceof AppError) throw refusal
  return refusal === undefined ? 0 : 1
}

/** Whoever wants any free port for the one does not want a certain one for the other. */
function gatewayPortOf({ port, gatewayPort }: ServerSettings, env: Environment): number {
  return port === 0 && env.MILLRACE_GATEWAY_PORT === undefined ? 0 : gatewayPort
}

function prepareDataDirectory(dataDir: string): string {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o711 })
    if (existsSync(join(dataDir, UNFINISHED)))
      throw new Error(
        'a backup was being restored into it and did not come to its end; remove it and restore again',
      )
    mkdirSync(join(dataDir, 'spool'), { recursive: true, mode: 0o700 })
  } catch (error) {
    throw serverErrors.data_directory_unusable(`${dataDir}: ${(error as Error).message}`, error)
  }
  return dataDir
}

/**
 * Before anybody reads: what was acknowledged in groups and had not reached its own files. Collecting goes on when that cannot
 * be written (a full disk), and it is tried again until it can: paths of groups are never used a second time.
 */
async function mendAfterPowerLoss(dataDir: string, log: Log, signal: AbortSignal): Promise<void> {
  if (await tryToMend(dataDir, log)) return
  void (async () => {
    do await systemClock.sleep(MEND_AGAIN_MS, signal)
    while (!signal.aborted && !(await tryToMend(dataDir, log)))
  })()
}

async function tryToMend(dataDir: string, log: Log): Promise<boolean> {
  try {
    const { groups, mended } = await mendObjects(dataDir)
    if (groups > 0) log.info({ groups, mended }, 'objects were checked after a restart of the machine')
    return true
  } catch (error) {
    log.error({ err: error }, 'objects could not be checked after a restart of the machine; trying again')
    return false
  }
}

function openLog(settings: ServerSettings) {
  const isTerminal = process.stdout.isTTY === true
  const format =
    settings.logFormat === 'auto'
      ? isTerminal
        ? 'pretty'
        : 'json'
      : (settings.logFormat as 'pretty' | 'json')
  // Whoever read the log has gone (a closed terminal, a pipe that ended): collecting goes on without being read.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
  const stream = createLogStream({ format, colours: isTerminal, write: (text) => process.stdout.write(text) })
  const log = createLog({
    process: 'supervisor',
    level: settings.logLevel,
    write: (line) => stream.line('supervisor', line.trimEnd()),
  })
  return { log, stream, format }
}

function refusePlainHttp({ host, tls, plainHttp }: ServerSettings): void {
  const isLoopback = host === 'localhost' || host === '::1' || /^127\./.test(host)
  if (tls === 'off' && !isLoopback && !plainHttp) throw serverErrors.plain_http_refused(host)
}

/** First signal: drain. Second: end at once, for people in a hurry. */
function followSignals(stopping: AbortController, log: Log) {
  const handle = (signal: NodeJS.Signals) => {
    if (stopping.signal.aborted) {
      log.warn({ signal }, 'ending at once')
      process.exit(1)
    }
    log.info({ signal }, 'draining; once more to end at once')
    stopping.abort()
  }
  const names = ['SIGINT', 'SIGTERM'] as const
  for (const name of names) process.on(name, handle)
  return {
    stop: () => {
      for (const name of names) process.off(name, handle)
    },
  }
}

/** The spools of this start's edge processes, and any that an earlier start with more of them left behind. */
function spoolNames(dataDir: string, ingestProcesses: number): string[] {
  const mine = Array.from({ length: ingestProcesses }, (_, index) => spoolNameOf(index))
  const left = readdirSync(join(dataDir, 'spool')).filter((name) => /^ingest-\d+$/.test(name))
  return [...new Set([...mine, ...left])]
}

/** Where the objects are on another disk, the fuller one counts. */
async function freeDisk(dataDir: string): Promise<{ ofData: number; least: number }> {
  const objects = join(dataDir, 'objects')
  const ofData = await freeBytes(dataDir)
  return { ofData, least: existsSync(objects) ? Math.min(ofData, await freeBytes(objects)) : ofData }
}

async function openAdmin(settings: ServerSettings, socketPath: string, view: AdminView) {
  const local = createAdminServer(view, { local: true })
  rmSync(socketPath, { force: true })
  await listen(local, { path: socketPath, mode: 0o600 })
  const public_ = createAdminServer(view, { local: false })
  await listen(public_, { host: '127.0.0.1', port: settings.adminPort }).catch((error: unknown) => {
    local.close()
    throw error
  })
  const address = public_.address()
  const port = typeof address === 'object' && address ? address.port : settings.adminPort
  return {
    url: `http://127.0.0.1:${port}`,
    close() {
      for (const server of [local, public_]) {
        server.close()
        server.closeAllConnections()
      }
    },
  }
}

function listen(
  server: ReturnType<typeof createAdminServer>,
  where: { path: string; mode: number } | { host: string; port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const name = 'path' in where ? where.path : `${where.host}:${where.port}`
    server.once('error', (error) =>
      reject(serverErrors.port_taken(`${name} for health and metrics: ${error.message}`, error)),
    )
    const before = 'path' in where ? process.umask(0o777 & ~where.mode) : undefined
    server.listen(where, () => resolve())
    if (before !== undefined) process.umask(before)
  })
}

function allReady(
  names: string[],
  ready: Set<string>,
  onChange: (notify: () => void) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (signal.aborted || names.every((name) => ready.has(name))) resolve()
    }
    onChange(check)
    signal.addEventListener('abort', check, { once: true })
    check()
  })
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

async function drain(children: Children, log: Log): Promise<void> {
  await children.drainInOrder()
  log.info({}, 'all processes have drained')
}

function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return hostname()
  return host.includes(':') ? `[${host}]` : host
}

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Embedded,
  fenceEpochs,
  parseDatabaseUrl,
  prepareDatabase,
  startEmbedded,
} from '../database/index.ts'
import type { DatabaseAddress, GateKeeper } from '../gate/index.ts'
import { backoffMs, type Clock, configErrors, type Log, randomIds } from '../kernel/index.ts'
import type { ServerSettings } from './config.ts'
import { nodeIdentity } from './node-identity.ts'

export type MainDatabase = {
  stop(): Promise<void>
  /** Stops the embedded server and starts it again, as often as needed; absent for an external one. The gate is the caller's. */
  restart?(): Promise<void>
}

export type MainDatabaseOptions = {
  settings: ServerSettings
  dataDir: string
  runDir: string
  keeper: GateKeeper
  log: Log
  clock: Clock
  signal: AbortSignal
}

/**
 * Starts the embedded PostgreSQL (or reaches the external one), brings its schema up to date and opens the gate to it. An
 * embedded server that ends is started again; the gate's breaker notices by itself. An external server that does not answer
 * is waited for: collecting goes on meanwhile.
 * @throws setting_invalid for a URL that is none; what the embedded server's first start throws
 */
export async function startMainDatabase(options: MainDatabaseOptions): Promise<MainDatabase> {
  const { settings } = options
  if (settings.databaseUrl !== undefined) {
    const address = parseUrl(settings.databaseUrl)
    await untilReached(options, address)
    return { stop: async () => undefined }
  }
  return keepEmbedded(options)
}

function parseUrl(text: string): DatabaseAddress {
  try {
    return parseDatabaseUrl(text)
  } catch (error) {
    throw configErrors.setting_invalid(`MILLRACE_DATABASE_URL: ${(error as Error).message}`, error)
  }
}

async function untilReached(options: MainDatabaseOptions, address: DatabaseAddress): Promise<void> {
  const { clock, log, signal } = options
  for (let failures = 0; !signal.aborted; ) {
    try {
      return await openGateTo(options, address)
    } catch (error) {
      if (!isUnreachable(error)) throw error
      failures += 1
      log.warn(
        { err: error, host: address.host, port: address.port },
        'the main database cannot be reached; trying again',
      )
      await clock.sleep(backoffMs(failures), signal)
    }
  }
}

function isUnreachable(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  // 57P03: starting up or shutting down; 53300: too many connections.
  return (
    /^(ECONN|EHOST|ENET|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|ENOENT|EPIPE|57P03|53300|08)/.test(code) ||
    /timeout|terminated/i.test(String(error))
  )
}

async function keepEmbedded(options: MainDatabaseOptions): Promise<MainDatabase> {
  const { dataDir, runDir, clock, log, signal } = options
  const socketDirectory = join(runDir, 'pg')
  let running: Embedded
  let stopping = false
  let restarting = Promise.resolve()
  const start = async () => {
    running = await startEmbedded({ dataDir, runDir: socketDirectory, clock, log, ids: randomIds })
    running.onExit(() => {
      restarting = startAgain()
    })
  }
  const startAgain = async () => {
    for (let failures = 0; !stopping; ) {
      try {
        await start()
        return
      } catch (error) {
        failures += 1
        log.error({ err: error, failures }, 'the embedded database could not be started again')
        await clock.sleep(backoffMs(failures), signal)
      }
    }
  }
  mkdirSync(socketDirectory, { recursive: true, mode: 0o700 })
  const stop = async () => {
    stopping = true
    // One that is being started again would otherwise outlive us.
    await restarting
    await running.stop()
  }
  const restart = () => {
    restarting = running.stop().then(startAgain)
    return restarting
  }
  await start()
  try {
    await openGateTo(options, running!.address)
  } catch (error) {
    await stop()
    throw error
  }
  return { stop, restart }
}

/**
 * Prepares schema and login role and lets the gate open to them. The same server keeps its epoch and password over a restart, so
 * that nothing that holds them has to be told; another server, another database on it, or another login is a new epoch: so is
 * the password of a user who may not create roles, and with which everybody logs in.
 */
async function openGateTo(
  { settings, dataDir, keeper, clock, log }: MainDatabaseOptions,
  admin: DatabaseAddress,
): Promise<void> {
  const { address: known, epoch: last, planned, mode } = keeper.current()
  if (planned && (mode === 'held' || mode === 'away')) {
    log.warn({ mode }, 'a maintenance holds the gate: the database is left to it')
    return
  }
  // We died while `millrace restart --with-database` held it: nobody else will open it.
  if (mode === 'held') await keeper.order('leave')
  const database = settings.databaseUrl === undefined ? 'millrace' : admin.database
  // An external one may have other nodes, whose epochs are their own: they must not replace each other's passwords.
  const node = settings.databaseUrl === undefined ? '' : nodeIdentity(dataDir, randomIds)
  const isSame =
    last > 0 &&
    known?.host === admin.host &&
    known.port === admin.port &&
    known.database === database &&
    known.tls === admin.tls
  const inside = { ...admin, database }
  if (isSame) {
    // The password of the epoch's own role is ours to choose; a user's own is not.
    const ids = known.user === admin.user ? randomIds : { ...randomIds, hex160: () => known.password }
    const { user, password } = await prepareDatabase(admin, { epoch: last, ids, log, database, node })
    if (user === known.user && password === known.password)
      return void (await fenceEpochs(inside, { below: last, node, clock, log }))
  }
  const epoch = last + 1
  const address = await prepareDatabase(admin, { epoch, ids: randomIds, log, database, node })
  await keeper.order('switch', { epoch, address })
  await fenceEpochs(inside, { below: epoch, node, clock, log })
}

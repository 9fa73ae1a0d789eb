import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createStaticGate, type DatabaseAddress, type StaticGate, servingState } from '../gate/index.ts'
import { randomIds, sha256Hex, silentLog, systemClock } from '../kernel/index.ts'
import { parseDatabaseUrl } from './address.ts'
import { identifier, withAdmin } from './admin.ts'
import { openDatabase } from './database.ts'
import { isAlive, processesIn } from './embedded/pid-file.ts'
import { type Embedded, startEmbedded } from './embedded/server.ts'
import { readMigrations } from './migrations.ts'
import { prepareDatabase } from './prepare.ts'
import type { Database } from './types.ts'

/** A database of its own for one test file: prepared, migrated, epoch 1, behind a gate the test may set. */
export type TestDatabase = {
  /** Of epoch 1's login role. */
  address: DatabaseAddress
  /** Of the administrator, in the same database. */
  admin: DatabaseAddress
  gate: StaticGate
  database: Database
  /** False when it lives on an external server (MILLRACE_TEST_DATABASE_URL), where kill and start do not exist. */
  embedded: boolean
  /** SIGKILL to the server and every process of it. */
  kill(): Promise<void>
  /** Starts it again after `kill`. */
  start(): Promise<void>
  /** Ends everything and removes its files. */
  stop(): Promise<void>
}

export type TestDatabaseOptions = {
  /** fsync on, as in production; off by default, which only a power cut would notice. */
  durable?: boolean
  maxConnections?: number
  /** Further server settings. */
  settings?: Record<string, string>
  env?: Record<string, string | undefined>
}

const base = { clock: systemClock, log: silentLog, ids: randomIds }

/** About 0.2 s: copies a cluster that was initialised and migrated once on this machine. */
export async function startTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const { env = process.env } = options
  const url = env.MILLRACE_TEST_DATABASE_URL
  return url === undefined || url === '' ? startOwnServer(options) : useExternalServer(url, options)
}

function openBehindGate(address: DatabaseAddress, { maxConnections = 10 }: TestDatabaseOptions) {
  const gate = createStaticGate(servingState(address, systemClock.now()))
  return { gate, database: openDatabase({ ...base, gate, maxConnections }) }
}

async function startOwnServer(options: TestDatabaseOptions): Promise<TestDatabase> {
  const room = await mkdtemp(join(tmpdir(), 'mr-'))
  const dataDir = join(room, 'd')
  const runDir = join(room, 'r')
  await copyPreparedCluster(dataDir)
  const settings = { ...(options.durable ? {} : { fsync: 'off' }), ...options.settings }
  await letOthersPass(room)
  const start = () => startEmbedded({ ...base, dataDir, runDir, settings })
  let server: Embedded | undefined = await start()
  const removeOnExit = () => abandon(server, room)
  process.once('exit', removeOnExit)

  const login = JSON.parse(await readFile(join(dataDir, 'login.json'), 'utf8')) as Login
  const address = { ...server.address, ...login }
  const admin = { ...server.address, database: login.database }
  const { gate, database } = openBehindGate(address, options)
  return {
    address,
    admin,
    gate,
    database,
    embedded: true,
    async kill() {
      await killAll(server!.pid, join(dataDir, 'postgres'))
      server = undefined
    },
    async start() {
      server = await start()
    },
    async stop() {
      await database.close()
      await server?.stop()
      process.off('exit', removeOnExit)
      await rm(room, { recursive: true, force: true })
    },
  }
}

/** A data directory with a cluster in it, as after a first start and a clean stop; the place must not exist yet. */
export async function copyPreparedCluster(dataDir: string): Promise<void> {
  await promisify(execFile)('cp', ['-a', await ensureTemplate(), dataDir])
}

type Login = { user: string; password: string; database: string }

/** Other users' processes must pass a temporary directory when PostgreSQL may not run as ourselves. */
async function letOthersPass(room: string): Promise<void> {
  await promisify(execFile)('chmod', ['711', room])
}

async function killAll(postmaster: number, cluster: string): Promise<void> {
  const pids = (await processesIn(cluster)) ?? [postmaster]
  for (const pid of [postmaster, ...pids]) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  while (isAlive(postmaster)) await systemClock.sleep(2)
}

/** The test process ends without `stop`: nothing of it may live on. */
function abandon(server: Embedded | undefined, room: string): void {
  if (server !== undefined && isAlive(server.pid)) process.kill(server.pid, 'SIGQUIT')
  // Nothing asynchronous runs any more in an exit handler.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
  rmSync(room, { recursive: true, force: true, maxRetries: 3, retryDelay: 50 })
}

/** A prepared cluster, made once for each state of the migrations; whoever loses the race uses the winner's. */
async function ensureTemplate(): Promise<string> {
  const migrations = await readMigrations()
  const key = sha256Hex(`2 ${process.version} ${migrations.map(({ sha256 }) => sha256).join()}`).slice(0, 12)
  const template = join(tmpdir(), `millrace-test-template-${process.getuid?.() ?? 0}-${key}`)
  if (await isOurs(template)) return template
  const room = await mkdtemp(join(tmpdir(), 'mr-'))
  await letOthersPass(room)
  const dataDir = join(room, 'd')
  await mkdir(dataDir, { mode: 0o711 })
  const server = await startEmbedded({
    ...base,
    dataDir,
    runDir: join(room, 'r'),
    settings: { fsync: 'off' },
  })
  const { user, password, database } = await prepareDatabase(server.address, {
    ...base,
    epoch: 1,
    database: 'millrace',
    migrations,
  })
  await server.stop()
  await writeFile(join(dataDir, 'login.json'), JSON.stringify({ user, password, database } satisfies Login))
  try {
    await rename(dataDir, template)
  } catch (error) {
    if (!(await isOurs(template))) throw error
  }
  await rm(room, { recursive: true, force: true })
  return template
}

async function isOurs(template: string): Promise<boolean> {
  try {
    return (await stat(template)).uid === (process.getuid?.() ?? 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

async function useExternalServer(url: string, options: TestDatabaseOptions): Promise<TestDatabase> {
  const server = parseDatabaseUrl(url)
  const name = `millrace_test_${randomIds.hex128().slice(0, 12)}`
  const address = await prepareDatabase(server, { ...base, epoch: 1, database: name })
  const { gate, database } = openBehindGate(address, options)
  const unavailable = async () => {
    throw new Error('an external server is not started and killed by tests')
  }
  return {
    address,
    admin: { ...server, database: name },
    gate,
    database,
    embedded: false,
    kill: unavailable,
    start: unavailable,
    async stop() {
      await database.close()
      await withAdmin(server, async (connection) => {
        await connection.query(`DROP DATABASE ${identifier(name)} WITH (FORCE)`)
        const roles = [`millrace_${name}_e1`, `millrace_${name}_owner`].map(identifier)
        await connection.query(`DROP ROLE IF EXISTS ${roles.join(', ')}`)
      })
    },
  }
}

import { execFile, execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { isAlive, processesIn } from '../../src/database/embedded/pid-file.ts'
import { type Embedded, identifier, startEmbedded, withAdmin } from '../../src/database/index.ts'
import { type Cut, startCuttingProxy } from '../../src/database/proxy-testing.ts'
import type { DatabaseAddress } from '../../src/gate/index.ts'
import { randomIds, silentLog, systemClock } from '../../src/kernel/index.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { type ClientCut, startClientProxy } from './client-proxy.ts'

const DATABASE = 'millrace'
/** Holds the data directories and objects of both nodes; it is filled up by a fault. */
const DISK_MEGABYTES = 768

/** Merging, sweeping and recycling happen within seconds here. */
const HURRIED: Record<string, string> = {
  MILLRACE_INGEST_OTHER_NODES: 'true',
  MILLRACE_SPOOL_SEGMENT_BYTES: String(1024 * 1024),
  MILLRACE_SPOOL_RESERVE_BYTES: String(1024 * 1024),
  MILLRACE_MERGE_SECONDS: '1',
  MILLRACE_MERGE_QUIET_SECONDS: '2',
  MILLRACE_MERGE_LEAST_ROWS: '2000',
  MILLRACE_ARCHIVE_SWEEP_SECONDS: '3',
  MILLRACE_KEEP_RETIRED_MINUTES: '70',
  MILLRACE_ORPHAN_MINUTES: '0',
  MILLRACE_JOBS_TAKEOVER_SECONDS: '5',
  // On a disk of this size the usual limits would be reached from the start.
  MILLRACE_DISK_TEMP_FREE_BYTES: String(48 * 1024 * 1024),
  MILLRACE_DISK_RESULTS_FREE_BYTES: String(32 * 1024 * 1024),
  MILLRACE_DISK_COMPACTION_FREE_BYTES: String(24 * 1024 * 1024),
  MILLRACE_DISK_IMPORTS_FREE_BYTES: String(16 * 1024 * 1024),
  MILLRACE_DISK_RESERVE_BYTES: String(4 * 1024 * 1024),
  MILLRACE_CATALOG_WRITE_WAIT_SECONDS: '2',
  MILLRACE_ENGINE_WARM: '1',
}

export type Node = {
  name: 'a' | 'b'
  dataDir: string
  /** Where its clients go: a relay that can cut them off. */
  url: string
  /** Undefined while it is being started again. */
  server: TestServer | undefined
  /** The whole of it at once, without a word; starts it again after `downMs`. */
  killAndStart(downMs: number): Promise<void>
  /** Milliseconds by which the wall clock of its Node processes is wrong. */
  setClock(offsetMs: number): void
  /** The spools' directories. */
  spools(): string[]
  /** What `millrace fsck` with these options finds wrong between catalog and files; undefined when they agree. */
  fsck(...options: string[]): Promise<string | undefined>
}

/** Two nodes on one main database with one object store, and relays wherever a connection can be cut. */
export type Cluster = {
  room: string
  nodes: [Node, Node]
  masterKey: string
  writeKey: string
  /** How connections are cut just now; asked at every piece of a request, and at every COMMIT. */
  cuts: { clients: () => ClientCut; database: () => Cut }
  /** Past all relays, as the administrator. */
  databaseAddress: DatabaseAddress
  refuseDatabase(value: boolean): void
  killDatabase(): Promise<void>
  stopDatabase(): Promise<void>
  startDatabase(): Promise<void>
  /** Stops it, copies it to another place and starts it there, under the same address. */
  moveDatabase(): Promise<void>
  /** SQL as the administrator, past all relays. */
  ask<T extends object>(statement: string): Promise<T[]>
  /** Undefined where no disk of its own could be mounted. */
  disk: { fill(): void; free(): void } | undefined
  /** Appends to the file that is kept when the account does not close. */
  note(line: string): void
  stop(): Promise<void>
  /** At once, when the test itself ends early: nothing of it lives on; the files stay. */
  abandon(): void
  remove(): void
}

export async function startCluster({
  random,
  maxConnections,
}: {
  random: () => number
  /** Of the main database. */
  maxConnections?: number
}): Promise<Cluster> {
  const room = mkdtempSync(join(tmpdir(), 'mf-'))
  chmodSync(room, 0o711)
  const place = join(room, 'disk')
  mkdirSync(place, { mode: 0o711 })
  const isMounted = mountDisk(place)
  const logPath = join(room, 'faults.log')
  const note = (line: string) => appendFileSync(logPath, `${new Date().toISOString()} ${line}\n`)

  const database = await startOwnDatabase(room, maxConnections)
  const cuts: Cluster['cuts'] = { clients: () => 'none', database: () => 'none' }
  const proxies: Awaited<ReturnType<typeof startCuttingProxy>>[] = []
  const relays: Awaited<ReturnType<typeof startClientProxy>>[] = []
  let masterKey: string | undefined

  const makeNode = async (name: 'a' | 'b'): Promise<Node> => {
    const dataDir = join(place, name)
    const clock = join(room, `clock-${name}`)
    writeFileSync(clock, '0')
    const proxy = await startCuttingProxy(database.address(), () => cuts.database())
    proxies.push(proxy)
    const { user, password } = database.address()
    const preload = join(import.meta.dirname, 'clock-step.ts')
    const nodeEnv = {
      ...HURRIED,
      MILLRACE_DATABASE_URL: `postgres://${user}:${password}@127.0.0.1:${proxy.address.port}/${DATABASE}?sslmode=disable`,
      MILLRACE_OBJECTS_DIR: join(place, 'objects'),
      MILLRACE_FAULT_CLOCK: clock,
      NODE_OPTIONS: `--import ${preload}`,
    }
    const start = () => startServer({ dataDir, env: nodeEnv, apiKey: masterKey, readyWithinMs: 180_000 })
    const keepLog = (server: TestServer) => appendFileSync(join(room, `server-${name}.log`), server.log())
    const startUntilItRuns = async () => {
      for (let tries = 1; ; tries++) {
        try {
          return await start()
        } catch (error) {
          // On a full disk, say: whatever keeps a service running would try again.
          note(`node ${name} did not start (try ${tries}): ${(error as Error).message}`)
          if (tries === 40) throw error
          await pause(500)
        }
      }
    }
    const node: Node = {
      name,
      dataDir,
      url: '',
      server: await start(),
      async killAndStart(downMs) {
        const { server } = node
        if (server === undefined) return
        node.server = undefined
        await server.kill()
        keepLog(server)
        await pause(downMs)
        node.server = await startUntilItRuns()
      },
      setClock: (offsetMs) => writeFileSync(clock, String(offsetMs)),
      spools: () => readdirSync(join(dataDir, 'spool')).map((spool) => join(dataDir, 'spool', spool)),
      fsck: (...options) => runFsck(['--data-dir', dataDir, ...options]),
    }
    masterKey ??= node.server!.apiKey
    const portOf = () => (node.server === undefined ? undefined : Number(new URL(node.server.url).port))
    const relay = await startClientProxy(portOf, () => cuts.clients(), random)
    relays.push(relay)
    node.url = relay.url
    return node
  }

  const a = await makeNode('a')
  const b = await makeNode('b')
  return {
    room,
    nodes: [a, b],
    masterKey: masterKey!,
    writeKey: await a.server!.makeKey('write-only'),
    cuts,
    databaseAddress: database.address(),
    refuseDatabase: (value) => {
      for (const proxy of proxies) proxy.refuse(value)
    },
    killDatabase: database.kill,
    stopDatabase: database.stop,
    startDatabase: database.start,
    moveDatabase: database.move,
    ask: (statement) => withAdmin(database.address(), async (connection) => connection.query(statement)),
    disk: isMounted ? diskAt(place) : undefined,
    note,
    async stop() {
      for (const { name, server } of [a, b]) {
        const code = await server?.stop()
        if (server !== undefined) appendFileSync(join(room, `server-${name}.log`), server.log())
        if (code !== 0) note(`node ${name} ended with exit code ${code}`)
      }
      for (const relay of relays) await relay.stop()
      for (const proxy of proxies) await proxy.stop()
      await database.stop()
    },
    abandon() {
      for (const { server } of [a, b]) if (server !== undefined) void server.kill()
      database.abandon()
    },
    remove() {
      if (isMounted) execFileSync('umount', ['-l', place])
      rmSync(room, { recursive: true, force: true })
    },
  }
}

async function runFsck(options: string[]): Promise<string | undefined> {
  const command = join(import.meta.dirname, '..', '..', 'bin', 'millrace')
  try {
    await promisify(execFile)(command, ['fsck', ...options], { maxBuffer: 2 ** 26 })
    return undefined
  } catch (error) {
    const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string }
    return `exit code ${code}: ${stdout}${stderr}`
  }
}

/** A disk of a size of its own, where this user may mount one. */
function mountDisk(place: string): boolean {
  if (process.getuid?.() !== 0) return false
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MEGABYTES}m,mode=711`, 'tmpfs', place], {
      stdio: 'ignore',
    })
    return true
  } catch {
    // In a container without the right to mount: the caller says that full disks are left out.
    return false
  }
}

function diskAt(place: string): { fill(): void; free(): void } {
  const ballast = join(place, 'ballast')
  return {
    fill() {
      const fd = openSync(ballast, 'a')
      try {
        for (const bytes of [1024 * 1024, 4096]) writeUntilFull(fd, Buffer.alloc(bytes))
      } finally {
        closeSync(fd)
      }
    },
    free: () => rmSync(ballast, { force: true }),
  }
}

function writeUntilFull(fd: number, piece: Buffer): void {
  try {
    for (;;) writeSync(fd, piece)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}

async function startOwnDatabase(room: string, maxConnections: number | undefined) {
  let dataDir = join(room, 'database')
  mkdirSync(dataDir, { mode: 0o711 })
  const start = () =>
    startEmbedded({
      dataDir,
      runDir: join(room, 'r'),
      clock: systemClock,
      log: silentLog,
      ids: randomIds,
      maxConnections,
      // Only a power cut would notice, and that is none of the faults here.
      settings: { fsync: 'off' },
    })
  let running: Embedded | undefined = await start()
  const { address } = running
  await withAdmin(address, (connection) => connection.query(`CREATE DATABASE ${identifier(DATABASE)}`))
  return {
    address: () => ({ ...address, database: DATABASE }),
    async kill() {
      if (running === undefined) return
      const { pid } = running
      running = undefined
      const pids = (await processesIn(join(dataDir, 'postgres'))) ?? []
      for (const one of [pid, ...pids]) if (isAlive(one)) process.kill(one, 'SIGKILL')
      while (isAlive(pid)) await pause(5)
    },
    async stop() {
      const stopping = running
      running = undefined
      await stopping?.stop()
    },
    async start() {
      running ??= await start()
    },
    async move() {
      await running?.stop()
      running = undefined
      const next = `${dataDir}-moved`
      // cp keeps owner and mode; Node's own copy would not.
      execFileSync('cp', ['-a', dataDir, next])
      dataDir = next
      running = await start()
    },
    abandon() {
      if (running !== undefined && isAlive(running.pid)) process.kill(running.pid, 'SIGQUIT')
    },
  }
}

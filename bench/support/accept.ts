/**
 * How much of a bare HTTP server's rate is left when every request is authenticated, looked up, and on disk before it is
 * answered: imports through the real edge against a node:http server that reads the body and answers. Load generator, edge
 * and bare server in processes of their own; interleaved rounds, medians.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import {
  createEdge,
  type Directory,
  edgeServer,
  ingestMetrics,
  readIngestSettings,
} from '../../src/ingest/index.ts'
import { createRegistry, randomIds, sha256Hex, silentLog, systemClock } from '../../src/kernel/index.ts'
import {
  openSpoolReader,
  openSpoolWriter,
  readSpoolSettings,
  type SpoolPosition,
  spoolMetrics,
} from '../../src/spool/index.ts'
import { msgpackBodies, pageViews, readings } from '../../test/peers/rows.ts'

/** `events`: one event each. The others: 10,000 records each, with an id of their own. */
export type Payload = 'events' | 'readings' | 'page-views'
/** Without a goal: measured to be known. */
export type AcceptGoal = { name: string; payload: Payload; connections: number; goal?: number }

const SECRET = '0123456789abcdef0123456789abcdef01234567'
const KEY = `1/${SECRET}`
/** {"n":2,"time":1795342228} */
const EVENT = Buffer.concat([
  Buffer.from([0x82, 0xa1, 0x6e, 2, 0xa4]),
  Buffer.from('time'),
  Buffer.from([0xce, 0x6b, 2, 0xbf, 0x14]),
])

const CHUNKS = 8
const CHUNK_ROWS = 10_000

const [, file, role] = process.argv
if (file === import.meta.filename) {
  if (role === 'bare') await serveBare()
  else if (role === 'edge') await serveEdge()
  else if (role === 'load') await generateLoad()
}

async function serveBare(): Promise<void> {
  const answer = JSON.stringify({
    unique_id: '0'.repeat(32),
    database: 'harbour',
    table: 'boats',
    md5_hex: '0'.repeat(32),
    elapsed_time: 0.001,
  })
  const headers = ['Content-Type', 'application/json; charset=utf-8', 'Content-Length', String(answer.length)]
  process.once('disconnect', () => process.exit())
  const server = http.createServer((request, response) => {
    request.on('data', () => undefined)
    request.on('end', () => response.writeHead(200, headers).end(answer))
  })
  await listen(server)
}

async function serveEdge(): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'millrace-bench-'))
  const directory = join(root, 'spool', 'ingest-0')
  const common = { clock: systemClock, log: silentLog }
  const registry = createRegistry('ingest-0')
  const metrics = spoolMetrics(registry)
  const commits = { batches: 0, records: 0, seconds: 0 }
  const spool = await openSpoolWriter({
    ...common,
    directory,
    settings: readSpoolSettings({}),
    observer: {
      committed(records, bytes, seconds) {
        metrics.committed(records, bytes, seconds)
        commits.batches++
        commits.records += records
        commits.seconds += seconds
      },
    },
    onFatal: (error) => {
      throw error
    },
  })
  let last: SpoolPosition | undefined
  let enqueued = 0
  // Every so many only: the wrapper must not become a part of what is measured.
  const enqueue: typeof spool.enqueue = (record, told) => {
    if (++enqueued % 50 !== 0) return spool.enqueue(record, told)
    spool.enqueue(record, {
      accepted(position) {
        last = position
        told.accepted(position)
      },
      refused: (error) => told.refused(error),
    })
  }
  const edge = createEdge({
    ...common,
    spool: { ...spool, enqueue },
    directory: knownTable(),
    coreSocketPath: join(root, 'core.sock'),
    settings: readIngestSettings({}),
    ids: randomIds,
    metrics: ingestMetrics(registry),
    serverStatus: () => 'ok',
  })
  // What a loader does for the writer in the long run: segments are used again instead of being made.
  const loader = openSpoolReader({ ...common, directory })
  const releasing = setInterval(() => void (last && loader.release(last)), 500)
  process.once('disconnect', async () => {
    clearInterval(releasing)
    await rm(root, { recursive: true, force: true })
    process.exit()
  })
  await listen(edgeServer(edge, readIngestSettings({})) as http.Server, commits)
}

function knownTable(): Directory {
  const key = {
    id: 1n,
    accountId: 1n,
    userId: 1n,
    kind: 'write-only',
    sha256: sha256Hex(SECRET),
    revoked: false,
  } as const
  const facts = { ownerId: null, deleteProtected: false, createdAt: '', updatedAt: '' }
  const database = { id: 1n, accountId: 1n, name: 'harbour', ...facts }
  return {
    version: () => 1,
    findKey: async (sha256) => (sha256 === key.sha256 ? { kind: 'found', value: key } : { kind: 'absent' }),
    findDatabase: async () => ({ kind: 'found', value: database }),
    findTable: async () => ({ kind: 'found', value: { id: 1n } }),
    mayImport: async () => ({ kind: 'found', value: true }),
  }
}

async function listen(server: http.Server, commits = { batches: 0, records: 0, seconds: 0 }): Promise<void> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  process.on('message', () => process.send!({ cpu: process.cpuUsage(), commits } satisfies Figures))
  process.send!({ port: (server.address() as AddressInfo).port })
}

type Round = { port: number; payload: Payload; connections: number; seconds: number }

/** Answers each order on the channel with the requests per second it reached. */
async function generateLoad(): Promise<void> {
  const makers = {
    events: makeEvents(),
    readings: makeChunks(readings),
    'page-views': makeChunks(pageViews),
  }
  process.on('message', async (round: Round) => {
    process.send!(await runRound(makers[round.payload], round))
  })
  process.once('disconnect', () => process.exit())
  process.send!({ ready: true })
}

/** The next request, in pieces. */
type NextRequest = () => Buffer[]

function headOf(path: string, body: Buffer): Buffer {
  return Buffer.from(
    `PUT /v3/table/${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: TD1 ${KEY}\r\n` +
      'Content-Type: application/octet-stream\r\nUser-Agent: fluent-plugin-td: 1.2.0\r\nAccept: */*\r\n' +
      `Content-Length: ${body.length}\r\n\r\n`,
  )
}

function makeEvents(): NextRequest {
  const body = gzipSync(EVENT)
  const request = [Buffer.concat([headOf('import/harbour/boats/msgpack.gz', body), body])]
  return () => request
}

function makeChunks(rows: (count: number, seed: number) => object[]): NextRequest {
  const bodies = msgpackBodies(rows(CHUNKS * CHUNK_ROWS, 1), CHUNK_ROWS)
  let sent = 0
  return () => {
    const body = bodies[sent++ % bodies.length]!
    return [headOf(`import_with_id/harbour/boats/${randomIds.hex128()}/msgpack.gz`, body), body]
  }
}

async function runRound(next: NextRequest, { port, connections, seconds }: Round): Promise<Measured> {
  let answered = 0
  let stopping = false
  const closed = Array.from({ length: connections }, async () => {
    const socket = net.connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    const send = () => {
      socket.cork()
      for (const piece of next()) socket.write(piece)
      socket.uncork()
    }
    socket.on('data', (chunk) => {
      // Answers are far smaller than a segment of the network and come one at a time.
      if (chunk[9] !== 50) throw new Error(chunk.toString('latin1'))
      answered++
      if (stopping) socket.end()
      else send()
    })
    socket.once('connect', send)
    await once(socket, 'close')
  })
  await systemClock.sleep(300)
  const startedMs = performance.now()
  const before = answered
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  const perSecond = (answered - before) / ((performance.now() - startedMs) / 1000)
  stopping = true
  await Promise.all(closed)
  return { perSecond, answered }
}

/**
 * Measures and prints, last one line for each goal. Options of the command line: [--rounds 5] [--seconds 2]
 * [--profile DIRECTORY]
 */
export async function compareAccept(goals: AcceptGoal[]): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      profile: { type: 'string' },
    },
  })
  const bare = await start('bare')
  const edge = await start('edge', values.profile)
  const load = await start('load')
  const measure = async ({ child, port }: Started, { payload, connections }: AcceptGoal) => {
    const before = await figuresOf(child)
    const seconds = Number(values.seconds)
    load.child.send({ port: port!, payload, connections, seconds } satisfies Round)
    const [{ perSecond, answered }] = (await once(load.child, 'message')) as [Measured]
    const after = await figuresOf(child)
    return { perSecond, words: inWords(perSecond, answered, before, after) }
  }
  console.log(`the disk by itself: ${await syncMilliseconds()} ms for one write and sync of 16 KiB (median)`)
  for (const server of [bare, edge]) await measure(server, goals[0]!)
  const results: string[] = []
  for (const each of goals) {
    const { name, goal } = each
    const rates: { bare: number; edge: number }[] = []
    for (let round = 1; round <= Number(values.rounds); round++) {
      const [plain, accepted] = [await measure(bare, each), await measure(edge, each)]
      rates.push({ bare: plain.perSecond, edge: accepted.perSecond })
      console.log(`${name} round ${round}: bare ${plain.words}; accepted ${accepted.words}`)
    }
    const ratio = median(rates.map((each) => each.edge)) / median(rates.map((each) => each.bare))
    const judged = goal === undefined ? 'no goal' : `goal=${goal} ${ratio >= goal ? 'ok' : 'short'}`
    results.push(`${name} ratio=${ratio.toFixed(2)} ${judged}`)
  }
  for (const { child } of [bare, edge, load]) child.disconnect()
  for (const result of results) console.log(result)
}

type Started = { child: ChildProcess; port?: number }
type Measured = { perSecond: number; answered: number }

/** What the disk takes without us: on a busy one the rates below say little about the accept path. */
async function syncMilliseconds(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-bench-'))
  const path = join(directory, 'sync')
  await writeFile(path, Buffer.alloc(4 * 1024 * 1024), { flush: true })
  const handle = await open(path, 'r+')
  const tookMs: number[] = []
  for (let at = 0; at < 100 * 16_384; at += 16_384) {
    const startedMs = performance.now()
    await handle.write(Buffer.alloc(16_384, 1), 0, 16_384, at)
    await handle.datasync()
    tookMs.push(performance.now() - startedMs)
  }
  await handle.close()
  await rm(directory, { recursive: true })
  return median(tookMs).toFixed(1)
}

/** What a server has used and done since it started. */
type Figures = { cpu: NodeJS.CpuUsage; commits: { batches: number; records: number; seconds: number } }

async function figuresOf(child: ChildProcess): Promise<Figures> {
  child.send({})
  const [figures] = (await once(child, 'message')) as [Figures]
  return figures
}

function inWords(perSecond: number, answered: number, before: Figures, after: Figures): string {
  const cpuMicroseconds = after.cpu.user + after.cpu.system - before.cpu.user - before.cpu.system
  const batches = after.commits.batches - before.commits.batches
  const syncs =
    batches === 0
      ? ''
      : `, ${(((after.commits.seconds - before.commits.seconds) / batches) * 1000).toFixed(1)} ms a sync of ` +
        `${((after.commits.records - before.commits.records) / batches).toFixed(0)}`
  return `${perSecond.toFixed(0)}/s (${(cpuMicroseconds / answered).toFixed(0)} µs of CPU each${syncs})`
}

async function start(name: string, profile?: string): Promise<Started> {
  const execArgv = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
  const child = fork(import.meta.filename, [name], { execArgv })
  const [message] = (await once(child, 'message')) as [{ port?: number }]
  return { child, ...message }
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}

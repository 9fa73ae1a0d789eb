/**
 * How much of a bare HTTP server's rate is left when every request is authenticated, looked up, and on disk before it is
 * answered. One-event imports through the real edge against a node:http server that reads the body and answers; load
 * generator, edge and bare server in processes of their own; interleaved rounds, medians.
 *
 *   node bench/accept.ts [--rounds 5] [--seconds 2] [--profile DIRECTORY]
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
} from '../src/ingest/index.ts'
import { createRegistry, randomIds, sha256Hex, silentLog, systemClock } from '../src/kernel/index.ts'
import {
  openSpoolReader,
  openSpoolWriter,
  readSpoolSettings,
  type SpoolPosition,
  spoolMetrics,
} from '../src/spool/index.ts'

const GOALS = [
  { name: 'accept-256', connections: 256, goal: 0.85 },
  { name: 'accept-64', connections: 64, goal: 0.6 },
]
const SECRET = '0123456789abcdef0123456789abcdef01234567'
const KEY = `1/${SECRET}`
const PATH = '/v3/table/import/harbour/boats/msgpack.gz'
/** {"n":2,"time":1795342228} */
const EVENT = Buffer.concat([
  Buffer.from([0x82, 0xa1, 0x6e, 2, 0xa4]),
  Buffer.from('time'),
  Buffer.from([0xce, 0x6b, 2, 0xbf, 0x14]),
])

const [role] = process.argv.slice(2)
if (role === 'bare') await serveBare()
else if (role === 'edge') await serveEdge()
else if (role === 'load') await generateLoad()
else await compare()

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
  let appends = 0
  const append: typeof spool.append = (record) => {
    const position = spool.append(record)
    if (++appends % 1000 === 0) void position.then((at) => (last = at))
    return position
  }
  const edge = createEdge({
    ...common,
    spool: { ...spool, append },
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

type Round = { port: number; connections: number; seconds: number }

/** Answers each order on the channel with the requests per second it reached. */
async function generateLoad(): Promise<void> {
  const body = gzipSync(EVENT)
  const head =
    `PUT ${PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: TD1 ${KEY}\r\nContent-Type: application/octet-stream\r\n` +
    `User-Agent: fluent-plugin-td: 1.2.0\r\nAccept: */*\r\nContent-Length: ${body.length}\r\n\r\n`
  const request = Buffer.concat([Buffer.from(head), body])
  process.on('message', async (round: Round) => {
    process.send!(await runRound(request, round))
  })
  process.once('disconnect', () => process.exit())
  process.send!({ ready: true })
}

async function runRound(request: Buffer, { port, connections, seconds }: Round): Promise<Measured> {
  let answered = 0
  let stopping = false
  const closed = Array.from({ length: connections }, async () => {
    const socket = net.connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    socket.on('data', (chunk) => {
      // Answers are far smaller than a segment of the network and come one at a time.
      if (chunk[9] !== 50) throw new Error(chunk.toString('latin1'))
      answered++
      if (stopping) socket.end()
      else socket.write(request)
    })
    socket.once('connect', () => socket.write(request))
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

async function compare(): Promise<void> {
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
  const measure = async ({ child, port }: Started, connections: number) => {
    const before = await figuresOf(child)
    load.child.send({ port: port!, connections, seconds: Number(values.seconds) } satisfies Round)
    const [{ perSecond, answered }] = (await once(load.child, 'message')) as [Measured]
    const after = await figuresOf(child)
    return { perSecond, words: inWords(perSecond, answered, before, after) }
  }
  console.log(`the disk by itself: ${await syncMilliseconds()} ms for one write and sync of 16 KiB (median)`)
  for (const server of [bare, edge]) await measure(server, 64)
  const results: string[] = []
  for (const { name, connections, goal } of GOALS) {
    const rates: { bare: number; edge: number }[] = []
    for (let round = 1; round <= Number(values.rounds); round++) {
      const [plain, accepted] = [await measure(bare, connections), await measure(edge, connections)]
      rates.push({ bare: plain.perSecond, edge: accepted.perSecond })
      console.log(`${name} round ${round}: bare ${plain.words}; accepted ${accepted.words}`)
    }
    const ratio = median(rates.map((each) => each.edge)) / median(rates.map((each) => each.bare))
    results.push(`${name} ratio=${ratio.toFixed(2)} goal=${goal} ${ratio >= goal ? 'ok' : 'short'}`)
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

/**
 * What looking into events costs. Twenty JSON events in one post of a device, each found, checked and given its receipt, against
 * the same bytes taken unparsed by the import path: both authenticated, looked up, and on disk before the answer, in the
 * same edge process, interleaved, medians.
 *
 *   node bench/accept-sdk.ts [--rounds 5] [--seconds 2] [--connections 64] [--profile DIRECTORY]
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  createEdge,
  type Directory,
  edgeServer,
  ingestMetrics,
  readIngestSettings,
} from '../src/ingest/index.ts'
import { createRegistry, randomIds, sha256Hex, silentLog, systemClock } from '../src/kernel/index.ts'
import { openSpoolReader, openSpoolWriter, readSpoolSettings } from '../src/spool/index.ts'

const GOAL = 0.6
const EVENTS_PER_POST = 20
const SECRET = '0123456789abcdef0123456789abcdef01234567'

const [role] = process.argv.slice(2)
if (role === 'edge') await serveEdge()
else if (role === 'load') await generateLoad()
else await compare()

async function serveEdge(): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'millrace-bench-'))
  const directory = join(root, 'spool', 'ingest-0')
  const common = { clock: systemClock, log: silentLog }
  const spool = await openSpoolWriter({
    ...common,
    directory,
    settings: readSpoolSettings({}),
    onFatal: (error) => {
      throw error
    },
  })
  const edge = createEdge({
    ...common,
    spool,
    directory: knownTable(),
    coreSocketPath: join(root, 'core.sock'),
    settings: readIngestSettings({}),
    ids: randomIds,
    metrics: ingestMetrics(createRegistry('ingest-0')),
    serverStatus: () => 'ok',
  })
  // What a loader does for the writer in the long run: segments are used again instead of being made.
  const loader = openSpoolReader({ ...common, directory })
  const releasing = setInterval(async () => {
    const { generation } = await spool.append(mark)
    await loader.release({ generation, offset: 0 })
  }, 300)
  process.once('disconnect', async () => {
    clearInterval(releasing)
    await rm(root, { recursive: true, force: true })
    process.exit()
  })
  process.on('message', () => process.send!(process.cpuUsage()))
  const server = edgeServer(edge, readIngestSettings({})) as Server
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  process.send!({ port: (server.address() as AddressInfo).port })
}

/** Tells where the spool is at the moment. */
const mark = {
  kind: 'import',
  receivedAtMs: 0,
  accountId: 1n,
  keyId: 1n,
  database: 'harbour',
  table: 'boats',
  tableId: 1n,
  uniqueId: '',
  facts: {},
  body: Buffer.alloc(0),
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

/** As td-android-sdk 1.1 sends them, with what it adds by itself. */
function deviceEvents(): Buffer {
  const events = Array.from({ length: EVENTS_PER_POST }, (_, i) => ({
    uuid: crypto.randomUUID(),
    time: 1_795_342_228 + i,
    td_uuid: '0b4d1b1e-6d3c-4d2e-9b8a-0d6f6a1f7c55',
    td_session_id: '7f1f2f0c-5d6e-4a4f-8f2f-9d1c3c7f6f10',
    td_model: 'Pixel 8 Pro',
    td_os_ver: '34',
    td_app_ver: '4.11.2',
    td_locale_lang: 'ja',
    screen: '港の船 – boats',
    action: 'tap',
    price: 12.5 * i,
    position: i,
    first: i === 0,
  }))
  return Buffer.from(JSON.stringify({ events }))
}

type Way = 'parsed' | 'unparsed'
type Round = { port: number; connections: number; seconds: number; way: Way }

function requestOf(way: Way): Buffer {
  const json = deviceEvents()
  // The import path looks at two bytes of gzip magic and at nothing else.
  const body = way === 'parsed' ? json : Buffer.concat([Buffer.from([0x1f, 0x8b]), json.subarray(2)])
  const line = way === 'parsed' ? 'POST /harbour/boats' : 'PUT /v3/table/import/harbour/boats/msgpack.gz'
  const type = way === 'parsed' ? 'application/vnd.treasuredata.v1+json' : 'application/octet-stream'
  const head =
    `${line} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: TD1 1/${SECRET}\r\nContent-Type: ${type}\r\n` +
    `User-Agent: TD-Android-SDK/1.1.0 (Pixel 14)\r\nAccept: ${type}\r\nContent-Length: ${body.length}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), body])
}

/** Answers each order on the channel with the requests per second it reached. */
async function generateLoad(): Promise<void> {
  process.on('message', async (round: Round) => {
    process.send!(await runRound(requestOf(round.way), round))
  })
  process.once('disconnect', () => process.exit())
  process.send!({ ready: true })
}

type Measured = { perSecond: number; answered: number }

async function runRound(request: Buffer, { port, connections, seconds }: Round): Promise<Measured> {
  let answered = 0
  let stopping = false
  const closed = Array.from({ length: connections }, async () => {
    const socket = net.connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    let missing = 0
    socket.on('data', (chunk) => {
      missing = missing === 0 ? answerBytes(chunk) - chunk.length : missing - chunk.length
      if (missing > 0) return
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

/** Length of the whole answer that begins with these bytes; its head comes in one piece. */
function answerBytes(chunk: Buffer): number {
  const head = chunk.toString('latin1', 0, 1000)
  if (!head.startsWith('HTTP/1.1 200')) throw new Error(head)
  return head.indexOf('\r\n\r\n') + 4 + Number(/content-length: (\d+)/i.exec(head)![1])
}

async function compare(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      connections: { type: 'string', default: '64' },
      profile: { type: 'string' },
    },
  })
  const edge = await start('edge', values.profile)
  const load = await start('load')
  const cpuMicroseconds = async () => {
    edge.child.send({})
    const [{ user, system }] = (await once(edge.child, 'message')) as [NodeJS.CpuUsage]
    return user + system
  }
  const measure = async (way: Way): Promise<{ perSecond: number; cpuEach: number }> => {
    const before = await cpuMicroseconds()
    const round = {
      port: edge.port!,
      connections: Number(values.connections),
      seconds: Number(values.seconds),
      way,
    }
    load.child.send(round satisfies Round)
    const [{ perSecond, answered }] = (await once(load.child, 'message')) as [Measured]
    return { perSecond, cpuEach: ((await cpuMicroseconds()) - before) / answered }
  }
  for (const way of ['unparsed', 'parsed'] as const) await measure(way)
  const rates: Record<Way, number[]> = { unparsed: [], parsed: [] }
  for (let round = 1; round <= Number(values.rounds); round++) {
    const [unparsed, parsed] = [await measure('unparsed'), await measure('parsed')]
    rates.unparsed.push(unparsed.perSecond)
    rates.parsed.push(parsed.perSecond)
    const words = ({ perSecond, cpuEach }: typeof parsed) =>
      `${perSecond.toFixed(0)}/s (${cpuEach.toFixed(0)} µs of CPU each)`
    console.log(
      `round ${round}: unparsed ${words(unparsed)}; parsed ${words(parsed)}, ` +
        `${(parsed.perSecond * EVENTS_PER_POST).toFixed(0)} events/s`,
    )
  }
  for (const { child } of [edge, load]) child.disconnect()
  const ratio = median(rates.parsed) / median(rates.unparsed)
  console.log(`accept-sdk ratio=${ratio.toFixed(2)} goal=${GOAL} ${ratio >= GOAL ? 'ok' : 'short'}`)
}

async function start(name: string, profile?: string): Promise<{ child: ChildProcess; port?: number }> {
  const execArgv = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
  const child = fork(import.meta.filename, [name], { execArgv })
  const [message] = (await once(child, 'message')) as [{ port?: number }]
  return { child, ...message }
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
}

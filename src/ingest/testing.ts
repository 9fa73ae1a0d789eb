import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { Registry, randomIds, sha256Hex, silentLog, systemClock } from '../kernel/index.ts'
import type { Lookup, SnapshotDatabase, SnapshotKey } from '../snapshot/index.ts'
import {
  openSpoolReader,
  openSpoolWriter,
  readSpoolSettings,
  type SpooledRecord,
  type SpoolWriter,
} from '../spool/index.ts'
import { readIngestSettings } from './config.ts'
import { createEdge, type EdgeOptions } from './edge.ts'
import { ingestMetrics } from './metrics.ts'
import { edgeServer } from './server.ts'
import type { Directory } from './types.ts'

export const SECRET = '0123456789abcdef0123456789abcdef01234567'
export const KEY = `1/${SECRET}`

export const testKey: SnapshotKey = {
  id: 7n,
  accountId: 1n,
  userId: 3n,
  kind: 'write-only',
  sha256: sha256Hex(SECRET),
  revoked: false,
}

export const testDatabase: SnapshotDatabase = {
  id: 5n,
  accountId: 1n,
  name: 'harbour',
  ownerId: null,
  deleteProtected: false,
  createdAt: '',
  updatedAt: '',
}

const found = <T>(value: T): Lookup<T> => ({ kind: 'found', value })

/** Knows key `KEY`, database `harbour` and table `boats` (42); everything else certainly does not exist. */
export function testDirectory(changes: Partial<Directory> = {}): Directory {
  const absent = { kind: 'absent' } as const
  return {
    version: () => 1,
    findKey: async (sha256) => (sha256 === testKey.sha256 ? found(testKey) : absent),
    findDatabase: async (_account, name) => (name === 'harbour' ? found(testDatabase) : absent),
    findTable: async (_account, _database, table) => (table === 'boats' ? found({ id: 42n }) : absent),
    mayImport: async () => found(true),
    ...changes,
  }
}

export type TestEdge = {
  url: string
  port: number
  server: Server
  spoolDirectory: string
  coreSocketPath: string
  registry: Registry
  edge: ReturnType<typeof createEdge>
  /** What the spool holds. */
  spooled(): Promise<SpooledRecord[]>
}

/** Runs with an edge that listens on a free port and writes to a spool of its own. */
export async function withEdge(
  changes: Partial<EdgeOptions>,
  run: (edge: TestEdge) => Promise<void>,
  /** What the edge appends to instead of its spool. */
  inFront: (spool: SpoolWriter) => SpoolWriter = (spool) => spool,
): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'millrace-edge-'))
  const spoolDirectory = join(root, 'spool', 'ingest-0')
  const coreSocketPath = join(root, 'core.sock')
  const environment = { MILLRACE_SPOOL_SEGMENT_BYTES: '262144', MILLRACE_SPOOL_RESERVE_BYTES: '0' }
  const settings = readIngestSettings({})
  const common = { clock: systemClock, log: silentLog }
  const registry = new Registry()
  const spool = await openSpoolWriter({
    ...common,
    directory: spoolDirectory,
    settings: readSpoolSettings(environment),
    onFatal: (error) => {
      throw error
    },
  })
  const edge = createEdge({
    ...common,
    spool: inFront(spool),
    directory: testDirectory(),
    coreSocketPath,
    settings,
    ids: randomIds,
    metrics: ingestMetrics(registry),
    serverStatus: () => 'ok',
    ...changes,
  })
  const server = edgeServer(edge, changes.settings ?? settings) as Server
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const spooled = async () => {
    const reader = openSpoolReader({ ...common, directory: spoolDirectory })
    const limits = { maxBytes: 1e9, maxRecords: 1e9 }
    const records = await reader.read({ generation: 0, offset: 0 }, limits)
    await reader.close()
    return records
  }
  const url = `http://127.0.0.1:${port}`
  try {
    await run({ url, port, server, spoolDirectory, coreSocketPath, registry, edge, spooled })
  } finally {
    server.close()
    server.closeAllConnections()
    edge.close()
    await spool.close()
    await rm(root, { recursive: true, force: true })
  }
}

/** `{"n":2,"time":1795342228}` as fluentd sends it. */
export const oneEvent = gzipSync(
  Buffer.concat([
    Buffer.from([0x82, 0xa1, 0x6e, 2, 0xa4]),
    Buffer.from('time'),
    Buffer.from([0xce, 0x6b, 2, 0xbf, 0x14]),
  ]),
)

export function put(
  url: string,
  body: Buffer | string,
  headers: Record<string, string> = {},
): Promise<Response> {
  const all = { authorization: `TD1 ${KEY}`, 'content-type': 'application/octet-stream', ...headers }
  return fetch(url, {
    method: 'PUT',
    body: typeof body === 'string' ? body : new Uint8Array(body),
    headers: all,
  })
}

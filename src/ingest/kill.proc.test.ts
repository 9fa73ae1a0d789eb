/** The edge in a process of its own, killed with kill -9 while clients import and send events. */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import http, { type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { Registry, randomIds, silentLog, systemClock } from '../kernel/index.ts'
import { openSpoolReader, openSpoolWriter, readSpoolSettings, SPOOL_START } from '../spool/index.ts'
import { createEdge, edgeServer, ingestMetrics, readIngestSettings } from './index.ts'
import { KEY, oneEvent, testDirectory } from './testing.ts'

const ROUNDS = 5
const common = { clock: systemClock, log: silentLog }
const openSpool = (directory: string) =>
  openSpoolWriter({
    ...common,
    directory,
    settings: readSpoolSettings({ MILLRACE_SPOOL_SEGMENT_BYTES: '65536', MILLRACE_SPOOL_RESERVE_BYTES: '0' }),
    onFatal: (error) => {
      throw error
    },
  })

if (process.argv[2] === 'edge') await serve(process.argv[3]!)
else
  describe('an edge that is killed with kill -9 under load', () => {
    test('has in its spool, once, every import and every event it answered', {
      timeout: 60_000,
    }, async () => {
      const root = await mkdtemp(join(tmpdir(), 'millrace-kill-'))
      try {
        await importAndKill(join(root, 'spool', 'ingest-0'))
      } finally {
        await rm(root, { recursive: true, force: true })
      }
    })
  })

async function serve(directory: string): Promise<void> {
  const settings = readIngestSettings({})
  const edge = createEdge({
    ...common,
    spool: await openSpool(directory),
    directory: testDirectory(),
    coreSocketPath: join(directory, 'no-core.sock'),
    settings,
    ids: randomIds,
    metrics: ingestMetrics(new Registry()),
    serverStatus: () => 'ok',
  })
  const server = edgeServer(edge, settings) as Server
  server.listen(0, '127.0.0.1', () => process.send!((server.address() as AddressInfo).port))
}

async function importAndKill(directory: string): Promise<void> {
  const answered: string[] = []
  let sent = 0
  for (let round = 0; round < ROUNDS; round++) {
    const child = fork(import.meta.filename, ['edge', directory], { silent: true })
    const [port] = (await once(child, 'message')) as [number]
    const before = answered.length
    const agent = new http.Agent({ keepAlive: true })
    const clients = Array.from({ length: 16 }, async () => {
      for (;;) {
        const id = `${sent++}`
        if ((await sendOnce(agent, port, id)) !== 200) return
        answered.push(id)
      }
    })
    while (answered.length < before + 150) await new Promise((resolve) => setTimeout(resolve, 2))
    await kill(child)
    await Promise.all(clients)
    agent.destroy()
  }
  await (await openSpool(directory)).close()
  const reader = openSpoolReader({ ...common, directory })
  const records = await reader.read(SPOOL_START, { maxBytes: 1e9, maxRecords: 1e9 })
  await reader.close()
  const ids = records.map(({ record }) =>
    record.kind === 'events' ? (JSON.parse(record.body.toString()) as { id: string }).id : record.uniqueId,
  )
  const held = new Set(ids)
  assert.equal(held.size, ids.length)
  assert.deepEqual(
    answered.filter((id) => !held.has(id)),
    [],
  )
  assert.ok(ids.length <= sent)
  assert.ok(records.every(({ record }) => record.kind === 'events' || record.body.equals(oneEvent)))
}

async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  assert.deepEqual(await exited, [null, 'SIGKILL'])
}

/** An import or an event in turn. Status of the answer; undefined when there was none. */
function sendOnce(agent: http.Agent, port: number, id: string): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>()
  const isEvent = Number(id) % 2 === 1
  const path = isEvent ? '/harbour/boats' : `/v3/table/import_with_id/harbour/boats/${id}/msgpack.gz`
  const headers = { authorization: `TD1 ${KEY}` }
  const method = isEvent ? 'POST' : 'PUT'
  const request = http.request({ agent, port, host: '127.0.0.1', method, path, headers })
  request.on('response', (response) => {
    response.resume()
    response.on('close', () => resolve(response.complete ? response.statusCode : undefined))
  })
  request.on('error', () => resolve(undefined))
  request.end(isEvent ? `{"events":[{"id":"${id}"}]}` : oneEvent)
  return promise
}

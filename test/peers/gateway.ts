/**
 * Rows of nine columns read by trino-jdbc 476 from the query gateway and from a real Trino 435, the same rows, statement and driver,
 * interleaved rounds, medians; both hold the table before.
 *
 *   script/test-peers gateway [--rows 1000000] [--rounds 3]
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { logRows, median, type Reading, startReader } from '../../bench/support/jdbc.ts'
import { restClient } from '../../script/support/client.ts'
import { startServer } from '../support/server.ts'
import { statementClient } from '../support/statement.ts'
import { trinoClassPath } from './trino-jars.ts'

const GOAL = 2
const ALL = 'SELECT time, host, member, method, path, code, size, referer, agent FROM log'

const { values } = parseArgs({
  options: { rows: { type: 'string', default: '1000000' }, rounds: { type: 'string', default: '3' } },
})
const rows = Number(values.rows)
const home = resolve('node_modules/.cache/trino')
mkdirSync(home, { recursive: true })

const trino = await startTrinoServer()
const server = await startServer()
try {
  await restClient(server.url, server.apiKey).ensure('/v3/database/create/bench')
  await fill(trino.url, 'peer', 'default')
  await fill(server.gatewayUrl, server.apiKey, 'bench')
  const theirs = startReader(home, `jdbc:trino://${new URL(trino.url).host}/td-presto/default`, 'peer')
  const ours = startReader(
    home,
    `jdbc:trino://${new URL(server.gatewayUrl).host}/td-presto/bench`,
    server.apiKey,
  )
  const readings: Record<'ours' | 'theirs', Reading[]> = { ours: [], theirs: [] }
  for (let round = -1; round < Number(values.rounds); round++)
    for (const [side, reader] of [
      ['ours', ours],
      ['theirs', theirs],
    ] as const) {
      const reading = await reader.read(ALL)
      if (reading.rows !== rows) throw new Error(`${side}: ${reading.rows} rows were read`)
      if (round >= 0) readings[side].push(reading)
    }
  ours.stop()
  theirs.stop()
  const whole = (side: Reading[]) => median(side.map(({ columnsMs, rowsMs }) => columnsMs + rowsMs))
  for (const side of ['ours', 'theirs'] as const)
    console.log(
      `${side}: ${Math.round(rows / whole(readings[side]))} thousand rows/s, columns after ${median(readings[side].map(({ columnsMs }) => columnsMs)).toFixed(0)} ms`,
    )
  const ratio = whole(readings.theirs) / whole(readings.ours)
  console.log(`gateway-trino ratio=${ratio.toFixed(2)} goal=${GOAL} ${ratio >= GOAL ? 'ok' : 'short'}`)
} finally {
  await server.stop()
  server.remove()
  await trino.stop()
}

async function fill(url: string, user: string, schema: string): Promise<void> {
  const { error } = await statementClient(url, user).run(`CREATE TABLE log AS ${logRows(rows)}`, {
    'X-Trino-Catalog': 'td-presto',
    'X-Trino-Schema': schema,
  })
  if (error !== undefined) throw new Error(error.message)
}

async function startTrinoServer(): Promise<{ url: string; stop(): Promise<void> }> {
  const classPath = trinoClassPath(home)
  const source = 'test/peers/trino/src/main/java/millrace/Serve.java'
  execFileSync('javac', ['-nowarn', '-d', home, '-cp', classPath, source], { stdio: 'pipe' })
  const flags = ['-Xmx3g', '--add-opens=java.base/java.nio=ALL-UNNAMED']
  const child = spawn('java', [...flags, '-cp', classPath, 'millrace.Serve'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  // The server's log takes over what is printed.
  for await (const line of createInterface({ input: child.stderr! })) {
    const [, url] = /listening on (http:\S+)/.exec(line) ?? []
    if (url === undefined) continue
    child.stderr!.resume()
    return {
      url,
      async stop() {
        child.kill()
        if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      },
    }
  }
  throw new Error('Trino ended before it listened')
}

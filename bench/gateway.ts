/**
 * What a result costs on its way through the query gateway, the same server, interleaved rounds, medians:
 *   gateway            rows of nine columns a second to trino-jdbc 476, from their columns to the last row / to a client that downloads the
 *                      result of the same statement as JSON over REST
 *   gateway-first-row  a trivial statement from its POST to its row with an engine kept warm / 100 ms
 * Needs a JDK and Maven.
 *
 *   node bench/gateway.ts [--rows 1000000] [--rounds 3] [--encoding json+zstd|json|none]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { restClient } from '../script/support/client.ts'
import { startServer } from '../test/support/server.ts'
import { statementClient } from '../test/support/statement.ts'
import { logRows, median, type Reading, startReader } from './support/jdbc.ts'

const GOAL = 0.5
const GOAL_FIRST_ROW_MS = 100
const FIRST_ROWS = 30
const PAUSE_MS = 500

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
    encoding: { type: 'string', default: '' },
  },
})
const rows = Number(values.rows)
const work = mkdtempSync(join(tmpdir(), 'millrace-gateway-'))
const server = await startServer()

try {
  const rest = restClient(server.url, server.apiKey)
  const statements = statementClient(server.gatewayUrl, server.apiKey)
  await rest.ensure('/v3/database/create/bench')
  await run(`CREATE TABLE bench.log AS ${logRows(rows)}`)
  const all = 'SELECT time, host, member, method, path, code, size, referer, agent FROM bench.log'
  const { host } = new URL(server.gatewayUrl)
  const encoding = values.encoding === '' ? '' : `?encoding=${encodeURIComponent(values.encoding)}`
  const reader = startReader(work, `jdbc:trino://${host}/td-presto/bench${encoding}`, server.apiKey)
  const readings: Reading[] = []
  const exportMs: number[] = []
  const id = await exported(all)
  for (let round = -1; round < Number(values.rounds); round++) {
    const reading = await reader.read(all)
    if (reading.rows !== rows) throw new Error(`${reading.rows} rows were read`)
    const downloaded = await download(id)
    if (round < 0) continue
    readings.push(reading)
    exportMs.push(downloaded)
  }
  reader.stop()
  const firstRowMs: number[] = []
  for (let round = 0; round < FIRST_ROWS; round++) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    const startedMs = performance.now()
    await run('SELECT 1')
    firstRowMs.push(performance.now() - startedMs)
  }
  report(readings, median(exportMs), median(firstRowMs))

  async function run(text: string): Promise<void> {
    const { error } = await statements.run(text, {
      'X-Trino-Catalog': 'td-presto',
      'X-Trino-Schema': 'bench',
    })
    if (error !== undefined) throw new Error(error.message)
  }
  async function exported(query: string): Promise<string> {
    const form = new URLSearchParams({ query })
    const { job_id } = await rest.json<{ job_id: string }>('POST', '/v3/job/issue/presto/bench', form)
    for (;;) {
      const { status } = await rest.json<{ status: string }>('GET', `/v3/job/status/${job_id}`)
      if (status === 'success') return job_id
      if (status !== 'queued' && status !== 'running') throw new Error(`the job ended as ${status}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
} finally {
  await server.stop()
  server.remove()
  rmSync(work, { recursive: true })
}

/** Milliseconds until the last byte. */
async function download(id: string): Promise<number> {
  const startedMs = performance.now()
  const response = await fetch(`${server.url}/v3/job/result/${id}?format=json`, {
    headers: { authorization: `TD1 ${server.apiKey}`, 'accept-encoding': 'identity' },
  })
  let bytes = 0
  for await (const part of response.body!) bytes += part.length
  if (response.status !== 200 || bytes < rows) throw new Error(`${response.status}, ${bytes} bytes`)
  return performance.now() - startedMs
}

function report(readings: Reading[], exportMs: number, firstRowMs: number): void {
  const part = (name: keyof Reading) => median(readings.map((reading) => reading[name]))
  const rate = (ms: number) => Math.round(rows / ms)
  console.log(
    `trino-jdbc: ${rate(part('rowsMs'))} thousand rows/s after ${part('columnsMs').toFixed(0)} ms for the statement itself; ` +
      `the driver used ${part('cpuMs').toFixed(0)} ms of processor time`,
  )
  console.log(`export as JSON: ${rate(exportMs)} thousand rows/s`)
  const ratio = exportMs / part('rowsMs')
  console.log(`gateway ratio=${ratio.toFixed(2)} goal=${GOAL} ${ratio >= GOAL ? 'ok' : 'short'}`)
  const first = firstRowMs / GOAL_FIRST_ROW_MS
  console.log(`first row: p50 ${firstRowMs.toFixed(0)} ms`)
  console.log(`gateway-first-row ratio=${first.toFixed(2)} goal=1 ${first <= 1 ? 'ok' : 'short'}`)
}

/**
 * How long a trivial query takes from issuing the job to its row, through the job API of a whole running server with an
 * engine kept warm: issue, ask for the status until it ended, fetch the result. Against a bare request to the same server
 * (one authenticated look at the catalog) in the same rounds: what remains when nothing is run. The queries are a little apart, as
 * those of one person are, and once more without a pause, where each waits for the next engine.
 *
 *   node bench/first-row.ts [--rounds 40] [--pause 700] [--trace]
 */
import { once } from 'node:events'
import http from 'node:http'
import { parseArgs } from 'node:util'
import { startServer } from '../test/support/server.ts'

const GOAL_MS = 150
const POLL_MS = 10

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '40' },
    pause: { type: 'string', default: '700' },
    trace: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const agent = new http.Agent({ keepAlive: true })
const server = await startServer()

try {
  await call('POST', '/v3/database/create/shop')
  for (let warmUp = 0; warmUp < 3; warmUp++) await firstRow()
  const bare: number[] = []
  const paused: Steps[] = []
  for (let round = 0; round < rounds; round++) {
    await pause(Number(values.pause))
    bare.push(await timed(() => call('GET', '/v3/database/list')))
    paused.push(await firstRow())
  }
  const unpaused: Steps[] = []
  for (let round = 0; round < rounds / 2; round++) unpaused.push(await firstRow())
  report(bare, paused, unpaused)
} finally {
  agent.destroy()
  await server.stop()
  server.remove()
}

type Steps = { issueMs: number; runMs: number; resultMs: number; totalMs: number }

async function firstRow(): Promise<Steps> {
  const startedMs = performance.now()
  const { job_id: id } = JSON.parse(await call('POST', '/v3/job/issue/presto/shop', 'query=SELECT+1')) as {
    job_id: string
  }
  const issuedMs = performance.now()
  await untilSuccess(id)
  const endedMs = performance.now()
  const row = await call('GET', `/v3/job/result/${id}?format=json`)
  if (row.trim() !== '[1]') throw new Error(`the result is ${row}`)
  const nowMs = performance.now()
  if (values.trace) console.log(await call('GET', `/v3/job/show/${id}`))
  return {
    issueMs: issuedMs - startedMs,
    runMs: endedMs - issuedMs,
    resultMs: nowMs - endedMs,
    totalMs: nowMs - startedMs,
  }
}

async function untilSuccess(id: string): Promise<void> {
  for (;;) {
    const { status } = JSON.parse(await call('GET', `/v3/job/status/${id}`)) as { status: string }
    if (status === 'success') return
    if (status !== 'queued' && status !== 'running')
      throw new Error(`the job ended as ${status}: ${await call('GET', `/v3/job/show/${id}`)}`)
    await pause(POLL_MS)
  }
}

async function call(method: string, path: string, form?: string): Promise<string> {
  const request = http.request(`${server.url}${path}`, {
    method,
    agent,
    headers: {
      authorization: `TD1 ${server.apiKey}`,
      ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
    },
  })
  request.end(form)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  let text = ''
  for await (const part of response.setEncoding('utf8')) text += part
  if (response.statusCode !== 200) throw new Error(`${method} ${path}: ${response.statusCode} ${text}`)
  return text
}

function report(bare: number[], paused: Steps[], unpaused: Steps[]): void {
  const part = (steps: Steps[], name: keyof Steps) => median(steps.map((each) => each[name]))
  const inWords = (steps: Steps[]) =>
    `p50 ${part(steps, 'totalMs').toFixed(0)} ms (issue ${part(steps, 'issueMs').toFixed(0)}, run ${part(steps, 'runMs').toFixed(0)}, ` +
    `result ${part(steps, 'resultMs').toFixed(0)}), p95 ${percentile(
      steps.map((each) => each.totalMs),
      0.95,
    ).toFixed(0)} ms`
  console.log(`with an engine warm: ${inWords(paused)}`)
  console.log(`one after the other, without a pause: ${inWords(unpaused)}`)
  const bareMs = median(bare)
  const totalMs = part(paused, 'totalMs')
  console.log(
    `a bare request: p50 ${bareMs.toFixed(1)} ms; the first row takes ${(totalMs / bareMs).toFixed(0)} times as long`,
  )
  const ratio = totalMs / GOAL_MS
  console.log(`first-row ratio=${ratio.toFixed(2)} goal=1 ${ratio <= 1 ? 'ok' : 'short'}`)
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await act()
  return performance.now() - startedMs
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function median(numbers: number[]): number {
  return percentile(numbers, 0.5)
}

function percentile(numbers: number[], fraction: number): number {
  return numbers.toSorted((a, b) => a - b)[Math.ceil(fraction * numbers.length) - 1]!
}

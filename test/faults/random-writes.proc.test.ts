import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { appendFileSync, readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { restClient } from '../../script/support/client.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { type Left, LOG, ownTable, randomScript, SWAPPED } from './random-scripts.ts'
import { postmasterPid, seeded } from './support.ts'

/** Long form: MILLRACE_WRITE_KILL_SECONDS=900 MILLRACE_WRITE_KILL_SEED=7; MILLRACE_FAULT_LOG names a file for the server's log. */
const SEED = Number(process.env.MILLRACE_WRITE_KILL_SEED ?? Date.now() % 1_000_000)
const SECONDS = Number(process.env.MILLRACE_WRITE_KILL_SECONDS ?? 25)
const WRITERS = 4
const PATIENCE_MS = 400_000
const DATABASE = 'random_writes'
const ENDS = ['success', 'error', 'killed']
/** How a job may end although its script is right: somebody else was quicker twice, or it has lost worker or engine too often. */
const EXCUSED =
  /TRANSACTION_CONFLICT|TABLE_NOT_FOUND|lost its worker|engine_lost|engine_unavailable|database_away/

type Ended = { id: string; writer: number; text: string; status: string; told: string }

describe(`random writes under kill -9 (seed ${SEED}, ${SECONDS} s)`, () => {
  let server: TestServer
  before(async () => {
    server = await startServer({
      readyWithinMs: 180_000,
      env: {
        MILLRACE_WORKER_PROCESSES: '2',
        MILLRACE_JOBS_TAKEOVER_SECONDS: '5',
        MILLRACE_MERGE_SECONDS: '1',
        MILLRACE_MERGE_QUIET_SECONDS: '2',
        MILLRACE_ENGINE_WARM: '1',
        MILLRACE_CATALOG_WRITE_WAIT_SECONDS: '5',
      },
    })
    const client = restClient(server.url, server.apiKey)
    await client.ensure(`/v3/database/create/${DATABASE}`)
    await client.query(DATABASE, `CREATE TABLE ${LOG} (w bigint, n bigint)`)
  })
  after(async () => {
    await server?.stop()
    if (process.env.MILLRACE_FAULT_LOG !== undefined)
      appendFileSync(process.env.MILLRACE_FAULT_LOG, server.log())
    server?.remove()
  })

  test('leaves what a model of the committed jobs leaves, and the status of every job is true', async () => {
    const untilMs = performance.now() + SECONDS * 1000
    let hasFailed = false
    const isOver = () => hasFailed || performance.now() >= untilMs
    const ended: Ended[] = []
    const unlessFailed = <T>(work: Promise<T>) =>
      work.catch((error: unknown) => {
        hasFailed = true
        throw error
      })
    const writers = Array.from({ length: WRITERS }, (_, writer) => write(server, { writer, isOver, ended }))
    const [victims, ...left] = await Promise.all([
      unlessFailed(killAtRandom(server, seeded(SEED), { isOver, ended: () => ended.length })),
      ...writers.map(unlessFailed),
    ])
    const what = `seed ${SEED}, killed: ${victims.join(' ')}`
    const count = (status: string) => ended.filter((job) => job.status === status).length
    console.log(
      `${ended.length} jobs: ${ENDS.map((status) => `${status} ${count(status)}`).join(', ')}; ${victims.length} kills; seed ${SEED}`,
    )
    assert.ok(count('success') >= WRITERS && victims.length > 0, what)

    for (const [writer, { own, log }] of left.entries()) {
      const sorted = (rows: number[]) => [...rows].sort((a, b) => a - b)
      assert.deepEqual(await numbers(`SELECT n FROM ${LOG} WHERE w = ${writer}`), sorted(log), what)
      const stored = await numbers(`SELECT n FROM ${ownTable(writer)}`)
      assert.deepEqual(stored, own === undefined ? undefined : sorted(own), `${ownTable(writer)}, ${what}`)
    }
    await assertSwapped(left, what)
    const client = restClient(server.url, server.apiKey)
    for (const { id, status } of ended)
      assert.equal((await client.json<{ status: string }>('GET', `/v3/job/status/${id}`)).status, status, id)
    assert.equal(await fsck(server), undefined, what)
  })

  /** Sorted; undefined when there is no such table. */
  async function numbers(sql: string): Promise<number[] | undefined> {
    try {
      const { rows } = await restClient(server.url, server.apiKey).query(DATABASE, sql)
      return rows.map(([n]) => Number(n)).sort((a, b) => a - b)
    } catch (error) {
      if ((error as Error).message.includes('TABLE_NOT_FOUND')) return undefined
      throw error
    }
  }

  /** The table that all replace is one script's, whole, and that writer has replaced it last by that script. */
  async function assertSwapped(left: Left[], what: string): Promise<void> {
    if (left.every(({ swapped }) => swapped === undefined)) return
    const { rows } = await restClient(server.url, server.apiKey).query(
      DATABASE,
      `SELECT w, script, count(*), sum(n) FROM ${SWAPPED} GROUP BY w, script`,
    )
    const [[writer, script, ...whole] = []] = rows as number[][]
    assert.deepEqual([rows.length, ...whole], [1, 3, 6], what)
    assert.equal(left[writer!]?.swapped, script, what)
  }
})

/** Issues one script after the other, and follows what those leave that succeeded. */
async function write(
  server: TestServer,
  { writer, isOver, ended }: { writer: number; isOver: () => boolean; ended: Ended[] },
): Promise<Left> {
  const random = seeded(SEED * 31 + writer)
  const below = (limit: number) => Math.floor(random() * limit)
  let left: Left = { own: undefined, log: [], swapped: undefined }
  for (let number = 0; !isOver(); number++) {
    const script = randomScript(below, writer, number, left)
    const killAfterMs = below(15) === 0 ? below(2_000) : undefined
    const id = await issue(server, `${writer}-${number}`, script.text)
    if (killAfterMs !== undefined) {
      await pause(killAfterMs)
      await ask(server, 'POST', `/v3/job/kill/${id}`)
    }
    const { status, told } = await endOf(server, id)
    ended.push({ id, writer, text: script.text, status, told })
    if (status === 'success') {
      assert.ok(!script.fails, `job ${id} succeeded: ${script.text}`)
      left = script.left
    } else if (status === 'error' && !script.fails)
      assert.match(told, EXCUSED, `job ${id} (seed ${SEED}): ${script.text}`)
  }
  return left
}

async function issue(server: TestServer, key: string, query: string): Promise<string> {
  const form = { query, domain_key: `writes-${SEED}-${key}`, retry_limit: '3' }
  const reply = await ask(server, 'POST', `/v3/job/issue/presto/${DATABASE}`, form)
  // A repeat, after an answer that was lost: its job is there.
  if (reply.status === 409) return String((reply.body.details as { conflicts_with: unknown }).conflicts_with)
  return String(reply.body.job_id)
}

async function endOf(server: TestServer, id: string): Promise<{ status: string; told: string }> {
  for (const endMs = performance.now() + PATIENCE_MS; ; ) {
    const { status } = (await ask(server, 'GET', `/v3/job/status/${id}`)).body as { status: string }
    if (ENDS.includes(status)) {
      const { body } = await ask(server, 'GET', `/v3/job/show/${id}`)
      const { cmdout, stderr } = body.debug as { cmdout: string; stderr: string }
      // While the database is away only the head of a job is known, not what it says.
      if (status !== 'error' || stderr !== '') return { status, told: cmdout + stderr }
    }
    assert.ok(performance.now() < endMs, `job ${id} is ${status} for too long (seed ${SEED})`)
    await pause(50)
  }
}

type Reply = { status: number; body: Record<string, unknown> }

/** Until it is answered: 503, 429 and cut connections mean "again". */
async function ask(
  { url, apiKey }: TestServer,
  method: string,
  path: string,
  form?: Record<string, string>,
): Promise<Reply> {
  for (let tries = 0; tries < 2_000; tries++) {
    try {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: { authorization: `TD1 ${apiKey}` },
        ...(form && { body: new URLSearchParams(form) }),
        signal: AbortSignal.timeout(20_000),
      })
      const text = await response.text()
      if (response.ok || response.status === 409)
        return { status: response.status, body: JSON.parse(text) as Reply['body'] }
      assert.ok(response.status === 503 || response.status === 429, `${path}: ${response.status} ${text}`)
    } catch (error) {
      // The process that answered was killed: whether it had done it is unknown, so it is asked again.
      if (!(error instanceof TypeError) && (error as Error).name !== 'TimeoutError') throw error
    }
    await pause(100)
  }
  throw new Error(`${method} ${path} was never answered`)
}

/** Workers, their engines, core and the database, one after the other; whom it has met. */
async function killAtRandom(
  server: TestServer,
  random: () => number,
  { isOver, ended }: { isOver: () => boolean; ended: () => number },
): Promise<string[]> {
  const met: string[] = []
  for (let before = 0; !isOver(); before = ended()) {
    // On a slow machine too something gets done in between: else jobs only lose their workers.
    const patienceMs = performance.now() + 20_000
    await pause(500 + random() * 3_000)
    while (ended() === before && performance.now() < patienceMs && !isOver()) await pause(100)
    const victims = (await server.processes()).filter(({ name }) => /^(worker|core)/.test(name))
    const targets = victims.flatMap(({ name, pid }) => {
      if (pid === undefined) return []
      const engines = name.startsWith('worker') ? childrenOf(pid).slice(0, 1) : []
      return [{ name, pid }, ...engines.map((engine) => ({ name: `engine of ${name}`, pid: engine }))]
    })
    // It comes seldom: jobs that write need it for longer than it takes to start.
    const target = [...targets, ...(random() < 0.5 ? databaseOf(server) : [])]
    const { name, pid } = target[Math.floor(random() * target.length)] ?? { name: 'nobody', pid: undefined }
    if (pid !== undefined && killIfAlive(pid)) met.push(name)
  }
  return met
}

/** None while it is being started again. */
function databaseOf(server: TestServer): { name: string; pid: number }[] {
  try {
    return [{ name: 'postgres', pid: postmasterPid(server) }]
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return []
  }
}

function childrenOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    return children === '' ? [] : children.split(' ').map(Number)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return []
  }
}

function killIfAlive(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    return false
  }
}

/** What catalog and files disagree about. */
async function fsck({ dataDir }: TestServer): Promise<string | undefined> {
  const command = new URL('../../bin/millrace', import.meta.url).pathname
  try {
    await promisify(execFile)(command, ['fsck', '--data-dir', dataDir], { maxBuffer: 2 ** 26 })
    return undefined
  } catch (error) {
    const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string }
    return `exit code ${code}: ${stdout}${stderr}`
  }
}

import assert from 'node:assert/strict'
import { appendFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { restClient } from '../../script/support/client.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { postmasterPid, seeded, startWriter, until } from './support.ts'

/** MILLRACE_FAULT_SEED repeats a run, MILLRACE_FAULT_ROUNDS makes it longer, MILLRACE_FAULT_LOG names a file for the servers' log. */
const seed = Number(process.env.MILLRACE_FAULT_SEED ?? Date.now() % 1_000_000)
const rounds = Number(process.env.MILLRACE_FAULT_ROUNDS ?? 10)

describe(`kill -9 of any process at any moment (seed ${seed}, ${rounds} rounds)`, () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
    const client = restClient(server.url, server.apiKey)
    await client.ensure('/v3/database/create/faults')
    await client.ensure('/v3/table/create/faults/events/log')
  })
  const keepLog = () => {
    const path = process.env.MILLRACE_FAULT_LOG
    if (path !== undefined) appendFileSync(path, server.log())
  }
  after(async () => {
    await server?.stop()
    keepLog()
    server?.remove()
  })

  test('loses nothing acknowledged and stores nothing twice', async () => {
    const random = seeded(seed)
    const writers = ['a', 'b', 'c'].map((name) => startWriter(() => server, 'faults/events', name))
    const victims: string[] = []
    for (let round = 0; round < rounds; round++) {
      await pause(200 + random() * 1200)
      victims.push(await killOne(random))
    }
    await pause(500)
    for (const writer of writers) await writer.stop()
    assert.deepEqual(
      writers.flatMap(({ wrong }) => wrong),
      [],
      `killed: ${victims.join(' ')}`,
    )
    await account(
      writers.flatMap(({ sent }) => sent),
      victims,
    )
  })

  async function killOne(random: () => number): Promise<string> {
    const processes = (await server.processes()).filter(({ pid }) => pid !== undefined)
    const targets = [
      ...processes.map(({ name, pid }) => ({ name, pid: pid! })),
      { name: 'postgres', pid: 0 },
      { name: 'supervisor', pid: 0 },
    ]
    const target = targets[Math.floor(random() * targets.length)]
    if (target.name === 'supervisor') {
      const { dataDir } = server
      await server.kill()
      keepLog()
      server = await startServer({ dataDir })
      return target.name
    }
    const killed = killIfAlive(target.name === 'postgres' ? postmasterPid(server) : target.pid)
    return killed ? target.name : `(${target.name})`
  }

  /** False when the victim of an earlier round has not been started again yet. */
  function killIfAlive(pid: number): boolean {
    try {
      return process.kill(pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      return false
    }
  }

  /** Every payload once: by count, by checksum, and by the pair that names each row. */
  async function account(
    sent: { rows: number; sum: number; acknowledged: boolean }[],
    victims: string[],
  ): Promise<void> {
    const acknowledged = sent.filter((one) => one.acknowledged)
    assert.equal(acknowledged.length, sent.length)
    const rows = acknowledged.reduce((total, one) => total + one.rows, 0)
    const sum = acknowledged.reduce((total, one) => total + one.sum, 0)
    assert.ok(rows > 500, `only ${rows} rows were sent`)
    const ask = async () => {
      const client = restClient(server.url, server.apiKey)
      const answer = await client.query(
        'faults',
        'SELECT count(*), sum(value), count(DISTINCT ROW(writer, n, i)) FROM events',
      )
      return answer.rows[0] as number[]
    }
    let found: number[] = []
    await until(
      async () => {
        found = await ask()
        return found[0] >= rows
      },
      () =>
        `all ${rows} acknowledged rows are queryable, found ${found[0]} (seed ${seed}, killed: ${victims.join(' ')})`,
    )
    await pause(1500)
    assert.deepEqual(await ask(), [rows, sum, rows], `seed ${seed}, killed: ${victims.join(' ')}`)
  }
})

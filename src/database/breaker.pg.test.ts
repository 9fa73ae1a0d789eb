import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { createGateClient, createGateKeeper } from '../gate/index.ts'
import { type Channel, randomIds, silentLog, systemClock } from '../kernel/index.ts'
import { openDatabase, probeDatabase } from './index.ts'
import { startTestDatabase } from './testing.ts'

/** A supervisor's keeper and one child, joined without processes in between. */
async function joined(address: Parameters<typeof probeDatabase>[0]) {
  const dataDir = mkdtempSync(join(tmpdir(), 'gate-'))
  let hear: (body: unknown) => unknown = () => undefined
  const modes: string[] = []
  const keeper = await createGateKeeper({
    dataDir,
    clock: systemClock,
    log: silentLog,
    probe: (at) => probeDatabase(at, 1_000),
    broadcast: (topic, body) => void (topic === 'gate' && hear(structuredClone(body))),
  })
  const stopping = new AbortController()
  const running = keeper.run(stopping.signal)
  const channel: Channel = {
    notify: (topic, body) => void keeper.topics[topic]?.(structuredClone(body), 'core'),
    ask: async (topic, body) => structuredClone(keeper.topics[topic]?.(body, 'core')),
    on: (_, handler) => {
      hear = (body) => handler(body, 'supervisor')
    },
    onClose: () => undefined,
  }
  const gate = createGateClient({ channel, clock: systemClock, log: silentLog })
  gate.onChange(({ mode }) => void (modes.at(-1) !== mode && modes.push(mode)))
  await keeper.order('switch', { epoch: 1, address })
  const database = openDatabase({
    gate,
    clock: systemClock,
    log: silentLog,
    ids: randomIds,
    maxConnections: 4,
  })
  const stop = async () => {
    await database.close()
    gate.stop()
    stopping.abort()
    await running
    rmSync(dataDir, { recursive: true })
  }
  return { keeper, gate, database, modes, stop }
}

describe('supervisor, gate and database together', () => {
  test('carry callers over a killed database: the gate shuts by itself, and opens again', async (t) => {
    const db = await startTestDatabase()
    t.after(() => db.stop())
    if (!db.embedded) return t.skip('an external server is not ours to kill')
    const { gate, database, modes, stop } = await joined(db.address)
    t.after(stop)
    const count = () => database.read({ class: 'read', deadlineMs: 10_000 }, (sql) => sql`SELECT 1`)
    await count()
    await db.kill()
    const waiting = Array.from({ length: 20 }, count)
    while (gate.current().mode !== 'away') await systemClock.sleep(10)
    await assert.rejects(
      database.read({ class: 'read', deadlineMs: 50 }, (sql) => sql`SELECT 1`),
      { code: 'database_away' },
    )
    await db.start()
    assert.equal((await Promise.all(waiting)).length, 20)
    assert.deepEqual(modes.slice(-2), ['away', 'serving'])
  })

  test('let a maintenance hold everybody for a moment: nobody sees more than a slow answer', async (t) => {
    const db = await startTestDatabase()
    t.after(() => db.stop())
    const { keeper, database, stop } = await joined(db.address)
    t.after(stop)
    const write = (name: string) =>
      database.write(
        { class: 'write', deadlineMs: 10_000 },
        (sql) => sql`INSERT INTO accounts (name) VALUES (${name})`,
      )
    await write('before')
    const slow = database.write({ class: 'write', deadlineMs: 10_000 }, async (sql) => {
      await sql`SELECT pg_sleep(0.3)`
      await sql`INSERT INTO accounts (name) VALUES ('slow')`
    })
    await systemClock.sleep(50)
    for (const event of ['drain', 'close_writes', 'hold'] as const) await keeper.order(event)
    const during = write('during')
    assert.deepEqual(await keeper.missing(['core'], 100), ['core'], 'a write is still inside')
    assert.deepEqual(await keeper.missing(['core'], 5_000), [])
    await slow
    const inside = await db.database.read(
      { class: 'read', deadlineMs: 1_000 },
      (sql) => sql<{ name: string }>`SELECT name FROM accounts ORDER BY id`,
    )
    assert.deepEqual(
      inside.map(({ name }) => name),
      ['before', 'slow'],
    )
    await keeper.order('switch', { epoch: 2, address: db.address })
    await keeper.order('reopen')
    await during
    const [row] = await database.read(
      { class: 'read', deadlineMs: 1_000 },
      (sql) => sql<{ name: string }>`SELECT current_setting('application_name') AS name`,
    )
    assert.equal(row!.name, 'millrace_e2')
  })
})

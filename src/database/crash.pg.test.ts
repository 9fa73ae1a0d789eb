import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { randomIds, systemClock } from '../kernel/index.ts'
import { startTestDatabase } from './testing.ts'

const WRITE = { class: 'write', deadlineMs: 20_000 } as const
const READ = { class: 'read', deadlineMs: 20_000 } as const
const ROUNDS = 5
const WRITERS = 6

describe('the main database killed under load', () => {
  test('has everything that was acknowledged, once each, and nobody saw an error', async (t) => {
    const db = await startTestDatabase({ durable: true })
    t.after(() => db.stop())
    if (!db.embedded) {
      return t.skip('an external server is not ours to kill')
    }
    const acknowledged: string[] = []
    let stop = false
    const writers = Array.from({ length: WRITERS }, async () => {
      while (!stop) {
        const name = randomIds.hex128()
        await db.database.write(WRITE, async (sql) => {
          await sql`INSERT INTO accounts (name) VALUES (${name})`
          await sql`INSERT INTO audit_log (action, target) VALUES ('create', ${name})`
        })
        acknowledged.push(name)
      }
    })
    for (let round = 0; round < ROUNDS; round++) {
      const enough = acknowledged.length + 40
      while (acknowledged.length < enough) await systemClock.sleep(5)
      await systemClock.sleep(7 * round)
      await db.kill()
      await db.start()
    }
    await systemClock.sleep(200)
    stop = true
    await Promise.all(writers)
    const rows = await db.database.read(
      READ,
      (sql) => sql<{ name: string; accounts: bigint; entries: bigint }>`
      SELECT name, count(*) AS accounts, (SELECT count(*) FROM audit_log WHERE target = name) AS entries
        FROM accounts GROUP BY name`,
    )
    t.diagnostic(`${acknowledged.length} acknowledged writes over ${ROUNDS} kills`)
    assert.deepEqual(
      rows.filter(({ accounts, entries }) => accounts !== 1n || entries !== 1n),
      [],
    )
    assert.deepEqual(rows.map(({ name }) => name).sort(), acknowledged.sort(), 'neither more nor less')
  })
})

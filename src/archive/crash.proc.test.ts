import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createStaticGate, servingState } from '../gate/index.ts'
import { systemClock } from '../kernel/index.ts'
import type { ArchiveProcess } from './process-testing.ts'
import { removeOrphans } from './removal.ts'
import { type ArchiveRoom, HOUR, openArchiveRoom } from './testing.ts'
import { DELETION_STEPS, MERGE_STEPS, REMOVAL_STEPS } from './types.ts'

const DAY = 86_400
/** 2023-11-14, the day of HOUR. */
const DAY_START = Math.floor(HOUR / DAY) * DAY

describe('an archivist that is killed', () => {
  let room: ArchiveRoom
  let tables = 0
  before(async () => {
    room = await openArchiveRoom()
  })
  after(() => room.close())

  /** Resolves with the signal that ended it, or null when it ended by itself in peace. */
  const runProcess = (how: Pick<ArchiveProcess, 'work' | 'die'>): Promise<string | null> => {
    const job: ArchiveProcess = { address: room.db.address, dataDir: room.dataDir, ...how }
    const script = fileURLToPath(new URL('./process-testing.ts', import.meta.url))
    const child = spawn(process.execPath, [script, JSON.stringify(job)], { stdio: 'inherit' })
    return new Promise((resolve, reject) => {
      child.once('exit', (code, signal) => {
        if (signal === null && code !== 0) reject(new Error(`the process failed with exit code ${code}`))
        else resolve(signal)
      })
    })
  }
  const sweep = () => {
    const gate = createStaticGate(servingState(room.db.address, systemClock.now()))
    return removeOrphans({ ...room.deps, gate }, { leastMinutes: -1 }, new AbortController().signal)
  }
  const aTable = () => room.addTable(`t${++tables}`)
  const assertTidy = async () => {
    const { stored, named } = await room.files()
    assert.deepEqual(stored, named)
  }

  // A day that is cut into two files, so that some steps come twice.
  const busy = Array.from({ length: 100 }, (_, n) => ({ time: DAY_START + (n % 3600), n }))
  for (const step of MERGE_STEPS)
    for (const occurrence of step === 'written' || step === 'stored' ? [1, 2] : [1])
      test(`in a merge at step ${step}${occurrence > 1 ? ', the 2nd time' : ''}: the rows are the same, and no file is left over`, async () => {
        const table = await aTable()
        await room.addChunks(
          table,
          [...busy, { time: DAY_START + 40_000, n: -1 }],
          [
            { time: DAY_START, n: -2 },
            { time: DAY_START + 50_000, n: -3 },
          ],
        )
        const before = await room.fingerprint(table)
        const work = { kind: 'merge', tableId: String(table), level: 1, start: String(DAY_START) } as const
        assert.equal(await runProcess({ work, die: { step, occurrence } }), 'SIGKILL')
        assert.deepEqual(await room.fingerprint(table), before)
        // What the claim watch does once the claim has stood still for its time.
        await room.run`DELETE FROM merge_claims`
        await sweep()
        await assertTidy()
        assert.equal(await runProcess({ work }), null)
        assert.deepEqual(await room.fingerprint(table), before)
        assert.equal((await room.liveChunks(table)).length, 2)
        await assertTidy()
      })

  for (const step of REMOVAL_STEPS)
    test(`in the removal of files at step ${step}: nothing live is touched, and the next round ends it`, async () => {
      const table = await aTable()
      await room.addChunks(table, [{ time: HOUR, n: 1 }], [{ time: HOUR, n: 2 }], [{ time: HOUR, n: 3 }])
      await room.merge(table)
      await room.run`UPDATE chunks SET retired_at = retired_at - interval '1 hour' WHERE retired_at IS NOT NULL`
      const before = await room.fingerprint(table)
      const work = { kind: 'remove' } as const
      assert.equal(await runProcess({ work, die: { step, occurrence: 1 } }), 'SIGKILL')
      assert.deepEqual(await room.fingerprint(table), before)
      assert.equal(await runProcess({ work }), null)
      assert.deepEqual(await room.fingerprint(table), before)
      assert.deepEqual(await room.query`SELECT 1 FROM chunks WHERE retired_at IS NOT NULL`, [])
      await assertTidy()
    })

  // Drill mrnh2jc0kmqb: a write job counts what it writes before it commits, and killed at any step it is all or nothing.
  for (const step of DELETION_STEPS)
    test(`in a job that deletes rows at step ${step}: all of it or nothing, and in the end all of it (mrnh2jc0kmqb)`, async () => {
      const table = await aTable()
      const hours = (list: number[]) => list.map((n) => ({ time: HOUR + n * 3600, n }))
      await room.addChunks(table, hours([0, 1, 2, 3]), hours([1]), hours([2, 3, 4]))
      const query = { table: `t${tables}`, table_id: String(table), from: HOUR + 3600, to: HOUR + 3 * 3600 }
      const id = 1_000 + tables
      await room.run`
        INSERT INTO jobs (id, account_id, user_id, user_name, type, database, query)
        VALUES (${id}, 1, 1, 'o', 'partialdelete', 'harbour', ${JSON.stringify(query)})`
      const numbers = async () => (await room.rowsOf(table)).map(({ n }) => Number(n)).sort((a, b) => a - b)
      const work = { kind: 'job', id: String(id) } as const
      assert.equal(await runProcess({ work, die: { step, occurrence: 1 } }), 'SIGKILL')
      assert.deepEqual(await numbers(), [0, 1, 1, 2, 2, 3, 3, 4])
      // What other workers do once its lease has stood still for its time.
      await room.run`UPDATE jobs SET status = 'queued', due_at = now() WHERE id = ${id}`
      assert.equal(await runProcess({ work }), null)
      assert.deepEqual(await numbers(), [0, 3, 3, 4])
      const [ended] = await room.query<{ status: string }>`SELECT status FROM jobs WHERE id = ${id}`
      assert.equal(ended?.status, 'success')
      await sweep()
      await assertTidy()
    })

  test('while it cuts expired rows off: all of them are there, or none of the old ones', async () => {
    const table = await aTable()
    const today = Math.floor(Date.now() / 1000 / DAY) * DAY
    await room.addChunks(table, [
      { time: today - 20 * DAY, n: 20 },
      { time: today - 2 * DAY, n: 2 },
    ])
    await room.run`UPDATE tables SET expire_days = 10 WHERE id = ${table}`
    const work = { kind: 'expire' } as const
    for (const step of ['stored', 'in-transaction'] as const) {
      assert.equal(await runProcess({ work, die: { step, occurrence: 1 } }), 'SIGKILL')
      assert.equal((await room.rowsOf(table)).length, 2)
      await room.run`DELETE FROM merge_claims`
    }
    assert.equal(await runProcess({ work }), null)
    assert.deepEqual(
      (await room.rowsOf(table)).map(({ n }) => n),
      [2n],
    )
    await sweep()
    await assertTidy()
  })
})

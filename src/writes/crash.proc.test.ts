import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type ArchiveRoom, HOUR, openArchiveRoom } from '../archive/testing.ts'
import type { WriteProcess } from './process-testing.ts'
import { WRITE_STEPS } from './types.ts'

/**
 * Drill mrnh2jc0kmqb: a write job that is killed at any step has stored all or nothing, is run again, and ends with its true status.
 */
describe('a job that writes, killed', () => {
  let room: ArchiveRoom
  let runs = 0
  before(async () => {
    room = await openArchiveRoom()
  })
  after(() => room.close())

  const runProcess = (job: string, die?: WriteProcess['die']): Promise<string | null> => {
    const { address, admin } = room.db
    const told: WriteProcess = { address, admin, dataDir: room.dataDir, job, die }
    const script = fileURLToPath(new URL('./process-testing.ts', import.meta.url))
    const child = spawn(process.execPath, [script, JSON.stringify(told)], { stdio: 'inherit' })
    return new Promise((resolve, reject) => {
      child.once('exit', (code, signal) => {
        if (signal === null && code !== 0) reject(new Error(`the process failed with exit code ${code}`))
        else resolve(signal)
      })
    })
  }
  const rowsOf = async (name: string) => {
    const [table] = await room.query<{ id: bigint }>`
      SELECT id FROM tables WHERE name = ${name} AND removed_at IS NULL`
    if (table === undefined) return undefined
    return (await room.rowsOf(table.id)).map(({ n }) => Number(n)).sort((a, b) => a - b)
  }
  /** A source with three rows, and a script that replaces a table, adds to another and deletes from the source. */
  const prepare = async () => {
    const t = `run_${++runs}`
    const source = await room.addTable(t)
    await room.addChunks(
      source,
      [1, 2].map((n) => ({ time: HOUR + n, n })),
      [{ time: HOUR + 7200, n: 3 }],
    )
    await room.addTable(`${t}_sum`)
    await room.addChunks(await room.addTable(`${t}_log`), [{ time: HOUR, n: 0 }])
    const query = `
      DROP TABLE IF EXISTS ${t}_sum;
      CREATE TABLE ${t}_sum AS SELECT n * 10 AS n, time FROM ${t};
      INSERT INTO ${t}_log (n, time) SELECT n, time FROM ${t} WHERE n <> 2;
      DELETE FROM ${t} WHERE n = 1`
    const id = String(1000 + runs)
    await room.run`
      INSERT INTO jobs (id, account_id, user_id, user_name, type, database, query, retry_limit)
      VALUES (${BigInt(id)}, 1, 1, 'o', 'presto', 'harbour', ${query}, 1)`
    const state = async () => ({
      source: await rowsOf(t),
      sum: await rowsOf(`${t}_sum`),
      log: await rowsOf(`${t}_log`),
    })
    return { id, state }
  }
  const BEFORE = { source: [1, 2, 3], sum: [], log: [0] }
  const AFTER = { source: [2, 3], sum: [10, 20, 30], log: [0, 1, 3] }
  const statusOf = async (id: string) =>
    (
      await room.query<{ status: string; rows: bigint }>`
      SELECT status, result_rows AS rows FROM jobs WHERE id = ${BigInt(id)}`
    )[0]!.status
  const assertTidy = async () => {
    const { stored, named } = await room.files()
    const known = new Set(named)
    const ended = stored.filter((path) => !known.has(path) && path.endsWith('.parquet'))
    // What an attempt that died has left is an orphan by its owner: its job has gone beyond it.
    assert.deepEqual(
      ended.filter((path) => !/^chunks\/job\/\d+\/1\//.test(path)),
      [],
    )
  }

  for (const step of WRITE_STEPS)
    test(`with its worker, at step ${step}: nothing of it is there, and in the end all of it (mrnh2jc0kmqb)`, async () => {
      const { id, state } = await prepare()
      assert.equal(await runProcess(id, { step, occurrence: 1, who: 'worker' }), 'SIGKILL')
      assert.deepEqual(await state(), BEFORE)
      // What other workers do once its lease has stood still for its time.
      await room.run`UPDATE jobs SET status = 'queued', due_at = now() WHERE id = ${BigInt(id)} AND status = 'running'`
      assert.equal(await runProcess(id), null)
      assert.deepEqual([await statusOf(id), await state()], ['success', AFTER])
      await assertTidy()
    })

  test('with its engines: the attempt fails, the next one does it', async () => {
    const { id, state } = await prepare()
    assert.equal(await runProcess(id, { step: 'locked', occurrence: 1, who: 'engines' }), null)
    assert.deepEqual([await statusOf(id), await state()], ['success', AFTER])
    await assertTidy()
  })

  test('with the connections to the database, in its last transaction: its end waits in the journal, and is stored once', async () => {
    const { id, state } = await prepare()
    assert.equal(await runProcess(id, { step: 'denied', occurrence: 1, who: 'connections' }), null)
    assert.deepEqual([await statusOf(id), await state()], ['success', AFTER])
    const [job] = await room.query<{ attempt: number }>`SELECT attempt FROM jobs WHERE id = ${BigInt(id)}`
    assert.equal(job!.attempt, 1)
    await assertTidy()
  })
})

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { listLeases } from '../jobs/claim-store.ts'
import { takeOverJob } from '../jobs/end-store.ts'
import { COMMIT_STEPS } from './commit.ts'
import { PERFORM_STEPS } from './perform.ts'
import { openHarbour, partOf, type TestHarbour, WRITE } from './testing.ts'
import type { Doomed } from './testing-process.ts'

const T = 1_700_000_000
const ROWS_PER_PART = 4

describe('kill -9 in the midst of a bulk import', () => {
  let harbour: TestHarbour
  before(async () => {
    harbour = await openHarbour()
  })
  after(() => harbour?.stop())

  const doom = (work: Doomed['work'], die: Doomed['die']): Promise<string | null> => {
    const { address } = harbour.app.catalog.test
    const order: Doomed = { address, dataDir: harbour.dataDir, work, die, chunkRows: ROWS_PER_PART }
    const script = fileURLToPath(new URL('./testing-process.ts', import.meta.url))
    const child = spawn(process.execPath, [script, JSON.stringify(order)], { stdio: 'inherit' })
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (_code, signal) => resolve(signal))
    })
  }
  /** Three parts of four rows and a refused record. */
  const uploaded = async () => {
    const made = await harbour.newSession()
    for (let part = 0; part < 3; part++) {
      const records = Array.from({ length: ROWS_PER_PART }, (_, i) => ({
        time: T + i,
        n: part * ROWS_PER_PART + i,
      }))
      await harbour.upload(made.session, `p${part}`, partOf(...records, { n: -1 }))
    }
    return made
  }
  const perform = async (session: string) => {
    const { status, text } = await harbour.post(`/v3/bulk_import/perform/${session}`)
    assert.equal(status, 200, text)
  }
  /** What a watcher does once the lease has stood still for long enough. */
  const takeOver = () =>
    harbour.app.catalog.test.database.write(WRITE, async (sql) => {
      for (const lease of await listLeases(sql)) await takeOverJob(sql, lease)
    })
  const commit = (session: string) => harbour.post(`/v3/bulk_import/commit/${session}`)
  const numbers = async (table: string) => (await harbour.rowsOf(table)).map(({ n }) => Number(n))
  const all = Array.from({ length: 3 * ROWS_PER_PART }, (_, n) => n)

  /** Nothing of what was killed is left, and everything that counts is there. */
  const assertTidy = async (table: string) => {
    await harbour.sweep(2)
    const named = await harbour.query<{ path: string }>`SELECT path FROM chunks ORDER BY path`
    const files = (await harbour.files()).filter((path) => path.endsWith('.parquet'))
    assert.deepEqual(files, named.map(({ path }) => path).sort())
    assert.deepEqual(
      await harbour.files('bulk-import/').then((paths) => paths.filter((path) => path.includes('/parts/'))),
      [],
    )
    assert.deepEqual(await numbers(table), all)
  }

  for (const step of [...PERFORM_STEPS, 'end-written'] as const) {
    for (const occurrence of step === 'chunk-written' ? [2] : [1]) {
      test(`a perform at ${step}: repeated or finished, never doubled, never half`, async () => {
        const { session, table } = await uploaded()
        await perform(session)
        assert.equal(await doom('perform', { step, occurrence }), 'SIGKILL')
        assert.equal((await harbour.show(session)).status, 'performing')
        if (step !== 'end-written') await takeOver()
        const shown = await harbour.work(session)
        assert.deepEqual(
          [shown.status, shown.valid_records, shown.error_records, shown.valid_parts],
          ['ready', 12, 3, 3],
        )
        assert.deepEqual(await numbers(table), [])
        assert.equal((await commit(session)).status, 200)
        await assertTidy(table)
      })
    }
  }

  for (const step of COMMIT_STEPS) {
    test(`a commit at ${step}: the repeat of the client finds all or nothing`, async () => {
      const { session, table } = await uploaded()
      await perform(session)
      await harbour.work(session)
      const { accountId, userId } = await harbour.app.catalog.identifyKey(harbour.app.first.masterKey)
      const principal = { accountId: String(accountId), userId: String(userId) }
      assert.equal(await doom({ commit: session, principal }, { step, occurrence: 1 }), 'SIGKILL')
      const isCommitted = step === 'committed'
      assert.equal((await harbour.show(session)).status, isCommitted ? 'committed' : 'ready')
      assert.deepEqual(await numbers(table), isCommitted ? all : [])
      assert.equal((await commit(session)).status, 200)
      assert.equal((await commit(session)).status, 200)
      await assertTidy(table)
    })
  }
})

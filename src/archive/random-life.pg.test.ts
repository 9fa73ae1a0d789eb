import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createStaticGate, servingState } from '../gate/index.ts'
import { systemClock } from '../kernel/index.ts'
import { commitDeletion, prepareDeletion } from './delete-rows.ts'
import { openDuck } from './duck.ts'
import { removeOrphans, removeRetired } from './removal.ts'
import { ADMISSION, type ArchiveRoom, HOUR, openArchiveRoom } from './testing.ts'

const STEPS = Number(process.env.MILLRACE_LIFE_STEPS ?? 24)
const SEED = Number(process.env.MILLRACE_LIFE_SEED ?? 1)
const HOURS = 40

/** mulberry32 */
function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

describe('a table with a random life', () => {
  let room: ArchiveRoom
  before(async () => {
    room = await openArchiveRoom()
  })
  after(() => room.close())

  test(`holds exactly the rows that were imported and not deleted (${STEPS} steps, seed ${SEED})`, async () => {
    const random = createRandom(SEED)
    const table = await room.addTable('life')
    const { signal } = new AbortController()
    const gate = createStaticGate(servingState(room.db.address, systemClock.now()))
    const deps = { ...room.deps, gate, settings: { ...room.settings, leastRows: 1 + random(40) } }
    const expected = new Map<number, number>()
    let lastRow = 0
    let lastJob = 0

    const importSome = async () => {
      const chunks = Array.from({ length: 1 + random(3) }, () =>
        Array.from({ length: 1 + random(12) }, () => {
          const hour = random(4) === 0 ? random(HOURS) * 700 : random(HOURS)
          const n = ++lastRow
          expected.set(n, hour)
          // Types that do not agree: the column is widened on the way.
          const odd = n > 60 && random(8) === 0 ? `text ${n}` : n
          return { time: HOUR + hour * 3600 + random(3600), n, odd, [`c${random(4)}`]: n }
        }),
      )
      await room.addChunks(table, ...chunks)
    }
    const deleteSome = async () => {
      const from = random(HOURS)
      const to = from + 1 + random(10)
      const job = { id: BigInt(++lastJob), attempt: 1 }
      await room.run`
        INSERT INTO jobs (id, account_id, user_id, user_name, type, database, query, status, attempt, start_at)
        VALUES (${job.id}, 1, 1, 'o', 'partialdelete', 'harbour', '', 'running', 1, now())`
      const range = { from: BigInt(HOUR + from * 3600), to: BigInt(HOUR + to * 3600) }
      const odd = random(2) === 0
      const where = odd ? { where: () => '"n" % 2 = 1' } : {}
      // A connection of its own, as in the archivist.
      const wanted = { tableId: table, range, ...where }
      const deletion = await prepareDeletion({ ...deps, duck: deleting }, job, wanted, {
        signal,
        onProgress: () => undefined,
      })
      const kills = random(5) === 0
      if (!kills) {
        const refusal = await room.db.database.write(ADMISSION, (sql) =>
          commitDeletion(sql, job, deletion!.part.data),
        )
        assert.equal(refusal, undefined)
        for (const [n, hour] of expected)
          if (hour >= from && hour < to && (!odd || n % 2 === 1)) expected.delete(n)
      }
      await room.run`UPDATE jobs SET status = ${kills ? 'killed' : 'success'} WHERE id = ${job.id}`
    }
    const removeSome = async () => {
      await room.run`UPDATE chunks SET retired_at = retired_at - interval '1 hour' WHERE retired_at IS NOT NULL`
      const askPins = async () => ({ pinned: new Set<bigint>(), jobsWaiting: false })
      await removeRetired({ ...deps, askPins }, { keptMinutes: 0 }, signal)
    }
    const deleting = await openDuck({
      memoryMegabytes: 128,
      threads: 1,
      directory: `${room.dataDir}/spill-2`,
    })
    try {
      for (let step = 0; step < STEPS; step++) {
        const merger = room.merger({ settings: deps.settings })
        const acts = [[importSome], [deleteSome], [importSome], [removeSome]][random(4)]!
        await Promise.all([merger.look(signal), ...acts.map((act) => act())])
        const rows = (await room.rowsOf(table)).map(({ n }) => Number(n)).sort((a, b) => a - b)
        assert.deepEqual(
          rows,
          [...expected.keys()].sort((a, b) => a - b),
          `after step ${step}`,
        )
      }
    } finally {
      await deleting.close()
    }
    await removeSome()
    await removeOrphans(deps, { leastMinutes: -1 }, signal)
    const { stored, named } = await room.files()
    assert.deepEqual(stored, named)
    assert.deepEqual(await room.query`SELECT * FROM merge_claims`, [])
  })
})

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createStaticGate, servingState } from '../gate/index.ts'
import { systemClock } from '../kernel/index.ts'
import { type ArchiveRoom, HOUR, openArchiveRoom } from './testing.ts'

describe('the claim of an archivist that is gone', () => {
  let room: ArchiveRoom
  before(async () => {
    room = await openArchiveRoom()
  })
  after(() => room.close())
  const { signal } = new AbortController()

  test('is ended by one who saw it stand still for 30 s with the gate serving, and by nobody else', async () => {
    const table = await room.addTable('claimed')
    await room.addChunks(table, [{ time: HOUR, n: 1 }], [{ time: HOUR, n: 2 }])
    await room.run`
      INSERT INTO merge_claims (table_id, level, start, owner, attempt)
      VALUES (${table}, 0, ${HOUR}, 'gone', nextval('merge_attempts'))`
    let nowMs = 0
    const clock = { ...systemClock, monotonicMs: () => nowMs }
    const gate = createStaticGate(servingState(room.db.address, systemClock.now()))
    const merger = room.merger({ clock, gate })
    const isMerged = async () => (await room.liveChunks(table)).length === 1
    const pass = async (seconds: number) => {
      nowMs += seconds * 1000
      await merger.look(signal)
      return isMerged()
    }
    assert.equal(await pass(0), false)
    assert.equal(await pass(20), false)
    await room.run`UPDATE merge_claims SET beats = beats + 1`
    assert.equal(await pass(20), false, 'it has moved')
    gate.set({ mode: 'away' })
    gate.set({ mode: 'serving' })
    assert.equal(await pass(40), false, 'the absence in between does not count')
    assert.equal(await pass(29), false)
    assert.equal(await pass(10), true)
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { databaseErrors } from '../database/index.ts'
import { createQueueRoom } from './queue-room.ts'

describe('the room in the queue of an account', () => {
  const room = (most: number, count: () => Promise<number>) => {
    let [nowMs, counts] = [0, 0]
    const { require, accepted } = createQueueRoom({
      most,
      count: () => {
        counts += 1
        return count()
      },
      monotonicMs: () => nowMs,
    })
    const submit = async (accountId = 1n) => {
      await require(accountId)
      accepted(accountId)
    }
    const pass = (ms: number) => {
      nowMs += ms
    }
    return { submit, pass, counts: () => counts }
  }
  const refusal = { code: 'account_queue_full', status: 429, advice: 'retry' }

  test('is counted once, not for each job, while there is plenty', async () => {
    const { submit, counts } = room(100, async () => 0)
    for (let i = 0; i < 50; i++) await submit()
    assert.equal(counts(), 1)
  })

  test('ends at the limit, and begins again when jobs have left the queue', async () => {
    let queued = 1
    const { submit, pass } = room(3, async () => queued)
    await submit()
    await submit()
    queued = 3
    pass(1_000)
    await assert.rejects(submit(), refusal)
    queued = 2
    await assert.rejects(submit(), refusal, 'nobody counts again within a second')
    pass(1_000)
    await submit()
  })

  test('of one account is not that of another', async () => {
    const { submit } = room(1, async () => 0)
    await submit(1n)
    await submit(2n)
    await assert.rejects(submit(1n), refusal)
  })

  test('is not refused while nobody can count', async () => {
    const { submit } = room(1, async () => {
      throw databaseErrors.database_busy('away')
    })
    for (let i = 0; i < 5; i++) await submit()
  })

  test('without a limit is never counted', async () => {
    const { submit, counts } = room(0, async () => 1_000_000)
    await submit()
    assert.equal(counts(), 0)
  })
})

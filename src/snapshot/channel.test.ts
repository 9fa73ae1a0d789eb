import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Channel, lonelyChannel, silentLog, systemClock } from '../kernel/index.ts'
import { createAsker, createSnapshotBroadcast, lookUp, type Verdict } from './channel.ts'
import { openSnapshot } from './reader.ts'
import { put, rowsForTests, startSnapshotForTests } from './testing.ts'

const asking = (ask: Channel['ask']): Channel => ({ ...lonelyChannel, ask })

describe('a look-up with the help of core', () => {
  const question = { about: 'key', sha256: 'sha-1' } as const

  async function answered(verdict: (position: number) => Verdict, { grant = false } = {}) {
    const { dataDir, writer, stop } = await startSnapshotForTests()
    const reader = await openSnapshot({ dataDir, clock: systemClock, log: silentLog, pollMs: 60_000 })
    const ask = async () => {
      if (grant) writer.append({ t: 'batch', changes: [put(50, 'api_keys', rowsForTests.key(1))] })
      return verdict(writer.position)
    }
    const found = await lookUp(reader, ask, question, (snapshot) => snapshot.findKey('sha-1'))
    await reader.close()
    await stop()
    return found.kind
  }

  test('is absent only when core confirms it', async () => {
    assert.equal(await answered((position) => ({ verdict: 'no', position })), 'absent')
    assert.equal(await answered(() => ({ verdict: 'unknown', reason: 'the database is away' })), 'unknown')
  })

  test('finds what was granted a moment ago', async () => {
    assert.equal(await answered((position) => ({ verdict: 'yes', position }), { grant: true }), 'found')
  })

  test('is unknown while core knows what the copy has not got yet', async () => {
    assert.equal(await answered((position) => ({ verdict: 'yes', position: position + 5 })), 'unknown')
  })

  test('is unknown when core does not answer, is not there, or fails', async () => {
    const silent = createAsker(asking(async () => undefined))
    const failing = createAsker(asking(() => Promise.reject(new Error('no answer within 200 ms'))))
    for (const ask of [silent, failing]) assert.equal((await ask(question)).verdict, 'unknown')
  })
})

describe('telling every ingest process', () => {
  const holds = (ask: Channel['ask']) => createSnapshotBroadcast(asking(ask), silentLog).everyoneHolds(7)

  test('is done when all of them hold the position, or there is none', async () => {
    assert.equal(await holds(async () => [{ held: true }, { held: true }]), true)
    assert.equal(await holds(async () => []), true)
  })

  test('has failed, without an error, when one does not or cannot be asked', async () => {
    assert.equal(await holds(async () => [{ held: true }, { held: false }]), false)
    assert.equal(await holds(() => Promise.reject(new Error('gone'))), false)
  })
})

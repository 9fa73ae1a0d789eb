import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { systemClock } from '../kernel/index.ts'
import { inspectSpool, pendingRecords } from './inspect.ts'
import { aReader, aRecord, aWriter, withSpoolDirectory } from './testing.ts'

describe('looking into a spool', () => {
  test('tells what is accepted and not yet loaded, beside a living writer, and changes nothing', () =>
    withSpoolDirectory(async (directory) => {
      const writer = await aWriter(directory)
      for (const id of ['a', 'b', 'c']) await writer.append(aRecord(id))
      const before = await inspectSpool(directory, systemClock)
      assert.deepEqual([before.records, before.bytes, before.oldestReceivedAtMs], [3, 300, 1_795_342_228_000])
      assert.deepEqual([before.damaged, before.quarantined], [[], []])

      const reader = aReader(directory)
      const [first] = await reader.read({ generation: 0, offset: 0 }, { maxBytes: 1, maxRecords: 1 })
      await reader.release(first!.end)
      const ids: string[] = []
      for await (const { record } of pendingRecords(directory, { clock: systemClock }))
        ids.push(record.uniqueId)
      assert.deepEqual(ids, ['b', 'c'])
      assert.equal((await inspectSpool(directory, systemClock)).records, 2)
      await reader.close()
      await writer.close()
    }))

  test('of which nothing was ever accepted finds nothing', () =>
    withSpoolDirectory(async (directory) => {
      await mkdir(directory, { recursive: true })
      const summary = await inspectSpool(directory, systemClock)
      assert.deepEqual([summary.records, summary.segments, summary.durable], [0, [], undefined])
    }))
})

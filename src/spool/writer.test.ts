import assert from 'node:assert/strict'
import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { systemClock } from '../kernel/index.ts'
import { realDisk } from './disk.ts'
import { readReleased, writeReleased } from './marks.ts'
import { compareSpoolPositions } from './position.ts'
import { aReader, aRecord, aWriter, replay, smallSettings, withSpoolDirectory } from './testing.ts'
import type { SpoolDisk } from './types.ts'

const noSpace = Object.assign(new Error('no space'), { code: 'ENOSPC' })
const broken = Object.assign(new Error('i/o error'), { code: 'EIO' })

describe('appending to a spool', () => {
  test('keeps every part of a record', () =>
    withSpoolDirectory(async (directory) => {
      const writer = await aWriter(directory)
      const record = {
        ...aRecord('chunk/ü %2F 日本', Buffer.from([0x1f, 0x8b, 0, 255])),
        receivedAtMs: 1_795_342_228_123.5,
        keyId: 2n ** 63n,
        facts: { address: '203.0.113.9', 'user agent': 'a ☃' },
      }
      const position = await writer.append(record)
      await writer.close()
      const { records } = await replay(directory)
      assert.deepEqual(records[0]!.record, record)
      assert.deepEqual(records[0]!.position, position)
    }))

  test('syncs once for all that arrives while a sync is under way', () =>
    withSpoolDirectory(async (directory) => {
      const batches: number[] = []
      const writer = await aWriter(directory, { observer: { committed: (n) => batches.push(n) } })
      await Promise.all(Array.from({ length: 100 }, (_, i) => writer.append(aRecord(`${i}`))))
      assert.deepEqual(batches, [100])
      await writer.close()
    }))

  test('gives positions in the order of the calls, over many segments', () =>
    withSpoolDirectory(async (directory) => {
      const writer = await aWriter(directory)
      const ids = Array.from({ length: 300 }, (_, i) => `${i}`)
      const positions = await Promise.all(ids.map((id) => writer.append(aRecord(id, 1000))))
      await writer.close()
      assert.ok(new Set(positions.map((p) => p.generation)).size > 4)
      assert.deepEqual(positions, [...positions].sort(compareSpoolPositions))
      const { records } = await replay(directory)
      assert.deepEqual(
        records.map(({ record }) => record.uniqueId),
        ids,
      )
    }))

  test('takes a body larger than a segment', () =>
    withSpoolDirectory(async (directory) => {
      const writer = await aWriter(directory)
      const bodies = [10, 3 * 1024 * 1024, 10, 200_000]
      for (const [i, size] of bodies.entries()) await writer.append(aRecord(`${i}`, size))
      await writer.close()
      const { records } = await replay(directory)
      assert.deepEqual(
        records.map(({ record }) => record.body.length),
        bodies,
      )
      assert.ok(records[1]!.record.body.equals(Buffer.alloc(3 * 1024 * 1024, '1')))
    }))

  test('refuses a body over 64 MiB for good', () =>
    withSpoolDirectory(async (directory) => {
      const writer = await aWriter(directory)
      const append = writer.append(aRecord('big', Buffer.alloc(64 * 1024 * 1024 + 1)))
      await assert.rejects(append, { code: 'spool_record_too_large', status: 413, advice: 'final' })
      await writer.close()
    }))

  test('beyond the quota is told to come back, until the reader has released enough', () =>
    withSpoolDirectory(async (directory) => {
      const writer = await aWriter(directory, { settings: { ...smallSettings, quotaBytes: 100_000 } })
      while (writer.usage().pendingBytes < 90_000) await writer.append(aRecord('x', 5000))
      await assert.rejects(writer.append(aRecord('y', 50_000)), { code: 'spool_full', advice: 'retry' })
      assert.equal(writer.usage().oldestPendingAtMs, aRecord('x').receivedAtMs)
      const { records } = await replay(directory)
      const reader = aReader(directory)
      await reader.release(records.at(-1)!.end)
      await reader.close()
      while (writer.usage().pendingBytes > 0) await new Promise((resolve) => setTimeout(resolve, 20))
      assert.equal(writer.usage().oldestPendingAtMs, null)
      await writer.append(aRecord('y', 50_000))
      await writer.close()
    }))

  test('uses released segments again instead of making new ones, and hands out nothing of their past', () =>
    withSpoolDirectory(async (directory) => {
      const writer = await aWriter(directory)
      const reader = aReader(directory)
      let position = { generation: 0, offset: 0 }
      for (let round = 0; round < 20; round++) {
        const ids = Array.from({ length: 20 }, (_, i) => `${round}-${i}`)
        for (const id of ids) await writer.append(aRecord(id, 1500))
        const seen = await reader.read(position, { maxBytes: 1e9, maxRecords: 1e9 })
        assert.deepEqual(
          seen.map(({ record }) => record.uniqueId),
          ids,
        )
        position = seen.at(-1)!.end
        await reader.release(position)
        if (round % 6 === 5) await new Promise((resolve) => setTimeout(resolve, 300))
      }
      await writer.close()
      await reader.close()
      const files = (await readdir(directory)).filter((name) => name.endsWith('.spool'))
      assert.ok(files.length < 12, files.join())
    }))

  test('on a full disk is told to come back, and goes on by itself when there is space', () =>
    withSpoolDirectory(async (directory) => {
      let free = 10_000_000
      const disk = { ...realDisk, freeBytes: async () => free }
      const settings = { ...smallSettings, reserveBytes: 1_000_000 }
      const writer = await aWriter(directory, { disk, settings })
      free = 1_000_000
      const accepted: string[] = []
      for (let i = 0; ; i++) {
        const outcome = await writer.append(aRecord(`${i}`, 10_000)).catch((error) => error)
        if (outcome.code === 'spool_full') break
        accepted.push(`${i}`)
      }
      free = 10_000_000
      await new Promise((resolve) => setTimeout(resolve, 1050))
      await writer.append(aRecord('after', 10_000))
      await writer.close()
      const { records } = await replay(directory)
      assert.deepEqual(
        records.map(({ record }) => record.uniqueId),
        [...accepted, 'after'],
      )
    }))

  test('to a spool opened on a full disk is told to come back, while what is there can be read', () =>
    withSpoolDirectory(async (directory) => {
      const before = await aWriter(directory)
      await before.append(aRecord('before'))
      await before.close()
      for (const name of await readdir(directory))
        if (name.startsWith('spare-')) await unlink(join(directory, name))
      let free = 0
      const disk = { ...realDisk, freeBytes: async () => free }
      const writer = await aWriter(directory, { disk })
      await assert.rejects(writer.append(aRecord('refused')), { code: 'spool_full' })
      const ids = async () => (await replay(directory)).records.map(({ record }) => record.uniqueId)
      assert.deepEqual(await ids(), ['before'])
      free = 10_000_000
      await new Promise((resolve) => setTimeout(resolve, 1050))
      await writer.append(aRecord('after'))
      await writer.close()
      assert.deepEqual(await ids(), ['before', 'after'])
    }))

  test('that finds no space in the middle of a write stores nothing of that batch and goes on', () =>
    withSpoolDirectory(async (directory) => {
      let full = false
      const disk = {
        ...realDisk,
        commit: async (fd: number, buffers: Buffer[], at: number) => {
          if (!full) return realDisk.commit(fd, buffers, at)
          full = false
          await realDisk.commit(fd, [Buffer.concat(buffers).subarray(0, 250)], at)
          throw noSpace
        },
      }
      const writer = await aWriter(directory, { disk })
      await writer.append(aRecord('before'))
      full = true
      const refused = ['a', 'b', 'c'].map((id) =>
        assert.rejects(writer.append(aRecord(id)), { code: 'spool_full' }),
      )
      await Promise.all(refused)
      await writer.append(aRecord('after'))
      await writer.close()
      const { records, damages } = await replay(directory)
      assert.deepEqual(
        records.map(({ record }) => record.uniqueId),
        ['before', 'after'],
      )
      assert.deepEqual(damages, [])
    }))

  test('whose sync fails is not acknowledged, ends the process, and nothing is accepted any more', () =>
    withSpoolDirectory(async (directory) => {
      let failing = false
      const commit: SpoolDisk['commit'] = (...batch) =>
        failing ? Promise.reject(broken) : realDisk.commit(...batch)
      const disk = { ...realDisk, commit }
      const fatal: unknown[] = []
      const writer = await aWriter(directory, { disk, onFatal: (error) => fatal.push(error) })
      await writer.append(aRecord('kept'))
      failing = true
      const together = [writer.append(aRecord('a')), writer.append(aRecord('b'))]
      for (const append of together) await assert.rejects(append, { code: 'spool_failed', advice: 'retry' })
      failing = false
      await assert.rejects(writer.append(aRecord('c')), { code: 'spool_failed' })
      assert.deepEqual(fatal, [broken])
      const { records } = await replay(directory)
      assert.deepEqual(
        records.map(({ record }) => record.uniqueId),
        ['kept'],
      )
      await writer.close()
    }))

  test('answers each append once, also those of the batch before the one that failed', () =>
    withSpoolDirectory(async (directory) => {
      let writes = 0
      const disk: SpoolDisk = {
        ...realDisk,
        async commit(fd, buffers, at) {
          // The first is the header of the segment.
          if (++writes === 3) throw broken
          if (writes === 2) enqueue('b')
          return realDisk.commit(fd, buffers, at)
        },
      }
      const failed = Promise.withResolvers<unknown>()
      const writer = await aWriter(directory, { disk, onFatal: failed.resolve })
      const told: string[] = []
      const enqueue = (id: string) =>
        writer.enqueue(aRecord(id), {
          accepted: () => told.push(`${id} accepted`),
          refused: () => told.push(`${id} refused`),
        })
      enqueue('a')
      await failed.promise
      await writer.close()
      assert.deepEqual(told, ['a accepted', 'b refused'])
    }))

  test('is for one process at a time', () =>
    withSpoolDirectory(async (directory) => {
      const writer = await aWriter(directory)
      await assert.rejects(aWriter(directory), { code: 'spool_busy' })
      await writer.close()
      await (await aWriter(directory)).close()
    }))

  test('goes on in an unused segment after a restart instead of taking another', () =>
    withSpoolDirectory(async (directory) => {
      for (let i = 0; i < 5; i++) await (await aWriter(directory)).close()
      const segments = (await readdir(directory)).filter((name) => name.startsWith('segment-'))
      assert.equal(segments.length, 1)
    }))

  test('destroys nothing for a position from beyond its end, of a directory that was lost before the clock went back', () =>
    withSpoolDirectory(async (directory) => {
      const clock = { ...systemClock, now: () => new Date(5_000) }
      const beyond = { generation: 1_700_000_000_000, offset: 5000 }
      // Told before anything is written, while it is, and at a start.
      const first = await aWriter(directory, { clock })
      await writeReleased(directory, beyond, realDisk)
      await systemClock.sleep(400)
      for (let i = 0; i < 7; i++) await first.append(aRecord(`b${i}`, 30_000))
      await systemClock.sleep(400)
      assert.ok(first.usage().pendingBytes > 210_000)
      await first.close()
      const second = await aWriter(directory, { clock })
      assert.ok(second.usage().pendingBytes > 210_000)
      await second.append(aRecord('c'))
      await second.close()
      assert.equal((await replay(directory)).records.length, 8)
    }))

  test('a position from beyond its end is told by the reader, and releases nothing', () =>
    withSpoolDirectory(async (directory) => {
      const reader = aReader(directory)
      const beyond = { generation: 1_700_000_000_000, offset: 5000 }
      assert.equal(reader.lacks(beyond), false)
      await reader.release(beyond)
      const writer = await aWriter(directory, { clock: { ...systemClock, now: () => new Date(5_000) } })
      await writer.append(aRecord('a'))
      await writer.close()
      assert.equal(reader.lacks(beyond), true)
      await reader.release(beyond)
      assert.equal(await readReleased(directory), undefined)
      const [one] = await reader.read({ generation: 0, offset: 0 }, { maxBytes: 1000, maxRecords: 1 })
      assert.equal(reader.lacks(one!.end), false)
      await reader.release(one!.end)
      assert.deepEqual(await readReleased(directory), one!.end)
      await reader.close()
    }))

  test('never uses a position again, also when the directory was lost', () =>
    withSpoolDirectory(async (directory) => {
      const first = await aWriter(directory)
      const before = await first.append(aRecord('x'))
      await first.close()
      const again = await aWriter(`${directory}-new`)
      assert.ok(compareSpoolPositions(await again.append(aRecord('y')), before) > 0)
      await again.close()
    }))
})

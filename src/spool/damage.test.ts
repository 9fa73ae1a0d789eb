import assert from 'node:assert/strict'
import { closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs'
import { type FileHandle, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { systemClock } from '../kernel/index.ts'
import { realDisk } from './disk.ts'
import { openDurableMark } from './marks.ts'
import { compareSpoolPositions } from './position.ts'
import { readAt } from './scan.ts'
import { listSegments, SEGMENT_HEADER_BYTES, segmentName } from './segment.ts'
import { aRecord, aWriter, replay, withSpoolDirectory } from './testing.ts'
import type { SpooledRecord, SpoolPosition } from './types.ts'

/** Nothing here is lost for want of a sync, and many small spools are made. */
const disk = {
  ...realDisk,
  commitFlags: constants.O_RDWR,
  commit: realDisk.write,
  sync: async () => undefined,
}

const batches = fc.array(fc.array(fc.integer({ min: 0, max: 9000 }), { minLength: 1, maxLength: 6 }), {
  minLength: 1,
  maxLength: 12,
})
type Spool = {
  directory: string
  /** As they were before anything was damaged. */
  records: SpooledRecord[]
  /** Where each batch ended. */
  batchEnds: SpoolPosition[]
}

async function withSpool(sizes: number[][], run: (spool: Spool) => Promise<void>): Promise<void> {
  await withSpoolDirectory(async (directory) => {
    const writer = await aWriter(directory, { disk })
    const lastOfBatch: string[] = []
    let count = 0
    for (const batch of sizes) {
      await Promise.all(batch.map((size) => writer.append(aRecord(`${count++}`, size))))
      lastOfBatch.push(`${count - 1}`)
    }
    await writer.close()
    const { records } = await replay(directory)
    assert.equal(records.length, count)
    const batchEnds = lastOfBatch.map((id) => records[Number(id)]!.end)
    await run({ directory, records, batchEnds })
  })
}

async function append(directory: string, id: string): Promise<void> {
  const writer = await aWriter(directory, { disk })
  await writer.append(aRecord(id))
  await writer.close()
}

function overwrite(path: string, at: number, bytes: Buffer): void {
  const fd = openSync(path, 'r+')
  writeSync(fd, bytes, 0, bytes.length, at)
  closeSync(fd)
}

const idsOf = (records: SpooledRecord[]) => records.map(({ record }) => record.uniqueId)

describe('after a crash', () => {
  test('wherever the last batches break off, every whole record is there once, in order, and nothing is called damage', () =>
    fc.assert(
      fc.asyncProperty(
        batches,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(255),
        (sizes, share, filler) =>
          withSpool(sizes, async ({ directory, records, batchEnds }) => {
            const last = records.at(-1)!.end
            const cut = Math.floor(SEGMENT_HEADER_BYTES + share * (last.offset - SEGMENT_HEADER_BYTES))
            const path = join(directory, segmentName(last.generation))
            overwrite(path, cut, Buffer.alloc((await stat(path)).size - cut, filler))
            const survives = ({ end }: SpooledRecord) => end.generation < last.generation || end.offset <= cut
            // What was synced, and so acknowledged, did not break off.
            const synced = batchEnds.filter(
              (end) => compareSpoolPositions(end, { ...last, offset: cut }) <= 0,
            )
            const mark = openDurableMark(directory, {
              clock: systemClock,
              onError: (error) => assert.fail(String(error)),
            })
            mark.publish(synced.at(-1) ?? { generation: last.generation, offset: SEGMENT_HEADER_BYTES }, true)
            await mark.close()
            await append(directory, 'after')
            const found = await replay(directory)
            assert.deepEqual(idsOf(found.records), [...idsOf(records.filter(survives)), 'after'])
            assert.deepEqual(found.damages, [])
          }),
      ),
      { numRuns: 25 },
    ))

  test('records that were written but not yet acknowledged are given out or not, but never a part of one', () =>
    withSpool([[100, 100, 100]], async ({ directory, records }) => {
      // A power loss wrote the third record of the batch but not all of the second.
      const { generation } = records[0]!.position
      overwrite(join(directory, segmentName(generation)), records[1]!.position.offset + 40, Buffer.alloc(20))
      const mark = openDurableMark(directory, {
        clock: systemClock,
        onError: (error) => assert.fail(String(error)),
      })
      mark.publish({ generation, offset: SEGMENT_HEADER_BYTES }, true)
      await mark.close()
      await append(directory, 'after')
      const found = await replay(directory)
      assert.deepEqual(idsOf(found.records), ['0', '2', 'after'])
      assert.deepEqual(found.damages, [])
    }))

  test('the same again and again leaves a segment each, without its unused rest', () =>
    withSpoolDirectory(async (directory) => {
      for (let i = 0; i < 6; i++) await append(directory, `${i}`)
      const segments = await listSegments(directory)
      assert.equal(segments.length, 6)
      assert.ok(segments.slice(0, -1).every(({ bytes }) => bytes < SEGMENT_HEADER_BYTES + 300))
      const { records } = await replay(directory)
      assert.deepEqual(idsOf(records), ['0', '1', '2', '3', '4', '5'])
    }))
})

describe('a spool of a newer format', () => {
  test('is refused by name and left as it is, instead of being taken for damaged', () =>
    withSpool([[100]], async ({ directory, records }) => {
      const path = join(directory, segmentName(records[0]!.position.generation))
      for (const copyAt of [0, 2048]) overwrite(path, copyAt, Buffer.from('MRSPOOL2'))
      const before = readFileSync(path)
      await assert.rejects(append(directory, 'after'), { code: 'spool_format_unknown' })
      assert.deepEqual(readFileSync(path), before)
    }))
})

describe('a spool damaged in the middle', () => {
  test('wherever one byte flips, all other records are there once, in order, and the damaged one is in quarantine', () =>
    fc.assert(
      fc.asyncProperty(
        batches,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 255 }),
        (sizes, share, bits) =>
          withSpool(sizes, async ({ directory, records }) => {
            const victim = records[Math.min(records.length - 1, Math.floor(share * records.length))]!
            const { generation, offset } = victim.position
            const bytes = victim.end.offset - offset
            const at = offset + (Math.floor(share * 1e9) % bytes)
            const path = join(directory, segmentName(generation))
            const before = readFileSync(path)
            overwrite(path, at, Buffer.from([before[at]! ^ bits]))
            await append(directory, 'after')
            const found = await replay(directory)
            const others = records.filter((record) => record !== victim)
            assert.deepEqual(idsOf(found.records), [...idsOf(others), 'after'])
            assert.deepEqual(found.damages, [
              { generation, from: offset, to: victim.end.offset, reason: 'unreadable' },
            ])
            const name = `${generation}-${offset}-${victim.end.offset}.bin`
            const kept = readFileSync(join(directory, 'quarantine', name))
            assert.deepEqual(kept, readFileSync(path).subarray(offset, victim.end.offset))
          }),
      ),
      { numRuns: 25 },
    ))

  test('wherever one byte flips in the header of a segment, nothing is lost', () =>
    fc.assert(
      fc.asyncProperty(batches, fc.nat(SEGMENT_HEADER_BYTES - 1), fc.nat(20), (sizes, at, which) =>
        withSpool(sizes, async ({ directory, records }) => {
          const segments = await listSegments(directory)
          const { path } = segments[which % segments.length]!
          overwrite(path, at, Buffer.from([readFileSync(path)[at]! ^ 0xff]))
          await append(directory, 'after')
          const found = await replay(directory)
          assert.deepEqual(idsOf(found.records), [...idsOf(records), 'after'])
          assert.deepEqual(found.damages, [])
        }),
      ),
      { numRuns: 15 },
    ))

  test('loses no record when a whole header is overwritten', () =>
    withSpool([[5000, 5000], Array(30).fill(4000), [10]], async ({ directory, records }) => {
      for (const { path } of await listSegments(directory)) {
        overwrite(path, 0, Buffer.alloc(SEGMENT_HEADER_BYTES))
      }
      const found = await replay(directory)
      assert.deepEqual(idsOf(found.records), idsOf(records))
    }))

  test('is read around the sectors its disk cannot give back', async () => {
    const bytes = Buffer.alloc(5 * 4096, 'x')
    const handle = {
      async read(into: Buffer, offset: number, length: number, at: number) {
        if (at < 8192 && at + length > 4096) throw Object.assign(new Error('i/o error'), { code: 'EIO' })
        return { bytesRead: bytes.copy(into, offset, at, at + length) }
      },
    } as unknown as FileHandle
    const expected = Buffer.from(bytes)
    expected.fill(0, 4096, 8192)
    assert.deepEqual(await readAt(handle, 1000, 100_000), expected.subarray(1000))
  })

  test('gives out nothing that a sender has put into a body to look like a record', () =>
    withSpoolDirectory(async (directory) => {
      const writer = await aWriter(directory, { disk })
      await writer.append(aRecord('first'))
      const [segment] = await listSegments(directory)
      // All that can be known from outside: the form of a record, not this segment's marker.
      const forged = Buffer.from(
        readFileSync(segment!.path).subarray(SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES + 300),
      )
      forged.fill(0x41, 0, 8)
      const position = await writer.append(aRecord('carrier', Buffer.concat([Buffer.alloc(64), forged])))
      await writer.append(aRecord('last'))
      await writer.close()
      overwrite(segment!.path, position.offset + 33, Buffer.from([0xee]))
      const found = await replay(directory)
      assert.deepEqual(idsOf(found.records), ['first', 'last'])
      assert.equal(found.damages.length, 1)
    }))
})

import assert from 'node:assert/strict'
import { constants, readFileSync } from 'node:fs'
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { realDisk } from './disk.ts'
import { parseSpoolPosition, SPOOL_START, spoolPositionText } from './position.ts'
import { listSegments } from './segment.ts'
import { aReader, aRecord, aWriter, replay, withSpoolDirectory } from './testing.ts'

const everything = { maxBytes: 1e9, maxRecords: 1e9 }

describe('reading a spool', () => {
  test('never gives out a record that is written but not yet synced', () =>
    withSpoolDirectory(async (directory) => {
      let hold: Promise<void> = Promise.resolve()
      const disk = {
        ...realDisk,
        commitFlags: constants.O_RDWR,
        async commit(fd: number, buffers: Buffer[], at: number) {
          await realDisk.write(fd, buffers, at)
          await hold
          await realDisk.sync(fd)
        },
      }
      const writer = await aWriter(directory, { disk })
      const reader = aReader(directory)
      await writer.append(aRecord('synced'))
      const { promise, resolve } = Promise.withResolvers<void>()
      hold = promise
      const append = writer.append(aRecord('not yet'))
      const [segment] = await listSegments(directory)
      while (!readFileSync(segment!.path).includes('not yet')) await new Promise(setImmediate)
      const ids = async () =>
        (await reader.read(SPOOL_START, everything)).map(({ record }) => record.uniqueId)
      assert.deepEqual(await ids(), ['synced'])
      resolve()
      await append
      assert.deepEqual(await ids(), ['synced', 'not yet'])
      await reader.close()
      await writer.close()
    }))

  test('stops at the limits and goes on from the end of the last record', () =>
    withSpoolDirectory(async (directory) => {
      const writer = await aWriter(directory)
      for (let i = 0; i < 10; i++) await writer.append(aRecord(`${i}`, 1000))
      const reader = aReader(directory)
      const first = await reader.read(SPOOL_START, { maxBytes: 2500, maxRecords: 100 })
      assert.equal(first.length, 3)
      const second = await reader.read(first[2]!.end, { maxBytes: 1e9, maxRecords: 2 })
      assert.deepEqual(
        second.map(({ record }) => record.uniqueId),
        ['3', '4'],
      )
      assert.deepEqual(second[0]!.position, first[2]!.end)
      await reader.close()
      await writer.close()
    }))

  test('waits until there is more, and is woken within milliseconds', () =>
    withSpoolDirectory(async (directory) => {
      const writer = await aWriter(directory)
      const reader = aReader(directory)
      const never = new AbortController().signal
      let position = SPOOL_START
      const tookMs: number[] = []
      for (let i = 0; i < 15; i++) {
        assert.deepEqual(await reader.read(position, everything), [])
        const woken = reader.waitForMore(never).then(() => performance.now())
        await new Promise((resolve) => setTimeout(resolve, 5))
        await writer.append(aRecord(`${i}`))
        const acceptedMs = performance.now()
        tookMs.push((await woken) - acceptedMs)
        const [next] = await reader.read(position, everything)
        assert.equal(next!.record.uniqueId, `${i}`)
        position = next!.end
      }
      assert.ok(tookMs.sort((a, b) => a - b)[7]! < 50, tookMs.join())
      await reader.close()
      await writer.close()
    }))

  test('does not wait for ever when told to stop, also before there is a spool at all', () =>
    withSpoolDirectory(async (directory) => {
      const reader = aReader(directory)
      assert.deepEqual(await reader.read(SPOOL_START, everything), [])
      const stop = new AbortController()
      const waiting = reader.waitForMore(stop.signal)
      stop.abort()
      await waiting
      await reader.close()
    }))

  test('does not spin on a segment that was begun and holds nothing yet', () =>
    withSpoolDirectory(async (directory) => {
      await (await aWriter(directory)).close()
      const reader = aReader(directory)
      assert.deepEqual(await reader.read(SPOOL_START, everything), [])
      let woken = false
      const stop = new AbortController()
      const waiting = reader.waitForMore(stop.signal).then(() => {
        woken = !stop.signal.aborted
      })
      await new Promise((resolve) => setTimeout(resolve, 80))
      stop.abort()
      await waiting
      assert.equal(woken, false)
      await reader.close()
    }))

  test('refuses a release on a full disk, to be repeated, and keeps what was released before', () =>
    withSpoolDirectory(async (directory) => {
      const writer = await aWriter(directory)
      const positions = [await writer.append(aRecord('a')), await writer.append(aRecord('b'))]
      let full = false
      const noSpace = Object.assign(new Error('no space'), { code: 'ENOSPC' })
      const replace = async (path: string, text: string) => {
        if (full) throw noSpace
        await realDisk.replace(path, text)
      }
      const reader = aReader(directory, { disk: { ...realDisk, replace } })
      await reader.release(positions[0]!)
      full = true
      await assert.rejects(reader.release(positions[1]!), {
        code: 'spool_full',
        status: 503,
        advice: 'retry',
      })
      const released = () => readFileSync(join(directory, 'released'), 'utf8').trim()
      assert.equal(released(), spoolPositionText(positions[0]!))
      full = false
      await reader.release(positions[1]!)
      assert.equal(released(), spoolPositionText(positions[1]!))
      await reader.close()
      await writer.close()
    }))

  test('never takes a release back', () =>
    withSpoolDirectory(async (directory) => {
      const writer = await aWriter(directory)
      const positions = [await writer.append(aRecord('a')), await writer.append(aRecord('b'))]
      const reader = aReader(directory)
      await Promise.all([reader.release(positions[1]!), reader.release(positions[0]!)])
      assert.equal(readFileSync(join(directory, 'released'), 'utf8').trim(), spoolPositionText(positions[1]!))
      await reader.close()
      await writer.close()
    }))

  test('says so when a segment is missing that was not released', () =>
    withSpoolDirectory(async (directory) => {
      const writer = await aWriter(directory)
      for (let i = 0; i < 30; i++) await writer.append(aRecord(`${i}`, 20_000))
      await writer.close()
      const { records } = await replay(directory)
      const segments = await listSegments(directory)
      await unlink(segments[1]!.path)
      const left = await replay(directory, records[0]!.end)
      assert.deepEqual(left.damages, [
        { generation: segments[1]!.generation, from: 0, to: 0, reason: 'segment missing' },
      ])
      assert.deepEqual(
        left.records.map(({ record }) => record.uniqueId),
        records
          .filter(({ position }) => position.generation !== segments[1]!.generation)
          .map(({ record }) => record.uniqueId)
          .slice(1),
      )
    }))
})

describe('a spool position', () => {
  test('is kept as text and read back', () => {
    const position = { generation: 1_795_342_228_000, offset: 4096 }
    assert.deepEqual(parseSpoolPosition(spoolPositionText(position)), position)
    assert.deepEqual(parseSpoolPosition(''), SPOOL_START)
    for (const text of ['1', '1:2:3', 'a:b', '-1:0', '1:2 ']) {
      assert.throws(() => parseSpoolPosition(text), { code: 'spool_position_invalid' })
    }
  })
})

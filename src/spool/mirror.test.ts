import assert from 'node:assert/strict'
import { mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { realDisk } from './disk.ts'
import { SPOOL_START } from './position.ts'
import { aReader, aRecord, aWriter, smallSettings, withSpoolDirectory } from './testing.ts'
import type { SpoolDisk, SpooledRecord } from './types.ts'

const ALL = { maxBytes: 1 << 30, maxRecords: 10_000 }
const ids = (records: SpooledRecord[]) => records.map(({ record }) => record.uniqueId)

/** Two directories that stand for two disks. */
function withTwoDisks(run: (first: string, second: string) => Promise<void>): Promise<void> {
  return withSpoolDirectory((first) => run(first, join(first, '..', '..', 'disk2', 'ingest-0')))
}

async function segmentsIn(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.startsWith('segment-')).sort()
}

async function fill(first: string, second: string, names: string[]): Promise<void> {
  const writer = await aWriter(first, { secondDirectory: second })
  for (const name of names) await writer.append(aRecord(name, 3_000))
  await writer.close()
}

async function readAll(first: string, second?: string): Promise<string[]> {
  const reader = aReader(first, { secondDirectory: second })
  const found = ids(await reader.read(SPOOL_START, ALL))
  await reader.close()
  return found
}

const many = (prefix: string) => Array.from({ length: 60 }, (_, i) => `${prefix}${i}`)

describe('durability local-twice', () => {
  test('keeps the same bytes at the same places on both disks, over several segments', () =>
    withTwoDisks(async (first, second) => {
      await fill(first, second, many('a'))
      const names = await segmentsIn(first)
      assert.ok(names.length > 2)
      assert.deepEqual(await segmentsIn(second), names)
      for (const name of names) {
        const [own, copy] = await Promise.all([readFile(join(first, name)), readFile(join(second, name))])
        assert.ok(own.equals(copy.subarray(0, own.length)), name)
      }
    }))

  test('survives the loss of the first disk: everything acknowledged is read, in order', () =>
    withTwoDisks(async (first, second) => {
      await fill(first, second, many('a'))
      await rm(first, { recursive: true })
      await fill(first, second, ['later'])
      assert.deepEqual(await readAll(first), [...many('a'), 'later'])
    }))

  test('survives the loss of the second disk, and copies what is pending to the new one', () =>
    withTwoDisks(async (first, second) => {
      await fill(first, second, many('a'))
      await rm(second, { recursive: true })
      await fill(first, second, ['later'])
      assert.deepEqual(await segmentsIn(second), await segmentsIn(first))
      await rm(first, { recursive: true })
      await fill(first, second, [])
      assert.deepEqual(await readAll(first), [...many('a'), 'later'])
    }))

  test('reads a record that is damaged on the first disk from the second one, and sets nothing aside', () =>
    withTwoDisks(async (first, second) => {
      await fill(first, second, ['a', 'b', 'c', 'd'])
      const [name] = await segmentsIn(first)
      await flip(join(first, name!), 4096 + 3_500)
      assert.deepEqual(await readAll(first, second), ['a', 'b', 'c', 'd'])
      assert.ok(!(await readdir(first)).includes('quarantine'))
      assert.equal((await readAll(first)).length, 3, 'without the copy it is lost')
    }))

  test('loses only what is damaged on both', () =>
    withTwoDisks(async (first, second) => {
      await fill(first, second, ['a', 'b', 'c', 'd'])
      const [name] = await segmentsIn(first)
      await flip(join(first, name!), 4096 + 3_500)
      await flip(join(first, name!), 4096 + 2 * 3_200)
      await flip(join(second, name!), 4096 + 3_500)
      const found = await readAll(first, second)
      assert.equal(found.length, 3)
    }))

  test('brings back from the second disk what the first one lost of its newest records at a power loss', () =>
    withTwoDisks(async (first, second) => {
      await fill(first, second, ['a', 'b', 'c', 'd'])
      const [name] = await segmentsIn(first)
      await zero(join(first, name!), 4096 + 2 * 3_100, 60_000)
      await rm(join(first, 'durable'))
      await zero(join(second, name!), 4096, 3_000)
      await fill(first, second, ['later'])
      assert.deepEqual(await readAll(first), ['a', 'b', 'c', 'd', 'later'])
      await rm(first, { recursive: true })
      await fill(first, second, [])
      assert.deepEqual(await readAll(first), ['a', 'b', 'c', 'd', 'later'])
    }))

  test('reads a segment whose beginning is lost, or that is missing, from the second disk', () =>
    withTwoDisks(async (first, second) => {
      await fill(first, second, many('a'))
      const [one, two] = await segmentsIn(first)
      await zero(join(first, one!), 0, 9_000)
      await rm(join(first, two!))
      assert.deepEqual(await readAll(first, second), many('a'))
    }))

  test('does not fill the second disk with segments that the first one has no room for', () =>
    withTwoDisks(async (first, second) => {
      let isFull = false
      let filledBytes = 0
      const disk: SpoolDisk = {
        ...realDisk,
        freeBytes: async (directory) => (directory === first && isFull ? 0 : 1 << 30),
        async write(fd, buffers, at) {
          for (const { length } of buffers) filledBytes += length
          return realDisk.write(fd, buffers, at)
        },
      }
      const settings = { ...smallSettings, reserveBytes: 1, spareSegments: 1 }
      const writer = await aWriter(first, { secondDirectory: second, disk, settings })
      isFull = true
      const append = async () =>
        writer.append(aRecord('x', 30_000)).catch(({ code }: { code: string }) => code)
      while ((await append()) !== 'spool_full');
      const before = filledBytes
      for (let i = 0; i < 5; i++) assert.equal(await append(), 'spool_full')
      assert.ok(filledBytes - before <= 64 * 1024, `${filledBytes - before} bytes were filled in vain`)
      await writer.close()
    }))

  test('acknowledges nothing that the second disk has no room for, and recovers by itself', () =>
    withTwoDisks(async (first, second) => {
      await mkdir(second, { recursive: true })
      const { dev } = await stat(second)
      assert.ok(dev >= 0)
      let isFull = false
      const copies = new Set<number>()
      const disk: SpoolDisk = {
        ...realDisk,
        async commit(fd, buffers, at) {
          // Descriptors of the copy come first: see nextSegment.
          if (copies.size === 0) copies.add(fd)
          if (isFull && copies.has(fd)) throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
          return realDisk.commit(fd, buffers, at)
        },
      }
      const writer = await aWriter(first, { secondDirectory: second, disk })
      await writer.append(aRecord('a'))
      isFull = true
      await assert.rejects(writer.append(aRecord('b')), { code: 'spool_full' })
      isFull = false
      await writer.append(aRecord('c'))
      await writer.close()
      const found = await readAll(first)
      assert.deepEqual(
        found.filter((id) => id !== 'b'),
        ['a', 'c'],
      )
    }))

  test('frees both copies of what is loaded', () =>
    withTwoDisks(async (first, second) => {
      await fill(first, second, many('a'))
      const reader = aReader(first)
      const records = await reader.read(SPOOL_START, ALL)
      await reader.release(records.at(-1)!.end)
      await reader.close()
      await fill(first, second, ['later'])
      assert.ok((await segmentsIn(first)).length <= 2)
      assert.ok((await segmentsIn(second)).length <= 2)
    }))

  test('refuses to start while the second disk cannot be used', () =>
    withTwoDisks(async (first) => {
      await mkdir(first, { recursive: true })
      const notADirectory = join(first, 'file')
      await (await open(notADirectory, 'w')).close()
      await assert.rejects(aWriter(first, { secondDirectory: join(notADirectory, 'x') }), {
        code: 'spool_second_copy',
      })
    }))

  test('needs a directory to be named', async () => {
    const { readSpoolSettings, secondDirectoryOf } = await import('./config.ts')
    const settings = readSpoolSettings({ MILLRACE_DURABILITY: 'local-twice' })
    assert.throws(() => secondDirectoryOf(settings, 'ingest-0'), { code: 'setting_invalid' })
    assert.equal(secondDirectoryOf(smallSettings, 'ingest-0'), undefined)
  })
})

async function zero(path: string, at: number, bytes: number): Promise<void> {
  const handle = await open(path, 'r+')
  const { size } = await handle.stat()
  await handle.write(Buffer.alloc(Math.min(bytes, size - at)), 0, undefined, at)
  await handle.close()
}

async function flip(path: string, at: number): Promise<void> {
  const handle = await open(path, 'r+')
  const byte = Buffer.alloc(1)
  await handle.read(byte, 0, 1, at)
  byte[0]! ^= 0xff
  await handle.write(byte, 0, 1, at)
  await handle.close()
}

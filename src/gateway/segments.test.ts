import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { silentLog, systemClock } from '../kernel/index.ts'
import { openSegmentStore } from './segments.ts'

describe('segments', () => {
  const room = mkdtempSync(join(tmpdir(), 'millrace-segments-'))
  after(() => rmSync(room, { recursive: true }))
  let stores = 0
  const openStore = async (
    { directory = join(room, String(stores++)), ...given } = {} as {
      directory?: string
      mostBytes?: number
      isDiskShort?: () => boolean
    },
  ) => {
    let nowMs = 0
    const store = await openSegmentStore({
      directory,
      keepMs: 1000,
      mostBytes: 100,
      isDiskShort: () => false,
      clock: { ...systemClock, monotonicMs: () => nowMs },
      log: silentLog,
      ...given,
    })
    return { store, directory, pass: (ms: number) => (nowMs += ms) }
  }
  const read = async (found: Awaited<ReturnType<Awaited<ReturnType<typeof openStore>>['store']['open']>>) => {
    const parts: Buffer[] = []
    for await (const part of found!.body) parts.push(part)
    return Buffer.concat(parts).toString()
  }

  test('are what was put, until they are removed', async () => {
    const { store, directory } = await openStore()
    assert.equal(await store.put('q', 0, Buffer.from('rows')), true)
    const found = await store.open('q', 0)
    assert.deepEqual([found!.bytes, await read(found)], [4, 'rows'])
    await store.remove('q', 0)
    assert.equal(await store.open('q', 0), undefined)
    await store.remove('q', 0)
    assert.deepEqual([store.bytes, readdirSync(directory)], [0, []])
  })

  test('replace those of the same number, and count once', async () => {
    const { store } = await openStore()
    for (let times = 0; times < 3; times++) await store.put('q', 0, Buffer.alloc(60))
    assert.equal(store.bytes, 60)
  })

  test('are not taken beyond their room, nor while the disk is short', async () => {
    const { store } = await openStore()
    assert.equal(await store.put('q', 0, Buffer.alloc(60)), true)
    assert.equal(await store.put('q', 1, Buffer.alloc(60)), false)
    const short = await openStore({ isDiskShort: () => true })
    assert.equal(await short.store.put('q', 0, Buffer.alloc(1)), false)
  })

  test('that cannot be written are not kept', async () => {
    const { store, directory } = await openStore()
    writeFileSync(join(directory, 'q'), 'a file where a directory should be')
    assert.equal(await store.put('q', 0, Buffer.alloc(1)), false)
    assert.deepEqual([await store.open('q', 0), store.bytes], [undefined, 0])
  })

  test('go when nobody fetches them in time, and all of a query at once', async () => {
    const { store, pass } = await openStore()
    await store.put('q', 0, Buffer.alloc(1))
    pass(600)
    await store.put('q', 1, Buffer.alloc(1))
    pass(600)
    await store.sweep()
    assert.deepEqual([await store.open('q', 0), (await store.open('q', 1))?.bytes], [undefined, 1])
    await store.removeAll('q')
    assert.equal(store.bytes, 0)
  })

  test('of an earlier process are still there, and what it had not finished is not', async () => {
    const { store, directory } = await openStore()
    await store.put('q', 7, Buffer.from('rows'))
    mkdirSync(join(directory, 'r'))
    writeFileSync(join(directory, 'r', '0.part'), 'half')
    const later = await openStore({ directory })
    assert.equal(await read(await later.store.open('q', 7)), 'rows')
    assert.equal(later.store.bytes, 4)
    assert.deepEqual(readdirSync(directory), ['q'])
  })
})

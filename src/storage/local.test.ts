import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { shareSyncs } from './files.ts'
import { createLocalStore } from './local.ts'
import type { ObjectStore } from './types.ts'

describe('the local object store', () => {
  let dataDir: string
  let store: ObjectStore
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'millrace-store-'))
    store = await createLocalStore(dataDir)
  })
  after(() => rm(dataDir, { recursive: true }))

  const text = (bytes: string) => Buffer.from(bytes)
  const listed = async (prefix: string) => {
    const paths: string[] = []
    for await (const { path } of store.list(prefix)) paths.push(path)
    return paths.sort()
  }

  test('gives back what was put, whole or in ranges', async () => {
    await store.put('a/b/one', text('0123456789'))
    assert.equal((await store.get('a/b/one')).toString(), '0123456789')
    assert.equal((await buffer(store.stream('a/b/one', { start: 2, end: 4 }))).toString(), '234')
    assert.equal((await buffer(store.stream('a/b/one', { start: 7 }))).toString(), '789')
    assert.equal((await readFile(store.locate('a/b/one'))).toString(), '0123456789')
  })

  test('never overwrites, and the first object stays', async () => {
    await store.put('once', text('first'))
    await assert.rejects(store.put('once', text('second')), { code: 'object_exists' })
    assert.equal((await store.get('once')).toString(), 'first')
    const racing = Array.from({ length: 8 }, (_, i) => store.put('race', text(String(i))))
    const settled = await Promise.allSettled(racing)
    assert.equal(settled.filter((one) => one.status === 'fulfilled').length, 1)
  })

  test('takes over a local file, and leaves it where it was when the name is taken', async () => {
    const file = join(dataDir, 'result')
    await writeFile(file, 'rows')
    await store.putFile('results/1', file)
    assert.equal((await store.get('results/1')).toString(), 'rows')
    await assert.rejects(stat(file), { code: 'ENOENT' })
    await writeFile(file, 'other')
    await assert.rejects(store.putFile('results/1', file), { code: 'object_exists' })
    assert.equal((await readFile(file)).toString(), 'other')
  })

  test('says what is missing, and removing it twice is harmless', async () => {
    await assert.rejects(store.get('nowhere/x'), { code: 'object_missing', status: 404 })
    await store.put('gone', text('x'))
    await store.remove('gone')
    await store.remove('gone')
    assert.equal(await store.exists('gone'), false)
  })

  test('refuses every path that could leave its directory', async () => {
    for (const path of [
      '',
      '/etc/passwd',
      '../x',
      'a/../../x',
      'a//b',
      './a',
      'a/.',
      '.tmp/x',
      'a\\b',
      'a\0b',
    ]) {
      await assert.rejects(store.put(path, text('x')), { code: 'object_path_refused' }, path)
      assert.throws(() => store.locate(path), { code: 'object_path_refused' }, path)
      assert.throws(() => store.stream(path), { code: 'object_path_refused' }, path)
    }
  })

  test('lists what starts with a prefix, folder or not, with sizes', async () => {
    await store.put('l/one-1', text('1'))
    await store.put('l/one-2', text('22'))
    await store.put('l/two/3', text('333'))
    assert.deepEqual(await listed('l/'), ['l/one-1', 'l/one-2', 'l/two/3'])
    assert.deepEqual(await listed('l/one'), ['l/one-1', 'l/one-2'])
    assert.deepEqual(await listed('l/two/'), ['l/two/3'])
    assert.deepEqual(await listed('m/'), [])
    for await (const { path, bytes } of store.list('l/two/')) assert.deepEqual([path, bytes], ['l/two/3', 3])
  })

  test('leaves no temporary file behind, and sweeps old ones of dead writers at start', async () => {
    const temporaries = join(dataDir, 'objects', '.tmp')
    assert.deepEqual(await readdir(temporaries), [])
    await writeFile(join(temporaries, 'dead'), 'x')
    const longAgo = new Date(Date.now() - 86_400_000)
    await utimes(join(temporaries, 'dead'), longAgo, longAgo)
    await writeFile(join(temporaries, 'alive'), 'x')
    await createLocalStore(dataDir)
    assert.deepEqual(await readdir(temporaries), ['alive'])
    await rm(join(temporaries, 'alive'))
  })

  test('answers a full disk with storage_full, to be repeated', async (t) => {
    const device = await stat('/dev/full').catch(() => undefined)
    if (!device) return t.skip('this system has no /dev/full, which refuses every write as a full disk does')
    const full = await createLocalStore(dataDir, { write: (_, bytes) => writeFile('/dev/full', bytes) })
    await assert.rejects(full.put('never', text('x')), { code: 'storage_full', status: 503, advice: 'retry' })
    assert.equal(await store.exists('never'), false)
  })
})

describe('shared directory syncs', () => {
  test('give each caller a sync that began after it asked, and few syncs in all', async () => {
    let started = 0
    const sync = shareSyncs(async () => {
      started++
      await new Promise((resolve) => setTimeout(resolve, 5))
    })
    await Promise.all(Array.from({ length: 100 }, () => sync('d')))
    assert.equal(started, 2)
    await sync('d')
    assert.equal(started, 3)
  })

  test('pass a failure on to all who waited for it and then work again', async () => {
    let fail = true
    const sync = shareSyncs(async () => {
      await null
      if (fail) throw new Error('EIO')
    })
    const outcomes = await Promise.allSettled([sync('d'), sync('d'), sync('d')])
    assert.deepEqual(
      outcomes.map((one) => one.status),
      ['rejected', 'rejected', 'rejected'],
    )
    fail = false
    await sync('d')
  })
})

import assert from 'node:assert/strict'
import { mkdtemp, readdir, rename, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { bootId, bootOf, createGroupLog, decodeGroup, encodeGroup, groupName } from './group-log.ts'
import { createLocalStore } from './local.ts'
import { mendObjects } from './mend.ts'
import type { ObjectStore } from './types.ts'

const EARLIER_BOOT = 'f'.repeat(32)

describe('putting many objects at once', () => {
  let dataDir: string
  let store: ObjectStore
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'millrace-group-'))
  })
  beforeEach(async () => {
    await rm(join(dataDir, 'objects'), { recursive: true, force: true })
    store = await createLocalStore(dataDir)
  })
  after(() => rm(dataDir, { recursive: true }))

  const members = (texts: Record<string, string>) =>
    Object.entries(texts).map(([path, text]) => ({ path, bytes: Buffer.from(text) }))
  const logs = async (owner = 'spool') => {
    const directory = join(dataDir, 'objects', '.groups', owner)
    return (await readdir(directory)).sort().map((name) => join(directory, name))
  }
  /** What a power loss leaves: logs of an earlier start of the machine, and files that may be anything. */
  const restartMachine = async (owner = 'spool') => {
    for (const log of await logs(owner)) await rename(log, log.replace(bootId(), EARLIER_BOOT))
  }

  test('stores them all, in any folder, and replaces what an earlier call has left', async () => {
    await store.putMany('spool', members({ 'a/1': 'one', 'a/2': 'two', 'b/c/3': '' }))
    assert.equal((await store.get('a/2')).toString(), 'two')
    assert.equal((await store.get('b/c/3')).length, 0)
    await store.putMany('spool', members({ 'a/2': 'zwei' }))
    assert.equal((await store.get('a/2')).toString(), 'zwei')
    await assert.rejects(store.putMany('spool', members({ '../x': '' })), { code: 'object_path_refused' })
  })

  test('has their bytes on disk before the first of them is there under its name', async () => {
    let noted = 0
    const watched = await createLocalStore(dataDir, {
      async write(file, bytes) {
        assert.equal(await watched.exists('w/1'), false)
        noted = decodeGroup(Buffer.from(bytes))!.length
        await writeFile(file, bytes)
      },
    })
    await watched.putMany('spool', members({ 'w/1': 'x', 'w/2': 'y' }))
    assert.equal(noted, 2)
    assert.equal(await watched.exists('w/1'), true)
  })

  test('gives back after a power loss what had not reached the disk, torn, empty or missing', async () => {
    await store.putMany(
      'spool',
      members({ 'p/1': 'first', 'p/2': 'second', 'p/3': 'third', 'q/4': 'fourth' }),
    )
    await store.putMany('spool', members({ 'p/1': 'first again' }))
    await rm(store.locate('p/1'))
    await truncate(store.locate('p/2'), 0)
    await writeFile(store.locate('p/3'), 'torn')
    await rm(join(dataDir, 'objects', 'q'), { recursive: true })
    await restartMachine()
    assert.deepEqual(await mendObjects(dataDir), { groups: 2, mended: 4 })
    const texts = await Promise.all(
      ['p/1', 'p/2', 'p/3', 'q/4'].map(async (path) => String(await store.get(path))),
    )
    assert.deepEqual(texts, ['first again', 'second', 'third', 'fourth'])
    assert.deepEqual(await logs(), [])
    assert.deepEqual(await mendObjects(dataDir), { groups: 0, mended: 0 })
  })

  test('is mended by several nodes that share the objects at the same time', async () => {
    for (let i = 0; i < 20; i++)
      await store.putMany('spool', members({ [`m/${i}`]: `${i}`, 'm/same': `${i}` }))
    for (let i = 0; i < 20; i++) await rm(store.locate(`m/${i}`))
    await restartMachine()
    await Promise.all([mendObjects(dataDir), mendObjects(dataDir), mendObjects(dataDir)])
    for (let i = 0; i < 20; i++) assert.equal((await store.get(`m/${i}`)).toString(), `${i}`)
    assert.equal((await store.get('m/same')).toString(), '19')
  })

  test('takes a log that is not whole for one nobody was told of', async () => {
    await store.putMany('spool', members({ 'n/1': 'kept' }))
    const directory = join(dataDir, 'objects', '.groups', 'spool')
    const whole = encodeGroup(members({ 'n/1': 'never', 'n/2': 'never' }))
    const damaged = Buffer.from(whole)
    damaged[whole.length - 1]! ^= 1
    for (const [i, bytes] of [whole.subarray(0, -1), damaged, Buffer.alloc(0), Buffer.alloc(100)].entries())
      await writeFile(join(directory, groupName(EARLIER_BOOT, BigInt(i))), bytes)
    assert.deepEqual(await mendObjects(dataDir), { groups: 4, mended: 0 })
    assert.equal((await store.get('n/1')).toString(), 'kept')
    assert.equal(await store.exists('n/2'), false)
  })

  test('leaves the logs of this start of the machine alone, and the next process of the owner settles them', async () => {
    await store.putMany('spool', members({ 's/1': 'x' }))
    await store.putMany('other', members({ 's/2': 'x' }))
    assert.deepEqual(await mendObjects(dataDir), { groups: 0, mended: 0 })
    const next = await createLocalStore(dataDir, { settleAfterMs: 0 })
    await next.putMany('spool', members({ 's/3': 'x' }))
    while ((await logs()).length > 0) await setTimeout(5)
    assert.equal((await logs('other')).length, 1)
    assert.equal((await next.get('s/1')).toString(), 'x')
  })

  test('settles no group whose files are still being written', async () => {
    const root = join(dataDir, 'objects')
    const synced: string[] = []
    const log = createGroupLog({
      root,
      settleAfterMs: 0,
      write: writeFile,
      syncFile: async (file) => void synced.push(file),
      syncDirectory: async () => undefined,
      monotonicNs: process.hrtime.bigint,
    })
    const slow = await log.note('spool', members({ 'l/1': 'x' }))
    log.settle('spool', await log.note('spool', members({ 'l/2': 'x' })))
    while ((await logs()).length > 1) await setTimeout(5)
    assert.deepEqual(synced, [join(root, 'l/2')])
    log.settle('spool', slow)
    while ((await logs()).length > 0) await setTimeout(5)
    assert.deepEqual(synced, [join(root, 'l/2'), join(root, 'l/1')])
  })

  test('takes a log for settled that another process of its owner has settled meanwhile', async () => {
    await store.putMany('spool', members({ 'v/1': 'x' }))
    const next = await createLocalStore(dataDir, { settleAfterMs: 60 })
    await next.putMany('spool', members({ 'v/2': 'x' }))
    const [first] = await logs()
    await rm(first!)
    await setTimeout(80)
    await next.putMany('spool', members({ 'v/3': 'x' }))
    await setTimeout(30)
    await next.putMany('spool', members({ 'v/4': 'x' }))
  })

  test('keeps a log until it is old enough, and settles it though its objects were removed', async () => {
    const patient = await createLocalStore(dataDir, { settleAfterMs: 300 })
    await patient.putMany('spool', members({ 'o/1': 'x', 'o/2': 'x' }))
    await patient.remove('o/1')
    await patient.putMany('spool', members({ 'o/3': 'x' }))
    assert.equal((await logs()).length, 2)
    await setTimeout(320)
    await patient.putMany('spool', members({ 'o/4': 'x' }))
    while ((await logs()).length > 1) await setTimeout(5)
    assert.equal(bootOf((await logs())[0]!.split('/').at(-1)!), bootId())
  })

  test('says with the next call what it could not settle, and writes it anew at the next start', async () => {
    const quick = await createLocalStore(dataDir, { settleAfterMs: 0 })
    await store.putMany('spool', members({ 'e/1': 'x' }))
    // A link to itself cannot be opened by anybody: it stands for a disk that fails.
    await rm(store.locate('e/1'))
    await symlink('1', store.locate('e/1'))
    await quick.putMany('spool', members({ 'e/2': 'x' }))
    await setTimeout(50)
    await assert.rejects(quick.putMany('spool', members({ 'e/3': 'x' })), { code: 'ELOOP' })
    await quick.putMany('spool', members({ 'e/3': 'x' }))
    while ((await logs()).length > 1) await setTimeout(5)
    assert.deepEqual(await mendObjects(dataDir), { groups: 1, mended: 1 })
    assert.equal((await store.get('e/1')).toString(), 'x')
  })

  test('answers a full disk with storage_full, leaves no log, and works again once there is room', async (t) => {
    const device = await stat('/dev/full').catch(() => undefined)
    if (!device) return t.skip('this system has no /dev/full, which refuses every write as a full disk does')
    let full = true
    const filling = await createLocalStore(dataDir, {
      write: (file, bytes) => writeFile(full ? '/dev/full' : file, bytes),
    })
    await assert.rejects(filling.putMany('spool', members({ 'f/1': 'x' })), { code: 'storage_full' })
    assert.deepEqual(await logs(), [])
    assert.equal(await filling.exists('f/1'), false)
    full = false
    await filling.putMany('spool', members({ 'f/1': 'x' }))
    assert.equal((await filling.get('f/1')).toString(), 'x')
  })
})

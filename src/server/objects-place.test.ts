import assert from 'node:assert/strict'
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { createLocalStore } from '../storage/index.ts'
import { placeObjects } from './objects-place.ts'

describe('objects in a place of their own', () => {
  let room: string
  const directory = (name: string) => {
    mkdirSync(join(room, name), { recursive: true })
    return join(room, name)
  }
  beforeEach(() => {
    room = mkdtempSync(join(tmpdir(), 'millrace-place-'))
  })
  afterEach(() => rmSync(room, { recursive: true, force: true }))

  test('are what two nodes on one database share: one reads what the other wrote', async () => {
    const shared = join(room, 'not', 'there', 'yet')
    const [one, other] = [directory('a'), directory('b')]
    for (const dataDir of [one, other]) placeObjects(dataDir, shared)
    await (await createLocalStore(one)).put('chunks/x', Buffer.from('rows'))
    const found = await createLocalStore(other)
    assert.equal(String(await found.get('chunks/x')), 'rows')
    assert.equal(readFileSync(join(shared, 'chunks/x'), 'utf8'), 'rows')
    await assert.rejects(found.put('chunks/x', Buffer.from('others')), { code: 'object_exists' })
    const listed: string[] = []
    for await (const { path } of found.list('')) listed.push(path)
    assert.deepEqual(listed, ['chunks/x'])
  })

  test('stay there at a start without the setting', () => {
    const dataDir = directory('a')
    placeObjects(dataDir, join(room, 'shared'))
    placeObjects(dataDir, undefined)
    placeObjects(dataDir, join(room, 'shared'))
    assert.ok(lstatSync(join(dataDir, 'objects')).isSymbolicLink())
  })

  test('are not left behind by a setting that names another place', () => {
    const dataDir = directory('a')
    placeObjects(dataDir, join(room, 'first'))
    assert.throws(() => placeObjects(dataDir, join(room, 'second')), { code: 'data_directory_unusable' })
    const grown = directory('b')
    writeFileSync(join(directory('b/objects'), 'x'), '')
    assert.throws(() => placeObjects(grown, join(room, 'second')), /MILLRACE_OBJECTS_DIR/)
  })
})

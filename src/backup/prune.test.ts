import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { paths } from './place.ts'
import { writeLines } from './tables.ts'
import { prune } from './take.ts'

const NOW = new Date('2026-11-22T15:00:00Z')
const OWN = '20261122T145900Z'
const EARLIER = '20261121T145900Z'

describe('pruning a place', () => {
  let place: string
  beforeEach(async () => {
    place = await mkdtemp(join(tmpdir(), 'millrace-place-'))
    await aBackup(EARLIER, ['shared', 'old'])
    await aBackup(OWN, ['shared', 'new'])
  })
  afterEach(() => rm(place, { recursive: true }))

  async function aBackup(id: string, objects: string[], isWhole = true) {
    await mkdir(paths.objects(place), { recursive: true })
    for (const path of objects) {
      await writeFile(paths.object(place, path), path)
      await utimes(paths.object(place, path), 1, 1)
    }
    async function* lines() {
      yield objects.map((path) => JSON.stringify({ path, bytes: path.length, sha256: '' }))
    }
    await writeLines(paths.objectList(place, id), lines())
    if (isWhole) await writeFile(paths.manifest(place, id), '{}')
  }
  const left = async () => ({
    backups: (await readdir(place)).filter((name) => name !== 'objects').sort(),
    objects: (await readdir(paths.objects(place))).sort(),
  })
  const pruned = async (keep = 1) => {
    await prune(place, { keep, own: OWN, now: NOW })
    return left()
  }

  test('leaves the newest and what they name', async () => {
    assert.deepEqual(await pruned(), { backups: [OWN], objects: ['new', 'shared'] })
  })

  test('takes nothing from another backup under way', async () => {
    await aBackup('20261122T145000Z', ['theirs'], false)
    const { backups, objects } = await pruned()
    assert.deepEqual(backups, ['20261122T145000Z', OWN])
    assert.ok(objects.includes('theirs'))
  })

  test('nor from one that begins meanwhile', async () => {
    await writeFile(paths.object(place, 'theirs'), '')
    assert.deepEqual((await pruned()).objects, ['new', 'shared', 'theirs'])
  })

  test('removes a broken-off one after a day', async () => {
    await aBackup('20261120T145900Z', ['broken'], false)
    assert.deepEqual(await pruned(), { backups: [OWN], objects: ['new', 'shared'] })
  })

  test('never removes the one just taken, though the clock was set back', async () => {
    await aBackup('20261230T000000Z', ['later'])
    assert.deepEqual((await pruned()).backups, [OWN, '20261230T000000Z'])
  })
})

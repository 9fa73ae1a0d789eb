import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { silentLog, systemClock } from '../kernel/index.ts'
import { anImport, openRoom, type Room } from '../load/testing.ts'
import { takeBackup } from './take.ts'
import { verifyBackup } from './verify.ts'

describe('a backup', () => {
  let room: Room
  let place: string
  before(async () => {
    room = await openRoom()
    place = await mkdtemp(join(tmpdir(), 'millrace-place-'))
    const table = await room.addTable('boats')
    const spool = await room.openSpool('ingest-0')
    for (const n of [1, 2]) {
      await spool.writer.append(anImport(table, [{ time: 1_700_000_000, n }]))
      await spool.load()
    }
  })
  after(async () => {
    await room.close()
    await rm(place, { recursive: true })
  })

  /** Removes the files when the tables have been read. */
  const backUp = (gone: () => Promise<string[]>) => {
    const { objects } = room
    return takeBackup({
      place,
      dataDir: room.dataDir,
      database: room.db.database,
      objects: {
        ...objects,
        async *list(prefix) {
          for (const path of await gone()) await objects.remove(path)
          yield* objects.list(prefix)
        },
      },
      clock: systemClock,
      log: silentLog,
      version: 'test',
      onProgress: () => undefined,
      signal: new AbortController().signal,
    })
  }
  const paths = async (which: 'live' | 'retired') => {
    const rows = await room.query<{ path: string }>`
      SELECT path FROM chunks WHERE (retired_at IS NULL) = ${which === 'live'} ORDER BY id`
    return rows.map(({ path }) => path)
  }

  test('goes on when the horizon of a retired chunk ends meanwhile', async () => {
    await room.run`UPDATE chunks SET retired_at = now() WHERE id = (SELECT min(id) FROM chunks)`
    const { objects, referenced } = await backUp(() => paths('retired'))
    assert.deepEqual([objects.count, referenced], [1, 1])
  })

  test('says of every sequence where it stands, of one never used where it begins', async () => {
    const { sequences } = await backUp(async () => [])
    const known = await room.query<{ name: string }>`
      SELECT sequencename::text AS name FROM pg_sequences WHERE schemaname = 'public'`
    assert.deepEqual(sequences.map(({ name }) => name).sort(), known.map(({ name }) => name).sort())
    assert.equal(sequences.find(({ name }) => name === 'merge_attempts')?.value, '1')
  })

  test('may be taken beside another one: two within the same second are two', async () => {
    const both = await Promise.all([backUp(async () => []), backUp(async () => [])])
    assert.equal(new Set(both.map(({ id }) => id)).size, 2)
    for (const { id } of both) assert.deepEqual((await verifyBackup(place, { id })).problems, [])
  })

  test('is none when a live chunk is missing', async () => {
    await assert.rejects(
      backUp(() => paths('live')),
      { code: 'backup_incomplete' },
    )
  })
})

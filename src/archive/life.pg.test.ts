import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startTestCatalog } from '../catalog/testing.ts'
import { silentLog, systemClock } from '../kernel/index.ts'
import { anImport } from '../load/testing.ts'
import { openSnapshot } from '../snapshot/index.ts'
import { type AskPins, removeRetired } from './removal.ts'
import { ADMISSION, type ArchiveRoom, HOUR, openArchiveRoom } from './testing.ts'

const { signal } = new AbortController()

describe('a reader on the sealed snapshot', () => {
  test('finds every file it was told of, whatever is merged and removed meanwhile', async () => {
    const room = await openArchiveRoom()
    const dataDir = await mkdtemp(join(tmpdir(), 'millrace-life-'))
    const catalog = await startTestCatalog({ test: room.db, dataDir })
    const { gate } = room.db
    const snapshot = await openSnapshot({ dataDir, clock: systemClock, log: silentLog, withManifests: true })
    try {
      const table = await room.addTable('boats')
      await room.addChunks(table, [{ time: HOUR, n: 1 }], [{ time: HOUR, n: 2 }])
      await catalog.exporter.catchUp({ deadlineMs: 5_000 })
      await catalog.exporter.seal('maintenance')
      // Another node still merges; here readers go by what is sealed.
      await room.merge(table)
      await room.run`UPDATE chunks SET retired_at = retired_at - interval '2 days' WHERE retired_at IS NOT NULL`
      const askPins: AskPins = async (chunks) => ({
        pinned: await catalog.exporter.pinnedChunks(chunks),
        jobsWaiting: false,
      })
      const remove = () =>
        removeRetired(
          { ...room.deps, gate, askPins, faultPoint: () => undefined },
          { keptMinutes: 0 },
          signal,
        )
      assert.equal(await remove(), 0)
      assert.ok(await snapshot.catchUp(catalog.view.position, { timeoutMs: 5_000 }))
      const told = await snapshot.chunksOf(table)
      assert.equal(told.kind, 'found')
      if (told.kind !== 'found') return
      assert.equal(told.value.length, 2)
      for (const { path } of told.value) assert.ok(await room.objects.exists(path), path)

      await catalog.exporter.unseal()
      await catalog.exporter.catchUp({ deadlineMs: 5_000 })
      assert.equal(await remove(), 2)
    } finally {
      await snapshot.close()
      await catalog.pause()
      await rm(dataDir, { recursive: true })
      await room.close()
    }
  })
})

describe('what was accepted under a name', () => {
  let room: ArchiveRoom
  before(async () => {
    room = await openArchiveRoom()
  })
  after(() => room.close())
  const accept = (tableId: bigint, table: string) =>
    room.spool.writer.append(anImport(tableId, [{ time: HOUR, n: 1 }], { table }))
  const rows = async (id: bigint) => (await room.rowsOf(id)).length

  test('goes into the table that had it then: after a rename, a swap, and a restoration', async () => {
    const [renamed, first, second, restored] = [
      await room.addTable('renamed'),
      await room.addTable('first'),
      await room.addTable('second'),
      await room.addTable('restored'),
    ]
    await accept(renamed, 'renamed')
    await accept(first, 'first')
    await accept(restored, 'restored')
    await room.db.database.write(ADMISSION, async (sql) => {
      await sql`UPDATE tables SET name = 'other' WHERE id = ${renamed}`
      await sql`UPDATE tables SET name = '~' WHERE id = ${first}`
      await sql`UPDATE tables SET name = 'first' WHERE id = ${second}`
      await sql`UPDATE tables SET name = 'second' WHERE id = ${first}`
      await sql`UPDATE tables SET removed_at = now() WHERE id = ${restored}`
      await sql`UPDATE tables SET removed_at = NULL WHERE id = ${restored}`
    })
    await room.spool.load()
    assert.deepEqual(
      [await rows(renamed), await rows(first), await rows(second), await rows(restored)],
      [1, 1, 0, 1],
    )
  })
})

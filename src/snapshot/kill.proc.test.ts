import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLog, systemClock } from '../kernel/index.ts'
import { openSnapshot } from './reader.ts'
import { openSnapshotWriter } from './writer.ts'

const ROUNDS = 4
type Said = { position: number; key: number; chunks: string }

/** Lets a writer work for a while, kills it at once, and returns the last thing it said was safe. */
async function writeAndDie(dataDir: string): Promise<Said> {
  const child = fork(join(import.meta.dirname, 'writer-testing.ts'), [dataDir])
  let last: Said | undefined
  child.on('message', (said) => {
    last = said as Said
  })
  await once(child, 'message')
  await systemClock.sleep(50 + Math.random() * 250)
  child.kill('SIGKILL')
  await once(child, 'exit')
  return last!
}

test(`kill -9 at any moment, compaction included, costs nothing that was called safe, ${ROUNDS} times`, async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'millrace-snapshot-kill-'))
  t.after(() => rm(dataDir, { recursive: true }))
  const following = await openSnapshot({ dataDir, clock: systemClock, log: silentLog, withManifests: true })
  t.after(() => following.close())
  let lines = 0
  for (let round = 0; round < ROUNDS; round++) {
    const { position, key, chunks } = await writeAndDie(dataDir)
    lines = position
    const opened = await openSnapshot({ dataDir, clock: systemClock, log: silentLog, withManifests: true })
    for (const reader of [opened, following]) {
      assert.ok(await reader.catchUp(position), `position ${position} is there`)
      assert.equal(reader.findKey(`sha-${key}`).kind, 'unknown', 'the denial that was called safe holds')
      const found = await reader.chunksOf(1n)
      assert.ok(found.kind === 'found')
      const rows = found.value.reduce((sum, chunk) => sum + chunk.rows, 0)
      assert.ok(rows >= Number(chunks) - 10, `${rows} rows are in the manifest, ${chunks} were`)
    }
    await opened.close()
    const writer = await openSnapshotWriter({ dataDir, clock: systemClock, log: silentLog })
    assert.ok(writer.position >= position)
    await writer.close()
  }
  assert.ok(lines > 100, `only ${lines} lines were written`)
})

import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { silentLog, systemClock } from '../kernel/index.ts'
import { snapshotErrors } from './errors.ts'
import type { Change, LineContent } from './line.ts'
import { openLogFile } from './log-file.ts'
import { openSnapshot } from './reader.ts'
import { put, rowsForTests, startSnapshotForTests } from './testing.ts'
import type { SnapshotView } from './types.ts'
import { openSnapshotWriter } from './writer.ts'

const { key, table } = rowsForTests
const REVOKED = { revoked_at: '2026-01-02T00:00:00Z' }

/** What a test compares: every key and table, with what each look-up says. */
function contentOf(view: SnapshotView): unknown {
  const keys = Array.from({ length: 8 }, (_, i) => view.findKey(`sha-${i}`))
  return { keys, tables: view.listTables(1n), listed: view.listKeys(1n).length }
}

/** Lines as a busy day writes them: puts, revocations, denials, settlements, heartbeats. */
const lines = fc.array(
  fc.oneof(
    fc.record({ what: fc.constant('key' as const), id: fc.nat(7), revoked: fc.boolean() }),
    fc.record({ what: fc.constant('table' as const), id: fc.nat(7), gone: fc.boolean() }),
    fc.record({ what: fc.constant('deny' as const), id: fc.nat(7), xid: fc.nat(3) }),
    fc.record({ what: fc.constant('settle' as const), xid: fc.nat(3) }),
    fc.constant({ what: 'beat' as const }),
  ),
  { minLength: 1, maxLength: 25 },
)
/** Any place of a file with the same likelihood. */
const share = fc.noBias(fc.integer({ min: 0, max: 9999 })).map((n) => n / 9999)
type Step = typeof lines extends fc.Arbitrary<(infer T)[]> ? T : never

function contentFor(step: Step, changeId: number): LineContent {
  const batch = (change: Change): LineContent => ({ t: 'batch', changes: [change] })
  switch (step.what) {
    case 'key':
      return batch(put(changeId, 'api_keys', key(step.id, step.revoked ? REVOKED : {})))
    case 'table':
      return batch(put(changeId, 'tables', table(step.id, step.gone ? { removed_at: '2026-01-02' } : {})))
    case 'deny':
      return { t: 'deny', xid: String(step.xid), epoch: 1, keys: [`api_keys/${step.id}`] }
    case 'settle':
      return { t: 'settle', xids: [String(step.xid)] }
    case 'beat':
      return { t: 'beat', at: new Date().toISOString() }
  }
}

/** A snapshot with these lines in its log, and what was true after each of them. */
async function written(steps: Step[]) {
  const { dataDir, writer, stop } = await startSnapshotForTests()
  const states = [contentOf(writer)]
  for (const [i, step] of steps.entries()) {
    writer.append(contentFor(step, 1000 + i))
    states.push(contentOf(writer))
  }
  await writer.sync()
  return { dataDir, log: join(dataDir, 'snapshot', 'log-1.jsonl'), states, stop }
}

async function contentRead(dataDir: string): Promise<unknown> {
  const reader = await openSnapshot({ dataDir, clock: systemClock, log: silentLog })
  try {
    return reader.usable ? contentOf(reader) : 'unusable'
  } finally {
    await reader.close()
  }
}

describe('the log of the snapshot', () => {
  let room: string
  before(async () => {
    room = await mkdtemp(join(tmpdir(), 'millrace-snapshot-log-'))
  })
  after(() => rm(room, { recursive: true }))

  test('cut anywhere, is the state after its last complete line, for readers and for the next writer', async () => {
    const seen = { torn: 0, whole: 0 }
    const cutAnywhere = async (steps: Step[], share: number) => {
      const { dataDir, log, states, stop } = await written(steps)
      const bytes = await readFile(log)
      const cut = Math.round(share * bytes.length)
      await truncate(log, cut)
      const complete = bytes.subarray(0, cut).filter((byte) => byte === 10).length
      seen[cut === 0 || bytes[cut - 1] === 10 ? 'whole' : 'torn']++
      const copy = await mkdtemp(join(room, 'cut-'))
      await cp(dataDir, copy, { recursive: true })
      assert.deepEqual(await contentRead(dataDir), states[complete])
      const writer = await openSnapshotWriter({ dataDir: copy, clock: systemClock, log: silentLog })
      assert.deepEqual(contentOf(writer), states[complete])
      writer.append({ t: 'batch', changes: [put(9999, 'api_keys', key(1, { name: 'after the cut' }))] })
      const expected = contentOf(writer)
      await writer.close()
      assert.deepEqual(await contentRead(copy), expected)
      await stop()
    }
    await fc.assert(fc.asyncProperty(lines, share, cutAnywhere), { numRuns: 40 })
    assert.ok(seen.torn > 10, `only ${seen.torn} cuts tore a line`)
  })

  test('with a damaged byte before its end, is not believed, neither whole nor in part', async () => {
    const damageAnywhere = async (steps: Step[], share: number, bit: number) => {
      const { dataDir, log, states, stop } = await written(steps)
      const bytes = await readFile(log)
      const at = Math.min(bytes.length - 1, Math.floor(share * bytes.length))
      bytes[at] ^= 1 << bit
      await writeFile(log, bytes)
      // Without its newline the last line is one that is still being written.
      const expected = at === bytes.length - 1 ? states.at(-2) : 'unusable'
      assert.deepEqual(await contentRead(dataDir), expected)
      await stop()
    }
    await fc.assert(fc.asyncProperty(lines, share, fc.nat(7), damageAnywhere), { numRuns: 40 })
  })

  test('says the same whether its lines were read one by one, or from a base made half-way', async () => {
    const compactHalfWay = async (steps: Step[], more: Step[]) => {
      const { dataDir, writer, stop } = await startSnapshotForTests()
      const following = await openSnapshot({ dataDir, clock: systemClock, log: silentLog })
      const append = (all: Step[], from: number) => {
        for (const [i, step] of all.entries()) writer.append(contentFor(step, from + i))
      }
      append(steps, 1000)
      const compacting = writer.compact(true)
      append(more, 2000)
      await compacting
      append(steps, 3000)
      await following.catchUp(writer.position)
      assert.deepEqual(contentOf(following), contentOf(writer))
      assert.deepEqual(await contentRead(dataDir), contentOf(writer))
      await following.close()
      await stop()
    }
    await fc.assert(fc.asyncProperty(lines, lines, compactHalfWay), { numRuns: 25 })
  })
})

describe('a snapshot writer whose disk is full', () => {
  test('refuses denials, keeps its own view true, and catches readers up once there is room', async (t) => {
    const disk = { full: false }
    const openLog: typeof openLogFile = (path, end) => {
      const file = openLogFile(path, end)
      const append: typeof file.append = (line) => {
        if (disk.full) throw snapshotErrors.snapshot_unwritable('ENOSPC')
        file.append(line)
      }
      return { ...file, append }
    }
    const { dataDir, writer, stop } = await startSnapshotForTests({ openLog })
    t.after(stop)
    const reader = await openSnapshot({ dataDir, clock: systemClock, log: silentLog })
    t.after(() => reader.close())
    writer.append({ t: 'batch', changes: [put(50, 'api_keys', key(1))] })
    disk.full = true
    const denial: LineContent = { t: 'deny', xid: '9', epoch: 1, keys: ['api_keys/1'] }
    const unwritable = { code: 'snapshot_unwritable', advice: 'retry' }
    await assert.rejects(writer.appendDurably(denial), unwritable)
    assert.equal(writer.findKey('sha-1').kind, 'found', 'a refused denial has no effect')
    writer.append({ t: 'batch', changes: [put(51, 'api_keys', key(2))] })
    assert.equal(writer.behind, true)
    assert.equal(writer.findKey('sha-2').kind, 'found')
    disk.full = false
    await assert.rejects(writer.appendDurably(denial), unwritable, 'a line is missing: none may follow it')
    await writer.compact()
    assert.equal(writer.behind, false)
    assert.ok(await reader.catchUp(writer.position))
    assert.equal(reader.findKey('sha-2').kind, 'found')
    await reader.catchUp(await writer.appendDurably(denial))
    assert.equal(reader.findKey('sha-1').kind, 'unknown')
  })
})

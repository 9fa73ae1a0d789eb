import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { createStillClock } from '../gate/clock-testing.ts'
import { type Channel, lonelyChannel, silentLog } from '../kernel/index.ts'
import { readDiskSettings } from './config.ts'
import { followDisk } from './follow.ts'
import { openReserve, type Reserve } from './reserve.ts'
import { type DiskState, stageFor } from './stages.ts'
import { createUsageCount } from './usage.ts'
import { createDiskWatch } from './watch.ts'

const settings = readDiskSettings({
  MILLRACE_DISK_TEMP_FREE_BYTES: '4000',
  MILLRACE_DISK_RESULTS_FREE_BYTES: '3000',
  MILLRACE_DISK_COMPACTION_FREE_BYTES: '2000',
  MILLRACE_DISK_IMPORTS_FREE_BYTES: '1000',
  MILLRACE_DISK_RESERVE_BYTES: '600',
})

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-disk-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

describe('the stages of a disk that fills up', () => {
  for (const [free, stage] of [
    [4000, 'roomy'],
    [3999, 'engine-temp'],
    [2999, 'results'],
    [1999, 'compaction'],
    [999, 'imports'],
    [0, 'imports'],
  ] as const)
    test(`${free} bytes free: ${stage}`, () => assert.equal(stageFor(free, 'roomy', settings), stage))

  test('are left a tenth above where they begin', () => {
    assert.equal(stageFor(1099, 'imports', settings), 'imports')
    assert.equal(stageFor(1100, 'imports', settings), 'compaction')
    assert.equal(stageFor(4399, 'imports', settings), 'engine-temp')
    assert.equal(stageFor(4400, 'imports', settings), 'roomy')
  })

  test('may be switched off one by one', () => {
    const without = { ...settings, resultsFreeBytes: 0 }
    assert.equal(stageFor(2999, 'roomy', without), 'engine-temp')
    assert.equal(stageFor(1999, 'roomy', without), 'compaction')
  })
})

describe('the watch', () => {
  let clock: ReturnType<typeof createStillClock>
  let free: number
  let told: DiskState[]
  let reserve: Reserve
  beforeEach(async () => {
    clock = createStillClock()
    free = 1_000_000
    told = []
    reserve = await openReserve(join(directory, 'reserve'), settings.reserveBytes)
  })
  const create = (given = settings, freeBytes = async () => ({ ofData: free, least: free })) =>
    createDiskWatch({
      settings: given,
      reserve,
      freeBytes,
      tell: (state) => told.push(state),
      clock,
      log: silentLog,
    })

  test('tells a stage at once, and again every few seconds for those who start later', async () => {
    const watch = create()
    await watch.look()
    await watch.look()
    free = 2500
    await watch.look()
    assert.deepEqual(
      told.map(({ stage }) => stage),
      ['roomy', 'results'],
    )
    clock.stopFor(5_000)
    await watch.look()
    assert.deepEqual(told.at(-1), { stage: 'results', freeBytes: 2500, reserveBytes: 0 })
    assert.equal(told.length, 3)
  })

  test('fills the reserve some seconds after the start, gives it back on a full disk, and makes it again', async () => {
    const watch = create()
    const made = async () => {
      await watch.look()
      for (let i = 0; i < 200 && reserve.held() === 0; i++)
        await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await watch.look()
    assert.equal(reserve.held(), 0, 'a start has more urgent things to write')
    clock.stopFor(5_000)
    await made()
    assert.equal(statSync(join(directory, 'reserve')).size, 600)

    free = 300
    await watch.look()
    assert.equal(reserve.held(), 600, 'half of it is still free')
    free = 299
    await watch.look()
    assert.ok(!existsSync(join(directory, 'reserve')))
    assert.deepEqual(watch.current(), { stage: 'imports', freeBytes: 299, reserveBytes: 0 })

    clock.stopFor(60_000)
    free = 4_900
    await watch.look()
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(reserve.held(), 0, 'it would bring a stage about')
    free = 5_000
    await made()
    assert.equal(reserve.held(), 600)
  })

  test('keeps the last stage while free space cannot be read', async () => {
    let fails = false
    const watch = create(settings, async () => {
      if (fails) throw new Error('no answer from the disk')
      return { ofData: free, least: free }
    })
    free = 1500
    await watch.look()
    fails = true
    await assert.rejects(watch.look())
    assert.equal(watch.current().stage, 'compaction')
  })

  test('keeps the reserve when it is the other disk, that of the objects, which is full', async () => {
    await reserve.make()
    const watch = create(settings, async () => ({ ofData: 10_000, least: 0 }))
    await watch.look()
    assert.deepEqual(watch.current(), { stage: 'imports', freeBytes: 0, reserveBytes: 600 })
  })

  test('refuses thresholds in the wrong order', () => {
    assert.throws(() => create({ ...settings, importsFreeBytes: 2500 }), {
      code: 'setting_invalid',
      message: /4000, 3000, 2000, 2500/,
    })
    create({ ...settings, compactionFreeBytes: 0, importsFreeBytes: 2500 })
  })
})

describe('the reserve', () => {
  test('of an earlier start is taken over; one of another size and a half-filled one are removed', async () => {
    const path = join(directory, 'reserve')
    await (await openReserve(path, 5_000_000)).make()
    assert.ok(statSync(path).blocks * 512 >= 5_000_000, 'it really takes the room')
    assert.equal((await openReserve(path, 5_000_000)).held(), 5_000_000)
    writeFileSync(`${path}.filling`, 'half')
    assert.equal((await openReserve(path, 600)).held(), 0)
    assert.deepEqual(readdirSync(directory), [])
  })

  test('that cannot be made leaves nothing', async () => {
    const path = join(directory, 'missing', 'reserve')
    const reserve = await openReserve(path, 600)
    await assert.rejects(reserve.make(), { code: 'ENOENT' })
    assert.equal(reserve.held(), 0)
  })
})

test('a child sheds what the stage says and all before it; without news it sheds nothing', () => {
  let hear: (body: unknown) => unknown = () => undefined
  const channel: Channel = { ...lonelyChannel, on: (_, handler) => (hear = handler as typeof hear) }
  const disk = followDisk(channel)
  assert.equal(disk.sheds('engine-temp'), false)
  hear({ stage: 'results', freeBytes: 1, reserveBytes: 0 } satisfies DiskState)
  assert.deepEqual(
    (['engine-temp', 'results', 'compaction', 'imports'] as const).map((stage) => disk.sheds(stage)),
    [true, true, false, false],
  )
})

test('bytes are counted by kind, results apart from other objects', async () => {
  for (const [path, bytes] of [
    ['objects/tables/1/a.parquet', 10_000],
    ['objects/results/7/1', 20_000],
    ['spool/ingest-0/1.spool', 30_000],
    ['postgres/base/1', 5_000],
  ] as const) {
    mkdirSync(join(directory, path, '..'), { recursive: true })
    writeFileSync(join(directory, path), Buffer.alloc(bytes, 1))
  }
  const usage = createUsageCount({ dataDir: directory, clock: createStillClock(), log: silentLog })
  assert.deepEqual(usage.last(), [])
  await usage.count(new AbortController().signal)
  const bytesOf = Object.fromEntries(usage.last().map(({ kind, bytes }) => [kind, bytes]))
  assert.deepEqual(Object.keys(bytesOf).sort(), ['database', 'engine-temp', 'objects', 'results', 'spool'])
  for (const [kind, least] of [
    ['objects', 10_000],
    ['results', 20_000],
    ['spool', 30_000],
    ['database', 5_000],
  ] as const)
    assert.ok(bytesOf[kind]! >= least && bytesOf[kind]! < least + 8192, `${kind}: ${bytesOf[kind]}`)
})

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, test } from 'node:test'
import { silentLog } from '../kernel/index.ts'
import { createStillClock } from './clock-testing.ts'
import { gatePath, parseGateFile, readGateFile, writeGateFile } from './file.ts'
import { createGateKeeper, type GateKeeper } from './keeper.ts'
import type { Bearing } from './ramp.ts'
import { servingState } from './static-gate.ts'
import type { GateLease, GateState } from './types.ts'

const address = { host: '/run/x', port: 5432, database: 'millrace', user: 'u', password: 'p', tls: false }
const undo: (() => void)[] = []
afterEach(() => {
  for (const one of undo.splice(0)) one()
})
function newDirectory() {
  const directory = mkdtempSync(join(tmpdir(), 'gate-'))
  undo.push(() => rmSync(directory, { recursive: true }))
  return directory
}

async function setup({
  dataDir = newDirectory(),
  bearing,
}: {
  dataDir?: string
  bearing?: () => Bearing
} = {}) {
  const clock = createStillClock()
  const pushed: GateState[] = []
  const database = { up: true, probeMs: 0 }
  const keeper = await createGateKeeper({
    dataDir,
    clock,
    log: silentLog,
    bearing,
    broadcast: (topic, body) => {
      if (topic === 'gate') pushed.push((body as GateLease).state)
    },
    probe: async () => {
      if (database.probeMs > 0) await clock.sleep(database.probeMs)
      if (!database.up) throw new Error('connection refused')
    },
  })
  const stopping = new AbortController()
  undo.push(() => stopping.abort())
  const run = () => void keeper.run(stopping.signal)
  return { dataDir, clock, keeper, pushed, database, run }
}
/** Time passes in small steps, since file writes in between take real time. */
async function pass(
  { clock, keeper }: { clock: ReturnType<typeof createStillClock>; keeper: GateKeeper },
  ms: number,
) {
  for (let at = 0; at < ms; at += 500) {
    await clock.pass(Math.min(500, ms - at))
    await keeper.settled()
    await clock.settle()
  }
}
async function serving(options?: Parameters<typeof setup>[0]) {
  const all = await setup(options)
  await all.keeper.order('switch', { epoch: 1, address })
  all.run()
  await pass(all, 1_000)
  assert.equal(all.keeper.current().mode, 'serving')
  return all
}

describe('the keeper of the gate', () => {
  test('begins away, and opens as soon as the database it was given answers', async () => {
    const all = await setup()
    assert.equal(all.keeper.current().mode, 'away')
    await all.keeper.order('switch', { epoch: 1, address })
    all.run()
    await pass(all, 500)
    assert.equal(all.keeper.current().mode, 'serving')
  })

  test('has written a state durably before anybody hears of it', async () => {
    const { keeper, pushed, dataDir } = await serving()
    pushed.length = 0
    const state = await keeper.order('drain')
    assert.deepEqual(pushed.at(-1), state)
    assert.deepEqual(await readGateFile(dataDir), { kind: 'found', state })
  })

  test('pushes every 5 s, so that a lease of 30 s survives five lost ones', async () => {
    const all = await serving()
    all.pushed.length = 0
    await pass(all, 30_000)
    assert.ok(all.pushed.length >= 5 && all.pushed.length <= 7, String(all.pushed.length))
  })

  test('shuts the gate when a process reports and its own probe agrees', async () => {
    const all = await serving()
    all.database.up = false
    all.keeper.topics['database-unreachable']!({ epoch: 1, reason: 'ECONNREFUSED' }, 'core')
    await pass(all, 1_000)
    assert.equal(all.keeper.current().mode, 'away')
    assert.equal(all.keeper.current().planned, false)
  })

  test('does not shut it when the database answers the keeper', async () => {
    const all = await serving()
    all.keeper.topics['database-unreachable']!({ epoch: 1, reason: 'ECONNREFUSED' }, 'core')
    await pass(all, 1_000)
    assert.equal(all.keeper.current().mode, 'serving')
  })

  test('does not listen to reports about an earlier epoch', async () => {
    const all = await serving()
    all.database.up = false
    all.keeper.topics['database-unreachable']!({ epoch: 0, reason: 'ECONNREFUSED' }, 'core')
    await pass(all, 1_000)
    assert.equal(all.keeper.current().mode, 'serving')
  })

  test('notices a database that only hangs, without anybody reporting', async () => {
    const all = await serving()
    all.database.up = false
    await pass(all, 6_000)
    assert.equal(all.keeper.current().mode, 'away')
  })

  test('reopens at once after an absence of up to 30 s', async () => {
    const all = await serving()
    await all.keeper.order('fail')
    all.database.up = false
    await pass(all, 20_000)
    all.database.up = true
    await pass(all, 1_000)
    assert.equal(all.keeper.current().mode, 'serving')
  })

  test('lets them in step by step after a longer absence, until all may', async () => {
    const all = await serving()
    all.database.up = false
    await all.keeper.order('fail')
    await pass(all, 31_000)
    all.database.up = true
    all.pushed.length = 0
    await pass(all, 75_000)
    const steps = all.pushed.map(({ mode, admission }) => `${mode} ${admission?.toFixed(2) ?? ''}`.trim())
    const expected = [
      'recovering 0.10',
      'recovering 0.15',
      'recovering 0.23',
      'recovering 0.34',
      'recovering 0.51',
      'recovering 0.76',
      'serving',
    ]
    assert.deepEqual([...new Set(steps)], expected)
  })

  test('takes admission back while the database suffers', async () => {
    let bearing: Bearing = 'good'
    const all = await serving({ bearing: () => bearing })
    all.database.up = false
    await all.keeper.order('fail')
    await pass(all, 31_000)
    all.database.up = true
    await pass(all, 31_000)
    const before = all.keeper.current().admission!
    bearing = 'bad'
    await pass(all, 10_000)
    assert.equal(all.keeper.current().admission, before / 2)
  })

  test('judges by its own probes when nobody else does: twice the usual time is suffering', async () => {
    const all = await serving()
    all.database.probeMs = 80
    await pass(all, 30_000)
    all.database.up = false
    await all.keeper.order('fail')
    await pass(all, 31_000)
    all.database.up = true
    await pass(all, 32_000)
    const before = all.keeper.current().admission!
    assert.ok(before > 0.3, 'as slow as usual is no suffering')
    all.database.probeMs = 400
    await pass(all, 11_000)
    assert.equal(all.keeper.current().admission, before / 2)
  })

  test('never opens a gate that a maintenance holds, however well the database answers', async () => {
    const all = await serving()
    await all.keeper.order('drain')
    await all.keeper.order('hold')
    await pass(all, 120_000)
    assert.equal(all.keeper.current().mode, 'held')
  })

  test('reopens a drain whose maintenance is gone, but not one that is renewed', async () => {
    const all = await serving()
    await all.keeper.order('drain')
    for (let i = 0; i < 8; i++) {
      await pass(all, 10_000)
      all.keeper.renewOrder()
    }
    assert.equal(all.keeper.current().mode, 'draining')
    for (let i = 0; i < 4; i++) await pass(all, 10_000)
    assert.equal(all.keeper.current().mode, 'serving')
  })

  test('keeps a held gate held when the supervisor is killed and started again', async () => {
    const all = await serving()
    await all.keeper.order('drain')
    const held = await all.keeper.order('hold')
    const again = await setup({ dataDir: all.dataDir })
    again.run()
    await pass(again, 2_000)
    assert.equal(again.keeper.current().mode, 'held')
    assert.ok(again.keeper.current().sequence > held.sequence)
  })

  test('takes an open gate of a killed supervisor as away until its own first probe', async () => {
    const all = await serving()
    const again = await setup({ dataDir: all.dataDir })
    assert.equal(again.keeper.current().mode, 'away')
    again.run()
    await pass(again, 1_000)
    assert.equal(again.keeper.current().mode, 'serving')
  })

  test('knows which processes comply, and which do not by the deadline', async () => {
    const all = await serving()
    const { sequence } = await all.keeper.order('drain')
    const missing = all.keeper.missing(['core', 'worker-0', 'loader-0'], 1_000)
    all.keeper.topics['gate-ack']!({ sequence, epoch: 1 }, 'core')
    all.keeper.topics['gate-ack']!({ sequence: sequence - 1, epoch: 1 }, 'worker-0')
    await all.clock.pass(1_000)
    assert.deepEqual(await missing, ['worker-0', 'loader-0'])
  })

  test('does not wait any longer once all comply', async () => {
    const all = await serving()
    const { sequence } = await all.keeper.order('drain')
    const missing = all.keeper.missing(['core'], 60_000)
    all.keeper.topics['gate-ack']!({ sequence, epoch: 1 }, 'core')
    assert.deepEqual(await missing, [])
  })

  test('answers a child that asks', async () => {
    const { keeper } = await serving()
    assert.deepEqual(keeper.topics.gate!(undefined, 'core'), { state: keeper.current(), leaseMs: 30_000 })
  })

  test('refuses an order that does not fit, and nothing has changed', async () => {
    const { keeper } = await serving()
    const before = keeper.current()
    await assert.rejects(keeper.order('hold'), { code: 'gate_order_refused' })
    assert.equal(keeper.current(), before)
  })
})

describe('the gate file', () => {
  const state = servingState(address, new Date('2026-03-11T18:00:00Z'))

  test('that was never written is missing, not damaged', async () => {
    assert.deepEqual(await readGateFile(newDirectory()), { kind: 'missing' })
  })

  test('is readable by its owner only, for it holds a password', async () => {
    const directory = newDirectory()
    await writeGateFile(directory, state)
    assert.equal(statSync(gatePath(directory)).mode & 0o777, 0o600)
  })

  test('is damaged when any single byte of it is another', async () => {
    const directory = newDirectory()
    await writeGateFile(directory, state)
    const bytes = readFileSync(gatePath(directory))
    for (let at = 0; at < bytes.length - 1; at++) {
      const copy = Buffer.from(bytes)
      copy[at] = copy[at]! ^ 1
      assert.equal(parseGateFile(copy.toString('latin1')).kind, 'damaged', `byte ${at}`)
    }
  })

  test('is damaged when it is cut anywhere', async () => {
    const directory = newDirectory()
    await writeGateFile(directory, state)
    const text = readFileSync(gatePath(directory), 'utf8')
    for (let end = 0; end < text.length - 1; end++)
      assert.equal(parseGateFile(text.slice(0, end)).kind, 'damaged', `cut at ${end}`)
  })

  test('that is damaged stops the keeper: it does not guess which database is the true one', async () => {
    const dataDir = newDirectory()
    await writeGateFile(dataDir, state)
    writeFileSync(gatePath(dataDir), '{}')
    await assert.rejects(setup({ dataDir }), { code: 'gate_file_damaged' })
  })
})

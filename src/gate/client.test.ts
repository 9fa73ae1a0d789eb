import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Channel, silentLog } from '../kernel/index.ts'
import { createGateClient } from './client.ts'
import { createStillClock } from './clock-testing.ts'
import { servingState } from './static-gate.ts'
import type { GateState } from './types.ts'

const address = { host: '/run/x', port: 5432, database: 'millrace', user: 'u', password: 'p', tls: false }
const leaseMs = 30_000

async function setup(first: Partial<GateState> = {}) {
  const clock = createStillClock()
  const state = { ...servingState(address, clock.now()), ...first }
  const said: { topic: string; body: unknown }[] = []
  let hear: (body: unknown) => unknown = () => undefined
  const channel: Channel = {
    notify: (topic, body) => void said.push({ topic, body }),
    ask: async () => ({ state, leaseMs }),
    on: (topic, handler) => {
      if (topic === 'gate') hear = (body) => handler(body, 'supervisor')
    },
    onClose: () => undefined,
  }
  const client = createGateClient({ channel, clock, log: silentLog })
  const before = client.current()
  await client.ready()
  const push = (change: Partial<GateState> = {}) => hear({ state: { ...state, ...change }, leaseMs })
  return { clock, client, said, push, state, before }
}

describe('the gate of a process', () => {
  test('is shut until the supervisor has said something', async () => {
    const { before, client } = await setup()
    assert.equal(before.mode, 'away')
    assert.equal(client.current().mode, 'serving')
    client.stop()
  })

  test('shuts itself when its lease is not renewed, and says why', async () => {
    const { clock, client } = await setup()
    const seen: string[] = []
    client.onChange(({ mode }) => void seen.push(mode))
    await clock.pass(29_000)
    assert.equal(client.current().mode, 'serving')
    await clock.pass(2_000)
    assert.deepEqual(seen, ['away'])
    assert.match(client.current().reason, /lease/)
    await assert.rejects(client.enter({ class: 'read', deadlineMs: 0 }), { code: 'database_away' })
    client.stop()
  })

  test('lets nobody in after the process was stopped for longer than the lease, before any timer ran', async () => {
    const { clock, client } = await setup()
    clock.stopFor(31_000)
    await assert.rejects(client.enter({ class: 'read', deadlineMs: 0 }), /lease/)
    client.stop()
  })

  test('is not shut by a jump of the wall clock', async () => {
    const { clock, client } = await setup()
    clock.jumpWall(3_600_000)
    await clock.pass(5_000)
    assert.equal(client.current().mode, 'serving')
    client.stop()
  })

  test('opens again when the lease is renewed, and lets in those who waited', async () => {
    const { clock, client, push } = await setup()
    await clock.pass(31_000)
    const waiting = client.enter({ class: 'read', deadlineMs: 10_000 })
    push()
    ;(await waiting).release()
    assert.equal(client.current().mode, 'serving')
    client.stop()
  })

  test('stays open as long as the supervisor pushes', async () => {
    const { clock, client, push } = await setup()
    for (let seconds = 0; seconds < 120; seconds += 5) {
      await clock.pass(5_000)
      push()
      assert.equal(client.current().mode, 'serving')
    }
    client.stop()
  })

  test('ignores an older state that arrives late', async () => {
    const { client, push, state } = await setup({ sequence: 7 })
    push({ sequence: 9, mode: 'held' })
    push({ sequence: 8 })
    assert.equal(client.current().mode, 'held')
    assert.equal(state.sequence, 7)
    client.stop()
  })

  test('acknowledges to the supervisor, but not what it ordered itself', async () => {
    const { clock, client, said, push } = await setup()
    const acks = () => said.filter(({ topic }) => topic === 'gate-ack').map(({ body }) => body)
    push({ sequence: 2, mode: 'held' })
    await clock.settle()
    assert.deepEqual(acks().at(-1), { sequence: 2, epoch: 1 })
    const count = acks().length
    await clock.pass(40_000)
    assert.equal(client.current().mode, 'away')
    assert.equal(acks().length, count)
    client.stop()
  })

  test('reports an unreachable database once a second at most', async () => {
    const { clock, client, said } = await setup()
    for (let i = 0; i < 50; i++) client.reportUnreachable(1, 'ECONNREFUSED')
    await clock.pass(1_500)
    client.reportUnreachable(1, 'ECONNREFUSED')
    assert.equal(said.filter(({ topic }) => topic === 'database-unreachable').length, 2)
    client.stop()
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createStillClock } from './clock-testing.ts'
import { createStaticGate, servingState } from './static-gate.ts'
import { WORK_CLASSES, type WorkClass } from './types.ts'

const address = { host: '/run/x', port: 5432, database: 'millrace', user: 'u', password: 'p', tls: false }
function setup() {
  const clock = createStillClock()
  const gate = createStaticGate(servingState(address, clock.now()), clock)
  const entered: string[] = []
  const enter = async (name: string, work: WorkClass = 'read', deadlineMs = 10_000) => {
    const pass = await gate.enter({ class: work, deadlineMs })
    entered.push(name)
    return pass
  }
  return { clock, gate, enter, entered }
}
async function admitted(gate: ReturnType<typeof setup>['gate']): Promise<WorkClass[]> {
  const answers = await Promise.all(
    WORK_CLASSES.map((work) =>
      gate.enter({ class: work, deadlineMs: 0 }).then(
        (pass) => {
          pass.release()
          return work
        },
        () => undefined,
      ),
    ),
  )
  return answers.filter((work) => work !== undefined)
}

describe('a caller at the gate', () => {
  test('passes at once while serving, whatever its class and deadline', async () => {
    const { gate } = setup()
    assert.deepEqual(await admitted(gate), [...WORK_CLASSES])
  })

  test('is shut out as background in the first stage of a drain, as a writer in the second', async () => {
    const { gate } = setup()
    gate.set({ mode: 'draining', stage: 1 })
    assert.deepEqual(await admitted(gate), ['health', 'job-report', 'read', 'submit', 'write'])
    gate.set({ mode: 'draining', stage: 2 })
    assert.deepEqual(await admitted(gate), ['health', 'read'])
  })

  for (const mode of ['held', 'away'] as const)
    test(`is shut out while ${mode}, with the waiting time the gate gives`, async () => {
      const { gate } = setup()
      gate.set({ mode, retryAfterSeconds: 77, reason: 'storage upgrade', planned: true })
      assert.deepEqual(await admitted(gate), [])
      const refusal = { code: 'database_away', status: 503, advice: 'retry', retryAfterSeconds: 77 }
      await assert.rejects(gate.enter({ class: 'read', deadlineMs: 0 }), refusal)
    })

  test('waits while held and is let in in the order of arrival, all classes alike', async () => {
    const { clock, gate, enter, entered } = setup()
    gate.set({ mode: 'held' })
    const names = ['a:write', 'b:read', 'c:submit', 'd:write', 'e:background', 'f:read']
    const passes = names.map((name) => enter(name, name.slice(2) as WorkClass))
    await clock.pass(5_000)
    assert.deepEqual(entered, [])
    gate.set({ mode: 'serving' })
    await Promise.all(passes)
    assert.deepEqual(entered, names)
  })

  test('is refused at its deadline, not before and not later', async () => {
    const { clock, gate } = setup()
    gate.set({ mode: 'held' })
    const refused: { code: string }[] = []
    gate.enter({ class: 'read', deadlineMs: 2_000 }).catch((error) => {
      refused.push(error)
    })
    await clock.pass(1_999)
    assert.equal(refused.length, 0)
    await clock.pass(1)
    assert.deepEqual(
      refused.map(({ code }) => code),
      ['database_away'],
    )
  })

  test('who gave up does not take the place of another', async () => {
    const { clock, gate, enter, entered } = setup()
    gate.set({ mode: 'held' })
    const early = enter('early', 'read', 1_000)
    const late = enter('late', 'read', 9_000)
    early.catch(() => undefined)
    await clock.pass(2_000)
    await assert.rejects(early, { code: 'database_away' })
    gate.set({ mode: 'serving' })
    await late
    assert.deepEqual(entered, ['late'])
  })

  test('is refused at once when too many of its class are waiting, while other classes still may', async () => {
    const { clock, gate } = setup()
    gate.set({ mode: 'held' })
    const waiting = Array.from({ length: 200 }, () => gate.enter({ class: 'background', deadlineMs: 1_000 }))
    for (const caller of waiting) caller.catch(() => undefined)
    await assert.rejects(gate.enter({ class: 'background', deadlineMs: 1_000 }), /too many background calls/)
    const reader = gate.enter({ class: 'read', deadlineMs: 1_000 })
    gate.set({ mode: 'serving' })
    ;(await reader).release()
    await clock.settle()
  })

  test('is let in step by step while recovering, and background work last', async () => {
    const { clock, gate, enter, entered } = setup()
    gate.set({ mode: 'held' })
    const passes = Array.from({ length: 40 }, (_, i) => enter(`read ${i}`))
    void enter('sweep', 'background').then((pass) => pass.release())
    gate.set({ mode: 'recovering', admission: 0.1 })
    await clock.settle()
    assert.deepEqual(entered, ['read 0', 'read 1', 'read 2'])
    gate.set({ mode: 'recovering', admission: 0.25 })
    await clock.settle()
    assert.equal(entered.length, 8)
    assert.ok(!entered.includes('sweep'))
    ;(await passes[0]!).release()
    await clock.settle()
    assert.equal(entered.length, 9, 'the one that left made room for the next')
    gate.set({ mode: 'recovering', admission: 0.5 })
    await clock.settle()
    assert.ok(entered.includes('sweep'))
    gate.set({ mode: 'serving' })
    await clock.settle()
    assert.equal(entered.length, 41)
  })

  test('releasing twice counts once', async () => {
    const { clock, gate, enter, entered } = setup()
    gate.set({ mode: 'recovering', admission: 0.1 })
    const passes = await Promise.all([enter('1'), enter('2'), enter('3')])
    passes[0]!.release()
    passes[0]!.release()
    const more = [enter('4'), enter('5')]
    await clock.settle()
    assert.deepEqual(entered, ['1', '2', '3', '4'])
    gate.set({ mode: 'serving' })
    await Promise.all(more)
  })
})

describe('a process', () => {
  test('acknowledges a drain only when what is shut out has ended', async () => {
    const { clock, gate } = setup()
    const sweep = await gate.enter({ class: 'background', deadlineMs: 0 })
    const write = await gate.enter({ class: 'write', deadlineMs: 0 })
    gate.set({ mode: 'draining', stage: 1 })
    const first = gate.current().sequence
    await clock.settle()
    assert.deepEqual(gate.acknowledged(), [])
    sweep.release()
    await clock.settle()
    assert.deepEqual(gate.acknowledged(), [first])
    gate.set({ mode: 'draining', stage: 2 })
    await clock.settle()
    assert.deepEqual(gate.acknowledged(), [first], 'a write is still inside')
    write.release()
    await clock.settle()
    assert.deepEqual(gate.acknowledged(), [first, first + 1])
  })

  test('acknowledges being held only when its connections are closed', async () => {
    const { clock, gate } = setup()
    const closed = Promise.withResolvers<void>()
    const kept: (number | undefined)[] = []
    gate.onLetGo((keepEpoch) => {
      kept.push(keepEpoch)
      return closed.promise
    })
    gate.set({ mode: 'held' })
    await clock.settle()
    assert.deepEqual([kept, gate.acknowledged()], [[undefined], []])
    closed.resolve()
    await clock.settle()
    assert.deepEqual(gate.acknowledged(), [gate.current().sequence])
  })

  test('acknowledges a new epoch when the last call of the old one has ended, and keeps the new connections', async () => {
    const { clock, gate } = setup()
    const kept: (number | undefined)[] = []
    gate.onLetGo(async (keepEpoch) => void kept.push(keepEpoch))
    const old = await gate.enter({ class: 'read', deadlineMs: 0 })
    gate.set({ mode: 'serving', epoch: 2 })
    await clock.settle()
    assert.deepEqual(kept, [])
    const fresh = await gate.enter({ class: 'read', deadlineMs: 0 })
    assert.equal(fresh.epoch, 2)
    old.release()
    await clock.settle()
    assert.deepEqual([kept, gate.acknowledged()], [[2], [gate.current().sequence]])
    fresh.release()
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { EVENTS, nextState, PUBLIC, STATES, type State, TRANSITIONS } from './states.ts'

const reachable = (from: State): Set<State> => {
  const seen = new Set<State>([from])
  for (const state of seen) for (const next of Object.values(TRANSITIONS[state])) seen.add(next)
  return seen
}
const ENDS: State[] = ['completed', 'cancelled']

describe('the life of a maintenance', () => {
  test('goes from plan to report step by step', () => {
    const way = [
      'announce',
      'remind',
      'open',
      'start',
      'drained',
      'operate',
      'operated',
      'resumed',
      'verified',
    ] as const
    const states: State[] = ['draft']
    for (const event of way) states.push(nextState(states.at(-1)!, event))
    assert.deepEqual(states, [
      'draft',
      'announced',
      'reminded',
      'preflight',
      'draining',
      'paused',
      'operating',
      'resuming',
      'verifying',
      'completed',
    ])
  })

  test('reaches every state, and from every state an end', () => {
    assert.deepEqual([...reachable('draft')].sort(), [...STATES].sort())
    for (const state of STATES)
      assert.ok(
        ENDS.some((end) => reachable(state).has(end)),
        state,
      )
  })

  test('uses every event', () => {
    const used = new Set(Object.values(TRANSITIONS).flatMap((row) => Object.keys(row)))
    assert.deepEqual([...used].sort(), [...EVENTS].sort())
  })

  test('is not cancelled or rescheduled once work has been stopped for it', () => {
    for (const state of [
      'draining',
      'paused',
      'operating',
      'resuming',
      'verifying',
      'rolling-back',
    ] as const) {
      assert.throws(() => nextState(state, 'cancel'), { code: 'order_refused' })
      assert.throws(() => nextState(state, 'reschedule'), { code: 'order_refused' })
    }
  })

  test('never goes back in public before its end, unless it is announced anew', () => {
    const order = ['scheduled', 'in_progress', 'verifying', 'completed']
    for (const state of STATES) {
      for (const [event, next] of Object.entries(TRANSITIONS[state])) {
        const [from, to] = [PUBLIC[state].status, PUBLIC[next].status]
        const isTakenBack = next === 'rolling-back' || state === 'stuck' || next === 'stuck'
        if (event === 'reschedule' || from === undefined || isTakenBack) continue
        assert.ok(order.indexOf(to!) >= order.indexOf(from), `${state} → ${next}`)
      }
    }
  })

  test('is in progress in public only when something really runs', () => {
    const running = STATES.filter((state) => PUBLIC[state].status === 'in_progress')
    assert.deepEqual(running, ['draining', 'paused', 'operating', 'resuming', 'rolling-back', 'stuck'])
  })
})

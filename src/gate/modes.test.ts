import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { stateAfter } from './keeper-state.ts'
import { GATE_EVENTS, GATE_TRANSITIONS, type GateEvent, nextMode } from './modes.ts'
import { servingState } from './static-gate.ts'
import { GATE_MODES, type GateMode, type GateState } from './types.ts'

const NOW = new Date('2026-03-11T18:15:00Z')
const address = { host: '/run/x', port: 5432, database: 'millrace', user: 'u', password: 'p', tls: false }
const inMode = (mode: GateMode): GateState => ({ ...servingState(address, new Date(0)), mode })
const detailsFor = (event: GateEvent) => (event === 'switch' ? { epoch: 2, address } : {})

/** The specification, written a second time and by hand: mode → event → mode; everything else is refused. */
const LIFE = `
  serving: drain>draining fail>away restart>away
  draining: close_writes>draining hold>held reopen>serving fail>away restart>away
  held: leave>away switch>held reopen>serving recover>recovering restart>held
  away: leave>away switch>away reopen>serving recover>recovering fail>away restart>away
  recovering: ramp>recovering reopen>serving drain>draining fail>away restart>away`
const life = new Map(
  LIFE.trim()
    .split('\n')
    .map((line) => line.trim().split(': ') as [GateMode, string])
    .map(([mode, arrows]) => [
      mode,
      new Map(arrows.split(' ').map((arrow) => arrow.split('>') as [GateEvent, GateMode])),
    ]),
)

describe('the gate', () => {
  for (const mode of GATE_MODES)
    for (const event of GATE_EVENTS) {
      const expected = life.get(mode)!.get(event)
      const sentence =
        expected === undefined
          ? `refuses ${event} while ${mode}`
          : `becomes ${expected} by ${event} while ${mode}`
      test(sentence, () => {
        if (expected === undefined)
          assert.throws(() => nextMode(mode, event), { code: 'gate_order_refused', status: 409 })
        else {
          const before = inMode(mode)
          const after = stateAfter(before, event, detailsFor(event), NOW)
          assert.equal(after.mode, expected)
          assert.equal(after.sequence, before.sequence + 1)
        }
      })
    }

  test('can be shut by the breaker out of every mode in which somebody may pass', () => {
    const open = GATE_MODES.filter((mode) => mode !== 'held' && mode !== 'away')
    assert.deepEqual(
      open.filter((mode) => GATE_TRANSITIONS[mode].fail === 'away'),
      open,
    )
  })

  test('changes its database only while nobody is inside', () => {
    assert.deepEqual(
      GATE_MODES.filter((mode) => GATE_TRANSITIONS[mode].switch),
      ['held', 'away'],
    )
  })

  test('says which stage a drain has reached, and forgets it afterwards', () => {
    const first = stateAfter(inMode('serving'), 'drain', {}, NOW)
    const second = stateAfter(first, 'close_writes', {}, NOW)
    assert.deepEqual([first.stage, second.stage], [1, 2])
    assert.equal(stateAfter(second, 'hold', {}, NOW).stage, undefined)
  })

  test('remembers that a maintenance shut it, until it serves again', () => {
    const held = stateAfter(stateAfter(inMode('serving'), 'drain', {}, NOW), 'hold', {}, NOW)
    assert.equal(held.planned, true)
    assert.equal(stateAfter(held, 'restart', {}, NOW).planned, true)
    assert.equal(stateAfter(held, 'recover', {}, NOW).planned, true)
    assert.equal(stateAfter(held, 'reopen', {}, NOW).planned, false)
  })

  test('does not believe a drain whose supervisor was started again', () => {
    const draining = stateAfter(inMode('serving'), 'drain', {}, NOW)
    assert.equal(stateAfter(draining, 'restart', {}, NOW).planned, false)
  })

  test('refuses a switch without a higher epoch or without an address', () => {
    assert.throws(() => stateAfter(inMode('held'), 'switch', { epoch: 1, address }, NOW), TypeError)
    assert.throws(() => stateAfter(inMode('held'), 'switch', { epoch: 2 }, NOW), TypeError)
    assert.throws(() => stateAfter(inMode('held'), 'reopen', { epoch: 2 }, NOW), TypeError)
  })

  test('keeps admission between a tenth and all', () => {
    const { admission } = stateAfter(inMode('away'), 'recover', { admission: 0.001 }, NOW)
    assert.equal(admission, 0.1)
  })
})

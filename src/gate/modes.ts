import { gateErrors } from './errors.ts'
import type { GateMode } from './types.ts'

/**
 * What can be done to the gate.
 * drain: stage 1, background work stops · close_writes: stage 2 · hold: nobody passes, callers wait ·
 * leave: as hold, and it will take long · fail: the database is gone unplanned · switch: another database, login role
 * or fencing, hence a new epoch · reopen: everybody passes at once · recover: admission grows step by step ·
 * ramp: one such step · restart: the supervisor started and knows nothing yet.
 */
export const GATE_EVENTS = [
  'drain',
  'close_writes',
  'hold',
  'leave',
  'fail',
  'switch',
  'reopen',
  'recover',
  'ramp',
  'restart',
] as const
export type GateEvent = (typeof GATE_EVENTS)[number]

/** The whole life of the gate. An event missing from a row is refused; nothing else decides. */
export const GATE_TRANSITIONS: Record<GateMode, Partial<Record<GateEvent, GateMode>>> = {
  serving: { drain: 'draining', fail: 'away', restart: 'away' },
  draining: { close_writes: 'draining', hold: 'held', reopen: 'serving', fail: 'away', restart: 'away' },
  held: { leave: 'away', switch: 'held', reopen: 'serving', recover: 'recovering', restart: 'held' },
  away: {
    leave: 'away',
    switch: 'away',
    reopen: 'serving',
    recover: 'recovering',
    fail: 'away',
    restart: 'away',
  },
  recovering: { ramp: 'recovering', reopen: 'serving', drain: 'draining', fail: 'away', restart: 'away' },
}

/** @throws gate_order_refused (409, final) naming mode and event. */
export function nextMode(mode: GateMode, event: GateEvent): GateMode {
  const next = GATE_TRANSITIONS[mode][event]
  if (next === undefined) throw gateErrors.gate_order_refused(`${event} while ${mode}`)
  return next
}

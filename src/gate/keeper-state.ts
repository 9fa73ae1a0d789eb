import { type GateEvent, nextMode } from './modes.ts'
import type { DatabaseAddress, GateState } from './types.ts'

/** What an order may say besides its name. */
export type OrderDetails = {
  /** One sentence for people and logs. */
  reason?: string
  /** True when a maintenance orders it; kept from the state before when absent. */
  planned?: boolean
  retryAfterSeconds?: number
  /** `switch` only: both, and the epoch must be higher than any before. */
  epoch?: number
  address?: DatabaseAddress
  /** `recover` and `ramp` only. */
  admission?: number
}

const DEFAULT_REASONS: Record<GateEvent, string> = {
  drain: 'a maintenance is about to begin: background work stops',
  close_writes: 'a maintenance is about to begin: writes wait',
  hold: 'a maintenance is under way: callers wait for a moment',
  leave: 'a maintenance of the main database is under way',
  fail: 'the main database does not answer',
  switch: 'the main database has a new address or login',
  reopen: 'serving',
  recover: 'the main database is back: admission grows step by step',
  ramp: 'the main database is back: admission grows step by step',
  restart: 'starting: the main database has not answered yet',
}

/** Whether the maintenance, not the breaker, shut the gate: unplanned events reset it, the others keep it. */
function plannedAfter(state: GateState, event: GateEvent, details: OrderDetails): boolean {
  if (event === 'fail' || event === 'reopen') return false
  if (event === 'restart') return state.planned && (state.mode === 'held' || state.mode === 'away')
  return details.planned ?? (event === 'drain' ? true : state.planned)
}

/**
 * The state after an order. Pure; the sequence always rises.
 * @throws gate_order_refused (409, final) when the event does not exist in the present mode.
 * @throws TypeError for a switch without a higher epoch and an address.
 */
export function stateAfter(state: GateState, event: GateEvent, details: OrderDetails, now: Date): GateState {
  const mode = nextMode(state.mode, event)
  const { epoch = state.epoch, address = state.address } = details
  if (event === 'switch' && (epoch <= state.epoch || details.address === undefined))
    throw new TypeError(`a switch needs an address and an epoch above ${state.epoch}, not ${epoch}`)
  if (event !== 'switch' && epoch !== state.epoch) throw new TypeError(`${event} cannot change the epoch`)
  const next: GateState = {
    mode,
    epoch,
    sequence: state.sequence + 1,
    reason: details.reason ?? DEFAULT_REASONS[event],
    since: mode === state.mode && event !== 'close_writes' ? state.since : now.toISOString(),
    retryAfterSeconds:
      details.retryAfterSeconds ?? (mode === 'serving' ? 1 : Math.max(5, state.retryAfterSeconds)),
    planned: plannedAfter(state, event, details),
  }
  if (address !== undefined) next.address = address
  if (mode === 'draining') next.stage = event === 'close_writes' ? 2 : 1
  if (mode === 'recovering') next.admission = Math.min(1, Math.max(0.1, details.admission ?? 0.1))
  return next
}

import { mostInside } from './admission.ts'
import type { Turnstile } from './turnstile.ts'
import { type GateState, WORK_CLASSES } from './types.ts'

/** Connections of which epoch may stay in this state: undefined = none at all. */
function epochToKeep(state: GateState): number | undefined {
  return state.mode === 'held' || state.mode === 'away' ? undefined : state.epoch
}

/** Nothing inside that the state shuts out, and nothing left of an earlier epoch. */
function complies(state: GateState, turnstile: Turnstile): boolean {
  const shutOut = WORK_CLASSES.some((work) => mostInside(state, work) === 0 && turnstile.inside(work) > 0)
  return !shutOut && turnstile.insideBefore(state.epoch) === 0
}

/**
 * Watches until this process does what the newest state demands, has closed the connections it must not keep, and
 * then says so once for each sequence.
 */
export function createCompliance({
  turnstile,
  acknowledge,
}: {
  turnstile: Turnstile
  acknowledge: (state: GateState) => void
}) {
  const closers: ((keepEpoch: number | undefined) => Promise<void>)[] = []
  let settledSequence = -1

  async function check(): Promise<void> {
    const state = turnstile.current()
    if (state.sequence === settledSequence || !complies(state, turnstile)) return
    settledSequence = state.sequence
    await Promise.all(closers.map((close) => close(epochToKeep(state))))
    if (turnstile.current().sequence === state.sequence) acknowledge(state)
  }
  return { check, onLetGo: (close: (typeof closers)[number]) => void closers.push(close) }
}

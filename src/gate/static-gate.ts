import { type Clock, systemClock } from '../kernel/index.ts'
import { createCompliance } from './compliance.ts'
import { createTurnstile } from './turnstile.ts'
import type { DatabaseAddress, Gate, GateState } from './types.ts'

/** A gate without a supervisor, for tests and tools: whoever holds it sets its state. */
export type StaticGate = Gate & {
  /** Changes the given members; the sequence rises by itself. */
  set(change: Partial<Omit<GateState, 'sequence'>>): void
  /** Sequences with which this process complied, newest last. */
  acknowledged(): number[]
  /** Epochs reported as unreachable, in order. */
  unreachable(): number[]
}

/** What a gate says that nobody has told anything yet. */
export function unknownState(reason: string, now: Date): GateState {
  return {
    mode: 'away',
    epoch: 0,
    sequence: 0,
    reason,
    since: now.toISOString(),
    retryAfterSeconds: 5,
    planned: false,
  }
}

/** A serving state for the given address; for tools that bring their own database. */
export function servingState(address: DatabaseAddress, now: Date, epoch = 1): GateState {
  return { ...unknownState('serving', now), mode: 'serving', epoch, sequence: 1, address }
}

export function createStaticGate(initial: GateState, clock: Clock = systemClock): StaticGate {
  const listeners = new Set<(state: GateState) => void>()
  const acknowledged: number[] = []
  const unreachable: number[] = []
  const turnstile = createTurnstile({ clock, initial, onRelease: () => void compliance.check() })
  const compliance = createCompliance({
    turnstile,
    acknowledge: ({ sequence }) => void acknowledged.push(sequence),
  })
  return {
    current: turnstile.current,
    enter: turnstile.enter,
    onLetGo: compliance.onLetGo,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    reportUnreachable: (epoch) => void unreachable.push(epoch),
    reportReachable: () => undefined,
    acknowledged: () => acknowledged,
    unreachable: () => unreachable,
    set(change) {
      turnstile.apply({ ...turnstile.current(), ...change, sequence: turnstile.current().sequence + 1 })
      for (const listener of listeners) listener(turnstile.current())
      void compliance.check()
    },
  }
}

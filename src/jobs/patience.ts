import type { Admission, Gate, WorkClass } from '../gate/index.ts'

export type GateView = Pick<Gate, 'current'>

/** A held database comes back in a moment: worth waiting for. One that is away does not: what is kept here answers at once. */
export function patientUpTo(gate: GateView, work: WorkClass, deadlineMs: number): Admission {
  return { class: work, deadlineMs: gate.current().mode === 'away' ? 0 : deadlineMs }
}

/** New work passes. */
export function isOpen(gate: GateView): boolean {
  const { mode } = gate.current()
  return mode === 'serving' || mode === 'recovering'
}

/** Nobody passes: jobs that only read are run on the snapshot meanwhile. */
export function isShut(gate: GateView): boolean {
  const { mode } = gate.current()
  return mode === 'away' || mode === 'held'
}

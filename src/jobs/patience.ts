import type { Admission, Gate, WorkClass } from '../gate/index.ts'

export type GateView = Pick<Gate, 'current'>

/** A held database comes back in a moment: worth waiting for. One that is away does not: what is kept here answers at once. */
export function patientUpTo(gate: GateView, work: WorkClass, deadlineMs: number): Admission {
  return { class: work, deadlineMs: gate.current().mode === 'away' ? 0 : deadlineMs }
}

import type { GateState, WorkClass } from './types.ts'

/** Who may still pass while draining: in stage 2 nothing that writes, so that the freeze is a freeze. */
const SHUT_WHILE_DRAINING: Record<1 | 2, ReadonlySet<WorkClass>> = {
  1: new Set<WorkClass>(['background']),
  2: new Set<WorkClass>(['background', 'write', 'submit', 'job-report']),
}

/**
 * The ramp: normal concurrency of a class in one process, and the share of admission from which on the class is
 * let in at all. Health checks and reports of finished jobs are never rationed: they free what others wait for.
 */
const RAMP: Record<WorkClass, { normal: number; opensAt: number }> = {
  health: { normal: Number.POSITIVE_INFINITY, opensAt: 0 },
  'job-report': { normal: Number.POSITIVE_INFINITY, opensAt: 0 },
  read: { normal: 32, opensAt: 0 },
  submit: { normal: 32, opensAt: 0 },
  write: { normal: 32, opensAt: 0 },
  background: { normal: 8, opensAt: 0.3 },
}

/** How many callers of a class may wait at a shut gate in one process; the next is refused at once. */
export const MOST_WAITING: Record<WorkClass, number> = {
  health: 100,
  'job-report': 2_000,
  read: 1_000,
  submit: 1_000,
  write: 1_000,
  background: 200,
}

/** How many calls of the class may be inside at once in the given state: 0 = shut. */
export function mostInside(state: GateState, work: WorkClass): number {
  switch (state.mode) {
    case 'serving':
      return Number.POSITIVE_INFINITY
    case 'draining':
      return SHUT_WHILE_DRAINING[state.stage ?? 1].has(work) ? 0 : Number.POSITIVE_INFINITY
    case 'held':
    case 'away':
      return 0
    case 'recovering': {
      const { normal, opensAt } = RAMP[work]
      const admission = state.admission ?? 0.1
      return admission < opensAt ? 0 : Math.max(1, Math.floor(normal * admission))
    }
  }
}

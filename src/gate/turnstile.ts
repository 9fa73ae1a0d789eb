import type { Clock } from '../kernel/index.ts'
import { MOST_WAITING, mostInside } from './admission.ts'
import { databaseAway } from './errors.ts'
import { type Admission, type GateState, type Pass, WORK_CLASSES, type WorkClass } from './types.ts'

/** Timers hold 31 bits; a deadline beyond 12 days is none. */
const LONGEST_WAIT_MS = 2 ** 30

type Waiting = {
  work: WorkClass
  admit(pass: Pass): void
  refuse(detail: string): void
  stop: AbortController
}

/**
 * Counts who is inside and lets callers wait in the order of their arrival. Knows nothing of leases, files or
 * supervisors: `apply` is told every new state.
 */
export type Turnstile = {
  current(): GateState
  apply(state: GateState): void
  /** @throws database_away (503, retry) after the caller's deadline, or at once when too many of its class wait. */
  enter(admission: Admission): Promise<Pass>
  inside(work?: WorkClass): number
  insideBefore(epoch: number): number
}

/** `onRelease` is called after every call that ended. */
export function createTurnstile({
  clock,
  initial,
  onRelease,
}: {
  clock: Clock
  initial: GateState
  onRelease: () => void
}): Turnstile {
  let state = initial
  const inside = new Map<WorkClass, number>(WORK_CLASSES.map((work) => [work, 0]))
  const byEpoch = new Map<number, number>()
  const waiting = new Set<Waiting>()
  const waitingOf = (work: WorkClass) => [...waiting].filter((caller) => caller.work === work).length
  const hasRoom = (work: WorkClass) => inside.get(work)! < mostInside(state, work)

  function pass(work: WorkClass): Pass {
    const epoch = state.epoch
    inside.set(work, inside.get(work)! + 1)
    byEpoch.set(epoch, (byEpoch.get(epoch) ?? 0) + 1)
    let released = false
    const release = () => {
      if (released) return
      released = true
      inside.set(work, inside.get(work)! - 1)
      byEpoch.set(epoch, byEpoch.get(epoch)! - 1)
      if (byEpoch.get(epoch) === 0) byEpoch.delete(epoch)
      letIn()
      onRelease()
    }
    return { epoch, release }
  }

  /** First come, first served: a class without room does not hold up the others. */
  function letIn() {
    const full = new Set<WorkClass>()
    for (const caller of waiting) {
      if (full.has(caller.work)) continue
      if (!hasRoom(caller.work)) {
        full.add(caller.work)
        continue
      }
      waiting.delete(caller)
      caller.stop.abort()
      caller.admit(pass(caller.work))
    }
  }

  function wait({ class: work, deadlineMs }: Admission): Promise<Pass> {
    if (deadlineMs <= 0) return Promise.reject(databaseAway(state, state.reason))
    if (waitingOf(work) >= MOST_WAITING[work])
      return Promise.reject(
        databaseAway(state, `too many ${work} calls are waiting already; ${state.reason}`),
      )
    return new Promise((admit, reject) => {
      const refuse = (detail: string) => reject(databaseAway(state, detail))
      const caller: Waiting = { work, admit, refuse, stop: new AbortController() }
      waiting.add(caller)
      void clock.sleep(Math.min(deadlineMs, LONGEST_WAIT_MS), caller.stop.signal).then(() => {
        if (waiting.delete(caller)) caller.refuse(state.reason)
      })
    })
  }

  return {
    current: () => state,
    apply(next) {
      state = next
      letIn()
    },
    async enter(admission) {
      // Behind those of the same class that came earlier; for the others there is room or there is not.
      if (hasRoom(admission.class) && waitingOf(admission.class) === 0) return pass(admission.class)
      return wait(admission)
    },
    inside: (work) =>
      work === undefined ? [...inside.values()].reduce((sum, count) => sum + count, 0) : inside.get(work)!,
    insideBefore: (epoch) => [...byEpoch].reduce((sum, [of, count]) => sum + (of < epoch ? count : 0), 0),
  }
}

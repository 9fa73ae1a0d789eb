import type { Clock } from '../kernel/index.ts'
import type { GateAcknowledgement } from './types.ts'

/** Which process complies with which sequence of the gate. */
export function createAcknowledgements(clock: Clock) {
  const newest = new Map<string, number>()
  const waiting = new Set<() => void>()

  const missingOf = (processes: readonly string[], sequence: number) =>
    processes.filter((process) => (newest.get(process) ?? -1) < sequence)

  return {
    hear({ sequence }: GateAcknowledgement, process: string) {
      newest.set(process, Math.max(sequence, newest.get(process) ?? -1))
      for (const check of waiting) check()
    },
    /** A process that has ended holds nothing any more; its successor starts without a word. */
    forget: (process: string) => void newest.delete(process),
    /** Resolves with the processes that have not acknowledged the sequence (or a later one) by the deadline. */
    async missing(processes: readonly string[], sequence: number, deadlineMs: number): Promise<string[]> {
      const done = new AbortController()
      const check = () => {
        if (missingOf(processes, sequence).length === 0) done.abort()
      }
      waiting.add(check)
      check()
      await clock.sleep(deadlineMs, done.signal)
      waiting.delete(check)
      return missingOf(processes, sequence)
    },
  }
}

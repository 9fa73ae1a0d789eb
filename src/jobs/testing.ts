import type { StaticGate } from '../gate/index.ts'
import { type Channel, type Clock, systemClock } from '../kernel/index.ts'
import type { SnapshotJob } from '../snapshot/index.ts'
import type { Runner, RunOutcome } from './runner.ts'
import type { JobHeads, NewJob } from './types.ts'

/** A job one may issue; tests say only what matters to them. */
export function aJob(change: Partial<NewJob> = {}): NewJob {
  return {
    accountId: 1n,
    userId: 1n,
    userName: 'Ann Example',
    type: 'presto',
    database: 'shop',
    databaseId: null,
    query: 'SELECT 1',
    priority: 0,
    retryLimit: 0,
    poolName: null,
    engineVersion: null,
    domainKey: null,
    scheduleId: null,
    scheduledAt: null,
    dueAt: null,
    ...change,
  }
}

/** Job heads as the snapshot would hold them. */
export function headsOf(rows: Record<string, unknown>[] = []): JobHeads {
  const jobs: SnapshotJob[] = rows.map((row) => ({
    id: BigInt(String(row.id)),
    accountId: BigInt(String(row.account_id)),
    status: String(row.status),
    domainKey: (row.domain_key as string | null) ?? null,
    row,
  }))
  const answer = (job: SnapshotJob | undefined) =>
    job === undefined ? ({ kind: 'absent' } as const) : ({ kind: 'found', value: job } as const)
  return {
    usable: true,
    ageMs: 4_200,
    jobHead: (id) => answer(jobs.find((job) => job.id === id)),
    jobByDomainKey: (accountId, key) =>
      answer(jobs.find((job) => job.accountId === accountId && job.domainKey === key)),
    recentJobs: (accountId, limit) => jobs.filter((job) => job.accountId === accountId).slice(0, limit),
  }
}

/** Both ends of a channel in one process: what one side notifies or asks, the other handles. */
export function channelPair(): [Channel, Channel] {
  const handlers = [new Map<string, (body: unknown, from: string) => unknown>(), new Map()] as const
  const end = (mine: number): Channel => ({
    notify: (topic, body) => void handlers[1 - mine]?.get(topic)?.(body, 'peer'),
    ask: async (topic, body) => [await handlers[1 - mine]?.get(topic)?.(body, 'peer')],
    on: (topic, handler) => void handlers[mine]?.set(topic, handler),
    onClose: () => undefined,
  })
  return [end(0), end(1)]
}

/** The supervisor's part: `join` gives a process its channel; `core` is answered by one, `worker` by all of that role. */
export function channelHub(): { join(name: string): Channel & { leave(): void } } {
  const all = new Map<string, Map<string, (body: unknown, from: string) => unknown>>()
  const named = (to: string) =>
    [...all.entries()].filter(([name]) => name === to || name.startsWith(`${to}-`)).map(([, one]) => one)
  return {
    join(name) {
      const mine = new Map<string, (body: unknown, from: string) => unknown>()
      all.set(name, mine)
      // What crosses a process is copied: nobody shares an object.
      const tell = async (topic: string, body: unknown, to: string) =>
        structuredClone(
          await Promise.all(named(to).map((one) => one.get(topic)?.(structuredClone(body), name))),
        )
      return {
        notify: (topic, body, to = '') => void tell(topic, body, to),
        async ask(topic, body, { to = '' }) {
          const answers = await tell(topic, body, to)
          if (to !== 'core') return answers
          if (answers.length === 0) throw new Error('core has gone')
          return answers[0]
        },
        on: (topic, handler) => void mine.set(topic, handler),
        onClose: () => undefined,
        leave: () => void all.delete(name),
      }
    },
  }
}

/** Waits until the look is no longer undefined or false; fails the test after `limitMs`. */
export async function eventually<T>(
  look: () => T | Promise<T>,
  limitMs = 10_000,
): Promise<Exclude<T, false | undefined>> {
  const untilMs = performance.now() + limitMs
  for (;;) {
    const seen = await look()
    if (seen !== undefined && seen !== false) return seen as Exclude<T, false | undefined>
    if (performance.now() > untilMs) throw new Error(`this did not happen within ${limitMs} ms: ${look}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export const READ = { class: 'read', deadlineMs: 5_000 } as const
export const WRITE = { class: 'write', deadlineMs: 5_000 } as const

/** Shuts the gate as a planned absence does, and lets nobody wait long. */
export function sendAway({ gate }: { gate: StaticGate }): void {
  gate.set({ mode: 'away', reason: 'moved to new storage', planned: true })
}
export function bringBack({ gate }: { gate: StaticGate }): void {
  gate.set({ mode: 'serving', reason: 'back', planned: false })
}

/** A clock that runs `factor` times as fast, so that half a minute of patience passes in a moment. */
export function fastClock(factor: number): Clock {
  return {
    now: systemClock.now,
    monotonicMs: () => systemClock.monotonicMs() * factor,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
  }
}

/** A runner whose jobs do what the test says: their query names a behaviour. */
export type TestRunner = Runner & {
  /** Runs begun, as `id:attempt`. */
  readonly begun: string[]
  /** Lets every job with the query `wait` end successfully. */
  release(): void
}

export function createTestRunner(types: string[] = ['presto', 'trino']): TestRunner {
  const begun: string[] = []
  const released = Promise.withResolvers<void>()
  const behaviours: Record<string, (signal: AbortSignal) => Promise<RunOutcome>> = {
    wait: async (signal) => {
      await Promise.race([released.promise, aborted(signal)])
      return success()
    },
    ask: async () => ({ kind: 'needs-database' }),
    fail: async () => ({ kind: 'error', name: 'SYNTAX_ERROR', message: 'line 1:1: no', retryable: false }),
    stumble: async () => ({ kind: 'error', name: 'ENGINE_LOST', message: 'gone', retryable: true }),
    throw: async () => {
      throw new Error('a fault of ours')
    },
  }
  const success = (): RunOutcome => ({ kind: 'success', cpuMs: 3 })
  return {
    types,
    begun,
    release: () => released.resolve(),
    async run(job, report, signal) {
      begun.push(`${job.id}:${job.attempt}`)
      report.log(`started at attempt ${job.attempt}`)
      report.progress(10)
      return behaviours[job.query]?.(signal) ?? success()
    },
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason))
  })
}

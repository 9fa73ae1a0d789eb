import type { Progress } from '../output/progress.ts'
import { waitingText } from '../output/progress.ts'
import type { Settings } from '../settings.ts'
import { createCall } from './call.ts'
import { databaseCalls } from './databases.ts'
import { jobCalls } from './jobs.ts'
import { resultCalls, systemCalls } from './results.ts'
import { scheduleCalls } from './schedules.ts'
import { tableCalls } from './tables.ts'
import { createTransport } from './transport.ts'
import { userCalls } from './users.ts'

export type { Call } from './call.ts'
export { path } from './call.ts'
export { Refused } from './errors.ts'
export * from './types.ts'

export type Api = ReturnType<typeof createApi>

/** The REST API of a server, as one user; every call waits, retries and judges as createCall says. */
export function createApi({
  settings,
  apiKey,
  version,
  signal,
  nowMs,
  sleep,
  progress,
  onSnapshot,
  trace,
}: {
  settings: Settings
  apiKey: string | undefined
  version: string
  signal: AbortSignal
  nowMs(): number
  sleep(ms: number): Promise<void>
  progress: Progress
  onSnapshot(ageSeconds: number): void
  trace(line: string): void
}) {
  let waitingSinceMs: number | undefined
  const call = createCall({
    transport: createTransport({ insecure: settings.insecure }),
    endpoint: settings.endpoint,
    importEndpoint: settings.importEndpoint,
    headers: {
      'user-agent': `millrace/${version}`,
      ...(apiKey === undefined ? {} : { authorization: `TD1 ${apiKey}` }),
      ...settings.extraHeaders,
    },
    waitMs: settings.waitMs,
    nowMs,
    sleep,
    signal,
    onWaiting(waiting) {
      waitingSinceMs ??= nowMs()
      const sinceMs = waitingSinceMs
      progress.show(waiting.does, () => waitingText(waiting, sinceMs, nowMs()))
    },
    onWaitingOver() {
      waitingSinceMs = undefined
      progress.end()
    },
    onSnapshot,
    trace,
  })
  return {
    call,
    databases: databaseCalls(call),
    tables: tableCalls(call),
    jobs: jobCalls(call),
    schedules: scheduleCalls(call),
    results: resultCalls(call),
    users: userCalls(call),
    system: systemCalls(call),
  }
}

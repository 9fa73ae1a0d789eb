import { createClockTrust, isRetryable, type Service } from '../kernel/index.ts'
import type { ArchiveSettings } from './config.ts'
import { expireRows } from './expiry.ts'
import { BACKGROUND, type MergeDeps } from './merge.ts'
import type { ArchiveMetrics } from './metrics.ts'
import { type RemovalDeps, removeOrphans, removeRetired } from './removal.ts'
import { dropEndedHolds } from './removal-store.ts'

export type UpkeepOptions = MergeDeps &
  RemovalDeps & {
    settings: ArchiveSettings
    metrics: ArchiveMetrics
    /** Retires the chunks of tables that cannot be restored any more. */
    retireDropped(): Promise<number>
  }

/** Every file is looked at. */
const ORPHANS_EVERY_MS = 6 * 3_600_000

/** Lets data end: rows past expire_days, tables past their undo window, files nobody needs. Works only while the gate serves. */
export function createUpkeep(
  options: UpkeepOptions,
): Service & { sweep(signal: AbortSignal): Promise<void> } {
  const { clock, log, gate, settings, metrics, database } = options
  const trust = createClockTrust(clock)
  let nextOrphansMs = Number.NEGATIVE_INFINITY

  /** What ends by the clock alone and cannot be taken back. */
  const byClock = (task: (signal: AbortSignal) => Promise<number>) => async (signal: AbortSignal) => {
    if (trust.isTrusted()) return task(signal)
    log.error(
      {},
      'the clock jumped by more than an hour: no rows and no dropped tables end for the next hours',
    )
    return 0
  }
  const orphans = async (signal: AbortSignal) => {
    if (clock.monotonicMs() < nextOrphansMs) return 0
    const removed = await removeOrphans(options, { leastMinutes: settings.orphanMinutes }, signal)
    nextOrphansMs = clock.monotonicMs() + ORPHANS_EVERY_MS
    return removed
  }
  const tasks = {
    dropped: byClock(() => options.retireDropped()),
    expired: byClock((signal) => expireRows(options, signal)),
    retired: (signal: AbortSignal) =>
      removeRetired(options, { keptMinutes: settings.keepRetiredMinutes }, signal),
    orphans,
  } as const

  const sweep = async (signal: AbortSignal) => {
    for (const [what, task] of Object.entries(tasks) as [
      keyof typeof tasks,
      (s: AbortSignal) => Promise<number>,
    ][]) {
      if (signal.aborted || gate.current().mode !== 'serving') return
      try {
        metrics.swept(what, await task(signal))
      } catch (error) {
        if (signal.aborted) return
        if (isRetryable(error)) log.debug({ task: what, err: error }, 'the sweep waits')
        else log.error({ task: what, err: error }, 'a sweep failed, it is tried again later')
      }
    }
  }

  return {
    name: 'archive upkeep',
    sweep,
    async run(signal) {
      while (!signal.aborted) {
        await sweep(signal)
        if (!signal.aborted && gate.current().mode === 'serving')
          await database.write(BACKGROUND, dropEndedHolds).catch((error: unknown) => {
            if (!isRetryable(error)) throw error
          })
        await clock.sleep(settings.sweepSeconds * 1000, signal)
      }
    },
  }
}

import type { Context } from '../context.ts'
import { CliError } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'

/** A maintenance lasts minutes; whoever imports for hours rather waits than begins again. */
const PATIENCE_MS = 60 * 60_000
const PAUSE_MS = 2_000

/**
 * Does again what may be done any number of times, while the server is away: longer than one request waits by itself, for the server
 * was there when the import began. `--wait` says otherwise.
 */
export async function patiently<T>(
  { settings, now, sleep, signal }: Pick<Context, 'settings' | 'now' | 'sleep' | 'signal'>,
  work: () => Promise<T>,
): Promise<T> {
  const startedMs = now().getTime()
  for (;;) {
    try {
      return await work()
    } catch (error) {
      const isAway =
        error instanceof CliError && (error.exitCode === EXIT.away || error.exitCode === EXIT.unknown)
      const mayWait = settings().waitMs === undefined && now().getTime() - startedMs < PATIENCE_MS
      if (!isAway || !mayWait || signal.aborted) throw error
      await sleep(PAUSE_MS)
    }
  }
}

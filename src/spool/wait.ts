import { type FSWatcher, watch } from 'node:fs'
import type { Clock } from '../kernel/index.ts'
import { durablePath } from './marks.ts'

/** Used where the file cannot be watched, and as a second line where it can. */
const POLL_MS = 25
const WATCHED_POLL_MS = 500

/**
 * Resolves when `more` says so or the signal aborts. The durable mark is watched, which wakes within a millisecond; where that
 * does not work (not there yet, no inotify watches left, a network file system) it is looked at every 25 ms.
 */
export async function waitUntil(
  more: () => boolean,
  { directory, clock, signal }: { directory: string; clock: Clock; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    const woken = new AbortController()
    const wake = () => woken.abort()
    signal.addEventListener('abort', wake, { once: true })
    const watcher = watchDurable(directory, wake)
    try {
      // Looked at after the watch has begun: a change in between is not missed.
      if (more()) return
      await clock.sleep(watcher === undefined ? POLL_MS : WATCHED_POLL_MS, woken.signal)
      if (more()) return
    } finally {
      watcher?.close()
      signal.removeEventListener('abort', wake)
    }
  }
}

function watchDurable(directory: string, wake: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(durablePath(directory), wake)
    watcher.on('error', wake)
    return watcher
  } catch {
    // Polling does the same, a little later.
    return undefined
  }
}

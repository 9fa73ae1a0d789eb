import type { ServerResponse } from 'node:http'

/** A browser sends a request again by itself within this time, or never (event-collection reference §8.8). */
const WINDOW_MS = 60_000

/** `stored`: accepted, but its connection ended before the answer was out: an identical request is its repeat. */
type Fate = 'answered' | 'stored' | 'refused'
type Entry = { fate: Promise<Fate>; atMs: number }

/**
 * What the spool record says about repeats. `suspect`: it may repeat one this process cannot know of; `first`: it may be repeated
 * where this process is not known; `distinct`: this process has answered an identical one, so it is an event of its own.
 */
export type Mark = 'suspect' | 'first' | 'distinct'

export type Repeats = {
  /**
   * Runs `append` unless this is the browser's own repeat of a request that was stored and never answered; true when it
   * is. A request identical to one still under way waits for its fate: once that one is answered, this one is an event of its
   * own.
   */
  once(same: string, response: ServerResponse, append: (mark: Mark) => Promise<void>): Promise<boolean>
}

/**
 * Browsers repeat a POST or GET by themselves when a reused connection dies without an answer. Remembered are only requests
 * under way and those that were stored and never answered, and, while a repeat of something unknown is possible, those that
 * were answered; `alone`: no other process takes requests.
 */
export function createRepeats(
  clock: { monotonicMs(): number },
  { alone, mostRemembered = 50_000 }: { alone: boolean; mostRemembered?: number },
): Repeats {
  const entries = new Map<string, Entry>()
  const answeredAtMs = new Map<string, number>()
  let unsureUntilMs = clock.monotonicMs() + WINDOW_MS
  const areUnsure = () => !alone || clock.monotonicMs() < unsureUntilMs

  const forgetOld = (nowMs: number) => {
    for (const [same, { atMs }] of entries) {
      const isOld = nowMs - atMs > WINDOW_MS
      if (!isOld && entries.size < mostRemembered) return
      if (!isOld) unsureUntilMs = nowMs + WINDOW_MS
      entries.delete(same)
    }
  }

  /** Remembers the request until its answer is out, or for the window when it never gets out. */
  const follow = (same: string, response: ServerResponse, stored: Promise<boolean>) => {
    const nowMs = clock.monotonicMs()
    forgetOld(nowMs)
    const answered = response.closed
      ? Promise.resolve(response.writableFinished)
      : new Promise<boolean>((resolve) => response.once('close', () => resolve(response.writableFinished)))
    const entry: Entry = {
      atMs: nowMs,
      fate: Promise.all([stored, answered]).then(([isStored, isAnswered]) => {
        const fate = isAnswered ? 'answered' : isStored ? 'stored' : 'refused'
        if (fate !== 'stored' && entries.get(same) === entry) entries.delete(same)
        if (fate === 'answered' && isStored && areUnsure()) {
          const [oldest] = answeredAtMs.keys()
          if (oldest !== undefined && answeredAtMs.size >= mostRemembered) answeredAtMs.delete(oldest)
          answeredAtMs.set(same, nowMs)
        }
        return fate
      }),
    }
    // Behind all others: the map is in the order of time.
    entries.delete(same)
    entries.set(same, entry)
  }

  const markOf = (same: string): Mark => {
    const answered = answeredAtMs.get(same)
    if (answered !== undefined && clock.monotonicMs() - answered <= WINDOW_MS) return 'distinct'
    return areUnsure() ? 'suspect' : 'first'
  }

  return {
    async once(same, response, append) {
      for (let prior = entries.get(same); prior !== undefined; prior = entries.get(same)) {
        const fate = await prior.fate
        if (entries.get(same) !== prior) continue
        if (fate === 'stored' && clock.monotonicMs() - prior.atMs <= WINDOW_MS) {
          follow(same, response, Promise.resolve(true))
          return true
        }
        entries.delete(same)
      }
      const appending = append(markOf(same))
      follow(
        same,
        response,
        appending.then(
          () => true,
          () => false,
        ),
      )
      await appending
      return false
    },
  }
}

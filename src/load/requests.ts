import type { Sql } from '../kernel/index.ts'
import type { SpoolRecord } from '../spool/index.ts'
import { findRecentRequests, insertRecentRequests, lockRequests } from './events-store.ts'
import type { BrowserRequest, RecentRequests } from './types.ts'

/** So far apart a browser's own repeat of a request may be accepted (event-collection reference §8.8). */
const WINDOW_MS = 60_000

/** What tells a browser's own repeat of a request; undefined for requests that no browser repeats by itself. */
export function browserRequestOf({ facts, receivedAtMs }: SpoolRecord): BrowserRequest | undefined {
  const { same, suspect } = facts
  if (same === undefined || !/^[0-9a-f]{32}$/.test(same)) return undefined
  return { hash: same, receivedAtMs, suspect: suspect === '1' }
}

/** What the database knows that these could repeat. Cheap unless there is a suspect among them. */
export function lookUpRequests(sql: Sql, requests: BrowserRequest[]): Promise<RecentRequests> {
  const times = requests.map(({ receivedAtMs }) => receivedAtMs)
  return findRecentRequests(sql, {
    fromMs: times.reduce((a, b) => Math.min(a, b)) - WINDOW_MS,
    toMs: times.reduce((a, b) => Math.max(a, b)) + WINDOW_MS,
    wanted: requests.filter(({ suspect }) => suspect).map(({ hash }) => hash),
    others: requests.filter(({ suspect }) => !suspect).map(({ hash }) => hash),
  })
}

/**
 * Whether the request is one that was stored: a suspect, when an equal one is; any other, when an equal suspect is
 * (which then came the quicker way, through another spool).
 */
export function createRequestJudge(recent: RecentRequests) {
  const stored = new Map<string, BrowserRequest[]>()
  const note = (request: BrowserRequest) => {
    const before = stored.get(request.hash)
    if (before === undefined) stored.set(request.hash, [request])
    else before.push(request)
  }
  for (const request of [...recent.all, ...recent.suspects]) note(request)
  return {
    isRepeat: ({ hash, receivedAtMs, suspect }: BrowserRequest): boolean =>
      (stored.get(hash) ?? []).some(
        (other) => (suspect || other.suspect) && Math.abs(other.receivedAtMs - receivedAtMs) <= WINDOW_MS,
      ),
    note,
  }
}

/** Stores them with the batch; false when one of them has been stored by another loader since the look-up. */
export async function storeRequests(sql: Sql, requests: BrowserRequest[]): Promise<boolean> {
  if (requests.length === 0) return true
  await lockRequests(sql, { alone: requests.some(({ suspect }) => suspect) })
  const judge = createRequestJudge(await lookUpRequests(sql, requests))
  if (requests.some(judge.isRepeat)) return false
  await insertRecentRequests(sql, requests)
  return true
}

import { isIPv6 } from 'node:net'
import { type Clock, sha256Hex } from '../kernel/index.ts'
import { catalogErrors } from './errors.ts'

export type LoginFrom = { user: string; address: string }

/** One attempt under way: it counts as a failure until it is said to be none. */
export type Attempt = {
  succeeded(): void
  /** Nobody could check it (the main database is away): it says nothing about who tries. */
  undecided(): void
}

export type LoginThrottle = {
  /** @throws login_throttled (429, retry) with the seconds to wait; what is refused here is not counted */
  begin(from: LoginFrom): Attempt
}

/** Failures in a row that cost nothing: people mistype, and a script with an old password is noticed by its owner. */
const FREE_FAILURES = 10
const FIRST_WAIT_MS = 1_000
/** Right passwords are never locked out: whoever waits so long is heard. */
const LONGEST_WAIT_MS = 60_000
/** A row of failures is forgotten when nobody has failed for so long. */
const FORGOTTEN_AFTER_MS = 3600_000
/** Rows and known places in memory at most, some 100 bytes each; the oldest go first. */
const MOST_ENTRIES = 20_000

type Row = { failures: number; openAtMs: number; lastMs: number }

/**
 * Slows down guessing: after ten failures each further one doubles the wait, up to a minute, counted by address (IPv6 by /64, as one
 * subscriber holds that much) and by account name, known or not. From an address where the name has signed in before only
 * its own failures there count, so that strangers who guess cannot keep its owner out.
 */
export function createLoginThrottle({ clock }: { clock: Pick<Clock, 'monotonicMs'> }): LoginThrottle {
  const rows = new Map<string, Row>()
  /** `name address` of successful sign-ins. */
  const known = new Map<string, true>()

  const current = (key: string): Row => {
    const row = rows.get(key)
    return row === undefined || clock.monotonicMs() - row.lastMs > FORGOTTEN_AFTER_MS
      ? { failures: 0, openAtMs: 0, lastMs: 0 }
      : row
  }
  const count = (key: string) => {
    const nowMs = clock.monotonicMs()
    const failures = current(key).failures + 1
    putLast(rows, key, { failures, openAtMs: nowMs + waitMsAfter(failures), lastMs: nowMs })
  }
  const uncount = (key: string) => {
    const row = rows.get(key)
    if (row === undefined) return
    if (row.failures <= 1) return void rows.delete(key)
    row.failures -= 1
    row.openAtMs = row.lastMs + waitMsAfter(row.failures)
  }

  return {
    begin({ user, address }) {
      const name = `name ${sha256Hex(user.trim().toLowerCase())}`
      const place = `address ${subscriberOf(address)}`
      const pair = `${name} ${place}`
      const keys = known.has(pair) ? [pair] : [name, place]
      const waitMs = Math.max(...keys.map((key) => current(key).openAtMs)) - clock.monotonicMs()
      if (waitMs > 0) {
        const seconds = Math.ceil(waitMs / 1000)
        throw catalogErrors.login_throttled(String(seconds)).after(seconds)
      }
      // Before the check, not after it: a thousand attempts at once are not one.
      for (const key of keys) count(key)
      return {
        succeeded() {
          // The address keeps what others failed there: an own account does not buy further guesses.
          if (keys.includes(place)) uncount(place)
          rows.delete(name)
          rows.delete(pair)
          putLast(known, pair, true)
        },
        undecided: () => keys.forEach(uncount),
      }
    },
  }
}

function waitMsAfter(failures: number): number {
  if (failures < FREE_FAILURES) return 0
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (failures - FREE_FAILURES))
}

function putLast<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > MOST_ENTRIES) map.delete(map.keys().next().value!)
}

/** `2001:db8:1:2::7` → `2001:db8:1:2`; anything else as it is. */
function subscriberOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = plain.split('%')[0]!.split('::')
  const groups = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array(Math.max(0, 8 - groups.length - after.length)).fill('0')
  return [...groups, ...zeros, ...after]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')
}
